"""What a hint tells the user to run: a whole command line, or a call where Python is spoken."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from contextvars import ContextVar
from typing import TYPE_CHECKING

from octomed.names import UNPRINTABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STARTED_BY = "OCTOMED_TRAIN_STARTED_BY"
"""Variable of the environment in which `octomed train` tells its ranks who started them."""
OCTOMED_TRAIN = "octomed train"
"""Its value then."""

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
    return shell_words(["octomed", verb, as_argument(recipe), *set_options(overrides), *options])


def as_argument(path: str) -> str:
    """Return a path as a command line takes it: one that begins with a hyphen would be an option."""
    return f"./{path}" if path.startswith("-") else path


def shell_words(words: Sequence[str]) -> str:
    r"""Return words as a shell takes them: on one line, and of names with any bytes, too.

    What cannot be printed is written `$'\x0a'`, as Bash, Z shell and Korn shell read it.
    """
    return " ".join(_ansi_quoted(word) if UNPRINTABLE.search(word) else shlex.quote(word) for word in words)


def _ansi_quoted(word: str) -> str:
    def escaped(found: re.Match[str]) -> str:
        return "".join(f"\\x{byte:02x}" for byte in found[0].encode(errors="surrogateescape"))

    text = UNPRINTABLE.sub(escaped, re.sub(r"(['\\])", r"\\\1", word))
    return f"$'{text}'"


def train_command(words: Sequence[str], ranks: int | str) -> str:
    """Return the command that trains again in the way this training was started.

    Parameters
    ----------
    words
        The recipe, and what is put over its keys.
    ranks
        Processes of this machine.
    """
    if os.environ.get(STARTED_BY) == OCTOMED_TRAIN:
        recipe, *overrides = words
        return shell_words(["octomed", "train", as_argument(recipe), *overrides, "--nproc", str(ranks)])
    return shell_words(["composer", "-n", str(ranks), "train.py", *words])


def python_call(verb: str, recipe: str | None, overrides: Sequence[str], *arguments: str) -> str:
    """Return a call; a recipe without a path, which is a dict, stands as `{...}`."""
    words = ["{...}" if recipe is None else repr(recipe)]
    words += [f"overrides={list(overrides)!r}"] if overrides else []
    return f"octomed.{verb}({', '.join([*words, *arguments])})"
