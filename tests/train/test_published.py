"""The recipes of the paper's models: what they say, and that all of it runs, on a tiny model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

pytest.importorskip("composer")

from octomed.train.recipe import load_train_recipe

from .ranks import Ranks
from .sessions import traces_of_steps, train
from .tiny import configuration

ROOT = Path(__file__).parents[2]
MODELS = {
    "octomed-7b": "Qwen/Qwen2.5-VL-7B-Instruct",
    "octomed-4b": "Qwen/Qwen3-VL-4B-Instruct",
    "octomed-8b": "Qwen/Qwen3-VL-8B-Instruct",
}
FAMILIES = {"octomed-7b": "qwen2_5_vl", "octomed-4b": "qwen3_vl"}
"""Of those that run here on a tiny model; the 8B differs from the 4B in the model's name alone."""
PAPER = {"lr", "name: cosine_with_warmup", "t_warmup", "max_duration", "global_train_batch_samples"}
"""What the paper says of training, besides the model."""
PLACES = {
    "run_name", "run_folder", "tokenizer", "callbacks", "loggers", "console_log_interval", "save_folder",
    "save_interval", "save_num_checkpoints_to_keep", "autoresume", "export_folder",
}  # fmt: skip
"""Keys that say where things are and how often: nothing that is trained depends on them."""


@pytest.fixture(autouse=True)
def _places(monkeypatch):
    monkeypatch.setenv("OCTOMED_RUN", "s3://bucket/run")
    monkeypatch.setenv("OCTOMED_CHECKPOINTS", "s3://bucket/checkpoints")


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


def test_they_say_what_the_paper_says(name):
    recipe = load_train_recipe(ROOT / f"recipes/train/{name}.yaml")
    assert recipe.model.pretrained_model_name_or_path == recipe.tokenizer.name == MODELS[name]
    assert recipe.model.pretrained
    assert recipe.optimizer.lr == 5e-5
    assert (recipe.scheduler.name, recipe.scheduler.t_warmup) == ("cosine_with_warmup", "0.1dur")
    assert recipe.max_duration == "3ep"
    assert recipe.global_train_batch_samples == 512
    assert recipe.global_train_batch_size is None


def test_each_setting_says_whether_it_is_the_papers_or_ours(name):
    """A line that sets something ends in `# paper` or `# ours`; which are the paper's is stated above."""
    lines = (ROOT / f"recipes/train/{name}.yaml").read_text().splitlines()
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    set_here = [line for line in lines if not line.endswith(":") and line.split(":")[0] not in PLACES]
    unmarked = [line for line in set_here if not re.search(r"# (paper|ours)\b", line)]
    assert unmarked == []
    papers = {line.split("#")[0].strip() for line in set_here if "# paper" in line}
    model = f"pretrained_model_name_or_path: {MODELS[name]}"
    assert (model in papers) == (name != "octomed-8b")
    found = {text if text.startswith("name") else text.split(":")[0] for text in papers - {model}}
    assert found == PAPER


def test_the_8b_is_the_4b_with_another_model():
    paths = (ROOT / f"recipes/train/octomed-{size}.yaml" for size in ("4b", "8b"))
    smaller, larger = map(load_train_recipe, paths)
    changed = smaller.model_dump() | {"run_name": "octomed-8b"}
    for part, key in (("model", "pretrained_model_name_or_path"), ("tokenizer", "name")):
        changed[part] = changed[part] | {key: MODELS["octomed-8b"]}
    changed |= {key: str(changed[key]).replace("4b", "8b") for key in ("save_folder",)}
    assert larger.model_dump() == changed


@pytest.mark.parametrize("name", FAMILIES)
def test_all_that_they_say_runs(name, packed, tmp_path):
    """Sharded FSDP2, recomputed layers, clipping, schedule, monitors, export; less the size and the GPU."""
    family = configuration(FAMILIES[name])
    model = json.dumps(family | {"text_config": family["text_config"] | {"vocab_size": 4096}})
    words = [
        f"model={{config: {model}, activation_checkpointing: true}}",
        "tokenizer.name=../../python/octomed/sample/tokenizer",
        f"run_folder={tmp_path}/run",
        f"export_folder={tmp_path}/model",
        f"train_loader.dataset.local={tmp_path}/cache",
        "train_loader.num_workers=1",
        "global_train_batch_samples=20",
        "max_duration=3ba",
        "save_interval=2ba",
        "console_log_interval=1ba",
        "precision=fp32",
        "callbacks.speed_monitor={window_size: 1, gpu_flops_available: 1.0e+12}",
    ]
    places = {"OCTOMED_RUN": str(packed), "OCTOMED_CHECKPOINTS": f"{tmp_path}/checkpoints"}
    ranks = Ranks(2, train, ROOT / f"recipes/train/{name}.yaml", words, environment=places)
    weights = ranks.results()[0]["weights"]
    steps = traces_of_steps(tmp_path / "run")
    assert list(steps) == [1, 2, 3]
    assert 10 < sum(map(len, steps.values())) / 3 < 30
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    learning_rates = [one["lr-AdamW/group0"] for one in lines]
    assert learning_rates == pytest.approx([5e-5, 3.75e-5, 1.25e-5]), "a cosine over three steps"
    printed = re.findall(r"step \d .* lr (\S+)", ranks.said())
    assert [float(rate) for rate in printed] == pytest.approx(learning_rates, rel=1e-2)
    rates = [(one["throughput/device/flops_per_sec"], one["throughput/device/mfu"]) for one in lines[1:]]
    assert rates == [(pytest.approx(1e12 * share), share) for _, share in rates]
    said = ranks.said()
    assert "packs per step: " in said
    assert "in nine steps of ten" in said
    assert (tmp_path / "checkpoints/ep0-ba2/.metadata").is_file()
    assert (tmp_path / "model/tokenizer.json").is_file()
    exported = AutoModelForImageTextToText.from_pretrained(tmp_path / "model")
    assert exported.config.get_text_config().use_cache, "generation wants the cache that training has not"
    exported = exported.state_dict()
    for key, value in weights.items():
        assert torch.equal(exported[key.removeprefix("network.language_model.")], value), key


@pytest.mark.gpu
@pytest.mark.skip(reason="wants eight GPUs, the published weights and a packed run: not run end to end yet")
def test_they_train_end_to_end(name):
    """What would be run: `composer -n 8 train.py recipes/train/{name}.yaml`."""
    recipe = load_train_recipe(ROOT / f"recipes/train/{name}.yaml")
    Ranks(8, train, ROOT / f"recipes/train/{recipe.run_name}.yaml").results()
