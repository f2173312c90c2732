"""What `octomed verify` finds in runs that somebody changed."""

from __future__ import annotations

import json
import shlex
import shutil

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.cli.app import run as command_line

from tests import state_files

from . import runs

REJECTS = "rejects/questions.parquet"


@pytest.fixture
def out(small):
    """A finished run with unreadable rows, a row without a trace, and rejected traces."""
    bad = [b"{\n", b"]\n", b'{"question": "q", "responses": []}\n']
    with (small.parent / "data/questions/a.jsonl").open("ab") as file:
        file.writelines(bad)
    runs.pack(small, "sources.questions.max_unreadable=0.5")
    return small.parent / "out"


def found(out):
    return [(finding.file, finding.what) for finding in octomed.verify(out).findings]


def count(out, **changed):
    """Change counts of `octomed.json`."""
    state_files.change(out / "octomed.json", lambda run: run["counts"].update(changed))


def shorten(path):
    pq.write_table(pq.read_table(path).slice(1), path)


def append(path):
    path.write_bytes(path.read_bytes() + b"x")


SPOILED = {
    "missing": (lambda path: path.unlink(), [(REJECTS, "it is missing")]),
    "all missing": (
        lambda path: shutil.rmtree(path.parent),
        [("rejects/chains.parquet", "it is missing"), (REJECTS, "it is missing")],
    ),
    "emptied": (lambda path: path.write_bytes(b""), [(REJECTS, "it cannot be read: ")]),
    "appended": (append, [(REJECTS, "it cannot be read: ")]),
    "a row less": (shorten, [(REJECTS, "it has ")]),
}


@pytest.mark.parametrize("case", SPOILED)
def test_rejects_that_are_not_what_the_run_counted(out, case):
    assert found(out) == []
    spoil, expected = SPOILED[case]
    spoil(out / REJECTS)
    findings = found(out)
    assert [file for file, _ in findings] == [file for file, _ in expected]
    for (_, said), (_, words) in zip(findings, expected, strict=True):
        assert words in said


def test_counts_that_do_not_add_up(out):
    counts = json.loads((out / "octomed.json").read_text())["counts"]
    count(out, rows_unreadable=0)
    said = f"{counts['rows']} rows read, and {counts['rows'] - 2} unreadable, without a trace and with traces"
    assert found(out) == [
        ("octomed.json", f"its counts do not agree: {said}"),
        ("rejects/*.parquet", "3 rows, and `octomed.json` counts 1"),
    ]
    fewer = counts["rejected"]["duplicate"] - 1
    count(out, rows_unreadable=2, rejected=counts["rejected"] | {"duplicate": fewer})
    made = counts["traces"]
    assert found(out) == [
        ("octomed.json", f"its counts do not agree: {made} traces made, and {made - 1} packed and rejected"),
        ("rejects/*.parquet", f"{fewer + 1} traces `duplicate`, and `octomed.json` counts {fewer}"),
    ]
    count(out, rejected=counts["rejected"], tokens=counts["tokens"] + 1)
    assert [what.partition(":")[0] for _, what in found(out)] == ["its counts do not agree"]


def test_a_run_that_does_not_name_its_files_is_verified_by_those_that_there_are(out):
    state_files.as_format_1(out)
    state_files.change(out / "octomed.json", lambda run: run["run"].pop("files"))
    assert found(out) == []
    (out / REJECTS).unlink()
    assert {file for file, _ in found(out)} == {"rejects/*.parquet"}


def test_a_stream_that_the_run_does_not_name(out):
    shutil.copytree(out / "len-00256", out / "len-00128")
    assert found(out) == [("len-00128/index.json", "`octomed.json` names no such stream")]


@pytest.mark.parametrize("spoil", [runs.damage, lambda path: path.unlink()])
def test_one_spoiled_shard_is_one_finding(out, spoil):
    """Neither the stream's totals nor its provenance are wrong."""
    spoil(out / "len-00256/shard.00000.mds.zstd")
    assert [file for file, _ in found(out)] == ["len-00256/shard.00000.mds.zstd"]
    (out / "provenance/len-00256-00000.parquet").write_bytes(b"")
    assert [file for file, _ in found(out)][1:] == ["provenance/len-00256-00000.parquet"]


