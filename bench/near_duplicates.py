"""Near duplicates beside rensa, over the responses of a seeded corpus with planted near copies.

`python -m bench.near_duplicates` makes 20,000 responses, a twentieth of them again with some words changed,
and has near duplicates found in them by octomed's crate and by rensa, in turns, where that is installed: its
deduplicator and its matrix on sets of five words, which is Python's work for the most part, and its native
part alone on runs of words that were hashed before. Each has 120 permutations in 20 bands. The figures, the
best of the rounds by the clock and by processor time, go to `bench/results/near-duplicates.json`, with recall
and precision against the sets of all planted pairs. Only octomed compares the texts of what it finds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from bench.compare.machine import describe
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus

RESULT = Path(__file__).parent / "results" / "near-duplicates.json"
ROOT = Path(__file__).parents[1]
PERMUTATIONS, BANDS, WORDS, SEED = 120, 20, 5, 17
THRESHOLD, CERTAIN = 0.8, 0.85
PLANTED = 0.05
FULL = 8_095_571
DUPLICATES = 0.05
PATHS = 10
"""Times that octomed has to be faster than rensa's paths on words."""
NATIVE = 2.0
"""Times that it may take of rensa's native part, which is given hashes."""


@dataclass
class Corpus:
    """Texts, of which the last are near copies: of which, and the share of runs that both have."""

    texts: list[str]
    of: dict[int, int] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)

    @property
    def megabytes(self) -> float:
        """Of all texts."""
        return sum(len(text.encode()) for text in self.texts) / 1e6


def runs_of(text: str) -> list[str]:
    """The runs of five words of a text, as whoever uses rensa makes them."""
    words = re.findall(r"[^\W_]+", text.lower())
    return [" ".join(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))]


def share(one: str, other: str) -> float:
    """Shared runs over all of both."""
    first, second = set(runs_of(one)), set(runs_of(other))
    return len(first & second) / len(first | second)


def corpus_of(traces: int, folder: Path) -> Corpus:
    """Responses of the seeded corpus, and near copies of some, each with its own share of words changed."""
    write_corpus(Plan(traces=traces, seed=SEED), folder, workers=1)
    texts = [
        response
        for path in sorted(folder.glob("*.parquet"))
        if path.name != "truth.parquet"
        for responses in pq.read_table(path, columns=["responses"])["responses"].to_pylist()
        for response in responses
    ]
    random = np.random.default_rng(SEED)
    corpus = Corpus(texts)
    for one in random.permutation(len(texts))[: int(PLANTED * len(texts))].tolist():
        words = texts[one].split(" ")
        for at in np.flatnonzero(random.random(len(words)) < random.uniform(0, 0.03)).tolist():
            words[at] = f"changed{at}"
        copy = " ".join(words)
        corpus.of[len(texts)] = one
        corpus.shares[len(texts)] = share(texts[one], copy)
        texts.append(copy)
    return corpus


def timed(work: Callable[[], Any]) -> tuple[Any, list[float]]:
    """What a function returns, its seconds by the clock and by the processors."""
    begin, used = time.perf_counter(), time.process_time()
    result = work()
    return result, [time.perf_counter() - begin, time.process_time() - used]


def octomed(file: Path, threads: int) -> tuple[dict[str, Any], dict[int, tuple[int, float]]]:
    """Figures of the crate's program, and the texts that it finds: near to which, and how near."""
    command = [
        "cargo",
        "run",
        "--quiet",
        "--release",
        "-p",
        "octomed-minhash",
        "--example",
        "near_texts",
        "--",
    ]
    done = subprocess.run(
        [*command, str(file), str(threads), str(THRESHOLD)], stdout=subprocess.PIPE, check=True, cwd=ROOT
    )
    figures, *lines = (json.loads(line) for line in done.stdout.splitlines())
    return figures, {text: (kept, jaccard) for text, kept, jaccard in lines}


def deduplicator(rensa: Any, corpus: Corpus) -> set[int]:
    """What `RMinHashDeduplicator` finds to be a duplicate of what came before it, given runs of words."""
    seen = rensa.RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, True, BANDS, SEED)
    found = set()
    for number, text in enumerate(corpus.texts):
        sketch = rensa.RMinHash(PERMUTATIONS, SEED)
        sketch.update(runs_of(text))
        if not seen.add(str(number), sketch):
            found.add(number)
    return found


def flagged(rensa: Any, matrix: Any) -> set[int]:
    """The rows of a matrix that share a band with another."""
    index = rensa.RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS)
    return set(np.flatnonzero(index.query_duplicate_flags_matrix_one_shot(matrix)).tolist())


def matrix(rensa: Any, corpus: Corpus) -> set[int]:
    """What the matrix of all sketches finds, given runs of words."""
    return flagged(
        rensa, rensa.RMinHash.digest_matrix_from_token_sets(map(runs_of, corpus.texts), PERMUTATIONS, SEED)
    )


@dataclass
class Hashed:
    """All runs as numbers, on end, and where each text's begin."""

    hashes: Any
    offsets: Any

    @classmethod
    def of(cls, corpus: Corpus) -> Hashed:
        """Hash the runs of a corpus: Python's own hash will do."""
        hashes, offsets = array("Q"), array("Q", [0])
        for text in corpus.texts:
            hashes.extend(hash(run) & 0xFFFF_FFFF_FFFF_FFFF for run in runs_of(text))
            offsets.append(len(hashes))
        return cls(hashes, offsets)


