"""A batch on its way out of a loader worker: the packs that it is made of, and how.

A finished batch has 52 bytes a token, and to share them with the training process costs more than to make
them. So a worker reads, unpacks and checks the packs, and sends their 4 bytes a token; they become tensors
where they arrive: in the loader's pinning thread, where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from octomed.stream.collator import Collator, Columns


@dataclass(frozen=True)
class Parcel:
    """Packs that have been checked; the process that unpickles them gets the batch.

    Attributes
    ----------
    collator
        Makes the batch.
    rows
        Columns of each pack.
    """

    collator: Collator
    rows: Sequence[Columns]

    def __reduce__(self) -> tuple[Callable[..., dict[str, Any]], tuple[Any, ...]]:
        """Pickle as what opens it."""
        return _opened, (self.collator, self.rows)


def _opened(collator: Collator, rows: Sequence[Columns]) -> dict[str, Any]:
    return collator.batch(rows)
