"""Invented questions, whose right answer stands in them, and invented pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

LETTERS = "ABCDEFGHIJ"
NAMES = ("amber", "birch", "cobalt", "dune", "ember", "fjord", "garnet", "heather", "indigo", "juniper")
EACH = 8
"""Questions of a source."""
BENCHMARK = 4
"""Questions of a benchmark."""


WIDE = 10_000
"""Pictures from this number on are wider than high: those of the second class."""


@dataclass(frozen=True)
class Question:
    """A question with options, of which it names the right one.

    Attributes
    ----------
    text
        What is asked.
    options
        The options' texts; none for an open question.
    right
        The right option's place; for an open question the place of its answer in `NAMES`.
    picture
        The number of its picture.
    """

    text: str
    options: tuple[str, ...]
    right: int
    picture: int

    @property
    def answer(self) -> str:
        """The right answer's text."""
        return self.options[self.right] if self.options else NAMES[self.right]

    @property
    def letter(self) -> str:
        """The right option's letter."""
        return LETTERS[self.right]


def questions(
    source: str, number: int, *, options: int = 4, classes: bool = False, pictures: int = 0
) -> Iterator[Question]:
    """Yield a source's questions.

    Parameters
    ----------
    source
        Its name, which is in every question.
    number
        How many.
    options
        Options of each; 0 for open ones.
    classes
        Whether all are of one wording and two classes, of which the first has 5 of 8.
    pictures
        The number of the first one's picture.
    """
    for place in range(number):
        right = (0 if place % EACH < 5 else 1) if classes else place % (options or len(NAMES))
        words = f"In the made-up atlas of {source}"
        if classes:
            text = f"{words}, which of its two marks does the picture show?"
        else:
            told = NAMES[right] if not options else f"the mark called {NAMES[right]}"
            text = f"{words}, plate {place} bears {told} and no other: what does that plate bear?"
        wide = WIDE if classes and right else 0
        yield Question(text, NAMES[:options], right, pictures + place + wide)


@cache
def picture(number: int) -> bytes:
    """Return a PNG file of 56 by 56 pixels, or 56 by 64; no two are nearly alike."""
    draw = np.random.default_rng([7, number])
    levels = np.kron(draw.integers(0, 256, (7, 8 if number >= WIDE else 7, 3)), np.ones((8, 8, 1))).astype(
        np.uint8
    )
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()
