"""Which of several runs each pack of a batch is from: the key `runs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from octomed.stream.columns import Pack


@dataclass(frozen=True)
class WithRuns:
    """A collator whose batches say of each pack which run it is from.

    A trace's id is a hash of where its row stands, so two runs may have the same.

    Attributes
    ----------
    collate
        Makes batches without it: `octomed.stream.Collator`.
    """

    collate: Callable[[Sequence[Pack]], Mapping[str, Any]]

    def __call__(self, packs: Sequence[Pack]) -> Mapping[str, Any]:
        """Make a batch, with ``runs``: int64, shape [packs]."""
        runs = [int(pack["run"]) for pack in packs]
        batch = self.collate(packs)
        return _numbered(batch, runs) if isinstance(batch, dict) else _NumberedBatch(batch, runs)


class _NumberedBatch(Mapping[str, Any]):
    """A batch on its way out of a loader worker, and the runs of its packs."""

    def __init__(self, batch: Mapping[str, Any], runs: list[int]) -> None:
        self._batch = batch
        self._runs = runs

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 tensors and numbers
        """Return a value of the batch."""
        return torch.tensor(self._runs) if name == "runs" else self._batch[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the batch."""
        yield from self._batch
        yield "runs"

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._batch) + 1

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]:
        """Pickle as what makes the batch."""
        return _numbered, (self._batch, self._runs)


def _numbered(batch: Mapping[str, Any], runs: list[int]) -> dict[str, Any]:
    return {**batch, "runs": torch.tensor(runs)}
