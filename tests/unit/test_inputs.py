"""Globs, folders and lists become files."""

from __future__ import annotations

import errno
import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.recipe import RecipeProblems, load_recipe, resolve_inputs
from octomed.recipe.glob import expand_entry
from octomed.recipe.split_cards import WrittenSplits
from octomed.recipe.split_names import split_in_doubt, split_named

from tests.unit import recipes


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"q": 1}\n')


def resolve(folder: Path, *entries: str):
    path = recipes.write(folder, recipes.values())
    text = "[" + ", ".join(f"'{entry}'" for entry in entries) + "]"
    return resolve_inputs(
        load_recipe(path, [f"sources.0.path={text}", "sources.1.path=data/a.jsonl"], check_files=False)
    )


def relative(folder: Path, *entries: str) -> list[str]:
    return [file.relative for file in resolve(folder, *entries) if file.source == "medqa"]


@pytest.fixture
def tree(tmp_path):
    make(tmp_path, "t/b.jsonl", "t/a.jsonl", "t/B.jsonl", "t/x/c.jsonl", "t/x/y/d.jsonl.gz", "t/x/README.md")
    make(tmp_path, "t/.hidden.jsonl", "t/.git/z.jsonl", "t/x/p.parquet", "t/é.jsonl", "t/a-b.jsonl")
    return tmp_path


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (
            "t",
            [
                "B.jsonl",
                "a-b.jsonl",
                "a.jsonl",
                "b.jsonl",
                "x/c.jsonl",
                "x/p.parquet",
                "x/y/d.jsonl.gz",
                "é.jsonl",
            ],
        ),
        (
            "t/",
            [
                "B.jsonl",
                "a-b.jsonl",
                "a.jsonl",
                "b.jsonl",
                "x/c.jsonl",
                "x/p.parquet",
                "x/y/d.jsonl.gz",
                "é.jsonl",
            ],
        ),
        ("t/*.jsonl", ["B.jsonl", "a-b.jsonl", "a.jsonl", "b.jsonl", "é.jsonl"]),
        ("t/**/*.jsonl", ["B.jsonl", "a-b.jsonl", "a.jsonl", "b.jsonl", "x/c.jsonl", "é.jsonl"]),
        ("t/**/*.gz", ["x/y/d.jsonl.gz"]),
        ("t/?.jsonl", ["B.jsonl", "a.jsonl", "b.jsonl", "é.jsonl"]),
        ("t/[ab].jsonl", ["a.jsonl", "b.jsonl"]),
        ("t/[!ab].jsonl", ["B.jsonl", "é.jsonl"]),
        ("t/*/c.jsonl", ["x/c.jsonl"]),
        ("*/x/c.jsonl", ["t/x/c.jsonl"]),
        ("t/x/c.jsonl", ["c.jsonl"]),
        ("t/.hid*.jsonl", [".hidden.jsonl"]),
    ],
)
def test_what_an_entry_matches(tree, entry, found):
    assert relative(tree, entry) == found


def test_entries_have_roots_of_their_own(tree):
    assert relative(tree, "t/x/*.jsonl", "t/a.jsonl", "t/x/y") == ["a.jsonl", "c.jsonl", "d.jsonl.gz"]


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    make(tmp_path, "t/a[1].jsonl", "t/a1.jsonl")
    assert relative(tmp_path, "t/a[1].jsonl") == ["a[1].jsonl"]


