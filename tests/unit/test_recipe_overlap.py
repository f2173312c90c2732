"""A run that would read what it writes is refused; one that only lies nearby is not."""

from __future__ import annotations

import os

import pytest
from octomed.cli.app import run
from octomed.recipe import RecipeProblems, load_recipe
from octomed.recipe.glob import OwnFiles, expand_entry
from octomed.recipe.inputs import known_kind

from tests.unit import recipes


def write(folder, path, **folders):
    recipe = recipes.values()
    recipe["sources"] = [{"name": "only", "path": path, "format": "octomed"}]
    for key, value in folders.items():
        recipe[key] = {"path": value}
    for name in ("data/a.json", "data/deep/b.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("[]")
    return recipes.write(folder, recipe)


OVERLAPS = [
    ("data", {"output": "data/run"}, "output", "data/run/octomed.json"),
    (".", {"output": "run"}, "output", "run/octomed.json"),
    ("data/", {"output": "data"}, "output", "data/octomed.json"),
    ("data/**/*.parquet", {"output": "data/run"}, "output", "data/run/rejects/only.parquet"),
    ("data/*", {"output": "data"}, "output", "data/octomed.json"),
    (["data/a.json", "data/deep/../**"], {"output": "data/run"}, "output", "data/run/octomed.json"),
    ("data", {"work": "data/store"}, "work", f"data/store/blocks/{'0' * 32}/task.json"),
    ("**/*.json", {"work": "store"}, "work", f"store/blocks/{'0' * 32}/task.json"),
]


@pytest.mark.parametrize("case", OVERLAPS)
def test_a_folder_that_a_source_reads_is_refused_for_the_run(tmp_path, capsys, case):
    path, folders, key, example = case
    recipe = write(tmp_path, path, **{"output": "out", "work": ".octomed"} | folders)
    line = next(n for n, text in enumerate(recipe.read_text().splitlines(), 1) if text == f"{key}:") + 1
    for verb in ("check", "plan", "pack"):
        assert run([verb, str(recipe)]) == 2
        said = capsys.readouterr().err
        assert f"error: {recipe}:{line}:9: `{key}.path` lies where `sources.only.path` reads" in said
        assert f"`{tmp_path / example}` would be rows" in said
        assert f"hint: write outside of that folder, or narrow the source's path (at {recipe}:" in said
    assert not (tmp_path / "out").exists()


def test_a_link_into_the_folder_is_seen_through(tmp_path):
    recipe = write(tmp_path, "data", output="link/run")
    (tmp_path / "link").symlink_to("data/deep")
    with pytest.raises(RecipeProblems, match="lies where"):
        load_recipe(recipe)


@pytest.mark.parametrize(
    ("path", "output", "work"),
    [
        ("data/*.json", "data/run", "data/store"),
        ("data/*/*.parquet", "data/run", ".octomed"),
        ("data", "data/.run", "data/.octomed"),
        ("data/a.json", "data", "data"),
        ("data/deep", "data", "data/deeper"),
        ("data/**/b*.parquet", "data/run", ".octomed"),
    ],
)
def test_folders_that_lie_only_nearby_are_fine(tmp_path, path, output, work):
    load_recipe(write(tmp_path, path, output=output, work=work))


NAMES = ["a.json", "x/a.json", "x/y/b.parquet", ".h/a.json", "x/.a.json", "xy/c.csv", "x/y/z/a.json"]
ENTRIES = [
    "",
    "*",
    "**",
    "*/*",
    "**/*.json",
    "x/**",
    "x*/*",
    ".h/*",
    "**/y/*",
    "x/.*",
    "?/[xy]/*",
    "**/**/a*",
    "a.json",
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_an_entry_would_name_is_what_it_names(tmp_path, entry):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    path = f"{tmp_path}/{entry}"
    named = {os.path.normpath(match.path) for match in expand_entry(path, known_kind)}
    files = [f"{tmp_path}/{name}" for name in NAMES]
    assert {file for file in files if OwnFiles([file]).named_by(path)} == named
    assert OwnFiles(files).named_by(path) in (named or {None})


ADDRESSES = [
    ("s3://bkt/data", {"output": {"path": "s3://bkt/data/run"}}, "output.path"),
    ("s3://bkt/data/", {"output": {"path": "s3://bkt/data"}}, "output.path"),
    ("s3://bkt", {"work": {"path": "s3://bkt/store"}}, "work.path"),
    ("s3://bkt/**/*.parquet", {"output": {"path": "out", "copies": "s3://bkt/b/c"}}, "output.copies"),
    ("gs://bkt/run/octomed.json", {"output": {"path": "gs://bkt/run"}}, "output.path"),
]


@pytest.mark.parametrize(("path", "keys", "key"), ADDRESSES)
def test_an_address_that_a_source_reads_is_refused_for_the_run(tmp_path, path, keys, key):
    values = recipes.values() | {"sources": [{"name": "only", "path": path, "format": "octomed"}]} | keys
    with pytest.raises(
        RecipeProblems, match=f"`{key}` lies where `sources.only.path` reads: `.{{1,3}}://bkt"
    ):
        load_recipe(recipes.write(tmp_path, values), check_files=False)


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("s3://bkt/data", "s3://bkt/database"),
        ("s3://bkt/data", "gs://bkt/data"),
        ("s3://bkt/data/*.jsonl", "s3://bkt/data/run"),
        ("s3://bkt/data", "s3://bkt/data/.run"),
        ("data", "s3://bkt/data"),
    ],
)
def test_addresses_that_lie_only_nearby_are_fine(tmp_path, path, output):
    values = recipes.values() | {"sources": [{"name": "only", "path": path, "format": "octomed"}]}
    load_recipe(recipes.write(tmp_path, values), [f"output.path={output}"], check_files=False)


@pytest.mark.parametrize(
    "options",
    [
        ["output.path=s3://bkt/a", "output.copies=s3://bkt/a"],
        ["output.path=s3://bkt/a", "output.copies=[gs://bkt/a, s3://bkt/a/b]"],
        ["output.path=s3://bkt/a/b", "work.path=s3://bkt/a"],
        ["output.path=out", "output.copies=out/../out"],
        ["output.path=out", "output.copies=[copy, copy/deep]"],
        ["output.path=out", "work.scratch=out/scratch"],
        ["output.path=out", "work.path=s3://bkt/a", "output.copies=s3://bkt/a/b"],
    ],
)
def test_two_places_to_write_to_that_lie_in_one_another_are_refused(tmp_path, options):
    with pytest.raises(RecipeProblems, match="lie in one another"):
        load_recipe(recipes.write(tmp_path, recipes.values()), options, check_files=False)


@pytest.mark.parametrize(
    "options",
    [
        ["output.path=out", "work.path=out/.octomed"],
        ["output.path=runs/out", "work.path=runs"],
        ["work.path=store", "work.scratch=store"],
        ["output.path=s3://bkt/a", "output.copies=[s3://bkt/ab, out]", "work.path=s3://bkt/c"],
    ],
)
def test_a_local_store_may_lie_near_the_output(tmp_path, options):
    load_recipe(recipes.write(tmp_path, recipes.values()), options, check_files=False)
