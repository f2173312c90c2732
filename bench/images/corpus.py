"""`python -m bench.images.corpus --images 2000 --out DIR`: rows of generated images and generated traces.

A row has a question, options, an answer, an image and several responses; one image in five stands in two
rows. `--format parquet` keeps images in the rows as `{bytes, path}`, as `datasets` writes them, `--format
jsonl` in a folder next to the rows. `--text-rows` is the share of traces that show no image. Same seed, same
files; a smaller corpus is the beginning of a larger one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from bench.corpus import lengths, lexicon, rows
from bench.corpus.plan import WORDS_A_CHUNK
from bench.images.drawing import Drawn, drawn
from octomed.machine import cores

CHUNK_IMAGES = 50  # one row group, about 5 MB
FILE_CHUNKS = 1
"""Few, so that a small corpus has as many blocks for each worker as a large one: a block is of one file."""
TRACES_AN_IMAGE = 7.46
MOST_TRACES = 16
SHOWN_TWICE = 0.2
"""Share of images of which two rows ask."""
CONTENT, ORDER = range(2)
HELD = ("rows", "traces", "shown", "png", "bytes", "pixels")
PARQUET: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
#: What `datasets` writes into a file's schema, and by which it knows an image.
FEATURES = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})}

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """A corpus is a function of this value."""

    images: int
    seed: int = 17
    text_rows: float = 0.0
    format: str = "parquet"

    @property
    def chunks(self) -> int:
        """Number of chunks; the last may be smaller than the others."""
        return -(-self.images // CHUNK_IMAGES)

    @property
    def files(self) -> int:
        """Number of files."""
        return -(-self.chunks // FILE_CHUNKS)

    def file_name(self, file: int) -> str:
        """Name of one file, relative to the corpus."""
        return f"part-{file:05d}.{self.format}"


@dataclass(frozen=True)
class Chunk:
    """Rows in the order of the file, and the images that they show."""

    table: pa.Table
    images: dict[str, Drawn]
    traces: int
    shown: int
    """Traces that show an image."""


def traces_an_image(uniform: npt.NDArray[np.float64]) -> Counts:
    """Numbers of traces from 1 to 16, falling by a little, of the paper's mean."""
    numbers = np.arange(1, MOST_TRACES + 1)
    decays = np.linspace(0.9, 1.0, 2_001)
    weights = decays[:, None] ** numbers
    means = (weights * numbers).sum(1) / weights.sum(1)
    best = weights[np.argmin(np.abs(means - TRACES_AN_IMAGE))]
    return numbers[np.searchsorted(np.cumsum(best / best.sum())[:-1], uniform, side="right")].astype(np.int64)


def asked(bits: np.random.PCG64, images: int) -> tuple[Counts, Counts]:
    """The image of each row, and how many responses each row has."""
    counts = traces_an_image(lengths.uniforms(bits, images))
    twice = (lengths.uniforms(bits, images) < SHOWN_TWICE) & (counts > 1)
    second = np.where(twice, counts // 2, 0)
    image = np.concatenate([np.arange(images), np.flatnonzero(twice)])
    return image, np.concatenate([counts - second, second[twice]])


def make(plan: Plan, words: lexicon.Lexicon, chunk: int) -> Chunk:
    """Generates one chunk."""
    first = chunk * CHUNK_IMAGES
    images = min(CHUNK_IMAGES, plan.images - first)
    bits = [np.random.PCG64(np.random.SeedSequence([plan.seed, chunk, part])) for part in (CONTENT, ORDER)]
    image, counts = asked(bits[CONTENT], images)
    shown = int(counts.sum())
    text = lengths.traces_a_question(bits[CONTENT], round(shown * plan.text_rows / (1 - plan.text_rows)))
    image = np.concatenate([image + first, np.full(len(text), -1)])
    counts = np.concatenate([counts, text])
    made = rows.with_counts(bits[CONTENT], words, counts, 0.0, chunk * WORDS_A_CHUNK)
    names = {number: drawn(plan.seed, number) for number in range(first, first + images)}
    named = {number: f"{number:07d}.{one.suffix}" for number, one in names.items()}
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns: dict[str, Any] = {name: getattr(made, name) for name in ("question", "options", "answer")}
    columns["responses"] = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), made.response)
    columns["image"] = pa.array(
        [None if n < 0 else {"bytes": names[n].file, "path": named[n]} for n in image.tolist()], IMAGE
    )
    order = np.argsort(lengths.uniforms(bits[ORDER], len(image)), kind="stable")
    table = pa.table(columns).take(pa.array(order)).replace_schema_metadata(FEATURES)
    return Chunk(table, {named[n]: one for n, one in names.items()}, int(counts.sum()), shown)


