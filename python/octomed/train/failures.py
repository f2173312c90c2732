"""Errors of loader workers and of object stores in the words that they began with."""

from __future__ import annotations

from octomed.errors import OctomedError, StorageError

_HINT = "\nhint: "
_OF_STORES = ("boto", "s3transfer", "google.", "azure.", "composer.utils.object_store", "urllib3")


def unwrapped(error: OctomedError) -> OctomedError:
    """Return the error that a worker raised, out of the text that torch made of its traceback."""
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
                "once it answers, run the same command again: it resumes from the last checkpoint",
            )
        inner = inner.__cause__ or inner.__context__
    return None
