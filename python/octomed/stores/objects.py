"""What a store says of an object, and the error for one that is no longer what it was."""

from __future__ import annotations

from dataclasses import dataclass

from octomed.errors import DataError

__all__ = ["ChangedObject", "StoredObject"]


@dataclass(frozen=True)
class StoredObject:
    """An object of a store.

    Attributes
    ----------
    name
        Relative to the store that it was asked of.
    size
        Bytes.
    version
        What changes with the content: an ETag, the content's digest on the hub, or the time of a web server's
        file that has no ETag; ``None`` where there is none of these.
    """

    name: str
    size: int
    version: str | None


class ChangedObject(DataError):
    """An object that is not the version that was asked for: it was replaced, or deleted.

    Parameters
    ----------
    address
        Where it is.
    hint
        What to do, where that is not to begin again.
    """

    exit_code = 4

    def __init__(self, address: str, hint: str | None = None) -> None:
        self.address = address
        super().__init__(
            f"`{address}` has changed since it was planned",
            hint or "run the command again: what is read anew is what has changed",
        )

    def __reduce__(self) -> tuple[type[ChangedObject], tuple[str, str | None]]:
        """Pickle with the address."""
        return type(self), (self.address, self.hint)
