"""Training measured three ways: the same traces, the same loss, and figures that follow from the steps."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
import torch

from bench.train import __main__ as command
from bench.train import report, steps
from bench.train.settings import WAYS
from bench.train.shapes import shape
from bench.train.traces import Trace, flat_batches, padded_batches, shuffled, traces_of
from bench.train.work import Work, parameters_of, peak_of, work_of

TINY_WORK = Work(
    decoder_matrices=2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128),
    output_layer=4096 * 64,
    attention=2 * 4 * 16,
)
STEP = {
    "seconds": 2.0,
    "waited": 0.5,
    "loss": 3.0,
    "traces": 2,
    "tokens": 10,
    "supervised": 5,
    "squares": 4**2 + 6**2,
    "positions": 12,
}
OPERATIONS = 6 * (73_728 * 10 + 262_144 * 5 + 128 * 52)


def model_of(name):
    from octomed.train.build import build_model, freeze_vision, read_configuration

    with torch.device("meta"):
        model = build_model(read_configuration(None, shape(name)))
    freeze_vision(model)
    return model


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The whole command on a tiny model."""
    out = tmp_path_factory.mktemp("train") / "train.json"
    words = ["--model", "tiny", "--device", "cpu", "--warm-up", "1", "--steps", "4", "--peak-tflops", "1"]
    command.main([*words, "--out", str(out)])
    return json.loads(out.read_text())


def ran(result):
    return {name: one for name, one in result["models"]["tiny"]["ways"].items() if "figures" in one}


def test_every_way_runs_or_says_why_not(result):
    ways = result["models"]["tiny"]["ways"]
    assert list(ways) == list(WAYS)
    assert {"packed", "padded"} <= ran(result).keys()
    if importlib.util.find_spec("accelerate") is None:
        assert "`accelerate`" in ways["trl"]["skipped"]
    else:
        assert "trl" in ran(result)


def test_all_ways_see_the_same_traces_and_find_the_same_loss(result):
    ways = ran(result)
    assert len({one["traces_digest"] for one in ways.values()}) == 1
    for name in ("traces", "tokens", "supervised_tokens"):
        assert len({one["figures"][name] for one in ways.values()}) == 1, name
    losses = [one["figures"]["loss"] for one in ways.values()]
    assert losses == pytest.approx([losses[0]] * len(losses), rel=1e-5)
    assert result["models"]["tiny"]["disagreement"] is None


def test_packs_are_not_padded_and_rows_are(result):
    shares = {name: one["figures"]["padding_share"] for name, one in ran(result).items()}
    assert shares["packed"] == 0 < shares["padded"] < 1


def test_the_result_is_whole(result):
    assert {"date", "commit", "cpu", "versions", "device", "peak_flops", "flops"} <= result.keys()
    assert {"torch", "transformers", "mosaicml"} <= result["versions"].keys()
    settings = result["models"]["tiny"]["settings"]
    assert (settings["capacity"], settings["warm_up"], settings["steps"]) == (2048, 1, 4)
    for one in ran(result).values():
        assert {
            "attention",
            "loss",
            "trainer",
            "recompute",
            "compile",
            "peak_memory_gb",
            "parameters",
        } <= one.keys()
        assert one["optimizer"] == {"name": "AdamW", "fused": False, "weights": "float32", "state": "float32"}
        assert one["work"] == vars(TINY_WORK)
        assert all(step.keys() == STEP.keys() and step["seconds"] > 0 for step in one["steps"])
        assert all(0 <= step["waited"] <= step["seconds"] for step in one["steps"])
        assert 0 < one["figures"]["mfu"] < 1
    assert len(ran(result)["packed"]["steps"]) == 4


def test_bare_steps_are_measured_for_each_share(tmp_path, capsys):
    out = tmp_path / "steps.json"
    words = ["--model", "tiny", "--device", "cpu", "--no-compile", "--recompute", "1", "0.5", "--steps", "2"]
    steps.main([*words, "--peak-tflops", "1", "--out", str(out)])
    shares = json.loads(out.read_text())["shares"]
    assert [(one["recompute"], len(one["steps"])) for one in shares] == [(1.0, 2), (0.5, 2)]
    assert shares[0]["traces_digest"] == shares[1]["traces_digest"]
    losses = [[step["loss"] for step in one["steps"]] for one in shares]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert capsys.readouterr().out.count("tokens/s, MFU") == 2


