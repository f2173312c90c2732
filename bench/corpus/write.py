"""Files of a corpus: parts, the truth about planted duplicates, and what was made."""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from bench.corpus import chunk as chunks
from bench.corpus import lexicon as lexicons
from bench.corpus.plan import FILE_CHUNKS, Plan

_LEXICON: list[lexicons.Lexicon] = []  # built once, inherited by forked workers


@dataclass(frozen=True)
class Part:
    """What one file turned out to hold: rows and truth of each of its chunks."""

    rows: list[int]
    truth: list[npt.NDArray[np.int64]]
    text_bytes: int
    new_words: int


def write_part(job: tuple[Plan, Path, int]) -> Part:
    """Writes one file."""
    plan, folder, file = job
    if not _LEXICON:
        _LEXICON.append(lexicons.build())
    path = folder / plan.file_name(file)
    sink, made = None, []
    with path.open("wb") as stream:
        for number in range(file * FILE_CHUNKS, min((file + 1) * FILE_CHUNKS, plan.chunks)):
            one = chunks.make(plan, _LEXICON[0], number)
            if plan.format == "jsonl":
                stream.writelines(
                    json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in one.table.to_pylist()
                )
            else:
                sink = sink or pq.ParquetWriter(
                    stream,
                    one.table.schema,
                    compression="zstd",
                    compression_level=1,
                    use_dictionary=False,
                    write_statistics=False,
                )
                sink.write_table(one.table, row_group_size=max(1, one.rows))
            made.append(one)
        if sink:
            sink.close()
    return Part(
        [one.rows for one in made],
        [one.truth for one in made],
        sum(one.text_bytes for one in made),
        sum(one.new_words for one in made),
    )


def write_corpus(plan: Plan, folder: Path, *, workers: int) -> dict[str, object]:
    """Writes a corpus into `folder`, and returns what `corpus.json` says plus the seconds it took."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    if not _LEXICON:
        _LEXICON.append(lexicons.build())
    pa.set_cpu_count(1)  # one process a core: Arrow's own threads would only get in the way
    jobs = [(plan, folder, file) for file in range(plan.files)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        parts = pool.map(write_part, jobs, chunksize=1)
    planted = write_truth(plan, folder, parts)
    made = {
        **asdict(plan),
        "files": [plan.file_name(file) for file in range(plan.files)],
        "rows": sum(sum(part.rows) for part in parts),
        "planted_duplicates": planted,
        "text_bytes": sum(part.text_bytes for part in parts),
        "never_seen_words": sum(part.new_words for part in parts),
    }
    (folder / "corpus.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    return {**made, "seconds": round(time.perf_counter() - started, 3)}


def write_truth(plan: Plan, folder: Path, parts: list[Part]) -> int:
    """`truth.parquet`: each planted duplicate and the trace it equals, rows counted from 0 in their files."""
    rows = [count for part in parts for count in part.rows]
    first_row = np.zeros(len(rows), dtype=np.int64)
    for index in range(len(rows)):
        if index % FILE_CHUNKS:
            first_row[index] = first_row[index - 1] + rows[index - 1]
    per_chunk = [truth for part in parts for truth in part.truth]
    own = np.repeat(np.arange(len(per_chunk)), [len(truth) for truth in per_chunk])
    truth = np.concatenate(per_chunk)
    names = np.array([plan.file_name(file) for file in range(plan.files)])
    table = pa.table(
        {
            "file": names[own // FILE_CHUNKS],
            "row": first_row[own] + truth[:, 0],
            "sample": truth[:, 1],
            "original_file": names[truth[:, 2] // FILE_CHUNKS],
            "original_row": first_row[truth[:, 2]] + truth[:, 3],
            "original_sample": truth[:, 4],
        }
    )
    pq.write_table(table, folder / "truth.parquet")
    return len(table)
