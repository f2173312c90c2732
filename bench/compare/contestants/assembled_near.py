"""The best existing parts put together, with their flags of near duplicates: `assembled`, and rensa.

Before anything is tokenized, all responses become rensa's sketches of runs of five words, by its matrix path,
the quickest of those that take words. Its index then flags the rows that share a band with another. As rensa
does it, nothing is dropped for a flag, no text is compared, and no answer is looked at.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import rensa
from bench.compare.contestants import assembled
from bench.compare.contestants.common import arguments, corpus_files

PERMUTATIONS, BANDS, WORDS, SEED, THRESHOLD = 120, 20, 5, 17, 0.8


def runs_of(text: str) -> list[str]:
    """The runs of five words of a text, as whoever uses rensa makes them."""
    words = re.findall(r"[^\W_]+", text.lower())
    return [" ".join(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))]


def responses(files: list[str]) -> Iterator[str]:
    """All responses of a corpus, a chunk in memory at a time."""
    for table in assembled.chunks(files):
        for text in assembled.whole(table["responses"]).flatten():
            yield text.as_py()


def flagged(files: list[str]) -> int:
    """How many responses share a band with another."""
    sets = map(runs_of, responses(files))
    matrix = rensa.RMinHash.digest_matrix_from_token_sets(sets, PERMUTATIONS, SEED)
    index: Any = rensa.RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS)
    return int(np.count_nonzero(index.query_duplicate_flags_matrix_one_shot(matrix)))


def main() -> None:
    """Flags near duplicates over the whole corpus, then packs it."""
    pa.set_cpu_count(2)
    started = time.perf_counter()
    found = flagged(corpus_files(arguments()["corpus"]))
    print(f"near duplicates flagged: {found} in {time.perf_counter() - started:.1f} s", flush=True)
    assembled.main()


if __name__ == "__main__":
    main()
