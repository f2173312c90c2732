"""The training recipe: all that is wrong is said at once, with file, line and nearest key; without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from octomed.recipe.problems import RecipeProblems
from octomed.train.recipe import load_train_recipe

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "recipes/train").glob("*.yaml"))
SMALL = """\
run_name: small
model:
  pretrained_model_name_or_path: ./model
train_loader:
  dataset: {remote: data}
optimizer: {lr: 1.0e-4}
max_duration: 1ep
global_train_batch_size: 8
"""


@pytest.fixture
def write(tmp_path):
    def put(text: str) -> Path:
        path = tmp_path / "train.yaml"
        path.write_text(text)
        return path

    return put


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_right(path, monkeypatch):
    monkeypatch.setenv("OCTOMED_RUN", "s3://bucket/run")
    monkeypatch.setenv("OCTOMED_CHECKPOINTS", "s3://bucket/checkpoints")
    assert load_train_recipe(path).run_name


def test_relative_paths_start_at_the_recipe(write, tmp_path):
    recipe = load_train_recipe(write(SMALL + "save_folder: out/{run_name}\n"))
    assert recipe.train_loader.dataset.remote == str(tmp_path / "data")
    assert recipe.save_folder == str(tmp_path / "out/{run_name}")
    assert recipe.model.pretrained_model_name_or_path == f"{tmp_path}/./model"


def test_urls_and_hub_ids_stay(write):
    text = SMALL.replace("./model", "Qwen/Qwen2.5-VL-7B-Instruct").replace(
        "remote: data", "remote: s3://b/run"
    )
    recipe = load_train_recipe(write(text))
    assert recipe.model.pretrained_model_name_or_path == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert recipe.train_loader.dataset.remote == "s3://b/run"


def test_words_of_the_command_line_override(write):
    words = ["optimizer.lr=3", "loss.weight=trace", "fsdp_config={}", "train_loader.num_workers=0"]
    recipe = load_train_recipe(write(SMALL), words)
    assert recipe.optimizer.lr == 3
    assert recipe.loss.weight == "trace"
    assert recipe.fsdp_config is not None
    assert recipe.train_loader.num_workers == 0


CASES = {
    "an unknown key": ("learning_rate: 1\n", "train.yaml:9:1: unknown key `learning_rate`", "keys here"),
    "a key misspelt": (
        "save_folders: x\n",
        "train.yaml:9:1: unknown key `save_folders`",
        "did you mean `save_folder`",
    ),
    "a key of another part": ("lr: 1\n", "unknown key `lr`", "`lr` belongs in `optimizer`"),
    "a wrong choice": (
        "precision: bf16\n",
        "`precision` may not be the text 'bf16'",
        "did you mean `amp_bf16`",
    ),
    "a wrong type": ("device_train_microbatch_size: two\n", "must be a whole number", None),
    "a duration without a unit": (
        "eval_interval: 10\n",
        "train.yaml:9:16: `eval_interval`: `10` is not a duration",
        "`100ba` (steps)",
    ),
    "a duration misspelt": (
        "eval_interval: 3epochs\n",
        "the text '3epochs' is not a duration",
        "`3ep` (epochs)",
    ),
    "no number": (
        "scheduler: {alpha_f: low}\n",
        "`scheduler.alpha_f` must be a number, not the text 'low'",
        "without quotes",
    ),
    "nothing": (
        "algorithms: {gradient_clipping: {clipping_threshold: 0}}\n",
        "`algorithms.gradient_clipping.clipping_threshold` must be more than 0, not `0`",
        None,
    ),
    "both batch sizes": ("global_train_batch_samples: 512\n", "give either", "512 traces"),
    "resuming from nowhere": ("autoresume: true\n", "`autoresume` needs a `save_folder`", "save_folder"),
    "weights alone to resume from": (
        "autoresume: true\nsave_folder: x\nsave_weights_only: true\n",
        "train.yaml:11:20: `save_weights_only`: `autoresume` cannot resume from weights alone",
        "leave one of the two out",
    ),
    "a run in a store": (
        "run_folder: s3://bucket/run\n",
        "train.yaml:9:13: `run_folder`: this is a folder of this machine",
        "write a path",
    ),
    "an export to a store": (
        "export_folder: gs://bucket/model\n",
        "train.yaml:9:16: `export_folder`: this is a folder of this machine",
        "write a path",
    ),
    "checkpoints where Composer writes none": (
        "save_folder: az://account/container/checkpoints\n",
        "train.yaml:9:14: `save_folder`: Composer knows no checkpoints in `az://`",
        "`s3://` or `gs://`",
    ),
    "checkpoints where they are read alone, in capitals": (
        "save_folder: AZ://account/container/checkpoints\n",
        "`save_folder`: Composer knows no checkpoints in `az://`",
        "`s3://` or `gs://`; shards may be in `az://`",
    ),
    "checkpoints in a store that is none of ours": (
        "autoresume: false\nload_path: hf://owner/model\n",
        "`load_path`: Composer knows no checkpoints in `hf://`",
        "write a path, or `s3://` or `gs://`",
    ),
    "a key twice": ("run_name: again\n", "the key `run_name` is given twice", "line 1"),
    "a variable that is not set": ("save_folder: $NOWHERE_SET/x\n", "`$NOWHERE_SET` is not set", "export"),
    "no YAML": ("a: b: c\n", "this is not YAML", "quotes"),
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_bad_recipes(write, case):
    added, message, hint = CASES[case]
    with pytest.raises(RecipeProblems) as found:
        load_train_recipe(write(SMALL + added))
    assert message in found.value.message
    assert hint is None or hint in str(found.value.hint)
    assert found.value.exit_code == 2


def test_an_unknown_key_below_another_names_both(write):
    with pytest.raises(RecipeProblems) as found:
        load_train_recipe(write(SMALL.replace("{remote: data}", "{remote: data, shufle: true}")))
    assert "train.yaml:5:27: unknown key `shufle` in `train_loader.dataset`" in found.value.message
    assert "did you mean `shuffle`" in str(found.value.hint)


def test_an_override_is_named_as_it_was_written(write):
    with pytest.raises(RecipeProblems, match=r"`optimizer\.lrr=1`: unknown key `lrr` in `optimizer`"):
        load_train_recipe(write(SMALL), ["optimizer.lrr=1"])


def test_everything_wrong_is_said_at_once(write):
    with pytest.raises(RecipeProblems) as found:
        load_train_recipe(write(SMALL + "seed: -1\nfoo: 1\n"), ["optimizer.lr=-2"])
    assert len(found.value.problems) == 3


INTERNVL = "train.yaml:3:{}: `model.{}`: InternVL is not supported: its images are cut into tiles"


@pytest.mark.parametrize(
    ("model", "column", "key"),
    [
        ("  pretrained_model_name_or_path: OpenGVLab/InternVL3_5-8B", 34, "pretrained_model_name_or_path"),
        ("  pretrained_model_name_or_path: OpenGVLab/InternVL3_5-4B-HF", 34, "pretrained_model_name_or_path"),
        ("  config: {model_type: internvl}", 24, "config.model_type"),
        ("  config: {model_type: internvl_chat}", 24, "config.model_type"),
    ],
)
def test_internvl_is_refused_by_name(write, model, column, key):
    """The paper's figure 9; docs/octomed-8m.md lists it as not reproduced."""
    with pytest.raises(RecipeProblems) as found:
        load_train_recipe(write(SMALL.replace("  pretrained_model_name_or_path: ./model", model)))
    assert INTERNVL.format(column, key) in found.value.message
    assert "docs/octomed-8m.md" in str(found.value.hint)
    assert "`qwen2_5_vl`, `qwen3_vl`" in str(found.value.hint)


