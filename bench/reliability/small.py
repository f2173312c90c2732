"""A corpus, a model and a recipe so small that a run takes a tenth of a second; it has every kind of file.

One source for each format that is read; several tasks, blocks, shards and streams where blocks are cut small.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

WORDS = "fever cough 心电图 murmur oedème µg β-blocker <|im_end|> sepsis İstanbul tibia étude".split()
CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ROWS = 40
BLOCK_BYTES, TASK_BYTES = 4_000, 9_000
"""Where blocks and tasks of this corpus are cut."""


def alphabet() -> list[str]:
    """The 256 letters that byte-level vocabularies write bytes with."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return sorted([chr(byte) for byte in plain] + [chr(0x100 + at) for at in range(256 - len(plain))])


def write_model(folder: Path) -> None:
    """Write a byte-level vocabulary without merges."""
    letters = alphabet()
    names = ("single_word", "lstrip", "rstrip", "normalized")
    added = [
        {"id": len(letters) + at, "content": text, "special": True, **dict.fromkeys(names, False)}
        for at, text in enumerate(CONTROLS)
    ]
    split = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {letter: at for at, letter in enumerate(letters)},
        "merges": [],
    }
    file = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]},
        "post_processor": None,
        "decoder": level,
        "model": model,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False), encoding="utf-8")


def rows(seed: int, count: int = ROWS) -> list[dict[str, Any]]:
    """Questions with one response, a few of them repeated, one without text."""
    draw = random.Random(seed)
    made: list[dict[str, Any]] = []
    for number in range(count):
        if made and draw.random() < 0.05:
            made.append(draw.choice(made))
            continue
        words = [draw.choice(WORDS) for _ in range(draw.randint(4, 40))]
        question, answer = f"{seed}/{number}? {' '.join(words[:4])}", " ".join(words[4:])
        made.append({"q": question, "r": answer or " "})
    return made


def lines(seed: int, count: int = ROWS) -> bytes:
    """The rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(seed, count)).encode()


def write_inputs(data: Path, count: int = ROWS) -> dict[str, str]:
    """Write a file of each format; returns the file of each source."""
    data.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows(5, count))
    files = {
        "lines": "lines.jsonl",
        "array": "array.json",
        "object": "object.json",
        "csv": "table.csv",
        "parquet": "table.parquet",
        "feather": "table.arrow",
        "stream": "stream.arrow",
        "gzip": "lines.jsonl.gz",
        "zstd": "lines.jsonl.zst",
        "bzip2": "lines.jsonl.bz2",
        "xz": "lines.jsonl.xz",
        "lz4": "lines.jsonl.lz4",
        "brotli": "lines.jsonl.br",
    }
    (data / files["lines"]).write_bytes(lines(1, count * 2))
    (data / files["array"]).write_text(json.dumps(rows(2, count)), encoding="utf-8")
    (data / files["object"]).write_text(json.dumps({"version": 1, "rows": rows(3, count)}, indent=1))
    pa_csv.write_csv(pa.Table.from_pylist(rows(4, count)), data / files["csv"])
    pq.write_table(table, data / files["parquet"], row_group_size=20, write_page_checksum=True)
    with pa.OSFile(str(data / files["feather"]), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table, max_chunksize=20)
    with pa.OSFile(str(data / files["stream"]), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table, max_chunksize=20)
    (data / files["gzip"]).write_bytes(gzip.compress(lines(6, count), mtime=0))
    for seed, name in enumerate(("zstd", "lz4", "brotli"), start=10):
        with pa.CompressedOutputStream(str(data / files[name]), name) as out:
            out.write(lines(seed, count))
    (data / files["bzip2"]).write_bytes(bz2.compress(lines(8, count)))
    (data / files["xz"]).write_bytes(lzma.compress(lines(9, count)))
    return files


def recipe(files: dict[str, str]) -> dict[str, Any]:
    """The recipe over some of the files."""
    mapping = {"question": "q", "response": "r"}
    sources = [{"name": name, "path": f"data/{file}", "format": mapping} for name, file in files.items()]
    for source in sources:
        if source["name"] == "object":
            source["rows"] = "rows"
    return {
        "version": 1,
        "name": "small",
        "model": "model",
        "template": "qwen2.5",
        "system": "Think.",
        "sources": sources,
        "pack": {"capacity": 1024, "buckets": [256, 512], "seed": 3},
        "output": {"path": "out", "compression": "zstd:1", "hashes": ["xxh3_64"], "shard_size": 40_000},
        "work": {"path": "store"},
    }


def write_all(folder: Path, *, count: int = ROWS, only: tuple[str, ...] = ()) -> Path:
    """Write model, inputs and recipe; returns the recipe's path (JSON is YAML)."""
    write_model(folder / "model")
    files = write_inputs(folder / "data", count)
    kept = {name: file for name, file in files.items() if not only or name in only}
    path = folder / "recipe.yaml"
    path.write_text(json.dumps(recipe(kept), indent=1, ensure_ascii=False), encoding="utf-8")
    return path