def test_files_are_described(tree):
    file = next(file for file in resolve(tree, "t") if file.relative == "x/c.jsonl")
    status = os.stat(file.path)
    assert (file.source, file.source_index, file.kind, file.compression) == ("medqa", 0, "jsonl", None)
    assert (file.size, file.mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_sources_keep_the_recipes_order(tree):
    assert [file.source_index for file in resolve(tree, "t/*.jsonl")] == [0, 0, 0, 0, 0, 1]


def write_json(path: Path, text: bytes) -> None:
    compress = {".gz": gzip.compress, ".zst": lambda data: pa.compress(data, "zstd", asbytes=True)}
    raw = compress.get(path.suffix, bytes)(text)
    path.write_bytes(raw)


@pytest.mark.parametrize("end", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b" [\n{}]", "json"),
        (b'\xef\xbb\xbf \n{"a": 1}\n{"a": 2}', "jsonl"),
        (b"", "json"),
        (b"nonsense", "json"),
    ],
)
def test_json_is_lines_when_it_begins_with_an_object(tmp_path, text, kind, end):
    write_json(tmp_path / f"t.json{end}", text)
    (file,) = [file for file in resolve(tmp_path, f"t.json{end}") if file.source == "medqa"]
    assert file.kind == kind
    assert file.compression == {"": None, ".gz": "gzip", ".zst": "zstd"}[end]


@pytest.mark.parametrize(
    ("name", "kind", "compression"),
    [
        ("a.PARQUET", "parquet", None),
        ("a.ndjson.zstd", "jsonl", "zstd"),
        ("a.csv", "csv", None),
        ("a.tsv.gz", "tsv", "gzip"),
    ],
)
def test_kinds_by_extension(tmp_path, name, kind, compression):
    make(tmp_path, name)
    file = resolve(tmp_path, name)[0]
    assert (file.kind, file.compression) == (kind, compression)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["t/*.nothing"], "matches no file"),
        (["none.jsonl"], "does not exist"),
        (["t/x/README.md"], "is of an unknown kind"),
        (["t/a.jsonl", "t/*.jsonl"], "reads"),
        (["t/a.jsonl", "u/*.jsonl"], "has two files `a.jsonl`"),
        (["empty"], "no file in"),
        (["pipe.jsonl"], "is not a regular file"),
    ],
)
def test_what_is_said_about_an_entry(tree, entries, said):
    make(tree, "u/a.jsonl")
    (tree / "empty").mkdir()
    os.mkfifo(tree / "pipe.jsonl")
    with pytest.raises(RecipeProblems) as caught:
        resolve(tree, *entries)
    assert said in str(caught.value)
    assert "sources.0.path" in str(caught.value.problems[0].place)


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("{t,v}/a.jsonl", "braces are not expanded: write a list, `["),
        ("t/{0..9}*.jsonl", "braces are not expanded: write a wildcard, as in `"),
        ("{t}/a.jsonl", "the nearest folder that exists is"),
    ],
)
def test_braces_stand_for_themselves_and_the_hint_says_what_to_write(tree, entry, hint):
    make(tree, "u/{x,y}.jsonl")
    assert [file.relative for file in resolve(tree, "u/{x,y}.jsonl") if file.source == "medqa"] == [
        "{x,y}.jsonl"
    ]
    with pytest.raises(RecipeProblems) as caught:
        resolve(tree, entry)
    assert hint in caught.value.problems[0].hint


def test_every_empty_glob_is_named_with_its_line(tmp_path):
    values = recipes.values()
    values["sources"][0]["path"] = ["data/*.jsonl", "data/*.csv"]
    values["sources"][1]["path"] = "other"
    recipe = load_recipe(recipes.write(tmp_path, values), check_files=False)
    with pytest.raises(RecipeProblems) as caught:
        resolve_inputs(recipe)
    text = recipes.to_yaml(values).splitlines()
    lines = [text[problem.place.line - 1] for problem in caught.value.problems]
    assert "data/*.csv" in lines[0]
    assert "path: other" in lines[1]


@pytest.mark.parametrize("entry", ["t", "t/**/*.jsonl", "t/x/*.jsonl"])
@pytest.mark.parametrize("check_files", [True, False])
def test_a_folder_that_may_not_be_read_is_a_problem(tree, monkeypatch, entry, check_files):
    scandir = os.scandir

    def refusing(folder):
        if str(folder).rstrip("/").endswith("/x"):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    for name in ("a", "b", "B", "a-b", "é"):
        (tree / f"t/{name}.jsonl").unlink()
    path = recipes.write(tree, recipes.values())
    with pytest.raises(RecipeProblems, match=r"the folder .*/t/x/?` cannot be read: Permission denied"):
        resolve_inputs(load_recipe(path, [f"sources.0.path={entry}"], check_files=check_files))


