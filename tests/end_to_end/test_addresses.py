"""Inputs in stores: the same bytes as from a folder, of every kind and compression, and no more asked for than is read."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import octomed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from octomed.recipe import load_recipe, resolve_inputs

from . import runs

ROWS = runs.question_rows(1, 150)


def lines(rows=ROWS):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def compressed(name, data):
    if name in {"gz", "xz", "bz2"}:
        return {"gz": gzip, "xz": lzma, "bz2": bz2}[name].compress(data)
    codec = {"zst": "zstd", "lz4": "lz4", "br": "brotli"}[name]
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def table():
    rows = [{**row, "note": {"of": [f"{number}" * 50]}, "number": number} for number, row in enumerate(ROWS)]
    return pa.Table.from_pylist(rows)


def write_kind(folder, kind):
    """Write the same rows as files of a kind."""
    folder.mkdir()
    if kind.startswith("jsonl"):
        ending = kind.partition(".")[2]
        data = compressed(ending, lines()) if ending else lines()
        (folder / f"a.{kind}").write_bytes(data)
        (folder / f"b.{kind}").write_bytes(data[: 0 if ending else 5000] or data)
    elif kind == "json":
        (folder / "a.json").write_text(json.dumps(ROWS))
        (folder / "b.json").write_text("\n".join(json.dumps(row, indent=1) for row in ROWS))
    elif kind.startswith("csv"):
        ending = kind.partition(".")[2]
        data = "question,response\n" + "".join(f'"{row["question"]}","{row["responses"][0]}"\n' for row in ROWS)
        (folder / f"a.{kind}").write_bytes(compressed(ending, data.encode()) if ending else data.encode())
    elif kind.startswith("parquet"):
        codec = kind.partition(".")[2] or "snappy"
        for name, size in (("a", 17), ("b", 1000)):
            pq.write_table(table(), folder / f"{name}.parquet", row_group_size=size, compression=codec)
    else:
        opener = pa.ipc.new_file if kind == "arrow.file" else pa.ipc.new_stream
        with pa.OSFile(str(folder / "a.arrow"), "wb") as sink, opener(sink, table().schema) as writer:
            writer.write_table(table(), max_chunksize=20)


KINDS = [
    "jsonl", "jsonl.gz", "jsonl.zst", "jsonl.xz", "jsonl.bz2", "jsonl.lz4", "jsonl.br", "json", "csv", "csv.gz",
    "parquet.none", "parquet.snappy", "parquet.gzip", "parquet.zstd", "parquet.lz4", "parquet.brotli",
    "arrow.file", "arrow.stream",
]  # fmt: skip


def same_files(here, there):
    """Say whether two runs have the same files, of `octomed.json` all but the paths of the inputs."""
    found, expected = runs.contents(there), runs.contents(here)
    assert found.keys() == expected.keys()
    return {name for name in found if found[name] != expected[name]} <= {"octomed.json"}


@pytest.fixture(scope="module")
def of_kind(tmp_path_factory):
    """Runs over local files, by kind."""
    made = {}

    def run(kind):
        if kind not in made:
            folder = made[kind] = tmp_path_factory.mktemp(kind)
            write_kind(folder / "data", kind)
            format_ = {"question": "question", "response": "response"} if kind.startswith("csv") else "octomed"
            runs.pack(runs.write_recipe(folder, runs.one_source("data", format_)))
        return made[kind]

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_from_a_store_gives_the_same_bytes(of_kind, kind, fast_s3):
    folder = of_kind(kind)
    address = fast_s3.upload(folder / "data", "rows")
    runs.pack(folder / "recipe.yaml", f"sources.only.path={address}/", "output.path=s3", "work.path=other")
    assert same_files(folder / "out", folder / "s3")
    assert not (folder / "other/mirrors").exists()


@pytest.mark.parametrize("store", ["s3", "gcs", "azure", "hub", "web"])
def test_every_store_gives_the_same_bytes(of_kind, store, request):
    server = request.getfixturevalue(store)
    for kind in ("jsonl.gz", "parquet.snappy"):
        folder = of_kind(kind)
        address = server.upload(folder / "data", "rows")
        names = sorted(path.name for path in (folder / "data").iterdir())
        paths = json.dumps([f"{address}/{name}" for name in names] if store == "web" else [address])
        runs.pack(folder / "recipe.yaml", f"sources.only.path={paths}", f"output.path={store}", f"work.path=of-{store}")
        assert same_files(folder / "out", folder / store)
