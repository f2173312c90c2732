"""The traces of the packs that training meets first, and other ways to batch them."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench.corpus.plan import Plan
from bench.corpus.write import write_corpus
from bench.train.settings import Settings

IGNORED = -100
TOKENS_A_TRACE = 900
"""About the mean of the corpus: decides how many traces are made."""
_TOKENIZER = Path(__file__).parents[2] / "python/octomed/sample/tokenizer"


@dataclass(frozen=True)
class Trace:
    """One document of a pack."""

    number: int
    """Its id."""
    ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]

    @property
    def supervised(self) -> int:
        """Tokens that are learned."""
        return int((self.labels != IGNORED).sum())


def make_run(folder: Path, packs: int, capacity: int, *, small_vocabulary: bool) -> Path:
    """Makes a corpus with about four times as many packs as are wanted, and packs it.

    Parameters
    ----------
    folder
        Where corpus, store and run go.
    packs, capacity
        What is wanted.
    small_vocabulary
        Take the sample's tokenizer of 4,096 entries instead of Qwen's.
    """
    import octomed

    corpus, out, recipe = folder / "corpus", folder / "run", folder / "recipe.yaml"
    write_corpus(Plan(4 * packs * capacity // TOKENS_A_TRACE), corpus, workers=1)
    source = {"name": "corpus", "path": f"{corpus}/part-*.parquet", "format": "octomed", "group": "text"}
    content = {
        "name": "bench",
        "model": str(_TOKENIZER) if small_vocabulary else "Qwen/Qwen2.5-VL-7B-Instruct",
        "sources": [source],
        "pack": {"capacity": capacity},
        "output": {"path": str(out)},
        "work": {"path": str(folder / "store")},
    }
    if small_vocabulary:
        content["template"] = "qwen2.5-vl"
    recipe.write_text(json.dumps(content), encoding="utf-8")
    octomed.pack(recipe)
    return out


def first_packs(settings: Settings) -> list[list[Trace]]:
    """Traces of the packs that the packed way meets, warm-up included, pack by pack."""
    from octomed.stream import PackedDataset

    dataset = PackedDataset(
        settings.run, batch_size=1, shuffle_seed=settings.seed, cache=settings.cache, quiet=True
    )
    return [traces_of(pack) for pack in itertools.islice(dataset, settings.warm_up + settings.steps)]


def traces_of(pack: dict[str, Any]) -> list[Trace]:
    """The traces of a pack as the run's shards hold it."""
    ids = pack["input_ids"].astype(np.int64)
    labels = np.full_like(ids, IGNORED)
    for begin, end in pack["loss_spans"]:
        labels[begin:end] = ids[begin:end]
    edges = np.concatenate([[0], pack["lengths"].astype(np.int64).cumsum()])
    labels[edges[:-1]] = IGNORED
    return [
        Trace(int(number), ids[begin:end], labels[begin:end])
        for number, (begin, end) in zip(pack["trace_ids"], itertools.pairwise(edges), strict=True)
    ]


def shuffled(packs: list[list[Trace]], seed: int) -> list[Trace]:
    """All traces of some packs, in an order of their own: the traces of a pack are of like length."""
    traces = [trace for pack in packs for trace in pack]
    return [traces[place] for place in np.random.default_rng(seed).permutation(len(traces))]


def padded_batches(traces: list[Trace], capacity: int) -> list[list[Trace]]:
    """Batches in the given order, each as many rows as stay within the capacity, padded to the longest."""
    batches: list[list[Trace]] = [[]]
    for trace in traces:
        longest = max(len(one.ids) for one in [*batches[-1], trace])
        if batches[-1] and (len(batches[-1]) + 1) * longest > capacity:
            batches.append([])
        batches[-1].append(trace)
    return batches


def flat_batches(traces: list[Trace], capacity: int, seed: int) -> list[list[Trace]]:
    """Batches that together need few bins: best fit, longest first, as TRL's default packing has it."""
    batches: list[list[Trace]] = []
    room: list[int] = []
    for trace in sorted(traces, key=lambda one: -len(one.ids)):
        length = len(trace.ids)
        fitting = [place for place, left in enumerate(room) if left >= length]
        if not fitting:
            batches.append([])
            room.append(capacity)
        place = min(fitting, key=room.__getitem__, default=len(batches) - 1)
        batches[place].append(trace)
        room[place] -= length
    return [batches[place] for place in np.random.default_rng(seed).permutation(len(batches))]
