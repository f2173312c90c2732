"""Packs with images and models that do not suit them: refused before anything large is made, by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from octomed.errors import DataError
from octomed.stream import open_run
from octomed.stream.images import Vision

pytest.importorskip("composer")

from octomed.train.build import read_configuration
from octomed.train.data import check_run, collator_of
from octomed.train.processors import vision_of
from octomed.train.recipe import load_train_recipe

from . import image_tiny, tiny
from .sessions import write_recipe

ROOT = Path(__file__).parents[2]
PROCESSOR = {
    "patch_size": 14,
    "merge_size": 2,
    "temporal_patch_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "min_pixels": 3136,
    "max_pixels": 12_845_056,
    "do_rescale": True,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The sample's images, packed for Qwen2.5-VL."""
    import octomed

    folder = tmp_path_factory.mktemp("images")
    overrides = [f"output.path={folder}/run", f"work.path={folder}/work"]
    octomed.pack(ROOT / "recipes/quickstart-images.yaml", overrides=overrides, workers=1)
    return open_run(folder / "run")


def check(run, tmp_path, *, family="qwen2_5_vl", files=None, **vision):
    """Check a model of a folder, with the files of its processor."""
    model = tmp_path / "model"
    model.mkdir()
    for name, values in (files or {}).items():
        (model / name).write_text(values if isinstance(values, str) else json.dumps(values))
    settings = {"pretrained_model_name_or_path": str(model), "pretrained": False}
    recipe = load_train_recipe(write_recipe(tmp_path, run.location, model=settings))
    values = tiny.configuration(family) if family == "qwen2" else image_tiny.configuration(family)
    if vision:
        values["vision_config"] = values["vision_config"] | vision
    text = values if family == "qwen2" else values["text_config"]
    text |= {"vocab_size": 4096, "max_position_embeddings": 4096}
    check_run(recipe, run, read_configuration(None, values))


def test_a_model_that_suits_passes(run, tmp_path):
    inside = {"image_processor": PROCESSOR}
    check(run, tmp_path, files={"preprocessor_config.json": PROCESSOR, "processor_config.json": inside})


@pytest.mark.parametrize(
    ("family", "vision", "words"),
    [
        ("qwen2", {}, "has images, and a model of `qwen2` has no vision tower"),
        ("qwen3_vl", {}, "a model of `qwen3_vl` takes a grid of 32"),
        ("qwen2_5_vl", {"patch_size": 16}, "a model of `qwen2_5_vl` takes a grid of 32"),
        ("qwen2_5_vl", {"temporal_patch_size": 1}, "frames of an image: 2, not 1"),
    ],
)
def test_a_model_that_takes_other_images(run, tmp_path, family, vision, words):
    with pytest.raises(DataError, match=words):
        check(run, tmp_path, family=family, **vision)


@pytest.mark.parametrize("file", ["preprocessor_config.json", "processor_config.json"])
@pytest.mark.parametrize(
    ("key", "value", "packed"),
    [
        ("image_mean", [0.5, 0.5, 0.5], "mean: [0.4814546"),
        ("image_std", [0.5, 0.5, 0.5], "std: [0.2686295"),
        ("patch_size", 16, "patch_size: 14"),
        ("merge_size", 1, "merge_size: 2"),
        ("temporal_patch_size", 1, "temporal_patch_size: 2"),
        ("image_mean", 0.5, "mean: [0.4814546"),
        ("do_rescale", False, None),
        ("do_normalize", False, None),
        ("resample", 2, None),
    ],
)
def test_an_image_processor_that_prepares_otherwise(  # noqa: PLR0913, PLR0917 what is tried
    run, tmp_path, file, key, value, packed
):
    processor = PROCESSOR | {key: value}
    values = processor if file == "preprocessor_config.json" else {"image_processor": processor}
    with pytest.raises(DataError) as told:
        check(run, tmp_path, files={file: values})
    message = told.value.message
    assert run.location in message
    assert file in message
    assert f"`{key}: {value}`" in message
    assert packed is None or packed in message


@pytest.mark.parametrize("sizes", [{"min_pixels": 1, "max_pixels": 9999}, {"size": {"longest_edge": 5}}])
def test_the_sizes_that_count_are_those_of_the_packs(run, tmp_path, sizes):
    check(run, tmp_path, files={"preprocessor_config.json": PROCESSOR | sizes})


def test_a_processor_s_file_that_does_not_read(run, tmp_path):
    with pytest.raises(DataError, match=r"preprocessor_config\.json"):
        check(run, tmp_path, files={"preprocessor_config.json": "{"})


def with_vision(run, **changes):
    record = None if changes.get("images") is False else run.vision | changes
    return dataclasses.replace(run, content=dataclasses.replace(run.content, vision=record))


def test_runs_that_are_read_together_agree_on_their_images(run):
    text, smaller = with_vision(run, images=False), with_vision(run, max_pixels=9408)
    assert vision_of([text, text]) is None
    for runs in ([run, text], [text, run], [run, smaller], [run]):
        assert vision_of(runs) == Vision.of(run.vision)
    for changes in ({"mean": [0.5] * 3}, {"patch_size": 16}, {"image_token_id": 7}):
        with pytest.raises(DataError, match=f"`{next(iter(changes))}: "):
            vision_of([text, run, with_vision(run, **changes)])


def test_a_loader_of_text_has_no_images_unless_the_training_has(run):
    configuration = read_configuration(None, image_tiny.configuration("qwen2_5_vl"))
    assert collator_of(configuration).vision is None
    made = collator_of(configuration, Vision.of(run.vision))
    assert made.tower_tables is not None
    assert made.vocabulary_size == image_tiny.VOCABULARY
