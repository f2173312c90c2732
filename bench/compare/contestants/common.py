"""What contestants share: arguments in, one line of JSON out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

CAPACITY = 16_384


def arguments() -> dict[str, Any]:
    """The first argument, JSON."""
    return dict(json.loads(sys.argv[1]))


def finish(**figures: Any) -> None:
    """Prints the figures as the last line of output."""
    print(json.dumps(figures), flush=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and the seconds it took."""
    started = time.perf_counter()
    value = work()
    return value, time.perf_counter() - started


def corpus_files(folder: str) -> list[str]:
    """The corpus's files in order."""
    described = json.loads((Path(folder) / "corpus.json").read_text())
    return [str(Path(folder) / name) for name in described["files"]]


def documents(folder: str, limit_bytes: int) -> pa.ChunkedArray:
    """Responses of a corpus as large strings, until `limit_bytes` of text."""
    chunks, size = [], 0
    for path in corpus_files(folder):
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            column = file.read_row_group(group, columns=["responses"])["responses"]
            for piece in column.chunks:
                texts = piece.flatten().cast(pa.large_string())
                chunks.append(texts)
                size += len(texts.buffers()[2])
            if size >= limit_bytes:
                return pa.chunked_array(chunks)
    return pa.chunked_array(chunks)
