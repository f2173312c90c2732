"""Models that take images: their families, their own image processors, and what is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from octomed.errors import RecipeError
from octomed.pipeline.models.families import (
    VISION_LANGUAGE,
    check_processor,
    family_named,
    family_of,
    other_vision_model,
)
from octomed.pipeline.models.model import resolve_model
from octomed.pipeline.planning.plan import plan
from octomed.recipe import RecipeProblems, load_recipe
from octomed.vision import families

from tests.end_to_end import runs

QWEN2_5_VL = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "min_pixels": 3136,
    "max_pixels": 12845056,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
QWEN3_VL = {
    "image_processor_type": "Qwen2VLImageProcessorFast",
    "size": {"shortest_edge": 65536, "longest_edge": 16777216},
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A text source, and a model's folder whose vocabulary has the tokens for images."""
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    runs.write_model(tmp_path / "model")
    runs.write_lines(tmp_path / "a.jsonl", runs.question_rows(1, 20))
    return tmp_path


def model_of(folder, config=None, **files):
    for name, value in {"config": config, **files}.items():
        if value is not None:
            (folder / "model" / f"{name}.json").write_text(json.dumps(value))


def recipe(folder, *overrides, **keys):
    values = runs.one_source("a.jsonl") | {"template": "qwen2.5-vl"} | keys
    return load_recipe(runs.write_recipe(folder, values), overrides)


def test_the_families_are_those_that_the_engine_prepares_and_train_builds():
    assert VISION_LANGUAGE == ("qwen2_5_vl", "qwen3_vl")
    assert [family_of({"model_type": kind}) for kind in VISION_LANGUAGE] == list(families())


@pytest.mark.parametrize(("name", "processor"), [("qwen2.5-vl", QWEN2_5_VL), ("qwen3-vl", QWEN3_VL)])
def test_published_processors_are_those_of_their_family(name, processor):
    family = family_named(name)
    check_processor(family, processor, "preprocessor_config.json")
    check_processor(family, {"do_resize": True, "resample": 3, "rescale_factor": 0.00392156862745098}, "x")
    check_processor(family, {}, "x")


@pytest.mark.parametrize(
    "change",
    [
        {"patch_size": 16},
        {"patch_size": "14"},
        {"patch_size": True},
        {"merge_size": 4},
        {"temporal_patch_size": 1},
        {"image_mean": [0.5, 0.5, 0.5]},
        {"image_mean": 0.48145466},
        {"image_std": [0.26862954, 0.26130258]},
        {"do_resize": False},
        {"do_normalize": False},
        {"do_convert_rgb": False},
        {"resample": 2},
        {"rescale_factor": 1.0},
    ],
)
def test_processors_that_prepare_images_otherwise_are_refused_by_key(change):
    with pytest.raises(
        RecipeError, match=rf"`preprocessor_config.json` has `{next(iter(change))}: "
    ) as error:
        check_processor(family_named("qwen2.5-vl"), QWEN2_5_VL | change, "preprocessor_config.json")
    assert error.value.hint


@pytest.mark.parametrize(
    ("config", "other"),
    [
        ({}, None),
        ({"model_type": "qwen2"}, None),
        ({"model_type": "llama"}, None),
        ({"model_type": "qwen2_5_vl", "vision_config": {}}, None),
        ({"model_type": "qwen2_vl"}, "qwen2_vl"),
        ({"model_type": "llava"}, "llava"),
        ({"model_type": "internvl_chat"}, "internvl_chat"),
        ({"model_type": "brand_new", "vision_config": {"depth": 2}}, "brand_new"),
        ({"vision_config": {"depth": 2}}, "an unknown type"),
    ],
)
def test_other_models_that_take_images_are_known(config, other):
    assert other_vision_model(config) == other


@pytest.mark.parametrize(
    ("model", "family"),
    [("qwen2.5", None), ("qwen2.5-vl", "qwen2.5-vl"), ("Qwen/Qwen3-VL-4B-Instruct", "qwen3-vl")],
)
def test_built_in_models_have_their_family(tmp_path, model, family):
    found = resolve_model(model, None, base=tmp_path).vision.family
    assert (found and found.name) == family


@pytest.mark.parametrize(
    ("config", "template", "family"),
    [
        (None, "qwen2.5-vl", "qwen2.5-vl"),
        (None, "qwen3-vl", "qwen3-vl"),
        (None, "qwen2.5", None),
        ({"model_type": "qwen3_vl"}, "qwen2.5-vl", "qwen3-vl"),
        ({"model_type": "qwen2"}, "qwen2.5-vl", None),
    ],
)
def test_a_folder_has_the_family_of_its_configuration_or_its_template(folder, config, template, family):
    model_of(folder, config)
    found = plan(recipe(folder, template=template)).vision
    assert (found and found.family) == family


