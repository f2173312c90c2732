"""Errors of loader workers and of object stores in the words that they began with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streaming import StreamingDataLoader
from torch.utils.data import get_worker_info

from octomed.errors import OctomedError, StorageError
from octomed.stream import PackedDataset

if TYPE_CHECKING:
    from collections.abc import Iterator

_HINT = "\nhint: "
_OF_STORES = ("boto", "s3transfer", "google.", "azure.", "composer.utils.object_store", "urllib3")


class TellingDataset(PackedDataset):
    """A data set whose errors take their hints with them.

    torch makes an error of a worker anew in the parent, out of its class and its traceback's text: the hint
    has to be in that text.
    """

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over this worker's packs."""
        try:
            yield from super().__iter__()
        except OctomedError as error:
            if get_worker_info() is None or error.hint is None:
                raise
            raise type(error)(f"{error.message}{_HINT}{error.hint}") from error


class TellingLoader(StreamingDataLoader):
    """A loader that raises what went wrong in its workers as it was."""

    def __iter__(self) -> Any:  # noqa: ANN401 an iterator of batches; torch types it narrower than Streaming
        """Iterate over batches."""
        try:
            yield from super().__iter__()
        except OctomedError as error:
            raise unwrapped(error) from None


def unwrapped(error: OctomedError) -> OctomedError:
    """Return the error that a worker raised, out of the text that torch made of it."""
    kind = type(error)
    mark = f"{kind.__module__}.{kind.__qualname__}: "
    if not error.message.startswith("Caught ") or mark not in error.message:
        return error
    message, _, hint = error.message.rpartition(mark)[2].strip().partition(_HINT)
    return kind(message, hint or None)


def storage_failure(error: BaseException) -> StorageError | None:
    """Return the error of an object store that lies behind another one, or None."""
    inner: BaseException | None = error
    while inner is not None:
        if type(inner).__module__.startswith(_OF_STORES):
            reason = str(inner).strip().split("\n")[0]
            return StorageError(
                f"the object store failed: {reason}",
                "once it answers, run the same command again: it goes on from the last checkpoint",
            )
        inner = inner.__cause__ or inner.__context__
    return None
