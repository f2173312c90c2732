"""Small parts of what is said: names of pictures, near formats, losses, and differences of recipes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from octomed import _octomed
from octomed.commands import in_python, python_call, shell_command, speaking_python
from octomed.origin import rebuild_command
from octomed.pipeline.inputs.nearest_format import near_formats
from octomed.pipeline.output.difference import About, difference, flat
from octomed.recipe.presets import load_preset, trainable_presets
from octomed.report.losses import large_losses, reasons_in_words
from octomed.run_file import Origin, Versions


@pytest.mark.parametrize(
    "name",
    [
        "image", "Image", "image_0", "image1", "imgPath", "img", "IMAGES", "figure", "Figure_path", "pic",
        "jpg", "pixel_values", "image_name", "DICOM", "a.png", "photoUrl", "decoded_image", "XRay",
    ],
)  # fmt: skip
def test_names_that_suggest_pictures(name):
    assert _octomed.Mapping.suggests_pictures(name)


@pytest.mark.parametrize(
    "name", ["imagine", "question", "topic", "configuration", "path", "", "gifted", "answer_2"]
)
def test_names_that_do_not(name):
    assert not _octomed.Mapping.suggests_pictures(name)


def required(value):
    """The required columns of a preset, by a rule of the test's own."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [name for item in value for name in required(item)]
    if "any_of" in value:
        return [] if value.get("optional") else value["any_of"][:1]
    return [name for key in ("context", "column") if key in value for name in required(value[key])]


@pytest.mark.parametrize("name", trainable_presets())
def test_each_format_is_the_nearest_to_its_own_columns(name):
    preset = load_preset(name)
    columns = [
        column
        for key, value in preset.items()
        if key not in {"prompt", "unused"}
        for column in required(value)
    ]
    near = near_formats(columns)
    assert (name, ()) in [(one.name, one.missing) for one in near]
    assert name not in [one.name for one in near_formats(columns, but=name)]
    if len(columns) > 1:
        almost = near_formats([*columns[:-1], "x"])
        assert name in [one.name for one in almost if not one.fits] or any(one.fits for one in almost)


def test_no_format_is_near_to_columns_of_another_kind():
    assert near_formats(["a", "b"]) == ()
    assert near_formats([]) == ()


def account(**counts):
    empty = {"rows": 100, "rows_unreadable": 0, "rows_without_trace": 0, "traces": 100}
    return empty | {"rows_refused": {}, "rejected": {}} | counts


def test_a_loss_is_large_from_more_than_five_percent():
    assert large_losses({"a": account(rejected={"over_long": 5, "duplicate": 90})}, capacity=64) == []
    (line,) = large_losses({"a": account(), "b": account(rejected={"over_long": 6})}, capacity=64)
    assert line.startswith("source `b`: 6 of 100 traces (6.00 %)")
    assert "`pack.capacity`" in line
    (line,) = large_losses({"a": account(rejected={"of_the_future": 50})}, capacity=64)
    assert "of_the_future" in line
    assert "`sources.a.format`" in line
    assert large_losses({"a": account(rows=0, traces=0)}, capacity=64) == []


def test_rows_lost_for_their_pictures_are_told_so(monkeypatch):
    monkeypatch.setitem(_octomed.REASONS, "has_image", False)
    counts = {"has_image": 50}
    (line,) = large_losses({"a": account(rows_without_trace=50, rows_refused=counts)}, capacity=64)
    assert "(50 has_image): rows with pictures are rejects: name their column as `images`" in line
    counts = {"has_image": 25, "no_response": 25}
    (line,) = large_losses({"a": account(rows_without_trace=50, rows_refused=counts)}, capacity=64)
    assert line.endswith(": look at `sources.a.format`")


def test_a_reason_of_another_version_counts_as_unreadable():
    refused = {"of_the_future": 2, "no_response": 3, "invalid_json": 1}
    assert reasons_in_words(refused) == "3 no_response, 2 of_the_future, 1 invalid_json"
    assert reasons_in_words(refused, unreadable=True) == "2 of_the_future, 1 invalid_json"
    assert reasons_in_words(refused, unreadable=False) == "3 no_response"


def test_commands_are_quoted_for_a_shell():
    assert shell_command("pack", "my r.yaml", ["system=it's", "a=1"], "--replace") == (
        "octomed pack 'my r.yaml' --set 'system=it'\"'\"'s' --set a=1 --replace"
    )
    assert python_call("pack", "r.yaml", ["a=1"], "replace=True") == (
        "octomed.pack('r.yaml', overrides=['a=1'], replace=True)"
    )
    with speaking_python():
        assert in_python()
    assert not in_python()


def test_the_command_of_a_run_without_a_file():
    run = Origin(recipe_folder="/r", recipe_file=None, overrides=("a=1",))
    assert rebuild_command(run) == "octomed.pack({...}, overrides=['a=1'])"
    assert rebuild_command(replace(run, recipe_file="r.yaml")) == "octomed pack /r/r.yaml --set a=1"
    assert rebuild_command(Origin()) == "octomed pack RECIPE"


def about(**recipe):
    recipe = {"sources": [{"name": "a", "path": ["x"], "format": "octomed"}], "pack": {"seed": 1}} | recipe
    return About(recipe, "t", "u", versions=Versions(scan=1, write=1))


def test_what_decides_no_byte_is_no_difference():
    other = about(name="n", output={"path": "o"}, work={"keep": False}, model="m")
    other.recipe["sources"] = [{**about().recipe["sources"][0], "teacher": "T", "max_unreadable": 1.0}]
    assert difference(about(), other).startswith("of the same recipe, over other inputs")
    assert difference(about(), replace(other, tokenizer="t2")) == 'of another recipe: `model` (not set) → "m"'
    assert difference(about(), replace(about(), template="u2")) == (
        "of the same recipe, but the template of its model was a different one"
    )


def test_long_values_and_many_keys_are_cut():
    found = difference(about(), about(system="x" * 500))
    assert len(found) < 120
    many = about(pack={f"k{number}": number for number in range(20)})
    assert difference(about(), many).endswith(", and 13 more keys")


def test_what_an_old_run_does_not_say_is_not_compared():
    assert difference(About(), about()) == "of another recipe, of other inputs, or of another octomed"
    old = About(about().recipe)
    assert difference(old, about(pack={"seed": 2})) == "of another recipe: `pack.seed` 1 → 2"
    assert difference(old, about()).startswith("of the same recipe, over other inputs: files were")


def test_keys_are_flat_as_set_takes_them():
    assert dict(flat(about().recipe)) == {
        "sources.a.path": ["x"], "sources.a.format": "octomed", "pack.seed": 1,
    }  # fmt: skip
