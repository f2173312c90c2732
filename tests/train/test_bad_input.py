"""What goes wrong before or while training has a stated result: an exit code, where, why, and what to do."""

from __future__ import annotations

import contextlib
import json
import shutil
from types import SimpleNamespace

import pytest

pytest.importorskip("composer")

from octomed.errors import DataError, RecipeError, StorageError
from octomed.stream import open_run
from octomed.train import checkpoints
from octomed.train.build import read_configuration
from octomed.train.data import batching_of, check_run
from octomed.train.prepare import Prepared
from octomed.train.recipe import load_train_recipe

from tests import state_files

from . import tiny
from .ranks import Ranks, run_ranks
from .sessions import command, train, write_recipe


@pytest.fixture
def recipe(packed, tmp_path):
    def make(*overrides, **changes):
        return load_train_recipe(write_recipe(tmp_path, packed, **changes), list(overrides))

    return make


def check(recipe, run, **text):
    values = recipe.model.config | {"text_config": recipe.model.config["text_config"] | text}
    check_run(recipe, run, read_configuration(None, values))


def test_a_right_recipe_passes(recipe, packed):
    check(recipe(), open_run(packed))


def test_a_smaller_vocabulary_than_the_run_s(recipe, packed):
    with pytest.raises(DataError, match="tokenizer of 4,096 entries; the model knows 4,000") as found:
        check(recipe(), open_run(packed), vocab_size=4000)
    assert "the model's own tokenizer" in found.value.hint


def test_packs_longer_than_the_model_s_positions(recipe, packed):
    with pytest.raises(DataError, match="up to 512 tokens; the model's positions end at 511") as found:
        check(recipe(), open_run(packed), max_position_embeddings=511)
    assert "--set pack.capacity=511" in found.value.hint


def test_packs_longer_than_the_recipe_says(recipe, packed):
    with pytest.raises(DataError, match="`max_seq_len` end at 256"):
        check(recipe(max_seq_len=256), open_run(packed))


def test_another_tokenizer_of_the_same_size(recipe, packed, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree("python/octomed/sample/tokenizer", folder)
    values = json.loads((folder / "tokenizer.json").read_bytes())
    vocabulary = values["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (folder / "tokenizer.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="was packed with another tokenizer") as found:
        check(recipe(tokenizer={"name": str(folder)}), open_run(packed))
    assert "ids mean other text" in found.value.hint
    of_the_model = recipe(model={"pretrained_model_name_or_path": str(folder)})
    with pytest.raises(DataError, match="was packed with another tokenizer"):
        check_run(of_the_model, open_run(packed), read_configuration(None, recipe().model.config))


def test_images_for_another_family_are_refused_by_their_grid(recipe):
    vision = {"family": "qwen2.5-vl", "patch_size": 14, "merge_size": 2, "temporal_patch_size": 2}
    vision |= {"image_token_id": 151_655, "mean": [0.5] * 3, "std": [0.5] * 3}
    run = SimpleNamespace(vision=vision, location="run")
    configuration = read_configuration(None, tiny.configuration("qwen3_vl"))
    words = "prepared for qwen2.5-vl, on a grid of 28 pixels; a model of `qwen3_vl` takes a grid of 32"
    with pytest.raises(DataError, match=words):
        check_run(recipe(), run, configuration)


@pytest.mark.parametrize("loader", ["train_loader", "eval_loader"])
def test_what_is_trained_and_evaluated_on_is_checked_first(packed, tmp_path, loader):
    other = tmp_path / "other"
    shutil.copytree(packed, other)
    run = json.loads((other / "octomed.json").read_text())
    run["tokenizer"]["vocabulary_size"] = 5000
    state_files.write(other / "octomed.json", run)
    path = write_recipe(tmp_path, packed, **{loader: {"dataset": {"remote": str(other)}}})
    ranks = Ranks(1, command, [str(path)])
    assert ranks.results() == [3]
    assert f"error: `{other}` was packed with a tokenizer of 5,000 entries" in ranks.said()


def test_a_family_that_is_not_supported():
    with pytest.raises(RecipeError, match="models of type `gpt2` are not supported") as found:
        read_configuration(None, {"model_type": "gpt2"})
    assert "qwen2_5_vl" in found.value.hint


@pytest.mark.parametrize("kind", ["internvl", "internvl_chat", "gpt_of_mine"])
def test_a_folder_of_another_family_is_refused_before_its_code_is_looked_at(kind, tmp_path):
    """As InternVL3.5 is published: `auto_map` names code that would have to be run to read it."""
    code = {"AutoConfig": "configuration_of_mine.Config"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "auto_map": code}))
    with pytest.raises(RecipeError, match="InternVL is not" if "internvl" in kind else f"`{kind}` are not"):
        read_configuration(str(tmp_path))


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(RecipeError, match=r"has no `config\.json`"):
        read_configuration(str(tmp_path))


