"""What a recipe says of images: its section, the keys of sources, formats and packs, and what is refused."""

from __future__ import annotations

import zipfile

import pytest
from octomed.recipe import RecipeProblems, load_recipe, schema_json
from octomed.recipe.formats import curated_mapping_of
from octomed.recipe.presets import load_preset, preset_names, trainable_presets

from tests.unit import recipes

IMAGES = {
    "min_pixels": None,
    "max_pixels": 262_144,
    "verify": "decode",
    "store": "original",
    "codec": "webp",
    "alpha": "drop",
    "gray16": "reject",
    "max_source_pixels": 100_000_000,
    "metadata": "keep",
    "outside_root": "refuse",
    "urls": "refuse",
}


def loaded(tmp_path, *overrides, **keys):
    return load_recipe(recipes.write(tmp_path, recipes.values() | keys), overrides)


def problems(tmp_path, *overrides, **keys):
    with pytest.raises(RecipeProblems) as error:
        loaded(tmp_path, *overrides, **keys)
    return error.value.problems


def test_the_defaults_are_those_of_the_issue(tmp_path):
    recipe = loaded(tmp_path)
    assert recipe.canonical()["images"] == IMAGES
    assert recipe.images.model_dump() == IMAGES
    assert (recipe.pack.traces_per_image, recipe.pack.max_patches) == (1, None)
    assert recipe.curate.duplicates.images == "off"
    assert recipe.sources[0].images is None
    assert recipe.sources[0].image_roots == ()


def test_every_key_arrives(tmp_path):
    values = {
        "min_pixels": 3136,
        "max_pixels": 50_176,
        "verify": "header",
        "store": "resized",
        "codec": "jpeg",
        "alpha": "white",
        "gray16": "window",
        "max_source_pixels": 10_000,
        "metadata": "strip",
        "outside_root": "allow",
        "urls": "refuse",
    }
    recipe = loaded(
        tmp_path,
        "sources.medqa.images.store=original",
        "pack.traces_per_image=16",
        "pack.max_patches=4096",
        "curate.duplicates.images=report",
        images=values,
    )
    assert recipe.images.model_dump() == values
    assert [recipe.resizes(source) for source in recipe.sources] == [False, True]
    assert recipe.notes() == []
    assert (recipe.pack.traces_per_image, recipe.pack.max_patches) == (16, 4096)
    assert recipe.curate.duplicates.images == "report"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("images.verify=yes", "`images.verify` may not be the text 'yes'"),
        ("images.codec=gif", "`images.codec` may not be the text 'gif'"),
        ("images.max_pixels=0", "`images.max_pixels` must be at least 1, not `0`"),
        ("images.max_pixels=512x512", "`images.max_pixels` must be a whole number, not the text '512x512'"),
        ("images.min_pixels=300000", "`images.min_pixels`: 300,000 is more than `max_pixels`, 262,144"),
        ("images.max_source_pixels=5000000000", "must be at most 4294967295"),
        ("images.urls=ask", "`images.urls` may not be the text 'ask'"),
        ("images.strore=resized", "unknown key `strore` in `images`"),
        ("images=3", "`images` must be a mapping of keys to values, not `3`"),
        ("sources.medqa.images.codec=png", "unknown key `codec` in `sources.medqa.images`"),
        ("sources.medqa.images=original", "`sources.medqa.images` must be a mapping"),
        ("pack.traces_per_image=0", "`pack.traces_per_image` must be at least 1, not `0`"),
        ("pack.traces_per_image=17", "`pack.traces_per_image` must be at most 16, not `17`"),
        ("pack.max_patches=3", "`pack.max_patches` must be at least 4, not `3`"),
        ("curate.duplicates.images=drop", "`curate.duplicates.images` may not be the text 'drop'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, override, message):
    (problem,) = problems(tmp_path, override)
    assert message in problem.message
    assert str(problem.place) == f"`--set {override}`"


def test_a_misspelt_key_has_the_nearest_as_a_hint(tmp_path):
    (problem,) = problems(tmp_path, images={"max_pixel": 4})
    assert problem.hint.startswith("did you mean `max_pixels`?")
    assert problem.place.line > 1


def test_a_codec_that_is_not_used_is_a_note(tmp_path):
    assert "images.codec" in loaded(tmp_path, "images.codec=png").notes()[0]
    assert loaded(tmp_path, "images.codec=png", "sources.medqa.images.store=resized").notes() == []


@pytest.mark.parametrize(
    "images",
    ["image", ["image_1", "image_2"], {"any_of": ["image", "images"], "optional": True}, [{"any_of": ["a"]}]],
)
def test_images_are_a_column_or_a_list_of_columns(tmp_path, images):
    values = recipes.values()
    values["sources"][0]["format"]["images"] = images
    recipe = load_recipe(recipes.write(tmp_path, values))
    wanted = [*images] if isinstance(images, list) else images
    found = recipe.sources[0].mapping["images"]
    assert (list(found) if isinstance(found, tuple) else found) == wanted


@pytest.mark.parametrize("images", [3, [], "", {"any_of": []}, [["a"]], None])
def test_images_of_another_shape_are_refused(tmp_path, images):
    values = recipes.values()
    values["sources"][0]["format"]["images"] = images
    if images is None:
        assert load_recipe(recipes.write(tmp_path, values)).sources[0].format.images is None
    else:
        with pytest.raises(RecipeProblems, match=r"images"):
            load_recipe(recipes.write(tmp_path, values))


def test_images_and_image_columns_exclude_each_other(tmp_path):
    values = recipes.values()
    values["sources"][0]["format"] |= {"images": "image", "image_columns": ["other"]}
    with pytest.raises(RecipeProblems, match="`images` and `image_columns` exclude each other"):
        load_recipe(recipes.write(tmp_path, values))


# Where images lie


def roots(tmp_path, monkeypatch, root):
    (tmp_path / "pictures").mkdir(exist_ok=True)
    monkeypatch.setenv("WHERE", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    (tmp_path / "b.tar").write_bytes(b"")
    (tmp_path / "c.tar.gz").write_bytes(b"")
    (tmp_path / "d.jsonl").write_bytes(b"")
    values = recipes.values()
    values["sources"][0]["format"] |= {"images": "image", "image_root": root}
    return load_recipe(recipes.write(tmp_path, values))


def test_roots_start_at_the_recipe_and_are_not_told_to_rust(tmp_path, monkeypatch):
    source = roots(tmp_path, monkeypatch, ["pictures", "$WHERE/a.zip", "b.tar"]).sources[0]
    assert source.image_roots == tuple(f"{tmp_path}/{name}" for name in ("pictures", "a.zip", "b.tar"))
    assert "image_root" not in source.mapping
    recipe = roots(tmp_path, monkeypatch, "$WHERE/pictures")
    assert recipe.sources[0].image_roots == (f"{tmp_path}/pictures",)
    assert recipe.canonical()["sources"][0]["format"]["image_root"] == ["$WHERE/pictures"]
    assert str(tmp_path) not in repr(recipe.canonical())


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("nowhere", "nowhere` does not exist"),
        (["pictures", "e.zip"], "e.zip` does not exist"),
        ("c.tar.gz", "is compressed as a whole"),
        ("d.jsonl", "is neither a folder nor a zip or tar"),
        ("$NOWHERE/x", "the variable `$NOWHERE` in this path is not set"),
        ("", "a path may not be empty"),
        ([], "must not be empty"),
        (3, "a path is wanted, or a list of paths"),
    ],
)
def test_roots_that_are_none_are_refused(tmp_path, monkeypatch, root, message):
    with pytest.raises(RecipeProblems) as error:
        roots(tmp_path, monkeypatch, root)
    (problem,) = error.value.problems
    assert message in problem.message
    assert problem.place.line > 1