@pytest.mark.parametrize("model", ["{}", "{pretrained_model_name_or_path: a/b, config: {model_type: llama}}"])
def test_a_model_comes_from_one_place(write, model):
    text = SMALL.replace("model:\n  pretrained_model_name_or_path: ./model", f"model: {model}")
    with pytest.raises(RecipeProblems, match="give either"):
        load_train_recipe(write(text))


def test_a_missing_recipe_is_told_in_a_second_and_without_torch(tmp_path):
    code = (
        "import sys\nfrom octomed.train.main import main\n"
        f"code = main([{str(tmp_path / 'none.yaml')!r}])\n"
        "assert not {'torch', 'composer', 'streaming', 'transformers'} & set(sys.modules)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "this recipe does not exist" in done.stderr
    assert "hint: give the path of a YAML file" in done.stderr


def test_the_engine_imports_nothing_of_training():
    code = (
        "import sys, octomed.cli, octomed.pipeline.api, octomed.recipe, octomed.pipeline.passes.run\n"
        "assert not {'torch', 'composer', 'streaming', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def keys_of(model) -> set[str]:
    from pydantic import BaseModel

    keys = set()
    for name, field in model.model_fields.items():
        keys.add(name)
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys |= keys_of(kind)
    return keys


def test_every_key_is_documented():
    from octomed.train.schema import TrainRecipe

    text = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    pattern = r"`([a-z_]+\.)*{}(\.[a-z_.]+)?`"
    missing = [key for key in sorted(keys_of(TrainRecipe)) if not re.search(pattern.format(key), text)]
    assert missing == []


@pytest.mark.parametrize("line", ['run_name: "x\\ud800"', 'save_folder: "out/\\udfff"', '"x\\udc80": 1'])
def test_half_a_pair_in_a_text_is_a_problem_with_its_place(write, line):
    text = "\n".join(kept for kept in SMALL.splitlines() if not line.startswith(kept.split(":")[0])) + "\n"
    with pytest.raises(RecipeProblems, match="a lone surrogate") as caught:
        load_train_recipe(write(text + line + "\n"))
    assert caught.value.problems[0].place.line == len(text.splitlines()) + 1
