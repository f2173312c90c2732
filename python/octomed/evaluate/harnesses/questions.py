"""Questions as other harnesses take them: options lettered from A, one right letter or a text."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.distill.judging import verdicts

if TYPE_CHECKING:
    from octomed import _octomed
    from octomed.evaluate.items import Item

_PLACEHOLDER = "<image>"
_RIGHT = ("kept", "answer_format")


class NotExported(Exception):
    """A question that a harness cannot hold.

    Parameters
    ----------
    reason
        Why, as it is counted.
    """


@dataclass(frozen=True)
class Plain:
    """A question of any harness.

    Attributes
    ----------
    place
        Benchmark, file and row.
    question
        Its text, without options.
    options
        Texts by letters from A; empty for an open question.
    answer
        The letter of the right option, or a text.
    prompt
        What the model is asked in the last turn, options and suffix included.
    system
        What stands before it.
    images
        Files.
    """

    place: str
    question: str
    options: dict[str, str]
    answer: str
    prompt: str
    system: str
    images: list[bytes] = field(repr=False)


def plain_of(item: Item, judge: _octomed.Scanner) -> Plain:
    """Return a question as harnesses take it.

    The right letter is the one that packing's rule of acceptance takes for right, and no other.

    Parameters
    ----------
    item
        The question.
    judge
        Of its benchmark.

    Raises
    ------
    NotExported
        When it has turns before it, more than 26 options, an empty one, or not one right one.
    """
    columns = item.asked.columns
    if columns.get("history"):
        raise NotExported("turns_before")
    texts = list(columns.get("options", {}).values())
    if len(texts) > len(string.ascii_uppercase):
        raise NotExported("too_many_options")
    if any(not text.strip() for text in texts):
        raise NotExported("empty_option")
    turns = [(role, _text(parts)) for role, parts in item.turns]
    return Plain(
        place=f"{item.asked.benchmark}/{item.asked.file}:{item.asked.row}",
        question=_numbered(columns["question"]),
        options=dict(zip(string.ascii_uppercase, texts, strict=False)),
        answer=_right(columns, judge) if texts else str(columns["answer"]),
        prompt=turns[-1][1],
        system="\n\n".join(text for role, text in turns[:-1] if role == "system"),
        images=item.images,
    )


def _right(columns: dict[str, Any], judge: _octomed.Scanner) -> str:
    labels = list(columns["options"])
    said = [{"response": f"<answer>{label}</answer>", "finish_reason": "stop"} for label in labels]
    right = [place for place, one in enumerate(verdicts(judge, columns, said)) if one in _RIGHT]
    if len(right) != 1:
        raise NotExported("not_one_right_option")
    return string.ascii_uppercase[right[0]]


def _numbered(text: str) -> str:
    """Return a text without the placeholders of its images: those inside it become numbers."""
    parts = [part.strip("\n") for part in text.split(_PLACEHOLDER)]
    numbered = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        inside = numbered.strip() and part.strip()
        numbered += f"[image {number}]{part}" if inside else part
    return numbered.strip()


def _text(parts: list[str | int]) -> str:
    return "".join(part for part in parts if isinstance(part, str)).strip()
