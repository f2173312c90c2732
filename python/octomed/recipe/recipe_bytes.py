"""The bytes of a recipe: of a file or a pipe, no more than a recipe can have, and no waiting for ever."""

from __future__ import annotations

import os
import select
import stat
from typing import TYPE_CHECKING

from octomed.recipe.problems import Place, Problem, RecipeProblems

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_RECIPE = 2 * 2**20
"""Bytes: some ten thousand sources. The parser reads about 200 kB a second."""

_CHUNK_BYTES = 2**16
_SECONDS_FOR_A_WRITER = 5.0
_SECONDS_FOR_MORE = 60.0


def recipe_bytes(path: Path, origin: str) -> bytes:
    """Read a recipe's file, or a pipe.

    Parameters
    ----------
    path : Path
        The file.
    origin : str
        How messages call it.

    Raises
    ------
    RecipeProblems
        If there is none, if it cannot be read, is a folder or a device, or is far too large for a recipe.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise _fail(origin, "this recipe does not exist", "give the path of a YAML file") from None
    except (OSError, ValueError) as error:
        raise _fail(origin, f"this recipe cannot be read: {_reason(error)}") from None
    try:
        return _read(descriptor, origin)
    except OSError as error:
        raise _fail(origin, f"this recipe cannot be read: {_reason(error)}") from None
    finally:
        os.close(descriptor)


def refuse_large(size: int, place: Place) -> None:
    """Refuse a text that is no recipe by its size.

    Raises
    ------
    RecipeProblems
        If it is larger than a recipe may be.
    """
    if size > LARGEST_RECIPE:
        message = f"this is too large for a recipe: more than {LARGEST_RECIPE:,} bytes"
        raise RecipeProblems(
            [Problem(place, message, "is it the file of rows? A source names that by `path`")]
        )


def _read(descriptor: int, origin: str) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise _fail(origin, "this recipe is a folder", "give the path of a YAML file")
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise _fail(origin, "this recipe is a device, not a file", "give the path of a YAML file")
    if stat.S_ISREG(mode):
        refuse_large(os.fstat(descriptor).st_size, Place(origin))
    parts: list[bytes] = []
    size = 0
    while part := _part(descriptor, origin, begun=bool(parts) or stat.S_ISREG(mode)):
        parts.append(part)
        size += len(part)
        refuse_large(size, Place(origin))
    return b"".join(parts)


def _part(descriptor: int, origin: str, *, begun: bool) -> bytes:
    """Return the next bytes: of a pipe that nobody writes into there are none after a while."""
    try:
        part = os.read(descriptor, _CHUNK_BYTES)
        if part or begun:
            return part
        patience = _SECONDS_FOR_A_WRITER
    except BlockingIOError:
        patience = _SECONDS_FOR_MORE
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(patience * 1000):
        hint = "give the path of a YAML file, or end the program that writes the recipe"
        raise _fail(origin, "this recipe is a pipe to which nothing is written", hint)
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except BlockingIOError:
        return _part(descriptor, origin, begun=begun)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _fail(origin: str, message: str, hint: str | None = None) -> RecipeProblems:
    return RecipeProblems([Problem(Place(origin), message, hint)])