def test_a_broken_compressed_file_is_left_to_the_plan(tmp_path):
    """Which heeds `on_bad_file`: tests/end_to_end/test_files.py."""
    (tmp_path / "t.json.gz").write_bytes(b"no gzip")
    assert relative(tmp_path, "t.json.gz") == ["t.json.gz"]


def test_folders_that_link_in_a_circle(tree):
    (tree / "t/x/loop").symlink_to(tree / "t", target_is_directory=True)
    assert "x/c.jsonl" in relative(tree, "t")
    assert relative(tree, "t/**/c.jsonl") == ["x/c.jsonl"]


PARTS = st.sampled_from(["a", "b", "ab", "*", "?", "a*", "[ab]", "**", "*b"])


@settings(max_examples=150, deadline=None)
@given(pattern=st.lists(PARTS, min_size=1, max_size=4))
def test_globs_match_what_the_standard_library_matches(tmp_path_factory, pattern):
    root = tmp_path_factory.getbasetemp() / "globs"
    if not root.exists():
        for name in ["a", "b", "ab", "sa/a", "sa/b", "ab.d/a", "ab.d/ab/a", "ab.d/ab/b", "b.d/x/ab"]:
            make(root, name)
    joined = "/".join(pattern)
    if "**" in pattern and pattern[-1] == "**":
        joined += "/*"
    expected = {path for path in root.glob(joined) if path.is_file()}
    found = expand_entry(f"{root}/{joined}", lambda _: True)
    if not (root / joined).is_dir():
        assert {Path(match.path) for match in found} == expected


def test_csv_files_have_the_dialect_of_their_source(tmp_path):
    for name in ("a.csv", "b.tsv.gz", "c.jsonl"):
        make(tmp_path, f"t/{name}")
    values = recipes.values()
    values["sources"][0]["path"] = "t"
    dialects = []
    for csv in (None, {}, {"delimiter": ";", "quote": None, "escape": "\\"}):
        values["sources"][0]["csv"] = csv
        files = resolve_inputs(load_recipe(recipes.write(tmp_path, values), check_files=False))
        dialects.append([file.dialect for file in files if file.source == "medqa"])
    usual = [(",", '"', None), ("\t", '"', None), None]
    assert dialects == [usual, usual, [(";", None, "\\"), (";", None, "\\"), None]]


def test_a_dialect_without_a_csv_file_is_a_problem(tmp_path):
    make(tmp_path, "t/c.jsonl")
    values = recipes.values()
    values["sources"][0] |= {"path": "t", "csv": {"delimiter": ";"}}
    with pytest.raises(RecipeProblems, match="source `medqa` has `csv` settings, and no CSV files"):
        resolve_inputs(load_recipe(recipes.write(tmp_path, values), check_files=False))


