"""Globs, folders and lists of a store become the files that the same ones become in a folder."""

from __future__ import annotations

import json

import pytest
from octomed.errors import RecipeError, StorageError
from octomed.recipe import RecipeProblems, load_recipe
from octomed.recipe.inputs import find_inputs
from octomed.recipe.opening import open_stream

from . import runs

NAMES = [
    "t/b.jsonl", "t/a.jsonl", "t/B.jsonl", "t/x/c.jsonl", "t/x/y/d.jsonl.gz", "t/x/README.md",
    "t/.hidden.jsonl", "t/.git/z.jsonl", "t/x/.y/e.jsonl", "t/x/p.parquet", "t/é.jsonl", "t/a-b.jsonl",
    "t/archive.zip", "t/notes.txt", "t/index.json", "t/rows.json", "t/[odd].jsonl", "t/a b.jsonl",
    "u/train-0.jsonl", "u/test-0.jsonl", "v/train/a.jsonl", "v/test/a.jsonl", "v/README.md",
    "w/train.jsonl", "w/other.jsonl", "s/only.txt", "saved/dataset_dict.json", "saved/train/data-0.arrow",
    "saved/train/state.json", "saved/test/data-0.arrow", "d/x.jsonl/part.jsonl", "d/y.jsonl",
]  # fmt: skip
CONTENTS = {
    "t/index.json": '{"shards": []}',
    "t/rows.json": '[{"q": 1}]',
    "v/README.md": "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n"
    "    path: test/*\n  - split: test\n    path: train/*\n---\n",
    "saved/dataset_dict.json": '{"splits": ["train", "test"]}',
    "saved/train/state.json": '{"_data_files": [], "_fingerprint": "1"}',
}
ENTRIES = [
    ["t"], ["t/"], ["t/*"], ["t/*.jsonl"], ["t/**"], ["t/**/*.jsonl"], ["t/[ab].jsonl"], ["t/?.jsonl"],
    ["t/.h*"], ["t/x"], ["t/a.jsonl"], ["t/[odd].jsonl"], ["t/*/*"], ["t/x/**/d*"], ["t/a.jsonl", "t/x"],
    ["t/a.jsonl", "t"], ["t/a b.jsonl"], ["u"], ["u/train*"], ["v"], ["w"], ["saved"], ["saved/train"],
    ["d/*"], ["s"], ["s/*"], ["t/none.jsonl"], ["none/*.jsonl"], ["none"], ["t/archive.zip"], ["t/é.jsonl"],
    ["d/x.jsonl"], ["t/*.zip"],
]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    for name in NAMES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONTENTS.get(name, '{"q": 1}\n'))
    runs.write_recipe(folder, runs.one_source("t"))
    return folder


def found(folder, root, entries, **keys):
    """What a recipe's entries name, or what is wrong with them, without the root."""
    values = runs.one_source([f"{root}/{entry}" for entry in entries], **keys)
    recipe = load_recipe(values, check_files=False, folder=folder)
    try:
        inputs = find_inputs(recipe)
    except RecipeProblems as error:
        return sorted(problem.message.replace(root, "").replace("/`", "`") for problem in error.problems)
    files = [(file.relative, file.size, file.kind, file.compression) for file in inputs.files]
    left = [(one.file, one.reason) for one in inputs.left_out]
    return files, sorted(left), inputs.splits, inputs.notes


@pytest.mark.parametrize("split", [None, "train", "all"])
def test_entries_name_in_a_store_what_they_name_in_a_folder(tree, fast_s3, split):
    root = fast_s3.upload(tree, "tree")
    for entries in ENTRIES:
        keys = {} if split is None else {"split": split}
        here, there = found(tree, str(tree), entries, **keys), found(tree, root, entries, **keys)
        if isinstance(here, list) and any("exist" in one or "no file" in one for one in here):
            assert isinstance(there, list), entries
        else:
            assert there == here, entries


def test_what_is_not_there_is_named_with_what_is(tree, fast_s3):
    root = fast_s3.upload(tree, "tree")

    def problem(entry):
        with pytest.raises(RecipeProblems) as raised:
            find_inputs(load_recipe(runs.one_source(f"{root}/{entry}"), check_files=False, folder=tree))
        return raised.value.problems[0]

    assert problem("t/none.jsonl").message == f"there is nothing at `{root}/t/none.jsonl`"
    assert f"`{root}/t`" in problem("t/none.jsonl").hint
    assert f"`{root}`" in problem("none/at/all").hint
    assert problem("t/*.zip").message == f"`{root}/t/archive.zip` is an archive: unpack it"
    assert "names no file of a known kind; there is `only.txt`" in problem("s").message


@pytest.mark.usefixtures("fast_s3")
def test_a_bucket_that_is_not_there_is_an_error_of_storage(tree):
    recipe = load_recipe(runs.one_source("s3://octomed-none/t"), check_files=False, folder=tree)
    with pytest.raises(StorageError, match=r"s3://octomed-none.*no such bucket"):
        find_inputs(recipe)


@pytest.mark.parametrize(
    "path", ["s3://", "s3://b*/x", "ftp://host/x", "s3://bucket/a/../b", "s4://bucket/a"]
)
def test_what_is_no_address_is_refused_with_the_recipe(tree, path):
    with pytest.raises(RecipeError):
        load_recipe(runs.one_source(path), check_files=False, folder=tree)


def test_a_listed_name_that_looks_like_a_query_is_a_name(tree, fast_s3):
    fast_s3.put("odd/a?b=c.jsonl", b"{}\n")
    recipe = load_recipe(runs.one_source(f"{fast_s3.root}/odd"), check_files=False, folder=tree)
    (file,) = find_inputs(recipe).files
    assert file.path == f"{fast_s3.root}/odd/a?b=c.jsonl"
    with open_stream(file.path, None) as stream:
        assert stream.read(10) == b"{}\n"


def test_a_folder_is_listed_once(tree, fast_s3):
    fast_s3.many("many/{:06}.jsonl", 2500, json.dumps({"question": "q", "responses": ["r"]}) + "\n")
    recipe = load_recipe(runs.one_source(f"{fast_s3.root}/many"), check_files=False, folder=tree)
    before = len(fast_s3.asked())
    assert len(find_inputs(recipe).files) == 2500
    listings = [asked for asked in fast_s3.asked()[before:] if "prefix=many" in asked]
    assert len(listings) <= 4
