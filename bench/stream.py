"""Tokens a second of a loader process: our data set and collator beside Streaming's with a NumPy collator.

One run on one machine over the same warm local shards: `PackedDataset` with `Collator`, and a stock
`StreamingDataset` over one stream with the collator that one would write in NumPy. Both read in this process,
and in one loader worker.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from bench.compare.machine import describe
from octomed.mds import MDSWriter
from octomed.stream import Collator, PackedDataset
from streaming import StreamingDataset
from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS = {
    "image_grid_thw": "bytes",
    "image_offsets": "bytes",
    "image_refs": "bytes",
    "images": "bytes",
    "input_ids": "ndarray:uint32",
    "lengths": "ndarray:uint32",
    "loss_spans": "ndarray:uint32",
    "trace_ids": "ndarray:uint64",
}
STREAM = "len-16384"
TRACE_TOKENS = 1200
"""Mean length of a trace."""


def pack(random: np.random.Generator, capacity: int, first_trace: int) -> dict[str, Any]:
    """A full pack of traces, the last two thirds of each learned."""
    count = max(1, capacity // TRACE_TOKENS)
    cuts = np.sort(random.choice(np.arange(1, capacity), count - 1, replace=False))
    edges = np.concatenate([[0], cuts, [capacity]]).astype(np.uint32)
    lengths = np.diff(edges).astype(np.uint32)
    spans = np.stack([edges[:-1] + lengths // 3, edges[1:]], axis=1).astype(np.uint32)
    return {
        "image_grid_thw": b"",
        "image_offsets": b"",
        "image_refs": b"",
        "images": b"",
        "input_ids": random.integers(0, 152_000, capacity, np.uint32),
        "lengths": lengths,
        "loss_spans": spans,
        "trace_ids": np.arange(first_trace, first_trace + count, dtype=np.uint64),
    }


def write_run(folder: Path, packs: int, capacity: int) -> None:
    """A run of one stream of raw shards."""
    random = np.random.default_rng(0)
    traces = 0
    with MDSWriter(folder / STREAM, columns=COLUMNS, size_limit=2**26) as writer:
        for _ in range(packs):
            row = pack(random, capacity, traces)
            writer.write(row)
            traces += len(row["lengths"])
    stream = {"packs": packs, "traces": traces, "tokens": packs * capacity}
    (folder / "octomed.json").write_text(json.dumps({"format": 1, "streams": {STREAM: stream}}))


def numpy_collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The same batch by NumPy, a call a document at most."""
    input_ids = np.concatenate([row["input_ids"] for row in rows]).astype(np.int64)
    lengths = np.concatenate([row["lengths"] for row in rows]).astype(np.int64)
    edges = np.concatenate([[0], lengths.cumsum()])
    learned = np.zeros(len(input_ids) + 1, np.int8)
    offset = 0
    for row in rows:
        np.add.at(learned, row["loss_spans"][:, 0] + offset, 1)
        np.add.at(learned, row["loss_spans"][:, 1] + offset, -1)
        offset += len(row["input_ids"])
    mask = learned.cumsum()[:-1].astype(bool)
    mask[edges[:-1]] = False
    positions = np.arange(len(input_ids)) - np.repeat(edges[:-1], lengths)
    arrays = {
        "packs": np.array([[len(row["input_ids"]), len(row["lengths"])] for row in rows]),
        "input_ids": input_ids[None],
        "labels": np.where(mask, input_ids, -100)[None],
        "position_ids": np.broadcast_to(positions, (4, 1, len(positions))).copy(),
        "cu_seqlens": edges.astype(np.int32),
        "trace_ids": np.concatenate([row["trace_ids"] for row in rows]).view(np.int64),
        "supervised_tokens": np.add.reduceat(mask, edges[:-1], dtype=np.int64),
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()} | {
        "max_length": int(lengths.max())
    }


def tokens_a_second(loader: DataLoader[Any]) -> float:
    """Of a whole epoch; its first batch, with the start of workers, is not in the time."""
    batches: Iterator[Any] = iter(loader)
    next(batches)
    begin = time.perf_counter()
    tokens = sum(int(batch["packs"][:, 0].sum()) for batch in batches)
    return tokens / (time.perf_counter() - begin)


def contestants(run: Path, cache: Path, batch: int) -> dict[str, Callable[[int], DataLoader[Any]]]:
    """Loaders with a number of workers, by name, each new: stock data sets fork only before use."""

    def ours() -> Any:
        return PackedDataset(run, batch_size=batch, cache=cache, quiet=True)

    def stock() -> Any:
        return StreamingDataset(
            local=str(run / STREAM), batch_size=batch, shuffle=True, num_canonical_nodes=24, shuffle_seed=9176
        )

    def loader(dataset: Callable[[], Any], collate: Any) -> Callable[[int], DataLoader[Any]]:
        return lambda workers: DataLoader(dataset(), batch, num_workers=workers, collate_fn=collate)

    return {
        "octomed": loader(ours, Collator()),
        "octomed, text positions": loader(ours, Collator("text")),
        "streaming with numpy": loader(stock, numpy_collate),
    }


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two batches are equal."""
    return first.keys() == second.keys() and all(
        bool(np.array_equal(value, second[name])) for name, value in first.items()
    )


def measure(packs: int, capacity: int, batch: int, rounds: int) -> dict[str, Any]:
    """Rates of all contestants, in turns."""
    rates: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        run.mkdir()
        write_run(run, packs, capacity)
        loaders = contestants(run, Path(folder, "cache"), batch)
        firsts = [next(iter(loaders[name](0))) for name in ("octomed", "streaming with numpy")]
        assert same(*firsts), "the collators do not agree"
        for _ in range(rounds):
            for workers in (0, 1):
                for name, loader in loaders.items():
                    found = rates.setdefault(name, {}).setdefault(str(workers), [])
                    found.append(tokens_a_second(loader(workers)))
    return {
        name: {
            workers: {"median": statistics.median(values), "rounds": values} for workers, values in by.items()
        }
        for name, by in rates.items()
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=int, default=2000)
    parser.add_argument("--capacity", type=int, default=16_384)
    parser.add_argument("--batch", type=int, default=2, help="packs a batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("bench/results/stream.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = {name: getattr(options, name) for name in ("packs", "capacity", "batch", "rounds")}
    result = describe() | {"settings": settings, "tokens_a_second": measure(**settings)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    for name, by in result["tokens_a_second"].items():
        figures = ", ".join(f"{workers} workers {one['median'] / 1e6:.1f} M" for workers, one in by.items())
        print(f"{name:26} {figures} tokens/s")


if __name__ == "__main__":
    main()
