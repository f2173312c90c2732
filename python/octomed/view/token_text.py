"""A document's tokens as text of a page: one element a token, learned ones and control tokens marked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.view.packs import Document, Piece


_LINE_END = Markup("<b></b>\n")
"""With a sign that the style writes: a token may be nothing else, and nobody would see it."""


@dataclass(frozen=True)
class Segment:
    """A part of a document: text, or an image at its place.

    Attributes
    ----------
    html
        Of the text.
    image
        Which of the document's images stands here; None for text.
    first
        The first of its tokens, counted from the document's.
    tokens
        How many it has.
    """

    html: Markup
    image: int | None
    first: int
    tokens: int


def segments_of(document: Document) -> Iterator[Segment]:
    """Yield a document's parts in order."""
    first = 0
    for image, group in groupby(document.pieces, key=lambda piece: piece.image):
        pieces = list(group)
        tokens = sum(piece.tokens for piece in pieces)
        yield Segment(Markup() if image is not None else _text(pieces), image, first, tokens)
        first += tokens


def _text(pieces: list[Piece]) -> Markup:
    parts: list[str] = []
    for learned, group in groupby(pieces, key=lambda piece: piece.supervised):
        inside = "".join(map(_token, group))
        parts.append(f"<mark>{inside}</mark>" if learned else inside)
    return Markup("".join(parts))  # noqa: S704 texts in it are escaped


def _token(piece: Piece) -> str:
    kind = ' class="control"' if piece.kind == "control" else ""
    count = f' data-n="{piece.tokens}"' if piece.tokens > 1 else ""
    text = escape(piece.text).replace("\n", _LINE_END)
    return f"<i{kind}{count}>{text}</i>"
