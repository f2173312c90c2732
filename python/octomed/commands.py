"""What a hint tells the user to run: a whole command line, or a call where Python is spoken."""

from __future__ import annotations

import contextlib
import shlex
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_IN_PYTHON: ContextVar[bool] = ContextVar("in_python", default=False)


@contextlib.contextmanager
def speaking_python() -> Iterator[None]:
    """Name calls instead of command lines in the hints of all that is done inside."""
    token = _IN_PYTHON.set(True)
    try:
        yield
    finally:
        _IN_PYTHON.reset(token)


def in_python() -> bool:
    """Tell whether hints name calls."""
    return _IN_PYTHON.get()


def set_options(overrides: Sequence[str]) -> list[str]:
    """Return `--set` options as words of a command line."""
    return [word for override in overrides for word in ("--set", override)]


def shell_command(verb: str, recipe: str, overrides: Sequence[str], *options: str) -> str:
    """Return a command with the recipe's path and every override, as a shell takes it."""
    return shlex.join(["octomed", verb, recipe, *set_options(overrides), *options])


def python_call(verb: str, recipe: str | None, overrides: Sequence[str], *arguments: str) -> str:
    """Return a call; a recipe without a path, which is a dict, stands as `{...}`."""
    words = ["{...}" if recipe is None else repr(recipe)]
    words += [f"overrides={list(overrides)!r}"] if overrides else []
    return f"octomed.{verb}({', '.join([*words, *arguments])})"
