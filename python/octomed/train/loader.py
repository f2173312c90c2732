"""A loader whose length is the number of batches that it yields, and whose errors are those of its workers."""

from __future__ import annotations

from typing import Any

from composer.utils import dist
from streaming import StreamingDataLoader

from octomed.errors import OctomedError
from octomed.train.failures import unwrapped


class PackLoader(StreamingDataLoader):
    """Batches of a `PackedDataset` for Composer.

    Composer ends an epoch at the loader's length, and turns epochs into steps by it for schedules. Streaming's is
    that of an epoch without the packs that it repeats, so that a run would leave some packs out, and others when
    it is resumed.
    """

    def __len__(self) -> int:
        """Return the batches of an epoch, on this rank."""
        a_rank = self.dataset.counts.slots // dist.get_world_size()
        return -(-a_rank // self.batch_size)

    def __iter__(self) -> Any:  # noqa: ANN401 an iterator of batches; torch types it narrower than Streaming
        """Iterate over batches."""
        try:
            yield from super().__iter__()
        except OctomedError as error:
            raise unwrapped(error) from None
