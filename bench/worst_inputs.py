"""The worst inputs thought of: small on disk or quick to write, and large in memory if one lets them.

A case writes its files into a folder and says how its source is described. `scale` 1 is the full size.
"""

from __future__ import annotations

import gzip
import json
import lzma
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

QUESTION = {"question": "question", "response": "response"}
GOOD = {"question": "Is this a row like any other?", "responses": ["Yes, it is one."]}


@dataclass(frozen=True)
class Case:
    """A worst case.

    Attributes
    ----------
    write
        Writes it: the folder and the scale in, the file out.
    format
        The source's row format.
    source
        Further keys of the source.
    ends
        Exit code.
    model
        What the packs are for.
    images
        Keys of the recipe's `images`, for a model that takes some.
    """

    write: Callable[[Path, float], Path]
    format: Any = "octomed"
    source: dict[str, Any] = field(default_factory=lambda: {"max_unreadable": 1.0})
    ends: int = 0
    model: str = "Qwen/Qwen2.5-7B-Instruct"
    images: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {}


def case(**settings: Any) -> Callable[[Any], Any]:
    """Adds a function that writes a case."""

    def add(write: Any) -> Any:
        CASES[write.__name__] = Case(write, **settings)
        return write

    return add


def _repeated(path: Path, part: bytes, times: int, end: bytes = b"") -> Path:
    with path.open("wb") as file:
        for _ in range(times):
            file.write(part)
        file.write(end)
    return path


def _lines(path: Path, rows: Iterable[Any]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path


_GOOD_LINE = json.dumps(GOOD).encode() + b"\n"


@case()
def ones(folder: Path, scale: float) -> Path:
    """Rows of one byte, none of which can be read."""
    return _repeated(folder / "x.jsonl", b"1\n" * 1000, int(20_000 * scale), _GOOD_LINE)


@case()
def ones_gz(folder: Path, scale: float) -> Path:
    """The same, compressed a thousandfold."""
    path = folder / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"1\n" * int(20_000_000 * scale) + _GOOD_LINE))
    return path


@case()
def ones_xz(folder: Path, scale: float) -> Path:
    """The same, compressed seven thousandfold."""
    path = folder / "x.jsonl.xz"
    path.write_bytes(lzma.compress(b"1\n" * int(20_000_000 * scale) + _GOOD_LINE))
    return path


@case()
def ones_array(folder: Path, scale: float) -> Path:
    """A JSON array of numbers."""
    path = _repeated(folder / "x.json", b"1," * 1000, int(20_000 * scale), b"{}]")
    path.write_bytes(b"[" + json.dumps(GOOD).encode() + b"," + path.read_bytes())
    return path


@case(source={}, ends=3)
def billion_gz(folder: Path, scale: float) -> Path:
    """A billion rows that cannot be read, in two megabytes."""
    path = folder / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"1\n" * 1_000_000) * int(1000 * scale))
    return path


@case(source={}, ends=3)
def billion_nulls(folder: Path, scale: float) -> Path:
    """Five hundred million rows of nulls, of which Parquet stores none."""
    path = folder / "x.parquet"
    rows = pa.nulls(10_000_000, pa.string())
    table = pa.table({"question": rows, "responses": rows})
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(max(1, int(50 * scale))):
            writer.write_table(table, row_group_size=10_000_000)
    return path


@case()
def blank_lines(folder: Path, scale: float) -> Path:
    """Lines of nothing."""
    return _repeated(folder / "x.jsonl", b"\n" * 1000, int(100_000 * scale), _GOOD_LINE)


@case()
def empty_objects(folder: Path, scale: float) -> Path:
    """Rows without keys."""
    return _repeated(folder / "x.jsonl", b"{}\n" * 1000, int(10_000 * scale), _GOOD_LINE)


@case()
def one_line_of_objects(folder: Path, scale: float) -> Path:
    """Objects one behind the other, pretty-printed."""
    return _repeated(
        folder / "x.json", b"{\n}\n" * 1000, int(5_000 * scale), json.dumps(GOOD, indent=1).encode()
    )


@case()
def empty_texts(folder: Path, scale: float) -> Path:
    """Rows whose texts are empty."""
    row = b'{"question": "", "responses": [""]}\n'
    return _repeated(folder / "x.jsonl", row * 1000, int(3_000 * scale), _GOOD_LINE)


