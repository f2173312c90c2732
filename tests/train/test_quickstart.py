"""The commands of the README: pack the sample, train on two ranks, look at what came out."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import octomed
import pytest

pytest.importorskip("composer")

from .sessions import traces_of_steps

pytestmark = pytest.mark.alone  # it is timed, and takes two cores
ROOT = Path(__file__).parents[2]
STEPS, PACKS_A_STEP = 80, 4
PLACES = {"remote": "packed", "local": "cache"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The quickstart as it is shipped, but for where its files go. The only run through the launcher."""
    folder = tmp_path_factory.mktemp("quickstart")
    places = [f"output.path={folder}/packed", f"work.path={folder}/work"]
    octomed.pack(ROOT / "recipes/quickstart-train.yaml", overrides=places, workers=2)
    places = [f"output.path={folder}/held-out", f"work.path={folder}/work"]
    octomed.pack(ROOT / "recipes/quickstart-held-out.yaml", overrides=places, workers=2)
    words = [
        *(f"train_loader.dataset.{key}={folder}/{place}" for key, place in PLACES.items()),
        f"eval_loader.dataset.remote={folder}/held-out",
        f"eval_loader.dataset.local={folder}/cache",
        f"run_folder={folder}/run",
        f"save_folder={folder}/checkpoints",
        f"export_folder={folder}/model",
    ]
    launcher = [sys.executable, "-m", "composer.cli.launcher", "-n", "2", "train.py"]
    began = time.monotonic()
    done = subprocess.run(
        [*launcher, "recipes/train/quickstart.yaml", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done.stderr, time.monotonic() - began


def rows(folder: Path):
    for stream in sorted((folder / "packed").glob("len-*")):
        yield from octomed.MDSReader(stream)


def test_it_takes_less_than_three_minutes(trained):
    assert trained[2] < 180


def test_it_learns_more_than_token_frequencies(trained):
    """Entropy in nats of the supervised tokens, counted from the shards here and by the run on its way."""
    folder, said, _ = trained
    counts: Counter[int] = Counter()
    for row in rows(folder):
        firsts = {0, *row["lengths"].cumsum().tolist()}
        for begin, end in row["loss_spans"].tolist():
            counts.update(int(row["input_ids"][one]) for one in range(begin, end) if one not in firsts)
    total = sum(counts.values())
    entropy = -sum(count / total * math.log(count / total) for count in counts.values())
    found = re.search(r"mean loss of the last 10 steps ([\d.]+), entropy of supervised tokens ([\d.]+)", said)
    assert float(found[1]) < entropy
    assert float(found[2]) == pytest.approx(entropy, rel=0.02), "some packs come more often than others"


def test_it_learns_to_look(trained):
    """One answer in four is right by chance; with other images no more than that should be."""
    found = re.findall(r"answers: (\d+)% of 64 right, (\d+)% with images swapped", trained[1])
    assert len(found) == STEPS // 20
    assert int(found[-1][0]) >= 90
    assert int(found[-1][1]) <= 45
    entries = [json.loads(line) for line in (trained[0] / "run/metrics.jsonl").read_text().splitlines()]
    last = [one for one in entries if "metrics/validation/answer_accuracy" in one][-1]
    assert f"{last['metrics/validation/answer_accuracy']:.0%}" == f"{found[-1][0]}%"
    assert "with images swapped" in (trained[0] / "run/train-report.html").read_text()


def test_every_step_is_measured(trained):
    folder = trained[0]
    entries = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
    entries = [entry for entry in entries if "loss/train/total" in entry]  # and not an evaluation
    assert [entry["step"] for entry in entries] == list(range(1, STEPS + 1))
    last = entries[-1]
    assert last["data/packs"] == PACKS_A_STEP
    padding = [entry["data/padding_share"] for entry in entries]
    assert min(padding) >= 0
    assert sum(padding) / len(padding) < 0.1
    assert 0 <= last["data/wait_share"] <= 1
    assert last["data/tokens_per_second"] > 0
    assert last["throughput/flops_per_sec"] > 0
    assert entries[0]["isolation/relative_difference"] <= 1e-4
    assert list((folder / "run/tensorboard").rglob("events.out.tfevents.*"))
    assert (folder / "run/train-report.html").read_text().count("<svg") >= 4


def test_lines_fit_a_terminal(trained):
    lines = [line for line in trained[1].splitlines() if line.startswith(("step ", "answers: "))]
    assert len(lines) == STEPS + 2 * STEPS // 20
    assert max(map(len, lines)) < 80


def test_a_step_leads_to_its_source_rows(trained):
    folder = trained[0]
    ids = traces_of_steps(folder / "run")
    command = [sys.executable, "-m", "octomed", "inspect", str(folder / "run"), "--step", "7", "--json"]
    view = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert sorted(trace["trace_id"] for trace in view["traces"]) == ids[7]
    for trace in view["traces"]:
        pack = octomed.MDSReader(folder / "packed" / trace["stream"])[trace["pack"]]
        assert int(pack["trace_ids"][trace["document"]]) == trace["trace_id"]
        assert int(pack["lengths"][trace["document"]]) == trace["length"]
    places = {(trace["source"], trace["file"], trace["row"], trace["sample"]) for trace in view["traces"]}
    assert len(places) == len(view["traces"])


def test_a_step_that_was_not_trained_is_told(trained):
    command = [sys.executable, "-m", "octomed", "inspect", str(trained[0] / "run"), "--step", "99"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "has no step 99" in done.stderr
    assert f"its steps are 1 to {STEPS}" in done.stderr


def test_every_trace_was_learned(trained):
    """80 steps of 4 packs are some 14 epochs of 21 packs and one that is repeated."""
    folder = trained[0]
    learned = {one for ids in traces_of_steps(folder / "run").values() for one in ids}
    assert learned == {int(one) for row in rows(folder) for one in row["trace_ids"]}


def test_the_exported_model_has_equal_logits(trained):
    """`from_pretrained` of the export, with the library's own attention, against the checkpoint's weights."""
    import torch
    from octomed.train.build import build_model, read_configuration
    from octomed.train.isolation import text_batch
    from octomed.train.network import PackedNetwork
    from octomed.train.recipe import load_train_recipe
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    folder = trained[0]
    recipe = load_train_recipe(ROOT / "recipes/train/quickstart.yaml")
    checkpoint = torch.load(folder / "checkpoints/ep13-ba80-rank0.pt", weights_only=False)
    ours = PackedNetwork(build_model(read_configuration(None, recipe.model.config))).eval()
    state = {name.removeprefix("network."): value for name, value in checkpoint["state"]["model"].items()}
    ours.load_state_dict(state)
    theirs = AutoModelForImageTextToText.from_pretrained(folder / "model").eval()
    exported = theirs.state_dict()
    assert all(torch.equal(exported[name.removeprefix("language_model.")], state[name]) for name in state)
    ids = torch.tensor(AutoTokenizer.from_pretrained(folder / "model")("What is the diagnosis?")["input_ids"])
    with torch.no_grad():
        found = theirs(input_ids=ids[None]).logits[0]
        expected = ours(text_batch(ids, (len(ids),), rows=4), want="logits")
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
