"""A loader whose errors are its workers'."""

from __future__ import annotations

from typing import Any

from streaming import StreamingDataLoader

from octomed.errors import OctomedError
from octomed.train.failures import unwrapped


class PackLoader(StreamingDataLoader):
    """Batches of a `PackedDataset` for Composer."""

    def __iter__(self) -> Any:  # noqa: ANN401 an iterator of batches; torch types it narrower than Streaming
        """Iterate over batches."""
        try:
            yield from super().__iter__()
        except OctomedError as error:
            raise unwrapped(error) from None