# Formats by name, and what a recipe puts over them


def format_of(tmp_path, row_format):
    values = recipes.values()
    values["sources"][0]["format"] = row_format
    return load_recipe(recipes.write(tmp_path, values)).sources[0]


def test_a_format_by_name_may_be_changed(tmp_path):
    (tmp_path / "pictures").mkdir()
    source = format_of(tmp_path, {"preset": "llava", "image_root": "pictures", "unused": ["extra"]})
    preset = load_preset("llava")
    assert source.mapping == preset | {"unused": [*preset["unused"], "extra"]}
    assert source.image_roots == (f"{tmp_path}/pictures",)


@pytest.mark.parametrize(
    ("own", "there", "gone"),
    [
        ({"response": "best"}, {"response": "best"}, ["responses"]),
        ({"images": None}, {}, ["images"]),
        ({"image_columns": []}, {"image_columns": []}, ["images"]),
        ({"options": None, "answer": None}, {}, ["options", "answer"]),
        ({"question": ["q", "context"]}, {"question": ["q", "context"]}, []),
    ],
)
def test_keys_over_a_format_win(tmp_path, own, there, gone):
    source = format_of(tmp_path, {"preset": "octomed", **own})
    wanted = {key: value for key, value in load_preset("octomed").items() if key not in gone} | there
    assert source.mapping == wanted


@pytest.mark.parametrize(
    ("row_format", "message"),
    [
        ({"preset": "lava"}, "unknown row format `lava`"),
        ({"preset": 3}, "unknown row format `3`"),
        ({"preset": "llava", "question": "q"}, "`messages` and `question` exclude each other"),
        ({"preset": "octomed", "responses": None}, "neither `response` nor `responses`"),
        ("mmmu", "rows of `mmmu` have no response: it is an evaluation set"),
        ({"preset": "medxpertqa", "image_root": "."}, "rows of `medxpertqa` have no response"),
    ],
)
def test_formats_that_cannot_be_are_refused(tmp_path, row_format, message):
    with pytest.raises(RecipeProblems) as error:
        format_of(tmp_path, row_format)
    (problem,) = error.value.problems
    assert message in problem.message.replace(
        "rows of `octomed` have no response", "neither `response` nor `responses`"
    )
    assert problem.place.line > 1


def test_an_evaluation_set_is_learned_from_where_the_recipe_maps_a_response(tmp_path):
    assert set(preset_names()) - set(trainable_presets()) == {
        "medframeqa",
        "medical-o1-verifiable",
        "medxpertqa",
        "mmlu",
        "mmlu-pro",
        "mmmu",
        "omnimedvqa",
    }
    source = format_of(tmp_path, {"preset": "mmmu", "response": "{{ answer }}"})
    assert source.mapping == load_preset("mmmu") | {"response": "{{ answer }}"}


@pytest.mark.parametrize("name", preset_names())
def test_a_format_holds_only_keys_of_a_mapping(tmp_path, name):
    own = {} if name in trainable_presets() else {"response": "x"}
    source = format_of(tmp_path, load_preset(name) | own)
    assert curated_mapping_of(source.format) == load_preset(name) | own


def test_the_schema_has_the_keys():
    schema = schema_json()
    assert list(schema["$defs"]["Images"]["properties"]) == list(IMAGES)
    assert all(key.get("description") for key in schema["$defs"]["Images"]["properties"].values())
    assert set(schema["$defs"]["Mapping"]["properties"]) >= {"preset", "images", "image_root"}
    assert "format" not in schema["$defs"]["Source"]["required"]