def test_a_vocabulary_without_the_tokens_takes_no_images(tmp_path):
    runs.write_lines(tmp_path / "a.jsonl", runs.question_rows(1, 20))
    assert plan(recipe(tmp_path)).vision is None
    with pytest.raises(RecipeProblems, match=r"has no token `<\|image_pad\|>`"):
        plan(recipe(tmp_path, images={"max_pixels": 50_176}))


REFUSED = [
    ({"config": {"model_type": "llava"}}, "is of type `llava`, whose images cannot be prepared here"),
    (
        {"config": {"model_type": "qwen2_5_vl"}, "preprocessor_config": QWEN2_5_VL | {"patch_size": 16}},
        "`preprocessor_config.json` has `patch_size: 16`",
    ),
    (
        {"config": {"model_type": "qwen2_5_vl"}, "processor_config": {"image_processor": {"merge_size": 1}}},
        "`processor_config.json` has `merge_size: 1`",
    ),
]


@pytest.mark.parametrize(("files", "message"), REFUSED)
def test_models_whose_images_cannot_be_prepared_are_refused_where_the_recipe_asks_for_images(
    folder, files, message
):
    model_of(folder, **files)
    planned = plan(recipe(folder))
    assert planned.vision is None
    assert planned.sources[0].spec.images is None
    with pytest.raises(RecipeProblems) as error:
        plan(recipe(folder, images={"verify": "header"}))
    (problem,) = error.value.problems
    assert message in problem.message
    assert problem.place.line > 1
    own = {"preset": "octomed", "images": "image"}
    with pytest.raises(RecipeProblems) as error:
        plan(recipe(folder, sources=[{"name": "only", "path": "a.jsonl", "format": own}]))
    assert message in error.value.problems[0].message


def test_sizes_of_the_models_own_processor_do_not_count(folder):
    model_of(folder, {"model_type": "qwen2_5_vl"}, preprocessor_config=QWEN2_5_VL | {"min_pixels": 1})
    planned = plan(recipe(folder))
    images = planned.sources[0].spec.images
    assert (images["min_pixels"], images["max_pixels"]) == (3136, 262_144)


@pytest.mark.parametrize(
    ("template", "images", "message"),
    [
        ("qwen2.5-vl", {"max_pixels": 783, "min_pixels": 1}, "783 pixels are less than one token"),
        ("qwen3-vl", {"max_pixels": 1023, "min_pixels": 1}, "1,023 pixels are less than one token"),
        ("qwen3-vl", {"max_pixels": 50_176}, "50,176 is less than the fewest pixels of `qwen3-vl`, 65,536"),
    ],
)
def test_sizes_that_no_image_can_have_are_refused(folder, template, images, message):
    with pytest.raises(RecipeProblems) as error:
        plan(recipe(folder, template=template, images=images))
    assert message in error.value.problems[0].message
    assert error.value.problems[0].place.line > 1


def test_the_record_and_the_settings_are_those_of_recipe_and_family(folder):
    (folder / "pictures").mkdir()
    (folder / "b").mkdir()
    own = {"preset": "octomed", "image_root": "pictures"}
    sources = [
        {"name": "one", "path": "a.jsonl", "format": own, "images": {"store": "resized"}},
        {"name": "two", "path": "a.jsonl", "format": own | {"image_root": ["pictures", "b"]}},
        {"name": "three", "path": "a.jsonl", "format": "octomed"},
    ]
    planned = plan(recipe(folder, sources=sources, images={"max_pixels": 50_176, "alpha": "white"}))
    found = [source.spec.images for source in planned.sources]
    assert found[0] == {
        "family": "qwen2.5-vl",
        "min_pixels": 3136,
        "max_pixels": 50_176,
        "verify": "decode",
        "store": "resized",
        "codec": "webp",
        "alpha": "white",
        "gray16": "reject",
        "max_source_pixels": 100_000_000,
        "metadata": "keep",
        "outside_root": "refuse",
        "urls": "refuse",
        "root": str(folder / "pictures"),
    }
    assert found[1] == found[0] | {
        "store": "original",
        "root": [str(folder / "pictures"), str(folder / "b")],
    }
    assert found[2] == found[1] | {"root": None}
    vision = planned.vision
    token = planned.tokenizer.token_to_id
    assert vision.image_token_id == token("<|image_pad|>")
    assert vision.vision_start_token_id == token("<|vision_start|>")
    assert vision.vision_end_token_id == token("<|vision_end|>")
    assert (vision.store, vision.alpha, vision.max_pixels, vision.patch_size) == ("both", "white", 50_176, 14)
    assert replace(vision) == vision
