"""What a reason, a key, an error or an exit code means: from schema, classes and documents."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from octomed import _octomed, errors
from octomed.errors import OctomedError, RecipeError
from octomed.pipeline.inputs.reason_hints import hint_about
from octomed.starter.keys import NAME, Key, keys
from octomed.starter.pages_text import Row, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_ROWS = 6
EXIT_CODES = {
    0: "Done.",
    1: "Python itself failed before OctoMed could say why.",
    130: "Ctrl-C: the same command goes on with what is finished.",
    143: "SIGTERM: the same command goes on with what is finished.",
}
"""Those that no class of errors has."""
_SECTIONS = {"sources": "Sources", "csv": "CSV", "format": "Found by columns", "stores": "Stores"}


@dataclass(frozen=True)
class Explained:
    """An explanation.

    Attributes
    ----------
    title
        What is explained.
    lines
        The explanation.
    """

    title: str
    lines: tuple[str, ...]


def explain(word: str) -> list[Explained]:
    """Explain a reason, a key, an error or an exit code; a word may be several of these.

    Parameters
    ----------
    word
        `duplicate`, `pack.capacity`, `DataError`, `3`.

    Raises
    ------
    RecipeError
        When it is nothing of these; the nearest names are in the hint.

    Examples
    --------
    >>> [one.title for one in explain("3")]
    ['exit code 3']
    >>> explain("pack.capacity")[0].lines[0]
    'Tokens that a pack holds at most.'
    """
    word = word.strip("`. ")
    found = [*_exit_code(word), *_error(word), *_reason(word), *_keys(word)]
    if not found:
        raise RecipeError(f"`{word}` is no reason, key, error or exit code", _nearest(word))
    return found


def _nearest(word: str) -> str:
    """Return a hint with the names that are most like a word, whole or in their last part."""
    last = {name.rpartition(".")[2]: name for name in names()}
    near = difflib.get_close_matches(word, [*last, *names()], n=3, cutoff=0.6)
    found = ", ".join(f"`{one}`" for one in dict.fromkeys(last.get(name, name) for name in near))
    return f"did you mean {found}?" if found else "docs/recipe.md has the keys, docs/curation.md the reasons"


def names() -> list[str]:
    """Return all that can be explained."""
    return [*map(str, sorted(_codes())), *_classes(), *reasons(), *keys()]


def reasons() -> list[str]:
    """Return the reasons why rows and traces are left out."""
    return sorted({*_octomed.REASONS, *_verdicts()})


def _verdicts() -> set[str]:
    """Return what the documents name as a reason of traces."""
    tables = {"What the scan decides", "What the selection decides", "What a template or a tokenizer refuses"}
    named = {name for row in rows() if row.heading in tables and row.page == "curation" for name in row.named}
    return named | {"contaminated", "contaminated_image"}


def _classes() -> dict[str, type[Exception]]:
    return {
        name: one
        for name, one in vars(errors).items()
        if inspect.isclass(one) and issubclass(one, Exception) and one.__module__ == errors.__name__
    }


def _codes() -> dict[int, str]:
    said = dict(EXIT_CODES)
    for one in _classes().values():
        if issubclass(one, OctomedError) and OctomedError in one.__bases__:
            said.setdefault(one.exit_code, _first_line(one))
    return said


def _first_line(one: type[Exception]) -> str:
    return (inspect.getdoc(one) or "").partition("\n")[0]


def _exit_code(word: str) -> Iterator[Explained]:
    if not word.isdigit():
        return
    number = int(word)
    classes = [name for name, one in _classes().items() if getattr(one, "exit_code", None) == number]
    if number in _codes():
        about = [_codes()[number]]
        about += (
            [f"errors: {', '.join(name for name in classes if name != 'OctomedError')}"] if classes else []
        )
        yield Explained(f"exit code {number}", tuple(about))
    elif number > 128:  # noqa: PLR2004 as shells count signals
        yield Explained(
            f"exit code {number}", (f"Signal {number - 128} ended it; the same command goes on.",)
        )


def _error(word: str) -> Iterator[Explained]:
    one = _classes().get(word)
    if one is None:
        return
    code = getattr(one, "exit_code", None)
    exits = () if code is None else (f"exit code {code}: {_codes().get(code, '')}",)
    yield Explained(f"error {word}", (_first_line(one), *exits))


def _reason(word: str) -> Iterator[Explained]:
    if word not in reasons():
        return
    if word in _octomed.REASONS:
        unreadable = _octomed.REASONS[word]
        kind = "an unreadable row" if unreadable else "a row without a trace"
    else:
        kind = "a rejected trace"
    said = [row for row in rows() if word in row.named and row.page == "curation"]
    said = said or [row for row in rows() if row.names(word)]
    lines = [f"Reason in `rejects/*.parquet`: {kind}.", *map(_row_text, said[:_MOST_ROWS])]
    if word in _octomed.REASONS:
        lines.append(f"hint: {hint_about(word, 'jsonl')}")
    lines.append(f"`octomed rejects RUN --reason {word}` lists them")
    yield Explained(f"reason {word}", tuple(lines))


def _row_text(row: Row) -> str:
    return f"{row.text()} (docs/{row.page}.md, {row.heading})"


def _keys(word: str) -> Iterator[Explained]:
    for key in matching_keys(word):
        default = [] if key.default is None else [f"default: {key.default}"]
        choices = [f"one of: {', '.join(key.choices)}"] if key.choices else []
        said = [_row_text(row) for row in _rows_of_key(key.name)]
        yield Explained(
            f"key {key.name}", tuple(line for line in (key.about, *choices, *default, *said) if line)
        )


def matching_keys(word: str) -> list[Key]:
    """Return the keys that a word is, or else those that it ends; names of sources and groups match `NAME`.

    Examples
    --------
    >>> [matching_keys(word)[0].name for word in ("sources.medqa.path", "capacity")]
    ['sources.NAME.path', 'pack.capacity']
    """
    parts = word.split(".")
    exact = [key for key in keys().values() if _is_key(key.name.split("."), parts)]
    return exact or [key for key in keys().values() if key.name.split(".")[-len(parts) :] == parts]


def _is_key(key: list[str], parts: list[str]) -> bool:
    return len(key) == len(parts) and all(one in {part, NAME} for one, part in zip(key, parts, strict=True))


def _rows_of_key(name: str) -> list[Row]:
    """Return the rows of the document about a key, or about the one that it is part of."""
    parts = name.split(".")
    of_recipe = [row for row in rows() if row.page == "recipe"]
    for end in range(len(parts), 0, -1):
        whole = ".".join(part for part in parts[:end])
        found = [row for row in of_recipe if whole in row.named]
        section = next((title for part, title in _SECTIONS.items() if part in parts[: end - 1][::-1]), None)
        found = found or [row for row in of_recipe if parts[end - 1] in row.named and row.heading == section]
        if found:
            return found[:1]
    return []
