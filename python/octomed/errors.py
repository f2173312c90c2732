"""Errors that say what, where and why, and what to do next.

Every error that reaches a user is one of these classes; the command line prints its message, then its
hint on a line of its own, and ends with its exit code.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    from typing_extensions import Self


class OctomedError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message : str
        What went wrong, where, and why.
    hint : str, optional
        What to do about it.
    """

    exit_code = 70

    def __init__(self, message: str, hint: str | None = None) -> None:
        from octomed.names import safe, without_secrets  # noqa: PLC0415 errors are below all other modules

        message = without_secrets(safe(message))
        hint = None if hint is None else without_secrets(safe(hint))
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint is not None:
            self.__notes__ = [f"hint: {hint}"]  # part of every traceback, that of a loader's worker too

    def __reduce__(self) -> tuple[type[OctomedError], tuple[Any, ...]]:
        """Pickle with the hint, so that an error crosses process borders whole."""
        return type(self), (self.message, self.hint)

    def with_hint(self, hint: str) -> Self:
        """Return the same error with another hint: what else it holds, as an error number, stays.

        >>> StorageError("the disk is full", errno=28).with_hint("free some space").errno
        28
        """
        return self.in_words(self.message, hint)

    def in_words(self, message: str, hint: str | None) -> Self:
        """Return the same error in other words.

        >>> StorageError("the disc is full", errno=28).in_words("the disk is full", None).errno
        28
        """
        again = copy(self)
        OctomedError.__init__(again, message, hint)
        return again


class RecipeError(OctomedError):
    """The recipe, or an option of the command line, asks for something impossible."""

    exit_code = 2


class DataError(OctomedError):
    """The rows are not what the recipe says they are."""

    exit_code = 3


class ChangedInput(DataError):
    """An input is not what it was when the run was planned: it is never left out as a bad file."""


class ChangedInStore(ChangedInput):
    """An input in a store was replaced or deleted while a run read it."""

    exit_code = 4


class StorageError(OctomedError):
    """A file could not be read or written.

    Parameters
    ----------
    message, hint
        As of every error.
    errno : int, optional
        The system's error number, where the system refused.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str | None = None, errno: int | None = None) -> None:
        super().__init__(message, hint)
        self.errno = errno

    def __reduce__(self) -> tuple[type[StorageError], tuple[Any, ...]]:
        """Pickle with hint and error number."""
        return type(self), (self.message, self.hint, self.errno)


class DamagedBlock(StorageError):
    """A block of the working store does not read; a run makes it again.

    Parameters
    ----------
    message, hint
        As of every error.
    path : str or Path
        The block's file that does not read.
    """

    def __init__(self, message: str, hint: str | None, path: str | PathLike[str]) -> None:
        super().__init__(message, hint)
        self.path = path

    def __reduce__(self) -> tuple[type[DamagedBlock], tuple[Any, ...]]:
        """Pickle with hint and path."""
        return type(self), (self.message, self.hint, self.path)


class ClusterError(OctomedError):
    """The machines that a run works on cannot be reached, or one has not what it needs."""

    exit_code = 4


class InternalError(OctomedError):
    """A fault of this program."""

    exit_code = 70


class CancelledRun(Exception):
    """The run ended early for a reason that is raised elsewhere."""
