"""A trace or a pack to look at: its text with the supervised tokens marked, its lengths, where it is from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

OPEN, CLOSE = "⟦", "⟧"
"""Marks round supervised text, because colour alone says nothing on paper or to a screen reader."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of tokens that are all supervised, or all not.

    Attributes
    ----------
    text : str
        The decoded tokens.
    tokens : int
        How many.
    supervised : bool
        Whether the model learns them.
    """

    text: str
    tokens: int
    supervised: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """One thing to look at.

    Attributes
    ----------
    title : str
        What it is: `row 12 of source medqa, response 3`.
    facts : dict
        Lengths, verdict, provenance: shown as a list, in this order.
    pieces : tuple of Piece
        The text in order; empty where there is none.
    """

    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()

    def to_json(self) -> str:
        """Return one JSON object on one line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def show(self, console: Console) -> None:
        """Print title, facts and text; supervised text stands in brackets, and in green on a terminal."""
        console.print(Text(self.title, style="bold"), soft_wrap=True)
        width = max((len(name) for name in self.facts), default=0)
        for name, value in self.facts.items():
            console.print(Text(f"  {name.ljust(width)}  {value}"), soft_wrap=True)
        if self.pieces:
            console.print(Text.assemble(*self._styled()), soft_wrap=True)

    def _styled(self) -> Iterator[str | tuple[str, str]]:
        for piece in self.pieces:
            shown = printable(piece.text)
            yield (f"{OPEN}{shown}{CLOSE}", "green") if piece.supervised else shown


def printable(text: str) -> str:
    """Return text whose control characters cannot steer a terminal: `\\x1b` for escape."""
    return "".join(
        character if character in "\n\t" or character.isprintable() else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character if character == "\u3000" else character.encode("unicode_escape").decode("ascii")
