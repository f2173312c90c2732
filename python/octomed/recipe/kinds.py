"""Kinds of source files, by the endings of their names."""

from __future__ import annotations

from typing import Literal

Kind = Literal["parquet", "arrow", "jsonl", "json", "json_objects", "json_rows", "csv", "tsv", "tar"]

KINDS: dict[str, Kind] = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".jsonl": "jsonl",
    ".jsonlines": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tar": "tar",
}

COLUMNAR: frozenset[Kind] = frozenset({"parquet", "arrow"})
"""Kinds that `octomed.foreign` reads: their columns have types, and no compression is around them."""

Compressed = Literal["gzip", "zstd", "bz2", "lz4", "brotli", "xz"]

COMPRESSED: dict[str, Compressed] = {
    ".gz": "gzip",
    ".gzip": "gzip",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".bz2": "bz2",
    ".lz4": "lz4",
    ".br": "brotli",
    ".xz": "xz",
}
"""Compressions that a file name may end in."""