def test_an_override_of_a_key_that_the_configuration_lacks(recipe):
    with pytest.raises(RecipeError, match="has no `hiden_size`") as found:
        read_configuration(None, recipe().model.config, {"text_config": {"hiden_size": 3}})
    assert "did you mean `hidden_size`" in found.value.hint


@pytest.mark.parametrize(("packs", "ranks", "hint"), [(6, 4, "=8"), (1, 2, "=2"), (7, 2, "=8")])
def test_a_batch_that_ranks_cannot_share(packs, ranks, hint):
    with pytest.raises(RecipeError, match="cannot be shared out") as found:
        batching_of(packs, ranks)
    assert f"global_train_batch_size{hint}" in found.value.hint


def test_checkpoints_of_another_recipe(packed, tmp_path):
    path = write_recipe(tmp_path, packed, max_duration="2ba")
    run_ranks(1, train, path)
    ranks = Ranks(1, train, path, ["optimizer.lr=0.5", "loss.weight=trace"])
    with pytest.raises(AssertionError, match=r"of another recipe: `loss\.weight`, `optimizer\.lr` differ"):
        ranks.results()
    ranks = Ranks(1, train, path, ["autoresume=false"])
    with pytest.raises(AssertionError, match="already holds checkpoints"):
        ranks.results()


def test_another_run_under_the_same_address(recipe, tmp_path):
    """The packed run's key is part of what a checkpoint is, its address is not."""
    settings, folder = recipe(), str(tmp_path / "checkpoints")
    checkpoints.write_meaning(folder, checkpoints.meaning_of(settings, "one", 4))
    checkpoints.check_meaning(folder, checkpoints.meaning_of(settings, "one", 4))
    with pytest.raises(RecipeError, match=r"`data\.run` differ"):
        checkpoints.check_meaning(folder, checkpoints.meaning_of(settings, "other", 4))


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("seed=3", "seed"),
        ("scheduler.t_warmup=1ba", r"scheduler\.t_warmup"),
        ("algorithms.gradient_clipping={}", r"algorithms\.gradient_clipping"),
        ("model.freeze_vision=false", r"model\.freeze_vision"),
        ("train_loader.dataset.shuffle_seed=3", r"data\.shuffle_seed"),
        ("precision=amp_bf16", "precision"),
    ],
)
def test_what_is_trained_may_not_change(recipe, tmp_path, word, key):
    before, after = (checkpoints.meaning_of(recipe(*words), "one", 4) for words in ([], [word]))
    checkpoints.write_meaning(str(tmp_path), before)
    with pytest.raises(RecipeError, match=rf"of another recipe: `{key}` differ"):
        checkpoints.check_meaning(str(tmp_path), after)


def test_packs_a_step_may_not_change(recipe, tmp_path):
    checkpoints.write_meaning(str(tmp_path), checkpoints.meaning_of(recipe(), "one", 4))
    with pytest.raises(RecipeError, match=r"`packs_a_step` differ"):
        checkpoints.check_meaning(str(tmp_path), checkpoints.meaning_of(recipe(), "one", 8))


@pytest.mark.parametrize(
    "word",
    [
        "model.activation_checkpointing=true",
        "model.compile_layers=true",
        "optimizer.fused=false",
        "train_loader.num_workers=0",
        "train_loader.dataset.remote=/elsewhere",
        "train_loader.dataset.balance=off",
        "max_duration=99ba",
    ],
)
def test_how_and_where_it_is_trained_may_change(recipe, tmp_path, word):
    checkpoints.write_meaning(str(tmp_path), checkpoints.meaning_of(recipe(), "one", 4))
    checkpoints.check_meaning(str(tmp_path), checkpoints.meaning_of(recipe(word), "one", 4))


def test_checkpoints_of_another_run_under_the_same_address(packed, tmp_path):
    folder = tmp_path / "packed"
    shutil.copytree(packed, folder)
    path = write_recipe(tmp_path, folder, max_duration="2ba")
    run_ranks(1, train, path)
    run = json.loads((folder / "octomed.json").read_text())
    run["run"]["write_key"] = "another"
    state_files.write(folder / "octomed.json", run)
    ranks = Ranks(1, train, path)
    with pytest.raises(AssertionError, match=r"of another recipe: `data\.run` differ"):
        ranks.results()


