"""Damaged and hostile state files: the same bytes are made again, or a named error says what to do."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import shutil
import signal

import octomed
import pytest
from octomed.errors import OctomedError, RecipeError, StorageError
from octomed.pipeline.output.manifest_file import load_manifest
from octomed.run_file import load_run_file
from octomed.state import Damaged, as_written
from octomed.store import LocalStore
from octomed.store_files import load_task

from tests import state_files

from . import runs

CASES = max(100, int(os.environ.get("OCTOMED_CASES", "0")))
MANIFEST = ".octomed-run.json"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A small finished run, its recipe and its store."""
    folder = tmp_path_factory.mktemp("run")
    runs.write_lines(folder / "data/a.jsonl", runs.question_rows(1, 12))
    runs.write_lines(folder / "data/b.jsonl", [*runs.question_rows(2, 6), {"question": "q", "responses": []}])
    runs.pack(runs.write_recipe(folder, runs.one_source("data/*.jsonl")))
    return folder


@pytest.fixture
def fresh(packed, tmp_path):
    """The same made once more, for a test to spoil."""
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("out", "runs"))
    runs.pack(tmp_path / "recipe.yaml")
    return tmp_path


@pytest.fixture
def expected(packed):
    return runs.contents(packed / "out")


def values_of(value, way=()):
    """The ways to all values below one."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*way, key)
        yield from values_of(item, (*way, key))


def mutated(data, draw):
    """A state file with one thing changed, as bytes."""
    kind = draw.choice(["flip", "flip", "truncate", "delete", "number", "type", "swap", "bytes"])
    if kind == "flip":
        changed = bytearray(data)
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if kind == "truncate":
        return data[: draw.randrange(len(data))]
    if kind == "bytes":
        return draw.choice([b"", b"\0" * len(data), b"[]", b"null", b"{}", b"[" * 10_000, data + data])
    value = json.loads(data)
    ways = list(values_of(value))
    way = draw.choice(ways)
    parent = value
    for key in way[:-1]:
        parent = parent[key]
    if kind == "delete":
        del parent[way[-1]]
    elif kind == "number":
        parent[way[-1]] = draw.choice([0, 1, -1, 200, 2**70, 1.5, 1e300])
    elif kind == "type":
        parent[way[-1]] = draw.choice([None, True, "", "x", [], {}, [[]], {"a": 1}, "/any/file", "../../x"])
    else:
        other = copy.deepcopy(value)
        for key in draw.choice(ways):
            other = other[key]
        parent[way[-1]] = other
    return as_written(value)


def task_file(folder):
    return min((folder / "store/blocks").glob("*/task.json"))


def registered(folder):
    return next((folder / "store/runs").glob("*.json"))


FILES = {
    "manifest": lambda folder: folder / "out" / MANIFEST,
    "run file": lambda folder: folder / "out/octomed.json",
    "index": lambda folder: min(folder.glob("out/*/index.json")),
    "task": task_file,
    "registered run": registered,
}
ALWAYS_MADE_AGAIN = {"task", "run file", "index"}
"""`pack` makes these again whatever is wrong with them; a manifest where the run file says whose it is."""


def outcome(call):
    """The result of a call, or the exit code of its error; any other exception is a fault of ours."""
    try:
        return call()
    except OctomedError as error:
        return error


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_state_file_is_made_again_or_named(fresh, expected, kind):
    draw = random.Random(17)
    path = FILES[kind](fresh)
    whole = path.read_bytes()
    for number in range(CASES):
        path.write_bytes(mutated(whole, draw))
        unfinished = kind == "task" or number % 5 == 0
        if unfinished:
            (fresh / "out/octomed.json").rename(fresh / "kept")
        try:
            made = outcome(lambda: runs.pack(fresh / "recipe.yaml"))
            newer = isinstance(made, OctomedError) and "has format " in made.message
            if isinstance(made, OctomedError):
                assert (made.exit_code in {2, 3, 4}, bool(made.hint)) == (True, True)
                assert newer or kind not in ALWAYS_MADE_AGAIN, made
            else:
                assert runs.contents(fresh / "out") == expected
                assert number % 4 or octomed.verify(fresh / "out").findings == ()
        finally:
            if not (fresh / "out/octomed.json").exists():
                (fresh / "kept").rename(fresh / "out/octomed.json")
            if isinstance(made, OctomedError):
                path.write_bytes(whole)
        whole = path.read_bytes()


@pytest.mark.parametrize("kind", ["manifest", "run file", "index"])
def test_what_reads_a_run_with_a_damaged_state_file_ends_in_words(fresh, kind):
    draw = random.Random(19)
    out = fresh / "out"
    path = FILES[kind](fresh)
    whole = path.read_bytes()
    stream = next(iter(json.loads((out / "octomed.json").read_text())["streams"]))
    verbs = [
        ["verify", str(out)],
        ["verify", str(out), "--quick"],
        ["inspect", str(out)],
        ["inspect", str(out), "--stream", stream, "--pack", "0"],
        ["rejects", str(out)],
    ]
    for number in range(CASES):
        path.write_bytes(mutated(whole, draw))
        code = runs.command_line(verbs[number % len(verbs)])
        assert code in {0, 2, 3, 4}
        if number % len(verbs) == 0:
            assert (code == 0) == (path.read_bytes() == whole)


def test_rows_201_in_a_task_are_not_200(fresh, expected):
    path = task_file(fresh)
    value = json.loads(path.read_text())
    value["rows"] -= 1
    value["blocks"][0]["rows"] -= 1
    path.write_text(json.dumps(value))
    (fresh / "out/octomed.json").unlink()
    again = runs.pack(fresh / "recipe.yaml")
    assert runs.contents(fresh / "out") == expected
    assert again.blocks_scanned == 0
    assert any("task.json` was damaged" in note for note in again.notes)


def test_a_task_without_its_blocks_is_made_again(fresh, expected):
    path = task_file(fresh)
    value = json.loads(path.read_text())
    value["blocks"] = []
    path.write_text(json.dumps(value))
    (fresh / "out/octomed.json").unlink()
    assert runs.pack(fresh / "recipe.yaml").sums_agree
    assert runs.contents(fresh / "out") == expected
    assert not isinstance(load_task(LocalStore(fresh / "store"), path.parent.name), Damaged)


def test_a_damaged_entry_of_a_run_keeps_its_blocks(fresh):
    registered(fresh).write_text("{")
    blocks = sorted((fresh / "store/blocks").iterdir())
    recipe = str(fresh / "recipe.yaml")
    assert runs.command_line(["clean", recipe]) == 4
    assert sorted((fresh / "store/blocks").iterdir()) == blocks
    assert runs.pack(fresh / "recipe.yaml").already_done
    assert runs.command_line(["clean", recipe]) == 0
    assert sorted((fresh / "store/blocks").iterdir()) == blocks
    registered(fresh).write_text("{")
    assert runs.command_line(["clean", recipe, "--everything"]) == 0


def test_a_damaged_manifest_of_the_same_run_is_made_again(fresh, expected):
    (fresh / "out" / MANIFEST).write_bytes(b"\0" * 300)
    again = runs.pack(fresh / "recipe.yaml")
    assert any(f"{MANIFEST}` was damaged" in note for note in again.notes)
    assert runs.contents(fresh / "out") == expected
    assert octomed.verify(fresh / "out").findings == ()


def files_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_with_a_damaged_manifest_another_run_goes_only_if_it_is_to_be_replaced(fresh):
    out = fresh / "out"
    (out / MANIFEST).write_text("{")
    (out / "len-00256/mine.txt").write_text("mine")
    before = files_in(out)
    with pytest.raises(StorageError, match="is damaged") as caught:
        runs.pack(fresh / "recipe.yaml", "pack.seed=5", replace=True)
    assert "move `len-00256` away, which no run wrote" in caught.value.hint
    (out / "len-00256/mine.txt").unlink()
    with pytest.raises(RecipeError, match="holds another run, and its manifest cannot be read") as caught:
        runs.pack(fresh / "recipe.yaml", "pack.seed=5")
    assert "replace=True" in caught.value.hint
    assert files_in(out) | {out / "len-00256/mine.txt": b"mine"} == before
    replaced = runs.pack(fresh / "recipe.yaml", "pack.seed=5", replace=True)
    assert any(f"{MANIFEST}` was damaged" in note for note in replaced.notes)
    assert octomed.verify(out).findings == ()


@pytest.mark.parametrize("run_file", [None, b"", b"{"])
def test_a_damaged_manifest_of_a_run_that_is_not_known_is_made_again(fresh, expected, run_file):
    (fresh / "out" / MANIFEST).write_bytes(b"")
    (fresh / "out/octomed.json").unlink()
    if run_file is not None:
        (fresh / "out/octomed.json").write_bytes(run_file)
    again = runs.pack(fresh / "recipe.yaml")
    assert any(f"{MANIFEST}` was damaged" in note for note in again.notes)
    assert runs.contents(fresh / "out") == expected


def test_a_missing_manifest_beside_a_finished_run_is_made_again(fresh, expected):
    """What `verify` says to do is done; beside files that no run wrote it is a folder of somebody else's."""
    out = fresh / "out"
    (out / MANIFEST).unlink()
    (out / "mine.txt").write_text("mine")
    before = files_in(out)
    with pytest.raises(RecipeError, match=r"already holds `mine\.txt`, and no manifest says"):
        runs.pack(fresh / "recipe.yaml")
    assert files_in(out) == before
    (out / "mine.txt").unlink()
    with pytest.raises(RecipeError, match="holds another run, and its manifest is missing"):
        runs.pack(fresh / "recipe.yaml", "pack.seed=5")
    again = runs.pack(fresh / "recipe.yaml")
    assert any(f"{MANIFEST}` was missing and is made again" in note for note in again.notes)
    assert runs.contents(out) == expected
    assert octomed.verify(out).findings == ()


