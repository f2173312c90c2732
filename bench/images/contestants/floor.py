"""What no packer of images can do without: read the rows, store each distinct image, write the copies.

Reads the rows, writes each distinct image once and reads it back, and writes the bytes of images as often as
the output of octomed holds them, in shards of the same size and compression, on all cores.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import zstandard
from bench.compare.contestants.common import arguments, corpus_files, finish

SHARD_BYTES = 128 << 20


def store(corpus: str, path: Path) -> list[int]:
    """Reads all rows and writes their distinct images; returns the bytes of each."""
    seen: set[bytes] = set()
    sizes = []
    with path.open("wb") as target:
        for name in corpus_files(corpus):
            file = pq.ParquetFile(name)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                for image in table["image"].combine_chunks().field("bytes"):
                    if image.is_valid and (content := image.as_py()) not in seen:
                        seen.add(content)
                        target.write(content)
                        sizes.append(len(content))
    return sizes


def shards(images: list[bytes], copied: int) -> Iterator[bytes]:
    """Raw shards with `copied` bytes of images in all."""
    held, size, left = [], 0, copied
    for image in itertools.cycle(images):
        held.append(image[:left])
        size += len(held[-1])
        left -= len(held[-1])
        if size >= SHARD_BYTES or not left:
            yield b"".join(held)
            held, size = [], 0
        if not left:
            return


def write(job: tuple[Path, bytes]) -> int:
    """Compresses and writes a shard."""
    path, raw = job
    return path.write_bytes(zstandard.ZstdCompressor(level=1).compress(raw))


def main() -> None:
    """Runs the three parts."""
    started, spent = time.perf_counter(), time.process_time()
    given = arguments()
    out = Path(given["out"])
    out.mkdir(parents=True)
    kept = out / "images"
    sizes = store(given["corpus"], kept)
    stored = time.perf_counter()
    whole = kept.read_bytes()
    edges = list(itertools.accumulate(sizes, initial=0))
    images = [whole[begin:end] for begin, end in itertools.pairwise(edges)]
    cores = len(os.sched_getaffinity(0))
    raw = enumerate(shards(images, given["copied_bytes"]))
    with ThreadPoolExecutor(cores) as pool:
        written = sum(pool.map(write, ((out / f"shard.{number}", shard) for number, shard in raw)))
    ended = time.perf_counter()
    stages = {"read_and_store": stored - started, "write": ended - stored}
    copied = given["copied_bytes"]
    spent = time.process_time() - spent
    finish(seconds=ended - started, cpu_seconds=spent, images=len(images), image_bytes=len(whole),
           copied_bytes=copied, written_bytes=written, stages=stages)  # fmt: skip


if __name__ == "__main__":
    main()
