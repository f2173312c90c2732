"""What is wrong with a recipe, and where: every problem of a file is reported at once."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.names import shown, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key or a value was written: in a file, or on the command line.

    Attributes
    ----------
    origin : str
        The recipe's path as the user typed it, or the whole option, `--set pack.capacity=8192`, or the key
        of a recipe that is a dict.
    line, column : int
        Counted from 1; both 0 for an option or a key, and for a file that cannot be read.
    """

    origin: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        origin = shown(without_secrets(self.origin))
        return f"{origin}:{self.line}:{self.column}" if self.line else f"`{origin}`"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a recipe.

    Attributes
    ----------
    place : Place
        Where it is.
    message : str
        What it is.
    hint : str or None
        What to do about it.
    """

    place: Place
    message: str
    hint: str | None = None

    def __post_init__(self) -> None:
        """Put message and hint on one line each: what a recipe holds may not look like lines of ours."""
        object.__setattr__(self, "message", shown(without_secrets(self.message)))
        object.__setattr__(self, "hint", None if self.hint is None else shown(without_secrets(self.hint)))

    def __str__(self) -> str:
        place = str(self.place)
        return self.message if self.message.startswith(place) else f"{place}: {self.message}"


class RecipeProblems(RecipeError):
    """All problems of a recipe together.

    Parameters
    ----------
    problems : sequence of Problem
        At least one; they are put in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=_order))
        message, hint = in_words(self.problems, f"{len(self.problems)} problems in the recipe")
        super().__init__(message, hint)

    def __reduce__(self) -> tuple[type[RecipeProblems], tuple[tuple[Problem, ...]]]:
        """Pickle by the problems, from which message and hint follow."""
        return type(self), (self.problems,)


def in_words(problems: Sequence[Problem], title: str) -> tuple[str, str | None]:
    """Return message and hint of an error: those of a single problem, or a title and all below it."""
    if len(problems) == 1:
        return str(problems[0]), problems[0].hint
    lines = [title]
    for problem in problems:
        lines.append(str(problem))
        if problem.hint:
            lines.append(f"  hint: {problem.hint}")
    return "\n".join(lines), None


@contextmanager
def located(place: Place, *, key: str = "", hint: str | None = None) -> Iterator[None]:
    """Give errors of what a key names, found after loading, the place that the loader's problems have.

    Parameters
    ----------
    place : Place
        Where the key's value was written.
    key : str
        Put before the message, where that does not name the key itself.
    hint : str or None
        For errors without one.
    """
    try:
        yield
    except RecipeProblems:
        raise
    except RecipeError as error:
        message = f"`{key}`: {error.message}" if key else error.message
        raise RecipeProblems([Problem(place, message, error.hint or hint)]) from error


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, or None when none is close.

    The likeness is `difflib.SequenceMatcher.ratio`, at least one half.
    """
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def suggest(word: str, known: Iterable[str], *, kind: str) -> str:
    """Return the text of a hint: the nearest known word, then all of them.

    Parameters
    ----------
    word : str
        What the user wrote.
    known : iterable of str
        What could be written there.
    kind : str
        What the words are, in the plural: `keys`, `presets`.
    """
    known = list(known)
    everything = f"{kind} here: " + ", ".join(f"`{name}`" for name in known)
    near = nearest(word, known)
    return f"did you mean `{near}`? {everything}" if near else everything


def show(value: Any) -> str:  # noqa: ANN401 any YAML value
    """Return a value as it is named in a message: its kind, and its text cut short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"the text {_cut(value)!r}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return f"`{_cut(str(value))}`"


def _cut(text: str) -> str:
    longest = 60
    return text if len(text) <= longest else text[:longest] + "…"


def _order(problem: Problem) -> tuple[bool, int, int, str]:
    place = problem.place
    return place.line == 0, place.line, place.column, problem.message
