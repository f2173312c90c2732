"""Whole runs with adapters: on two ranks with FSDP2, resumed on one, and exported."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("composer")
pytest.importorskip("peft")

import torch
from octomed.train.journal import read_journal

from .ranks import Ranks, run_ranks
from .sessions import equal, farthest, traces_of_steps, train, write_recipe

LORA = {"model.lora": "{r: 4, targets: [q_proj, up_proj]}"}


def recipe(folder, packed, **changes):
    return write_recipe(folder, packed, save_interval="2ba", **changes)


def words(**more):
    return [f"{key}={value}" for key, value in {**LORA, **more}.items()]


def test_two_ranks_with_fsdp_and_then_one_learn_what_one_does(packed, tmp_path):
    """Sharded checkpoints hold the adapters, and the export is the base with what they add."""
    from octomed.train.build import build_model, read_configuration
    from octomed.train.recipe import load_train_recipe
    from transformers import AutoModelForImageTextToText

    whole = recipe(tmp_path / "one", packed, max_duration="4ba", export_folder=str(tmp_path / "whole"))
    alone = run_ranks(1, train, whole, words())[0]
    assert {name.rpartition(".lora_")[2] for name in alone["weights"]} == {
        "A.default.weight",
        "B.default.weight",
        "base_digest",
    }
    sharded = recipe(
        tmp_path / "two",
        packed,
        max_duration="2ba",
        fsdp_config={"state_dict_type": "sharded"},
        export_folder=str(tmp_path / "model"),
        export="adapter",
    )
    ranks = Ranks(2, train, sharded, words())
    ranks.results()
    said = ranks.said()
    assert "LoRA: rank 4, alpha 32, 4 linear layers adapted:" in said
    assert "2 x model.language_model.layers.*.self_attn.q_proj" in said
    assert "parameters trained: vision 0 of" in said
    size = sum(path.stat().st_size for path in (tmp_path / "two/checkpoints/ep0-ba2").iterdir())
    assert size < 400_000, "a checkpoint of adapters has no base"
    found = run_ranks(1, train, sharded, words(max_duration="4ba"))[0]
    assert farthest(found, alone) <= 1e-4
    assert traces_of_steps(tmp_path / "two/run") == traces_of_steps(tmp_path / "one/run")
    rates = [entry["lr-AdamW/group0"] for entry in read_journal(tmp_path / "two/run/metrics.jsonl")]
    assert rates == [5e-3, 1e-2, 1e-2, 1e-2]
    values = json.loads((tmp_path / "model/adapter_config.json").read_text())
    assert values["r"] == 4
    settings = load_train_recipe(whole)
    base = build_model(read_configuration(None, settings.model.config), seed=settings.seed).state_dict()
    merged = AutoModelForImageTextToText.from_pretrained(tmp_path / "whole").state_dict()
    changed = {name for name in base if not torch.equal(base[name], merged[name])}
    assert len(changed) == 4
    assert all("q_proj.weight" in name or "up_proj.weight" in name for name in changed)


def test_weights_of_4_bits_on_two_ranks_learn_what_one_does(packed, tmp_path):
    """DDP leaves them alone; with FSDP2 they are refused."""
    pytest.importorskip("bitsandbytes")
    given = ["model.lora={r: 4, targets: [q_proj, up_proj], quantize: 4bit}"]
    steps = {"max_duration": "3ba"}
    alone = run_ranks(1, train, recipe(tmp_path / "one", packed, **steps), given)[0]
    ranks = Ranks(2, train, recipe(tmp_path / "two", packed, **steps), given)
    one, other = ranks.results()
    assert "their weights in 4 bits" in ranks.said()
    assert {name.rpartition(".lora_")[2] for name in one["weights"]} == {
        "A.default.weight",
        "B.default.weight",
        "base_digest",
    }
    assert equal(one, other)
    assert farthest(one, alone) <= 1e-4
    assert traces_of_steps(tmp_path / "two/run") == traces_of_steps(tmp_path / "one/run")


def test_another_base_is_refused_when_a_run_resumes(packed, tmp_path):
    """The same recipe over a folder whose weights were replaced."""
    from octomed.train.build import build_model, read_configuration
    from octomed.train.recipe import load_train_recipe

    path = recipe(tmp_path, packed, max_duration="2ba")
    values = load_train_recipe(path).model.config
    for seed in (1, 2):
        build_model(read_configuration(None, values), seed=seed).save_pretrained(tmp_path / "base")
        source = ["model.config=null", f"model.pretrained_model_name_or_path={tmp_path}/base"]
        if seed == 1:
            run_ranks(1, train, path, [*words(), *source])
    with pytest.raises(AssertionError, match=f"was trained on another base than `{tmp_path}/base`"):
        run_ranks(1, train, path, [*words(max_duration="4ba"), *source])


@pytest.mark.long
def test_a_resumed_run_with_dropout_ends_bit_equal(packed, tmp_path):
    given = ["model.lora={r: 4, targets: [q_proj, up_proj], dropout: 0.1}"]
    whole = run_ranks(2, train, recipe(tmp_path / "one", packed), [*given, "max_duration=4ba"])
    halves = recipe(tmp_path / "two", packed)
    for steps in (2, 4):
        found = run_ranks(2, train, halves, [*given, f"max_duration={steps}ba"])
    assert all(equal(one, other) for one, other in zip(found, whole, strict=True))
