"""How long the pages of `octomed view` take over a run of the paper's size: its tables, and no shards.

python -m bench.view --traces 8095571 --out /tmp/view
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from octomed.run_file import Counts, Making, RunFile, SourceCounts, StreamEntry, write_run_file

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = {"medqa": 0.3, "medmcqa": 0.3, "pmc-vqa": 0.3, "chains": 0.09999, "rare": 0.00001}
STREAMS = {1024: 0.5, 4096: 0.4, 16384: 0.1}
REASONS = {"wrong_answer": 0.7, "duplicate": 0.2, "near_duplicate": 0.0999, "repetition": 0.0001}
RANGES, FILES, BLOCKS, REJECTS_OF_A_BLOCK = 80, 40, 250, 2_500
PAGES = {
    "overview": "/0/",
    "lengths": "/0/lengths",
    "packed traces": "/0/traces",
    "of a source": "/0/traces?source=medqa",
    "of a source, in the middle": "/0/traces?source=medqa&from=120.0.5000",
    "of a length": "/0/traces?stream=len-16384&length=8192-16383",
    "of images of a size": "/0/traces?source=pmc-vqa&patches=1024-2047",
    "of a source with one in 100,000": "/0/traces?source=rare",
    "left out": "/0/rejects",
    "for a reason": "/0/rejects?reason=wrong_answer&source=chains",
    "for a reason of one in 10,000": "/0/rejects?reason=repetition",
    "for a reason that none has": "/0/rejects?reason=none",
    "a row": "/0/row?source=medqa&file=part-003.parquet&row=77",
    "all packed traces of a row": "/0/row/packed?source=medqa&file=part-003.parquet&row=77",
}


def dictionary(draw: np.random.Generator, values: list[str], count: int, shares: Any = None) -> pa.Array:
    numbers = draw.choice(len(values), count, p=shares)
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), values)


def provenance(draw: np.random.Generator, capacity: int, count: int, first_pack: int) -> pa.Table:
    """Return the traces of a range in a stream, with an image where the source has any."""
    length = np.minimum(draw.lognormal(np.log(capacity / 2), 0.5, count) + 30, capacity).astype(np.uint32)
    packed = max(1, 16384 // int(length.mean()))
    place = np.arange(count)
    sources = dictionary(draw, list(SOURCES), count, list(SOURCES.values()))
    shows = sources.indices.to_numpy() == list(SOURCES).index("pmc-vqa")
    edges = pa.array(np.concatenate([[0], np.cumsum(shows)]).astype(np.int32))
    images = int(shows.sum())
    hashes, patches = draw.integers(0, 2**64, images, np.uint64), draw.integers(64, 1296, images, np.uint32)
    return pa.table(
        {
            "trace_id": draw.integers(0, 2**64, count, np.uint64),
            "copy": np.zeros(count, np.uint32),
            "source": sources,
            "file": dictionary(draw, [f"part-{number:03}.parquet" for number in range(FILES)], count),
            "row": draw.integers(0, 200_000, count, np.uint64),
            "sample": draw.integers(0, 16, count, np.uint32),
            "stream": dictionary(draw, [f"len-{capacity:05}"], count),
            "shard": (place // packed // 512).astype(np.uint32),
            "pack": (place // packed + first_pack).astype(np.uint64),
            "document": (place % packed).astype(np.uint32),
            "offset": (place % packed * 500).astype(np.uint32),
            "length": length,
            "images": pa.ListArray.from_arrays(edges, pa.array(hashes)),
            "image_patches": pa.ListArray.from_arrays(edges, pa.array(patches)),
        }
    )


def rejects(draw: np.random.Generator, source: str) -> Iterator[pa.Table]:
    """Yield the rejects of a source, block by block."""
    for block in range(BLOCKS):
        count = REJECTS_OF_A_BLOCK
        yield pa.table(
            {
                "source": [source] * count,
                "file": [f"part-{block // 50:03}.parquet"] * count,
                "row": np.sort(draw.integers(block % 50 * 4000, (block % 50 + 1) * 4000, count, np.uint64)),
                "sample": draw.integers(0, 16, count, np.uint32),
                "reason": draw.choice(list(REASONS), count, p=list(REASONS.values())),
                "detail": [f"figure {number}" for number in range(count)],
                "images": pa.array([[]] * count, pa.list_(pa.uint64())),
            }
        )


def make_run(folder: Path, traces: int) -> None:
    """Write the tables and the run file of a run."""
    draw = np.random.default_rng(17)
    files, streams = [], {}
    for kind in ("provenance", "rejects"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for capacity, share in STREAMS.items():
        name, packs, count, tokens = f"len-{capacity:05}", 0, int(traces * share / RANGES), 0
        for number in range(RANGES):
            table = provenance(draw, capacity, count, packs)
            files.append(f"provenance/{name}-{number:05}.parquet")
            pq.write_table(table, folder / files[-1], compression="zstd")
            packs = int(table["pack"][-1].as_py()) + 1
            tokens += int(table["length"].to_numpy().sum())
        streams[name] = StreamEntry(packs, count * RANGES, tokens, 0, 1, capacity)
    for source in list(SOURCES)[:-1]:
        files.append(f"rejects/{source}.parquet")
        writer = None
        for block in rejects(draw, source):
            writer = writer or pq.ParquetWriter(folder / files[-1], block.schema, compression="zstd")
            writer.write_table(block)
        writer.close()
    write_run_file(folder, run_file(files, streams))


def run_file(files: list[str], streams: dict[str, StreamEntry]) -> RunFile:
    packed = sum(stream.traces for stream in streams.values())
    left = BLOCKS * REJECTS_OF_A_BLOCK
    counts = Counts(
        traces=packed + left * (len(SOURCES) - 1),
        train=packed,
        rows=packed,
        rows_with_traces=packed,
        rejected={reason: int(left * share) for reason, share in REASONS.items()},
        tokens=sum(stream.tokens for stream in streams.values()),
        packs=sum(stream.packs for stream in streams.values()),
        sources={name: SourceCounts(train=int(packed * share)) for name, share in SOURCES.items()},
    )
    sources = [{"name": name, "path": f"{name}.parquet", "format": "octomed"} for name in SOURCES]
    making = Making(files=tuple(files), inputs={name: {} for name in SOURCES})
    return RunFile(
        streams, name="made", recipe={"sources": sources}, capacity=16384, counts=counts, run=making
    )


class Program:
    """`octomed view` over a run, and the processor time that it takes."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "octomed", "view", str(folder)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._opened = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.address = self._process.stdout.readline().strip()

    def asked(self, page: str) -> tuple[float, float]:
        """Return the seconds that a page takes, and those of processors."""
        root, _, token = self.address.partition("/?")
        begin, before = time.perf_counter(), self._spent()
        try:
            self._opened.open(f"{root}/?{token}" if page == "/" else root + page).read()
        except urllib.error.HTTPError as error:
            error.read()
        return time.perf_counter() - begin, self._spent() - before

    def _spent(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Ask for each page in a fresh program and again."""
    program = Program(folder)
    try:
        first = program.asked("/")
        program.asked("/0/lengths")
        found = {name: [program.asked(page) for _ in range(rounds)] for name, page in PAGES.items()}
    finally:
        program.end()
    pages = {
        name: {
            "median_ms": round(1000 * statistics.median(one for one, _ in times), 1),
            "slowest_ms": round(1000 * max(one for one, _ in times), 1),
            "cpu_ms": round(1000 * statistics.fmean(spent for _, spent in times), 1),
        }
        for name, times in found.items()
    }
    return {
        "first_page_ms": round(1000 * first[0], 1),
        "first_page_cpu_ms": round(1000 * first[1], 1),
        "pages": pages,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=8_095_571)
    parser.add_argument("--out", type=Path, required=True, help="where the run is made, if it is not there")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--result", type=Path, default=Path("bench/results/view.json"))
    words = parser.parse_args()
    if not (words.out / "octomed.json").exists():
        make_run(words.out, words.traces)
    result = {"traces": words.traces, "load": os.getloadavg()[0], **measure(words.out, words.rounds)}
    text = json.dumps(result, indent=1)
    words.result.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