HOSTILE = [
    "/any/file",
    "../../x",
    "..",
    "a/../../x",
    "thesis.tex",
    "notes/thesis.tex",
    ".git/config",
    "a\\b",
    "a\0",
    "provenance/mine.parquet",
    "mine/index.json",
    "len-00256/shard.00000.mds.mine",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", ["format 1", "signed"])
@pytest.mark.parametrize("part", ["files", "shards", "begun"])
def test_a_manifest_that_names_what_is_not_its_run_s_deletes_nothing(fresh, name, form, part):
    """A received folder with `--replace`: what a manifest from elsewhere names is not believed."""
    out = fresh / "out"
    (fresh / "x").write_text("mine")
    (out / "notes").mkdir()
    for mine in ("thesis.tex", "notes/thesis.tex"):
        (out / mine).write_text("mine")
    name = str(fresh / "x") if name == "/any/file" else name
    if form == "format 1":
        state_files.as_format_1(out)

    def edit(manifest):
        if part == "begun":
            manifest["begun"] = [name]
        else:
            manifest[part][name] = next(iter(manifest[part].values()))

    state_files.change(out / MANIFEST, edit)
    found = load_manifest(out)
    assert isinstance(found, Damaged)
    with pytest.raises(StorageError, match="is damaged"):
        runs.pack(fresh / "recipe.yaml", "pack.seed=5", replace=True)
    for mine in (fresh / "x", out / "thesis.tex", out / "notes/thesis.tex"):
        assert mine.read_text() == "mine"
    assert next(out.glob("*/shard.*")).exists()


def outside_of(out, name):
    """Move a file or folder of a run elsewhere, and leave a link."""
    outside = out.parent / "outside"
    (out / name).rename(outside)
    (out / name).symlink_to(outside)
    return outside


@pytest.mark.parametrize("name", ["len-00256", "provenance", "shard", "index", "octomed.json", MANIFEST])
def test_a_finished_run_of_which_a_link_leads_out_is_not_done(fresh, name):
    out = fresh / "out"
    of_stream = {"shard": "shard.*", "index": "index.json"}
    if name in of_stream:
        name = str(min(out.glob(f"len-*/{of_stream[name]}")).relative_to(out))
    outside_of(out, name)
    before = files_in(fresh)
    with pytest.raises(StorageError, match="there is a link, which is not followed") as caught:
        runs.pack(fresh / "recipe.yaml")
    assert f"`{out / name}`" in caught.value.message
    assert {path: before.get(path) for path in files_in(fresh / "outside")} == files_in(fresh / "outside")


@pytest.mark.parametrize("form", ["format 1", "format 2"])
def test_a_replacement_follows_no_link_out_of_the_folder(fresh, form):
    out = fresh / "out"
    if form == "format 1":
        state_files.as_format_1(out)
    outside = fresh / "outside"
    stream = next(out.glob("len-*"))
    stream.rename(outside)
    stream.symlink_to(outside)
    before = sorted(path.name for path in outside.iterdir())
    with pytest.raises(StorageError, match="there is a link, which is not followed"):
        runs.pack(fresh / "recipe.yaml", "pack.seed=5", replace=True)
    assert sorted(path.name for path in outside.iterdir()) == before
    runs.pack(fresh / "recipe.yaml", "pack.seed=5", "pack.buckets=[64]", replace=True)
    assert sorted(path.name for path in outside.iterdir()) == before


@pytest.mark.parametrize("name", ["len-00320", "provenance", "rejects", "len-00320/index.json", MANIFEST])
def test_a_link_that_no_run_made_is_found_before_the_old_run_goes(fresh, name):
    out = fresh / "out"
    (fresh / "outside").mkdir()
    if name == MANIFEST or (out / name).is_dir():
        shutil.rmtree(fresh / "outside")
        outside_of(out, name)
    else:
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).symlink_to(fresh / "outside")
    before = files_in(out)
    with pytest.raises(StorageError, match="there is a link, which is not followed") as caught:
        runs.pack(fresh / "recipe.yaml", "pack.capacity=320", replace=True)
    assert f"`{out / name}`" in caught.value.message
    assert files_in(out) == before


