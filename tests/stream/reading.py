"""Read a run as a training process does, and say which packs came when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from octomed.stream import Collator, PackedDataset
from streaming import StreamingDataLoader

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

Batch = list[int]
"""Its packs, each named by its first trace."""


def loader(path: Path, batch: int, workers: int, **options: Any) -> StreamingDataLoader:
    dataset = PackedDataset(path, global_batch_size=batch, quiet=True, **options)
    return StreamingDataLoader(
        dataset, batch_size=dataset.batch_size, num_workers=workers, collate_fn=Collator("text")
    )


def drain(batches: DataLoader[Any]) -> list[Any]:
    """All batches; workers end at once when one fails, instead of in PyTorch's five seconds each."""
    iterator = iter(batches)
    try:
        return list(iterator)
    finally:
        if batches.num_workers:
            iterator._shutdown_workers()


def packs_of(batch: dict[str, Any]) -> Batch:
    """First traces of the packs of a batch."""
    documents = batch["packs"][:, 1]
    firsts = documents.cumsum(0) - documents
    return batch["trace_ids"][firsts].tolist()


def epoch(path: Path, batch: int, workers: int, options: dict[str, Any], epochs: int = 1) -> list[Batch]:
    """The batches that this rank sees in some epochs."""
    batches = loader(path, batch, workers, **options)
    return [packs_of(one) for _ in range(epochs) for one in batches]


def global_batches(ranks: list[list[Batch]]) -> list[Batch]:
    """The batches of all ranks together; the order inside one is no matter."""
    return [sorted(pack for part in parts for pack in part) for parts in zip(*ranks, strict=True)]


def all_packs(path: Path, *streams: str) -> dict[int, str]:
    """The stream of every pack, by its first trace."""
    found = {}
    for table in sorted((path / "provenance").glob("*.parquet")):
        for row in pq.ParquetFile(table).read().to_pylist():
            if row["document"] == 0 and (not streams or row["stream"] in streams):
                found[row["trace_id"] - 2**64 * (row["trace_id"] >= 2**63)] = row["stream"]
    return found