def native(rensa: Any, hashed: Hashed) -> set[int]:
    """What the matrix finds, given hashes: no Python is in it."""
    made = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        hashed.hashes, hashed.offsets, PERMUTATIONS, SEED
    )
    return flagged(rensa, made)


def recall(corpus: Corpus, found: set[int]) -> float:
    """The share of the planted copies, of those that are near for certain, that were found."""
    near = [copy for copy, jaccard in corpus.shares.items() if jaccard >= CERTAIN]
    return sum(copy in found for copy in near) / len(near)


def precision(corpus: Corpus, found: dict[int, tuple[int, float]]) -> float:
    """The share of what octomed finds that has the runs in common that it has to have."""
    right = [share(corpus.texts[text], corpus.texts[kept]) >= THRESHOLD for text, (kept, _) in found.items()]
    return sum(right) / max(1, len(right))


def least(rounds: list[list[float]]) -> dict[str, float]:
    """The best round by the clock, and by the processors."""
    clock, processors = (round(min(each), 4) for each in zip(*rounds, strict=True))
    return {"seconds": clock, "processor_seconds": processors}


def peers(corpus: Corpus) -> dict[str, Callable[[], set[int]]]:
    """The ways of rensa, by name; none where it is not installed."""
    try:
        import rensa
    except ImportError:
        return {}
    hashed = Hashed.of(corpus)
    return {
        "rensa, deduplicator on runs of words": lambda: deduplicator(rensa, corpus),
        "rensa, matrix on runs of words": lambda: matrix(rensa, corpus),
        "rensa, native part on hashes": lambda: native(rensa, hashed),
    }


def measured(corpus: Corpus, file: Path, rounds: int, threads: int) -> dict[str, Any]:
    """All figures: each way in every round, the best of which counts."""
    spent: dict[str, list[list[float]]] = {}
    found: dict[str, set[int]] = {}
    ours: list[dict[str, Any]] = []
    near: dict[int, tuple[int, float]] = {}
    others = peers(corpus)
    for _ in range(rounds):
        figures, near = octomed(file, threads)
        ours.append(figures)
        for name, way in others.items():
            result, seconds = timed(way)
            spent.setdefault(name, []).append(seconds)
            found[name] = result
    parts = {name: least([one[name] for one in ours]) for name in ("sketch", "group", "verify")}
    scan = [[sum(pair) for pair in zip(one["sketch"], one["group"], strict=True)] for one in ours]
    ways = {
        "octomed": {**least(scan), "recall": recall(corpus, set(near)), "precision": precision(corpus, near)}
    }
    for name, result in found.items():
        ways[name] = {**least(spent[name]), "recall": recall(corpus, result)}
    for way in ways.values():
        way["megabytes_a_second"] = round(corpus.megabytes / way["seconds"], 1)
    amounts = {name: ours[-1][name] for name in ("candidates", "compared", "crowded", "verify_bytes")}
    return {"ways": ways, "parts": parts, **amounts, "found": len(near)}


def extrapolated(result: dict[str, Any], texts: int) -> dict[str, float]:
    """What the comparison of texts takes for all traces of the paper, of which a twentieth are near copies.

    Texts are read and compared once for each candidate: twice as many as there are copies.
    """
    candidates = 2 * DUPLICATES * FULL
    each = {name: spent / result["candidates"] for name, spent in result["parts"]["verify"].items()}
    return {
        "traces": FULL,
        "candidates": round(candidates),
        "verify_seconds": round(each["seconds"] * candidates, 1),
        "verify_processor_seconds": round(each["processor_seconds"] * candidates, 1),
        "group_seconds": round(result["parts"]["group"]["seconds"] / texts * FULL, 1),
    }


def judged(result: dict[str, Any]) -> dict[str, float]:
    """Processor time of each way of rensa, as a multiple of octomed's."""
    ways = result["ways"]
    ours = ways["octomed"]["processor_seconds"]
    others = {name: way for name, way in ways.items() if name != "octomed"}
    return {name: round(way["processor_seconds"] / ours, 2) for name, way in others.items()}


def main() -> int:
    """Measures, stores and judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = corpus_of(given.traces, Path(folder) / "corpus")
        file = Path(folder) / "texts"
        file.write_text("".join(f"{text}\0" for text in corpus.texts))
        result = describe() | {"texts": len(corpus.texts), "megabytes": round(corpus.megabytes, 1)}
        result |= measured(corpus, file, given.rounds, given.threads)
    result["all_traces"] = extrapolated(result, len(corpus.texts))
    result["times_octomed"] = judged(result)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: result[name] for name in ("ways", "times_octomed", "all_traces")}, indent=1))
    on_words = [times for name, times in result["times_octomed"].items() if "words" in name]
    on_hashes = [times for name, times in result["times_octomed"].items() if "hashes" in name]
    return int(any(times < PATHS for times in on_words) or any(times * NATIVE < 1 for times in on_hashes))


if __name__ == "__main__":
    sys.exit(main())