def test_runs_of_format_1_are_read_and_replaced(fresh):
    out = fresh / "out"
    state_files.as_format_1(out)
    assert load_run_file(out).format == 1
    for verb in (["verify"], ["inspect"], ["rejects"]):
        assert runs.command_line([*verb, str(out)]) == 0
    assert runs.pack(fresh / "recipe.yaml").already_done
    runs.pack(fresh / "recipe.yaml", "pack.seed=5", replace=True)
    assert load_run_file(out).format == 2
    assert octomed.verify(out).findings == ()


def test_a_run_of_a_newer_format_is_refused_by_name(fresh, capsys):
    out = fresh / "out"

    def edit(run):
        run["format"] = 3

    state_files.change(out / "octomed.json", edit)
    for words in (
        ["verify", out], ["verify", "--quick", out], ["inspect", out],
        ["inspect", out, "--stream", "len-00064", "--pack", "0"], ["inspect", out, "--trace", "1"],
        ["rejects", out], ["rejects", "--show-text", out], ["pack", fresh / "recipe.yaml"],
    ):  # fmt: skip
        code, said = runs.fails(capsys, *words)
        assert (code, "has format 3, and this version of octomed reads 2" in said) == (2, True), said
        assert "install the octomed that wrote it" in said
    with pytest.raises(RecipeError, match="has format 3, and this version of octomed reads 2"):
        octomed.verify(out)


