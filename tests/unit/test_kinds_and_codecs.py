"""Every kind of file through every codec gives the rows that pyarrow, pandas and `datasets` read of it."""

from __future__ import annotations

import bz2
import datetime
import decimal
import gzip
import io
import json
import lzma
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.recipe import RecipeProblems
from octomed.recipe.inputs import resolve_inputs
from octomed.recipe.loader import load_recipe

from .other_writers import datasets, from_rows, pandas, parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Rows = list[dict[str, Any]]
MAPPING = {
    "id": {"any_of": ["id"], "optional": True},
    "question": "question",
    "options": {"any_of": ["options"], "optional": True},
    "answer": {"any_of": ["answer"], "optional": True},
    "responses": "responses",
}
PLAIN = {"question": "question", "response": "response", "id": "id"}
TEXTS: Rows = [
    {"id": str(number), "question": f"{number}: 为何, “so”\t?", "response": text}
    for number, text in enumerate(['a "quote", a comma', "two\nlines", "émigré 🙂", "-", "x" * 300] * 8)
]
CODECS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".lz4": lambda data: through_arrow(data, "lz4"),
    ".br": lambda data: through_arrow(data, "brotli"),
}


def through_arrow(data: bytes, codec: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def files_of(folder: Path, path: str, **keys: Any) -> list[Any]:
    """The files that a recipe over this path reads."""
    recipe = {
        "name": "small",
        "model": "qwen2.5",
        "sources": [{"name": "only", "path": path, "format": PLAIN, **keys}],
        "output": {"path": "out"},
    }
    return resolve_inputs(load_recipe(recipe, folder=folder))


def read(folder: Path, path: str, mapping: dict[str, Any], **keys: Any) -> Rows:
    """Rows of a recipe's path as a scan reads them."""
    compiled = _octomed.Mapping(mapping)
    blocks = (
        block
        for file in files_of(folder, path, **keys)
        for task in tasks_of(file, compiled, "key")
        for block in blocks_of(task, compiled)
    )
    return parts(row for block in blocks for row in _octomed.preview(block, compiled, 10**6))


# Texts


def as_csv(rows: Rows, delimiter: str = ",") -> str:
    return pandas.DataFrame(rows).to_csv(index=False, sep=delimiter, lineterminator="\n")


def as_lines(rows: Rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


KINDS: dict[str, Callable[[Rows], str]] = {
    ".jsonl": as_lines,
    ".json": lambda rows: json.dumps(rows, ensure_ascii=False, indent=1),
    ".csv": as_csv,
    ".tsv": lambda rows: as_csv(rows, "\t"),
}
FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "mark": lambda text: text.encode("utf-8-sig"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
}
WIDE: dict[str, Callable[[str], bytes]] = {
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-16 crlf": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_every_form_through_every_codec(tmp_path, kind):
    """The oracle is pandas, which reads the same bytes."""
    for form in (*FORMS, *(WIDE if kind in {".csv", ".tsv"} else ())):
        text = (FORMS | WIDE)[form](KINDS[kind](TEXTS))
        expected = from_rows(by_pandas(text, kind, form), _octomed.Mapping(PLAIN))
        assert len(expected) == len(TEXTS)
        for codec, compress in CODECS.items():
            (tmp_path / f"a{kind}{codec}").write_bytes(compress(text))
            assert read(tmp_path, f"a{kind}{codec}", PLAIN) == expected, (kind, form, codec)


def by_pandas(data: bytes, kind: str, form: str) -> Rows:
    encoding = "utf-16" if form in WIDE else "utf-8-sig"
    if kind in {".csv", ".tsv"}:
        text = data.decode(encoding)  # as it stands: pandas' own reader makes `\n` of `\r\n` in quotes
        table = pandas.read_csv(io.StringIO(text, newline=""), sep="\t" if kind == ".tsv" else ",", dtype=str)
    else:
        table = pandas.read_json(io.StringIO(data.decode(encoding)), lines=kind == ".jsonl", dtype=str)
    return table.to_dict("records")


def test_half_a_pair_in_utf_16_refuses_its_row_and_half_a_character_the_file(tmp_path):
    text = (
        as_csv(TEXTS[:1]).encode("utf-16")
        + "1,Why?,".encode("utf-16-le")
        + b"\x00\xd8"
        + "\n".encode("utf-16-le")
    )
    (tmp_path / "a.csv").write_bytes(text)
    assert [row.get("reason") for row in read(tmp_path, "a.csv", PLAIN)] == [None, "invalid_utf8"]
    (tmp_path / "b.csv").write_bytes(as_csv(TEXTS[:1]).encode("utf-16")[:-1])
    with pytest.raises(DataError, match=r"b\.csv` \(source `only`\) cannot be read: .*truncated data"):
        read(tmp_path, "b.csv", PLAIN)


# Tables


MOMENT = datetime.datetime(2024, 2, 29, 1, 2, 3)  # noqa: DTZ001 Arrow's own
WORDS = ["Why?", "为何?", None, "Why?", "So?"]
LISTS = [["a", "b"], ["c", "d"], None, ["e", "f"], ["b", "a"]]
IDS = {
    "integer": pa.array([1, None, 3, 4, 5]),
    "decimal": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal(2), decimal.Decimal(3), None]),
    "moment": pa.array([MOMENT, None, MOMENT, MOMENT, MOMENT], pa.timestamp("us")),
    "null": pa.nulls(5),
}
QUESTIONS = {
    "string": pa.array(WORDS),
    "large_string": pa.array(WORDS, pa.large_string()),
    "string_view": pa.array(WORDS, pa.string_view()),
    "dictionary": pa.array(WORDS).dictionary_encode(),
    "binary": pa.array([word and word.encode() for word in WORDS], pa.binary()),
}
OPTIONS = {
    "list": pa.array(LISTS),
    "large_list": pa.array(LISTS, pa.large_list(pa.large_string())),
    "fixed_size_list": pa.array(LISTS, pa.list_(pa.string(), 2)),
    "map": pa.array(
        [[("A", "x"), ("B", "y")], None, [], None, [("A", "z"), ("B", "y")]],
        pa.map_(pa.string(), pa.string()),
    ),
    "struct": pa.array([{"A": "x", "B": "y"}, None, {"A": "x"}, None, {"A": "z", "B": None}]),
    "null": pa.nulls(5),
}


def tables() -> dict[str, pa.Table]:
    """A table for each kind of column, the others as usual."""
    usual = {"id": IDS["integer"], "question": QUESTIONS["string"], "options": OPTIONS["list"]}
    changed = [("id", IDS), ("question", QUESTIONS), ("options", OPTIONS)]
    return {
        f"{column} {kind}": pa.table(
            {**usual, column: values, "responses": pa.array([["r"], ["s", "t"], [], None, ["u"]])}
        )
        for column, kinds in changed
        for kind, values in kinds.items()
    }


COLUMNAR: dict[str, Callable[[pa.Table, Path], None]] = {
    **{
        f"parquet {codec}": lambda table, path, codec=codec: pq.write_table(
            table, path, compression=codec, row_group_size=2
        )
        for codec in ("NONE", "SNAPPY", "GZIP", "BROTLI", "LZ4", "ZSTD")
    },
    "parquet v2 pages": lambda table, path: pq.write_table(
        table, path, compression="ZSTD", data_page_version="2.0", use_dictionary=False
    ),
    **{
        f"arrow {form} {codec}": lambda table, path, form=form, codec=codec: write_arrow(
            table, path, form, codec
        )
        for form in ("file", "stream")
        for codec in (None, "lz4", "zstd")
    },
}


def write_arrow(table: pa.Table, path: Path, form: str, codec: str | None) -> None:
    options = pa.ipc.IpcWriteOptions(compression=codec)
    make = pa.ipc.new_file if form == "file" else pa.ipc.new_stream
    with make(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=2)


@pytest.mark.parametrize("name", COLUMNAR)
def test_tables_of_every_type_through_every_codec(tmp_path, name):
    """The oracle is pyarrow, by way of JSON Lines of what it reads."""
    path = tmp_path / ("a.parquet" if name.startswith("parquet") else "a.arrow")
    for kind, table in tables().items():
        COLUMNAR[name](table, path)
        expected = from_rows(as_texts(table.to_pylist()), _octomed.Mapping(MAPPING))
        assert read(tmp_path, path.name, MAPPING) == expected, kind


def as_texts(rows: Rows) -> Rows:
    """Bytes as the texts that they are."""
    return [
        {key: value.decode() if isinstance(value, bytes) else value for key, value in row.items()}
        for row in rows
    ]


def test_datasets_reads_the_same_of_a_folder_that_it_saved(tmp_path):
    rows = datasets.Dataset.from_list(TEXTS)
    rows.save_to_disk(str(tmp_path / "saved"), num_shards=3)
    again = datasets.load_from_disk(str(tmp_path / "saved"))
    assert read(tmp_path, "saved", PLAIN) == from_rows(again.to_list(), _octomed.Mapping(PLAIN))


def test_a_saved_folder_of_several_splits_needs_one(tmp_path):
    both = datasets.DatasetDict(
        {
            name: datasets.Dataset.from_list(TEXTS[begin : begin + 5])
            for name, begin in (("train", 0), ("final", 9))
        }
    )
    both.save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(RecipeProblems, match=r"several splits: `final`: 1 file with 5 rows, `train`: 1 file"):
        files_of(tmp_path, "saved")
    for split in both:
        found = read(tmp_path, "saved", PLAIN, split=split)
        assert found == from_rows(both[split].to_list(), _octomed.Mapping(PLAIN))
    with pytest.raises(RecipeProblems, match="no split `tset`"):
        files_of(tmp_path, "saved", split="tset")


# Files of one source that differ


def test_columns_that_differ_between_files(tmp_path):
    """A column that is missing here, an integer there, an object of more keys: each file is read as it is."""
    drift = [
        pa.table({"question": ["1?"], "responses": [["r"]]}),
        pa.table({"question": ["2?"], "responses": [["r"]], "id": [7], "options": [{"A": "x", "B": "y"}]}),
        pa.table(
            {
                "question": ["3?"],
                "responses": [["r"]],
                "id": ["7"],
                "options": [{"A": "x", "B": "y", "C": "z"}],
            }
        ),
        pa.table(
            {"question": pa.array(["4?"]).dictionary_encode(), "responses": [["r"]], "options": [["x", "y"]]}
        ),
        pa.table({"responses": pa.nulls(1, pa.list_(pa.string())), "question": ["5?"], "id": pa.nulls(1)}),
    ]
    for number, table in enumerate(drift):
        pq.write_table(table, tmp_path / f"{number}.parquet")
    expected = from_rows([row for table in drift for row in table.to_pylist()], _octomed.Mapping(MAPPING))
    assert read(tmp_path, "*.parquet", MAPPING) == expected
    assert [row.get("id", row.get("reason")) for row in expected] == [None, "7", "7", None, "no_response"]


def test_keys_that_differ_between_lines_and_row_groups(tmp_path):
    rows: Rows = [
        {"question": "1?", "responses": ["r"]},
        {"question": "2?", "responses": ["r"], "id": 7, "options": {"A": "x", "B": "y"}},
        {"question": "3?", "responses": ["r"], "id": "7", "options": ["x", "y", "z"]},
        {"question": {"a": 4}, "responses": ["r"]},
    ]
    (tmp_path / "a.jsonl").write_text(as_lines(rows), encoding="utf-8")
    found = read(tmp_path, "a.jsonl", MAPPING)
    assert [row.get("id", row.get("reason")) for row in found] == [None, "7", "7", "wrong_type"]
    table = pa.Table.from_pylist([*rows[:2], {**rows[0], "options": {"A": "x", "B": "y", "C": "z"}}])
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    expected = from_rows(table.to_pylist(), _octomed.Mapping(MAPPING))
    assert read(tmp_path, "a.parquet", MAPPING) == expected


# Columns that folders name


LANGUAGE = {"question": "question", "response": "response", "id": "lang"}
WITHOUT_ID = [{key: value for key, value in row.items() if key != "id"} for row in TEXTS]


def write_kinds(folder: Path, rows: Rows) -> list[str]:
    """The rows in a file of every kind."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "a.parquet")
    write_arrow(table, folder / "a.arrow", "stream", None)
    for kind, make in KINDS.items():
        for codec in ("", ".gz"):
            (folder / f"a{kind}{codec}").write_bytes(CODECS[codec](make(rows).encode()))
    return sorted(path.name for path in folder.iterdir())


def test_folders_name_columns_of_every_kind_of_file(tmp_path):
    names = write_kinds(tmp_path / "lang=zh%2Fen", WITHOUT_ID)
    assert len(names) == 10
    for name in names:
        found = read(tmp_path, f"*/{name}", LANGUAGE)
        assert [row["id"] for row in found] == ["zh/en"] * len(TEXTS), name
        assert [row["question"] for row in found] == [row["question"] for row in TEXTS], name


def test_pyarrow_reads_the_same_of_folders(tmp_path):
    table = pa.Table.from_pylist(
        [{**row, "lang": "en" if at % 3 else None} for at, row in enumerate(WITHOUT_ID)]
    )
    pq.write_to_dataset(table, tmp_path / "data", partition_cols=["lang"])
    again = pq.read_table(tmp_path / "data").to_pylist()
    found = read(tmp_path, "data", LANGUAGE)
    expected = from_rows(again, _octomed.Mapping(LANGUAGE))
    key = repr
    assert sorted(found, key=key) == sorted(expected, key=key)


def test_a_column_of_a_file_and_of_its_folder_is_refused_by_name(tmp_path):
    names = write_kinds(tmp_path / "lang=en", [{**row, "lang": "zh"} for row in WITHOUT_ID[:3]])
    for name in names:
        if ".json" in name:
            assert read(tmp_path, f"*/{name}", LANGUAGE) == [{"reason": "duplicate_key"}] * 3
        else:
            with pytest.raises(DataError, match=r"has a column `lang`, which its folder `lang=en` names"):
                read(tmp_path, f"*/{name}", LANGUAGE)
        assert len(read(tmp_path, f"*/{name}", {"question": "question", "response": "response"})) == 3
    (tmp_path / "lang=en/lang=zh").mkdir()
    (tmp_path / "lang=en/lang=zh/b.csv").write_text(as_csv(WITHOUT_ID[:3]))
    with pytest.raises(DataError, match="two folders of its path name the column `lang`"):
        read(tmp_path, "*/*/b.csv", LANGUAGE)


def test_folders_that_nobody_reads_change_no_key(tmp_path):
    (tmp_path / "lang=en").mkdir()
    (tmp_path / "lang=en/a.jsonl").write_text(as_lines(TEXTS), encoding="utf-8")
    (file,) = files_of(tmp_path, "*/a.jsonl")
    assert file.folders == (("lang", "en"),)
    plain = _octomed.Mapping(PLAIN)
    key = [task.key for task in tasks_of(file, plain, "key")]
    assert key == [task.key for task in tasks_of(replace(file, folders=()), plain, "key")]
    by_folder = _octomed.Mapping(LANGUAGE)
    others = [
        tasks_of(replace(file, folders=(("lang", value),)), by_folder, "key")[0].key for value in ("en", None)
    ]
    assert len({*others, *key}) == 3