@case(format=QUESTION)
def csv_bytes(folder: Path, scale: float) -> Path:
    """CSV rows of one byte."""
    path = _repeated(folder / "x.csv", b"a\n" * 1000, int(20_000 * scale), b"q,a\n")
    path.write_bytes(b"question,response\n" + path.read_bytes())
    return path


@case(format=QUESTION)
def csv_quotes(folder: Path, scale: float) -> Path:
    """A quote on each line that never closes."""
    path = _repeated(folder / "x.csv", b'"a,b\n' * 1000, int(10_000 * scale), b"")
    path.write_bytes(b"question,response\nq,a\n" + path.read_bytes())
    return path


@case(format=QUESTION)
def csv_commas(folder: Path, scale: float) -> Path:
    """Rows of a hundred empty columns that nobody maps."""
    head = ",".join(["question", "response", *(f"c{number}" for number in range(98))])
    path = _repeated(folder / "x.csv", (b"q,a" + b"," * 98 + b"\n") * 100, int(10_000 * scale))
    path.write_bytes(head.encode() + b"\n" + path.read_bytes())
    return path


@case()
def responses(folder: Path, scale: float) -> Path:
    """A row of a megabyte with 100,000 responses, a long prompt before each."""
    row = {
        "question": "why? " * 600,
        "responses": [f"r{number:05} x" for number in range(int(100_000 * scale))],
    }
    return _lines(folder / "x.jsonl", [row])


@case()
def long_prompt(folder: Path, scale: float) -> Path:
    """A prompt of ten megabytes before a hundred responses: a gigabyte of text."""
    row = {
        "question": "Why so? " * 1_250_000,
        "responses": [f"r{n}" for n in range(max(2, int(100 * scale)))],
    }
    return _lines(folder / "x.jsonl", [row, GOOD])


@case()
def options(folder: Path, scale: float) -> Path:
    """A million options."""
    return _lines(
        folder / "x.jsonl", [GOOD | {"options": [f"o{n}" for n in range(int(1_000_000 * scale))]}, GOOD]
    )


@case()
def values(folder: Path, scale: float) -> Path:
    """Sixty megabytes of numbers where responses should be, four times."""
    row = b'{"question": "q", "responses": [' + b"1," * int(30_000_000 * scale) + b"1]}\n"
    return _repeated(folder / "x.jsonl", row, 4, _GOOD_LINE)


@case()
def keys(folder: Path, scale: float) -> Path:
    """Millions of keys that nobody maps, and as many in one that somebody does."""
    pairs = ",".join(f'"k{number}":1' for number in range(int(4_000_000 * scale)))
    text = json.dumps(GOOD)[:-1]
    lines = f'{text},{pairs}}}\n{text},"x":{{{pairs}}}}}\n{{"question": {{{pairs}}}, "responses": ["a"]}}\n'
    (folder / "x.jsonl").write_text(lines)
    return folder / "x.jsonl"


@case()
def depth(folder: Path, scale: float) -> Path:
    """Sixty megabytes of opening brackets."""
    row = b'{"question": "q", "responses": ' + b"[" * int(60_000_000 * scale) + b"\n"
    return _repeated(folder / "x.jsonl", row, 2, _GOOD_LINE)