@contextlib.contextmanager
def deadline():
    """End what waits for a pipe; a signal does not leave a call in Rust, and pytest's own limit then does."""
    signal.alarm(20)
    try:
        yield
    finally:
        signal.alarm(0)


PIPES = ["octomed.json", MANIFEST, "*/index.json", "*/shard.*", "provenance/*", "rejects/*"]


@pytest.mark.parametrize("pattern", PIPES)
def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(fresh, capsys, pattern):
    out = fresh / "out"
    path = min(path for path in out.glob(pattern) if path.is_file())
    path.unlink()
    os.mkfifo(path)
    stream = min(path.name for path in out.glob("len-*"))
    verbs = ["inspect", "rejects", "verify", "verify --quick", f"inspect --stream {stream} --pack 0"]
    codes = []
    for verb, *options in map(str.split, verbs):
        with deadline():
            codes.append(runs.command_line([verb, str(out), *options]))
    assert set(codes) <= {0, 3, 4}
    assert 0 not in codes[2:4]
    assert "not a file" in "".join(capsys.readouterr())
    with deadline():
        made = outcome(lambda: runs.pack(fresh / "recipe.yaml"))
    assert path.is_file() or isinstance(made, StorageError)


@pytest.mark.parametrize("kind", ["task", "registered run"])
def test_a_pipe_in_the_store_is_not_waited_for(fresh, expected, kind):
    path = FILES[kind](fresh)
    path.unlink()
    os.mkfifo(path)
    with deadline():
        assert runs.command_line(["clean", str(fresh / "recipe.yaml")]) in {0, 4}
        (fresh / "out/octomed.json").unlink()
        runs.pack(fresh / "recipe.yaml")
    assert runs.contents(fresh / "out") == expected


def test_a_damaged_run_file_is_named_with_the_command_that_writes_it_again(fresh, capsys, expected):
    out = fresh / "out"
    (out / "octomed.json").write_text("{")
    for verb in ("verify", "inspect", "rejects"):
        code, said = runs.fails(capsys, verb, out)
        assert (code, "octomed.json` is damaged" in said) == (4, True)
        assert f"octomed pack {fresh / 'recipe.yaml'}" in said
    runs.pack(fresh / "recipe.yaml")
    assert runs.contents(out) == expected


def test_what_a_hostile_index_names_is_not_read(fresh, capsys):
    out = fresh / "out"
    path = next(out.glob("len-*/index.json"))
    whole = json.loads(path.read_text())
    (fresh / "secret").write_text("mine")
    for name in ("../../secret", str(fresh / "secret"), "a\\b", "a\nb"):
        value = json.loads(json.dumps(whole))
        part = value["shards"][0]["zip_data"] or value["shards"][0]["raw_data"]
        part["basename"] = name
        path.write_text(json.dumps(value))
        code, said = runs.fails(capsys, "inspect", out, "--stream", path.parent.name, "--pack", "0")
        assert code in {3, 4}
        assert "is not the name of a file in the folder" in said
        assert f"{path.parent.name}/index.json" in {finding.file for finding in octomed.verify(out).findings}
    path.write_text(json.dumps(whole))
    shard = next(path.parent.glob("shard.*"))
    shard.unlink()
    shard.symlink_to(fresh / "secret")
    code, said = runs.fails(capsys, "inspect", out, "--stream", path.parent.name, "--pack", "0")
    assert (code, "is a link that leads out of" in said) == (4, True)
