"""Two texts side by side: what differs, and what both have; bounded, for a text may be a book."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_WORDS = 1_500
"""Of a text that is compared; what follows is shown, and said to be not compared."""

_WORD = re.compile(r"\S+\s*|\s+")

Pieces = list[tuple[str, bool]]
"""A text in order: pieces, each marked or not."""


def compared(left: str, right: str) -> tuple[Pieces, Pieces]:
    """Return two texts in pieces, those marked that the other does not have at that place.

    Parameters
    ----------
    left, right
        The texts; of each the first 1,500 words are compared.

    Examples
    --------
    >>> compared("fever and cough", "fever and chills")
    ([('fever and ', False), ('cough', True)], [('fever and ', False), ('chills', True)])
    """
    words, others = (_WORD.findall(text)[:MOST_WORDS] for text in (left, right))
    folded, folded_others = ([word.strip() for word in one] for one in (words, others))
    mine: Pieces = []
    theirs: Pieces = []
    for kind, begin, end, other_begin, other_end in SequenceMatcher(
        None, folded, folded_others, autojunk=False
    ).get_opcodes():
        _add(mine, "".join(words[begin:end]), marked=kind != "equal")
        _add(theirs, "".join(others[other_begin:other_end]), marked=kind != "equal")
    return mine, theirs


def is_longer(text: str) -> bool:
    """Tell whether a text is compared only in part.

    Examples
    --------
    >>> is_longer("fever"), is_longer("fever " * 1501)
    (False, True)
    """
    return len(_WORD.findall(text)) > MOST_WORDS


def with_shared(text: str, shared: str) -> Pieces:
    """Return a text in pieces, with the words marked that another text has as well.

    Parameters
    ----------
    text
        As it stands in its file.
    shared
        Words as contamination is found by them: in small letters, one blank between two.

    Examples
    --------
    >>> with_shared('A 34-year  old man, "well".', "34-year old man,")
    [('A ', False), ('34-year  old man, ', True), ('"well".', False)]
    """
    words = _WORD.findall(text)
    folded = [_folded(word) for word in words]
    wanted = [_folded(word) for word in shared.split()]
    pieces: Pieces = []
    at = 0
    for begin in _places(folded, wanted):
        if begin >= at:
            _add(pieces, "".join(words[at:begin]), marked=False)
            _add(pieces, "".join(words[begin : begin + len(wanted)]), marked=True)
            at = begin + len(wanted)
    _add(pieces, "".join(words[at:]), marked=False)
    return pieces


def _folded(word: str) -> str:
    """Return a word without what stands around it in JSON and in prose."""
    return word.strip().lower().strip("\"'()[]{},.;:?!")


def _places(words: list[str], wanted: list[str]) -> Iterator[int]:
    """Yield where a run of words begins in a text."""
    if wanted:
        first, count = wanted[0], len(wanted)
        for place, word in enumerate(words):
            if word == first and words[place : place + count] == wanted:
                yield place


def _add(pieces: Pieces, text: str, *, marked: bool) -> None:
    if not text:
        return
    if pieces and pieces[-1][1] == marked:
        pieces[-1] = (pieces[-1][0] + text, marked)
    else:
        pieces.append((text, marked))