@case(format="messages")
def turns(folder: Path, scale: float) -> Path:
    """A conversation of 300,000 turns, and one of a million."""
    counts = [int(300_000 * scale), int(1_000_000 * scale)]
    pair = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    return _lines(folder / "x.jsonl", [{"messages": pair}, *({"messages": pair * (n // 2)} for n in counts)])


@case()
def rows_of_60_mb(folder: Path, scale: float) -> Path:
    """The longest rows that are read, side by side."""
    row = {"question": "Why so? ", "responses": ["because it is so " * int(3_500_000 * scale)]}
    return _lines(folder / "x.jsonl", [row, GOOD, row, row, row])


@case()
def rows_of_100_mb(folder: Path, scale: float) -> Path:
    """Rows that are too long."""
    row = {"question": "Why so? ", "responses": ["because it is so " * int(6_000_000 * scale)]}
    return _lines(folder / "x.jsonl", [row, GOOD, row, row])


@case()
def tokens(folder: Path, scale: float) -> Path:
    """Sixty megabytes of letters of four bytes, each of which is three or four tokens, twice."""
    text = "".join(chr(0x10330 + number % 26) for number in range(int(15_000_000 * scale)))
    return _lines(folder / "x.jsonl", [GOOD, *[{"question": "q", "responses": [text]}] * 2])


@case(format={"question": "question", "response": " ".join(["{{ a }}"] * 40)})
def repeating_template(folder: Path, scale: float) -> Path:
    """A template that says a column forty times."""
    row = {"question": "q", "a": "because it is so " * int(60_000 * scale)}
    return _lines(folder / "x.jsonl", [row] * 20 + [{"question": "q", "a": "a"}])


@case(format=QUESTION, ends=3)
def dictionary_bomb(folder: Path, scale: float) -> Path:
    """A text of a megabyte that stands in a thousand rows and once in the file."""
    text = "because it is so " * 60_000
    rows = max(40, int(1000 * scale))
    table = pa.table({"question": ["q"] * rows, "response": pa.array([text] * rows)})
    pq.write_table(table, folder / "x.parquet", compression="zstd")
    return folder / "x.parquet"


@case()
def list_bomb(folder: Path, scale: float) -> Path:
    """A list of a million texts of a kilobyte each, which stand once in the file."""
    values = pa.array(["because it is so " * 60]).take(pa.array([0] * int(1_000_000 * scale)))
    lists = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
    lists = pa.concat_arrays([lists, pa.array([["a"]])])
    pq.write_table(
        pa.table({"question": ["q", "q"], "responses": lists}), folder / "x.parquet", compression="zstd"
    )
    return folder / "x.parquet"


@case(format=QUESTION, ends=3)
def prefix_bomb(folder: Path, scale: float) -> Path:
    """Texts of a megabyte, each of which shares all of it with the one before."""
    text = "because it is so " * 60_000
    table = pa.table({"question": ["q"] * 1000, "response": [text + str(n) for n in range(1000)]})
    rows = max(40, int(300 * scale))
    pq.write_table(
        table.slice(0, rows),
        folder / "x.parquet",
        use_dictionary=False,
        column_encoding={"response": "DELTA_BYTE_ARRAY", "question": "PLAIN"},
    )
    return folder / "x.parquet"


@case(source={}, ends=3)
def large_page(folder: Path, scale: float) -> Path:
    """A page of a gigabyte that zstd makes small."""
    text = "a" * int(40_000_000 * scale)
    table = pa.table({"question": ["q"] * 25, "responses": pa.array([[text]] * 25)})
    pq.write_table(table, folder / "x.parquet", compression="zstd", use_dictionary=False)
    return folder / "x.parquet"


@case()
def tiny_batches(folder: Path, scale: float) -> Path:
    """A batch a row."""
    table = pa.table({"question": ["q"], "responses": [["a"]]})
    with pa.ipc.new_stream(folder / "x.arrow", table.schema) as writer:
        for batch in table.to_batches() * int(100_000 * scale):
            writer.write_batch(batch)
    return folder / "x.arrow"


@case(format=QUESTION, ends=3)
def runs_bomb(folder: Path, scale: float) -> Path:
    """A run of a thousand rows of one text of a megabyte."""
    rows = max(40, int(1000 * scale))
    text = pa.array(["because it is so " * 60_000], pa.string())
    column = pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), text)
    batch = pa.RecordBatch.from_arrays([pa.array(["q"] * rows), column], ["question", "response"])
    with pa.ipc.new_file(folder / "x.arrow", batch.schema) as writer:
        writer.write_batch(batch)
    return folder / "x.arrow"


@case(source={}, ends=3)
def zstd_window(folder: Path, scale: float) -> Path:
    """A window of two gigabytes, of which a decoder keeps all."""
    block = (131_072 << 3 | 1 << 1).to_bytes(3, "little") + b"\n"
    frame = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([21 << 3]) + block * int(16_000 * scale) + b"\x01\x00\x00"
    (folder / "x.jsonl.zst").write_bytes(frame)
    return folder / "x.jsonl.zst"


@case(source={})
def short_traces(folder: Path, scale: float) -> Path:
    """Four million traces of a few tokens, what selection keeps of each counted."""
    rows = (
        {"question": f"q{row}", "responses": [f"a{row} {n}" for n in range(1000)]}
        for row in range(int(4000 * scale))
    )
    return _lines(folder / "x.jsonl", rows)