def test_a_run_begun_from_a_checkpoint_does_not_sign_those_that_were_there(recipe, packed, tmp_path):
    """Else the next start would go on from another recipe's checkpoint, the newest by its number."""
    import torch
    from octomed.train.resume import load_path_of

    run, folder = open_run(packed), tmp_path / "checkpoints"
    checkpoints.write_meaning(str(folder), checkpoints.meaning_of(recipe(), run.key, 4))
    torch.save({"weight": torch.rand(4)}, folder / "ep0-ba6-rank0.pt")

    def start(**changes):
        other = recipe("optimizer.lr=0.5", **changes)
        return load_path_of(Prepared(other, run, None, batching_of(4, 1), tmp_path))

    with contextlib.suppress(RecipeError):
        start(autoresume=False, load_path=str(folder / "ep0-ba6-rank0.pt"))
    with pytest.raises(RecipeError, match=r"of another recipe: `optimizer\.lr` differ"):
        start()


def test_a_missing_shard_is_named_with_the_command_that_rebuilds_it(packed, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(packed, broken)
    next((broken / "len-00256").glob("shard.00001.*")).unlink()
    path = write_recipe(tmp_path, broken)
    ranks = Ranks(1, command, [str(path)])
    assert ranks.results() == [4]
    said = ranks.said()
    assert "error: shard `" in said
    assert "shard.00001.mds.zstd` is missing" in said
    assert "hint: run `octomed pack" in said
    assert f"resume: composer -n 1 train.py {path} autoresume=true" in said


def test_a_run_of_a_newer_format(packed, tmp_path):
    folder = shutil.copytree(packed, tmp_path / "newer")
    state_files.change(folder / "octomed.json", lambda run: run.update(format=3))
    ranks = Ranks(1, command, [str(write_recipe(tmp_path, folder))])
    assert ranks.results() == [2]
    said = ranks.said()
    assert "octomed.json` has format 3, and this version of octomed reads 2" in said
    assert "install the octomed that wrote it" in said


def test_a_store_that_goes_away(packed, store):
    """After the attempts that the recipe gives it, the error names the address, and how to go on."""
    remote = store.upload(packed, "run")
    store.gone = True
    with pytest.raises(StorageError) as found:
        open_run(remote, attempts=1, timeout=2)
    assert remote in found.value.message
    assert "same command again" in found.value.hint


@pytest.mark.parametrize("package", ["wandb", "mlflow"])
def test_a_logger_whose_package_is_missing(recipe, tmp_path, package):
    import importlib.util

    from octomed.train.components import make_loggers

    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    with pytest.raises(RecipeError, match=f"needs the package `{package}`") as found:
        make_loggers(recipe(loggers={package: {}}), tmp_path)
    assert found.value.hint == f"pip install {package}"


def test_a_progress_interval_that_counts_no_steps(recipe, packed, tmp_path):
    from octomed.train.components import make_callbacks

    settings = recipe(console_log_interval="1ep")
    model = read_configuration(None, settings.model.config)
    with pytest.raises(RecipeError, match="counts steps, not `1ep`"):
        make_callbacks(settings, model, folder=tmp_path, capacity=open_run(packed).content.capacity)


def test_mixed_precision_without_a_gpu(recipe):
    import torch
    from octomed.train.prepare import prepare

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(RecipeError, match="`precision: amp_bf16` needs a GPU") as found:
        prepare(recipe(precision="amp_bf16"))
    assert "fp32" in found.value.hint


@pytest.mark.parametrize(
    ("error", "rank", "told"),
    [(RecipeError, "0", True), (RecipeError, "1", False), (StorageError, "1", True), (DataError, "1", True)],
)
def test_a_rank_tells_what_only_it_may_have_seen(monkeypatch, capsys, error, rank, told):
    from octomed.train import main

    def fail(_):
        raise error("what", "do that")

    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(main, "_train", fail)
    assert main.main(["a recipe.yaml", "seed=1"]) == error.exit_code
    said = capsys.readouterr().err
    assert ("error: what\nhint: do that\n" in said) == told
    resumes = "resume: composer -n 1 train.py 'a recipe.yaml' seed=1 autoresume=true" in said
    assert resumes == (told and error is StorageError)