def test_operations_are_those_counted_by_hand_and_those_that_training_logs():
    from octomed.train.model import OctomedModel

    model = model_of("tiny")
    assert work_of(model) == TINY_WORK
    assert TINY_WORK.operations(10, 5, 52) == OPERATIONS == 12_327_936
    batch = {
        "input_ids": torch.zeros(1, 10),
        "supervised_tokens": torch.tensor([2, 3]),
        "cu_seqlens": torch.tensor([0, 4, 10]),
    }
    assert OctomedModel(model).flops_per_batch(batch) == OPERATIONS


def test_figures_are_medians_of_steps_and_shares_of_all():
    steps = [STEP, STEP | {"seconds": 4.0}, STEP | {"seconds": 1.0, "loss": 6.0, "supervised": 10}]
    found = report.figures({"steps": steps, "work": vars(TINY_WORK)}, 20, 1e9)
    assert found["step_seconds"] == 2.0
    assert found["tokens_per_second"] == 5.0
    assert found["supervised_tokens_per_second"] == 2.5
    assert found["mfu"] == pytest.approx(OPERATIONS / 2.0 / 1e9)
    assert found["padding_share"] == pytest.approx(1 / 6)
    assert found["fill"] == pytest.approx(0.5)
    assert found["wait_share"] == pytest.approx(1.5 / 7)
    assert found["loss"] == pytest.approx((3 * 5 + 3 * 5 + 6 * 10) / 20)
    assert report.figures({"steps": steps, "work": vars(TINY_WORK)}, 20, None)["mfu"] is None


def test_ways_that_did_other_work_are_told():
    def way(**changes):
        figures = {"tokens": 10, "loss": 8.0} | changes
        return {"traces_digest": figures.pop("digest", "a"), "figures": figures}

    skipped = {"skipped": "no"}
    assert report.disagreement({"packed": way(), "padded": way(), "trl": skipped}, exact=True) is None
    for other in (way(tokens=11), way(digest="b")):
        assert "same traces" in report.disagreement({"packed": way(), "padded": other}, exact=True)
    leaking = {"packed": way(), "trl": way(loss=8.0005)}
    assert "same loss" in report.disagreement(leaking, exact=True)
    assert report.disagreement(leaking, exact=False) is None


@pytest.mark.parametrize(
    ("name", "parameters"), [("qwen2.5-vl-7b", 8_292_166_656), ("qwen3-vl-4b", 4_437_815_808)]
)
def test_shapes_have_as_many_parameters_as_the_published_models(name, parameters):
    counts = parameters_of(model_of(name))
    assert counts["trained"] + counts["frozen_vision"] == parameters


@pytest.mark.parametrize(
    ("device", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA RTX A1000", None),
    ],
)
def test_peaks_are_found_by_the_device_s_name(device, peak):
    assert peak_of(device) == peak


def test_batches_hold_every_trace_once_and_stay_within_the_capacity():
    draw = np.random.default_rng(3)
    traces = [
        Trace(number, np.zeros(length, np.int64), np.zeros(length, np.int64))
        for number, length in enumerate(draw.integers(1, 100, 60).tolist())
    ]
    order = shuffled([traces[:30], traces[30:]], 17)
    padded, flat = padded_batches(order, 128), flat_batches(order, 128, 17)
    for batches in (padded, flat):
        assert sorted(one.number for batch in batches for one in batch) == list(range(60))
    assert all(len(batch) * max(len(one.ids) for one in batch) <= 128 for batch in padded)
    assert all(sum(len(one.ids) for one in batch) <= 128 for batch in flat)
    assert len(flat) < len(padded)


