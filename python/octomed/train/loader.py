"""A loader that resumes anywhere in an epoch, and whose errors are its workers'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streaming import StreamingDataLoader
from streaming.base.batching import per_stream, random
from streaming.base.partition import algos

from octomed.errors import OctomedError
from octomed.train.failures import unwrapped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PackLoader(StreamingDataLoader):
    """Batches of a `PackedDataset` for Composer."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 those of torch
        super().__init__(*given, **named)
        resume_up_to_the_end()

    def __iter__(self) -> Any:  # noqa: ANN401 an iterator of batches; torch types it narrower than Streaming
        """Iterate over batches."""
        try:
            yield from super().__iter__()
        except OctomedError as error:
            raise unwrapped(error) from None


def resume_up_to_the_end() -> None:
    """Let Streaming resume among the packs that it repeats at an epoch's end.

    Its check takes a position there for one beyond the data; the partition itself knows better.
    """
    methods: tuple[Any, ...] = (random, per_stream)
    for method in methods:
        method.get_partitions = _partitions


def _partitions(algorithm: str, *given: Any, **named: Any) -> NDArray[np.int64]:  # noqa: ANN401 those of Streaming
    partitions: NDArray[np.int64] = algos[algorithm](*given, **named)
    return partitions
