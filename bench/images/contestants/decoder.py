"""The decoder alone: all distinct images of a corpus, in memory, on all cores."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
from bench.compare.contestants.common import arguments, corpus_files, finish, timed
from octomed import vision


def main() -> None:
    """Decodes each image once."""
    given = arguments()
    images = {
        image.as_py()
        for name in corpus_files(given["corpus"])
        for image in pq.read_table(name, columns=["image"])["image"].combine_chunks().field("bytes")
        if image.is_valid
    }

    def decode(file: bytes) -> int:
        return int(vision.decode(file).size)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        spent = time.process_time()
        sizes, seconds = timed(lambda: list(pool.map(decode, sorted(images, key=len, reverse=True))))
        spent = time.process_time() - spent
    finish(seconds=seconds, cpu_seconds=spent, images=len(images), megapixels=sum(sizes) / 3e6)


if __name__ == "__main__":
    main()
