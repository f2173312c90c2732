"""Names of columns that a message may show.

In a CSV file without a line of names they are the first row's values, and in a JSON object of rows they are
ids: patients' text, which no message prints. A file of which a mapped column is there has names.
"""

from __future__ import annotations

import difflib
import functools
import re
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.recipe.kinds import COLUMNAR
from octomed.recipe.presets import load_preset, preset_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TABLES = frozenset({"csv", "tsv"})
_PLAIN = re.compile(r"(?!(?:.*\d){4})(?:(?!\d)\w)[\w.()/-]*(?: [\w.()/-]+){0,3}")
_LONGEST = 40
_SIMILAR = 0.8
_SHORT = 4


def names_to_show(names: Sequence[str], mapping: _octomed.Mapping, kind: str) -> list[str]:
    """Return those of a file's columns that a message may name.

    Parameters
    ----------
    names
        Columns, or keys of JSON rows.
    mapping
        Says which are read. Is one of those there, all are names.
    kind
        The file's kind, a compression behind it or not.
    """
    kind = kind.partition(".")[0]
    if kind in COLUMNAR or _octomed.mapped_columns(mapping, list(names))[2]:
        return list(names)
    if kind in _TABLES:
        known = _words(mapping)
        return [name for name in names if _is_known(name, known)]
    return [name for name in names if len(name) <= _LONGEST and _PLAIN.fullmatch(name)]


def _words(mapping: _octomed.Mapping) -> set[str]:
    """Return what columns are called, by this mapping and by the built-in formats."""
    return {_bare(name) for name in (*_octomed.mapped_columns(mapping, [])[0], *_words_of_formats())}


@functools.cache
def _words_of_formats() -> frozenset[str]:
    return frozenset(word for name in preset_names() for word in _texts(load_preset(name)))


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 any YAML value
    if isinstance(value, str) and "{" not in value:
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _is_known(name: str, known: set[str]) -> bool:
    bare = _bare(name) if len(name) <= _LONGEST else ""
    if len(bare) < _SHORT:
        return bare in known and bool(bare)
    return bool(difflib.get_close_matches(bare, known, n=1, cutoff=_SIMILAR))


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