def test_totals_of_a_whole_stream_are_findings(out):
    def edit(run):
        run["streams"]["len-00256"]["tokens"] += 1

    state_files.change(out / "octomed.json", edit)
    assert found(out)[0][1].startswith("stream `len-00256` has ")


@pytest.mark.parametrize(
    ("file", "spoil", "hint"),
    [
        ("provenance/len-00256-00000.parquet", shorten, "delete the files named above and run"),
        ("provenance/len-00256-00000.parquet", append, "delete the files named above and run"),
        ("provenance/len-00256-00000.parquet", lambda path: path.unlink(), "run"),
        (REJECTS, append, "delete the files named above and run"),
        (REJECTS, lambda path: path.unlink(), "run"),
        ("octomed.json", lambda path: count(path.parent, rows=1), "delete the files named above and run"),
    ],
)
def test_the_hint_mends_what_is_no_shard(out, capsys, file, spoil, hint):
    expected = runs.contents(out)
    spoil(out / file)
    code, said = runs.fails(capsys, "verify", out)
    command = f"octomed pack {out.parent / 'recipe.yaml'} --set sources.questions.max_unreadable=0.5"
    assert (code, f"hint: {hint} `{command}`: only" in said) == (3, True), said
    (out / file).unlink(missing_ok=True)
    assert command_line(shlex.split(command)[1:]) == 0
    assert found(out) == []
    assert runs.contents(out) == expected


@pytest.mark.parametrize("case", ["damaged", "missing"])
def test_the_command_of_the_hint_mends_the_run(small, capsys, case):
    overrides = ["output.path=with spaces", "pack.seed=5"]
    runs.pack(small, *overrides)
    out = small.parent / "with spaces"
    shard = out / "len-00256/shard.00000.mds.zstd"
    whole = shard.read_bytes()
    runs.damage(shard) if case == "damaged" else shard.unlink()
    code, said = runs.fails(capsys, "verify", out)
    command = f"octomed pack {small} --set 'output.path=with spaces' --set pack.seed=5"
    delete = "delete the shards named above and " if case == "damaged" else ""
    assert (code, f"hint: {delete}run `{command}`: only what is missing is written again" in said) == (
        3,
        True,
    )
    shard.unlink(missing_ok=True)
    assert command_line(shlex.split(command)[1:]) == 0
    assert shard.read_bytes() == whole
    assert found(out) == []


def test_an_old_run_names_no_overrides(out):
    state_files.as_format_1(out)
    state_files.change(out / "octomed.json", lambda run: run["run"].pop("overrides"))
    assert octomed.verify(out).rebuild == f"octomed pack {out.parent / 'recipe.yaml'}"


COLUMNS = {
    "trace_id": "shards", "copy": "shards", "stream": "shards", "shard": "shards", "pack": "shards",
    "document": "shards", "offset": "shards", "length": "shards", "source": "sources",
    "file": "digest", "row": "digest", "sample": "digest",
}  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("version", [1, 2])
def test_every_column_of_provenance_is_checked(out, column, version):
    """By the digest of its table, and by the shards and the counts where these say what belongs there."""
    if version == 1:
        state_files.as_format_1(out)
    path = out / "provenance/len-00256-00000.parquet"
    table = pq.read_table(path)
    assert set(table.column_names) == set(COLUMNS)
    values = table[column].to_pylist()
    at = len(values) // 2
    other = "chats" if column == "source" else "x"
    values[at] = other if isinstance(values[at], str) else values[at] + 1
    if column == "source":
        assert table[column][at].as_py() != "chats"
    place = table.column_names.index(column)
    number = pa.uint64() if isinstance(values[at], int) else None
    changed = table.set_column(
        place, table.field(place), pa.array(values, number).cast(table.field(place).type)
    )
    pq.write_table(changed, path)
    files = [file for file, _ in found(out)]
    if version == 2:
        assert files == ["provenance/len-00256-00000.parquet"]
    elif COLUMNS[column] == "shards":
        assert files == ["provenance/len-00256-*.parquet"]
    else:
        assert set(files) == ({"provenance/*.parquet"} if COLUMNS[column] == "sources" else set())


def test_provenance_of_another_shape_is_a_finding(out):
    state_files.as_format_1(out)
    path = out / "provenance/len-00256-00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["offset"]), path)
    assert [file for file, _ in found(out)] == ["provenance/len-00256-00000.parquet"]