def lines(table: pa.Table) -> list[bytes]:
    """Rows of JSON Lines, which name their images by path."""
    found = []
    for row in table.to_pylist():
        image = row.pop("image")
        shown = {"image": image["path"]} if image else {}
        found.append(json.dumps(row | shown, ensure_ascii=False).encode() + b"\n")
    return found


def write_part(job: tuple[Plan, Path, int]) -> dict[str, int]:
    """Writes one file and its images; returns what it holds."""
    plan, folder, file = job
    words, sink, held = lexicon.build(), None, dict.fromkeys(HELD, 0)
    with (folder / plan.file_name(file)).open("wb") as stream:
        for number in range(file * FILE_CHUNKS, min((file + 1) * FILE_CHUNKS, plan.chunks)):
            one = make(plan, words, number)
            if plan.format == "jsonl":
                stream.writelines(lines(one.table))
                for name, image in one.images.items():
                    (folder / "images" / name).write_bytes(image.file)
            else:
                sink = sink or pq.ParquetWriter(stream, one.table.schema, **PARQUET)
                sink.write_table(one.table)
            count(held, one)
        if sink:
            sink.close()
    return held


def count(held: dict[str, int], one: Chunk) -> None:
    """Adds what a chunk holds."""
    images = one.images.values()
    held["rows"] += len(one.table)
    held["traces"] += one.traces
    held["shown"] += one.shown
    held["png"] += sum(image.suffix == "png" for image in images)
    held["bytes"] += sum(len(image.file) for image in images)
    held["pixels"] += sum(image.height * image.width for image in images)


def write_corpus(plan: Plan, folder: Path, workers: int) -> dict[str, Any]:
    """Writes a corpus into `folder`; returns what `corpus.json` says."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    pa.set_cpu_count(1)  # one process a core: Arrow's own threads would only get in the way
    jobs = [(plan, folder, file) for file in range(plan.files)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        parts = pool.map(write_part, jobs, chunksize=1)
    held = {name: sum(part[name] for part in parts) for name in parts[0]}
    files = [plan.file_name(file) for file in range(plan.files)]
    made = {**asdict(plan), "files": files, "held": held}
    (folder / "corpus.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return made


def main() -> None:
    """Reads the command line, writes the corpus."""
    parser = argparse.ArgumentParser(prog="python -m bench.images.corpus", description=__doc__)
    parser.add_argument("--images", type=int, required=True, help="distinct images")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--text-rows", type=float, default=0.0, help="share of traces without an image")
    parser.add_argument("--format", choices=["parquet", "jsonl"], default="parquet")
    parser.add_argument("--workers", type=int, default=cores())
    given = parser.parse_args()
    plan = Plan(given.images, given.seed, given.text_rows, given.format)
    started = time.perf_counter()
    held = write_corpus(plan, given.out, given.workers)["held"]
    seconds = time.perf_counter() - started
    png, size, pixels, shown = (held[name] / plan.images for name in ("png", "bytes", "pixels", "shown"))
    print(
        f"{plan.images:,} images ({png:.0%} PNG, {size / 1e3:.0f} KB, {pixels / 1e6:.2f} megapixels), "
        f"{held['rows']:,} rows, {held['traces']:,} traces, {shown:.2f} an image, in {seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