CERTAIN = {
    "train": [
        "medqa.train.jsonl", "a.train.v2.parquet", "TrainSet.csv", "trainA.jsonl", "trainset.jsonl",
        "训练集.jsonl", "medqatrain.jsonl", "trainfull.jsonl.gz", "train-00000-of-00002.parquet",
        "train/unseen.jsonl",
        "train/latest.jsonl", "MedQATrain.jsonl", "train/testosterone.jsonl",
    ],
    "test": [
        "medqa.test.jsonl.zst", "testset.jsonl", "TestSet.jsonl", "testA.jsonl", "测试.jsonl",
        "hidden_tests.jsonl", "train/a.test.jsonl", "2024test.jsonl", "eval.jsonl", "evals.jsonl",
        "ＴＥＳＴ.jsonl",
    ],
    "validation": ["a.dev.jsonl", "devset.jsonl", "val1.jsonl", "ValData.jsonl"],
    "heldout": ["heldout.jsonl", "holdout.csv", "held-out.jsonl", "HeldOut.jsonl", "hold_out_2.jsonl"],
    "dev-test": ["dev-test.jsonl"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("split", "name"), [(split, name) for split, names in CERTAIN.items() for name in names]
)
def test_splits_that_names_say(split, name):
    assert split_named(name) == split


@pytest.mark.parametrize(("name", "split"), [
    ("train-validation.jsonl", "train-validation"), ("train_dev.jsonl", "train_dev"),
    ("train.test.jsonl", "train.test"), ("trainval.jsonl", "trainval"), ("traintest.jsonl", "traintest"),
    ("tst.jsonl", "tst"), ("testmini.jsonl", "testmini"), ("unseen-3.jsonl", "unseen"),
    ("benchmark.jsonl", "benchmark"), ("medqatest.jsonl", "medqatest"), ("humaneval.jsonl", "humaneval"),
    ("valmini.jsonl", "valmini"), ("评测.jsonl", "评测"), ("unseen/a.jsonl", "unseen"),
    ("testhard-00000-of-00001.parquet", "testhard"), ("train_heldout.jsonl", "train_heldout"),
    ("interval.jsonl", None), ("latest.jsonl", None), ("retrieval.jsonl", None), ("testosterone.jsonl", None),
    ("valves.jsonl", None), ("devices.jsonl", None), ("strains.jsonl", None),
    ("household_output.jsonl", None),
    ("medqa.jsonl", None), ("survival.jsonl", None), ("testicular.jsonl", None), ("values.jsonl", None),
])  # fmt: skip
def test_names_that_may_be_splits_beside_others(name, split):
    assert split_named(name) is None
    assert split_in_doubt(name) == split


@pytest.mark.parametrize(("glob", "fitting", "others"), [
    ("data/*.jsonl", ["data/a.jsonl"], ["data/b/a.jsonl", "a.jsonl"]),
    ("**/a.jsonl", ["a.jsonl", "x/y/a.jsonl"], ["x/ba.jsonl"]),
    ("data/**", ["data/a.jsonl", "data/b/a.jsonl"], ["b/data/a.jsonl"]),
    ("tr?in-[0-9].jsonl", ["train-1.jsonl"], ["train-x.jsonl", "tr/in-1.jsonl"]),
    ("[!a].jsonl", ["b.jsonl"], ["a.jsonl"]),
    ("[[^~|&\\].jsonl", ["[.jsonl", "^.jsonl", "\\.jsonl"], ["a.jsonl"]),
    ("./a+(b).jsonl", ["a+(b).jsonl"], ["aab.jsonl"]),
    ("[z-a].jsonl", [], ["z.jsonl"]),
])  # fmt: skip
def test_patterns_of_a_card(tmp_path, glob, fitting, others):
    """As `datasets` resolves them: one `*` stays in its folder."""
    entries = json.dumps([{"data_files": [{"split": "extra", "path": glob}]}])
    (tmp_path / "README.md").write_text(f"---\nconfigs: {entries}\n---\n")
    written = WrittenSplits()
    assert [name for name in fitting if written.split_of(f"{tmp_path}/{name}") != "extra"] == []
    assert [name for name in others if written.split_of(f"{tmp_path}/{name}") == "extra"] == []


@pytest.mark.parametrize("card", [
    "", "configs: 1", "configs: &a [*a]", "configs: [{data_files: &a [*a]}]", "[" * 5000, "- 2024-99-99",
    "? [a]\n: 1",
    "configs: [{data_files: 5, data_dir: 7}, {data_files: {3: b}}]", "!!python/object:x {}", "\0",
])  # fmt: skip
def test_a_card_that_says_nothing_of_use(tmp_path, card):
    (tmp_path / "README.md").write_text(f"---\n{card}\n---\n")
    (tmp_path / "dataset_dict.json").write_text(card)
    assert WrittenSplits().split_of(f"{tmp_path}/a.jsonl") is None