def test_a_pack_s_traces_learn_what_its_spans_say_and_no_first_token():
    pack = {
        "input_ids": np.arange(10, 17, dtype=np.uint32),
        "lengths": np.array([3, 4], np.uint32),
        "loss_spans": np.array([[1, 5]], np.uint32),
        "trace_ids": np.array([5, 2**64 - 1], np.uint64),
    }
    first, second = traces_of(pack)
    assert (first.number, second.number) == (5, 2**64 - 1)
    assert first.labels.tolist() == [-100, 11, 12]
    assert second.labels.tolist() == [-100, 14, -100, -100]
    assert second.supervised == 1


@pytest.mark.parametrize("words", [[], ["--model", "qwen3-vl-4b", "--device", "cpu"], ["--device", "cuda"]])
def test_without_a_gpu_nothing_is_written(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        command.main([*words, "--out", str(tmp_path / "train.json")])
    assert ended.value.code == 2
    assert "`--model tiny --device cpu`" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_was_measured_is_kept_when_a_later_way_is_cut_off(tmp_path, monkeypatch):
    out = tmp_path / "train.json"

    def measure(way, *_):
        if way == "padded":
            raise KeyboardInterrupt
        return {"skipped": "for the test"}

    monkeypatch.setattr(command, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        command.main(["--model", "tiny", "--device", "cpu", "--steps", "1", "--out", str(out)])
    assert json.loads(out.read_text())["models"]["tiny"]["ways"] == {"packed": {"skipped": "for the test"}}


def test_a_way_that_takes_too_long_is_left_out(tmp_path):
    out = tmp_path / "train.json"
    words = ["--model", "tiny", "--device", "cpu", "--steps", "1", "--ways", "packed", "--limit", "0.2"]
    command.main([*words, "--out", str(out)])
    ways = json.loads(out.read_text())["models"]["tiny"]["ways"]
    assert ways == {"packed": {"skipped": "not done after 0.2 seconds"}}


def test_figures_of_small_models_are_not_published(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "RESULT", tmp_path / "train.json")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    for words in (["--model", "tiny"], ["--layers", "2"]):
        command.write({}, command.options(words))
    assert not list(tmp_path.iterdir())


def test_a_run_with_too_few_packs_is_refused(tmp_path, capsys):
    stream = {"packs": 3, "traces": 3, "tokens": 30}
    content = {"format": 1, "streams": {"len-16": stream}, "tokenizer": {"vocabulary_size": 4096}}
    (tmp_path / "octomed.json").write_text(json.dumps(content))
    with pytest.raises(SystemExit) as ended:
        command.main(["--model", "tiny", "--device", "cpu", "--run", str(tmp_path), "--steps", "4"])
    assert ended.value.code == 2
    assert "has 3 packs, and 7 are wanted" in capsys.readouterr().err


def test_a_way_that_failed_is_told_at_the_end():
    fine = {"disagreement": None, "ways": {"packed": {"figures": {}}, "trl": {"skipped": "no accelerate"}}}
    command.end({"tiny": fine})
    for wrong in (
        {"disagreement": "not the same loss"},
        {"ways": {"padded": {"failed": "ended with 1: Error"}}},
    ):
        with pytest.raises(SystemExit, match=r"not the same loss|padded ended with 1"):
            command.end({"tiny": fine | wrong})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_slice_of_the_7b_model_trains_on_a_gpu(tmp_path):
    out = tmp_path / "train.json"
    words = ["--model", "qwen2.5-vl-7b", "--layers", "2", "--warm-up", "2", "--steps", "3"]
    command.main([*words, "--capacity", "4096", "--out", str(out)])
    model = json.loads(out.read_text())["models"]["qwen2.5-vl-7b"]
    packed = model["ways"]["packed"]
    assert model["disagreement"] is None
    assert packed["optimizer"] == {"name": "AdamW", "fused": True, "weights": "bfloat16", "state": "bfloat16"}
    assert packed["recompute"] == 1
    assert packed["compile"]
    assert packed["attention"] != "octomed, document_by_document"
    assert packed["peak_memory_gb"] > 1
