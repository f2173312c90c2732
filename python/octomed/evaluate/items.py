"""Questions of benchmarks, as they are kept while they are asked and scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import Counter

Turns = list[tuple[str, list[str | int]]]
"""Each a role and its texts and images, these by number."""


@dataclass(frozen=True)
class Asked:
    """What is kept of a question while it is answered and scored: all but its images.

    Attributes
    ----------
    benchmark, file, row
        Where it is: the benchmark's name, the path below its root, and the row's number in it, from 0.
    key
        Content key of all that the model is asked, and of the model: equal keys ask the same.
    content
        Digest of question, options, right answer and images, whatever the prompt around them: by it the
        questions of two evaluations are paired.
    columns
        Question, options and right answer, as samples are judged.
    images, images_cut
        Images that are shown, and those beyond `pictures`.
    """

    benchmark: str
    file: str
    row: int
    key: str
    content: str
    columns: dict[str, Any] = field(repr=False)
    images: int = 0
    images_cut: int = 0


@dataclass(frozen=True)
class Item:
    """A question with its images, ready to be asked.

    Attributes
    ----------
    asked
        What is kept of it.
    turns
        Each a role and its texts and images, these by number.
    images
        Their files.
    """

    asked: Asked
    turns: Turns
    images: list[bytes]


@dataclass
class Survey:
    """What an evaluation asks, read before anything is asked.

    Attributes
    ----------
    asked
        The questions, in their order.
    refused
        Rows that are not asked: by benchmark, reasons and how many.
    first
        The first question, of each benchmark.
    """

    asked: list[Asked] = field(default_factory=list)
    refused: dict[str, Counter[str]] = field(default_factory=dict)
    first: dict[str, Item] = field(default_factory=dict)
