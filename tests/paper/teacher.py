"""A teacher that knows the invented questions: right three times of four, once of sixteen not willing."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image

from tests.paper.questions import NAMES
from tests.servers.teacher import images_of, text_of

_OPTION = re.compile(r"^([A-J])\. (\w+)$", re.MULTILINE)
SAMPLES = 16
RIGHT = 12
"""Of 16."""
ALWAYS_RIGHT, ALWAYS_WRONG = 0, 3
"""Samples that stand for all of a question where seeds are sent, as evaluations do: it misreads plate 1."""
UNWILLING = 15
"""The sample that declines where nothing is compared."""


def answer(messages: list[dict[str, Any]], seed: int | None, sample: int) -> tuple[str, str]:
    """Return reasoning and answer, as `python -m tests.servers.teacher --answers` asks for them.

    Of classes, which no question names, the picture's shape tells one.
    """
    pictures = images_of(messages)
    asked = text_of(messages[-1]["content"])
    if seed is not None:
        sample = ALWAYS_WRONG if " plate 1 " in asked else ALWAYS_RIGHT
    return respond(asked, sample, pictures[0] if pictures else None)


def respond(asked: str, sample: int, picture: bytes | None = None) -> tuple[str, str]:
    """Return reasoning and answer to a question as it is rendered, options below one another."""
    options = _OPTION.findall(asked)
    said = asked.split("\n", maxsplit=1)[0]
    named = next((name for name in NAMES if f" {name} " in said), None)
    if named is None and picture is not None and options:
        width, height = Image.open(io.BytesIO(picture)).size
        named = options[1 if width > height else 0][1]
    steps = f"Look {sample}: the atlas says {named or 'nothing of it'}, and the plate agrees with that."
    if named is None:
        if sample % SAMPLES == UNWILLING:
            return steps, "I'm sorry, but I can't help with that."
        return steps, f"<answer>Plate read, note {sample}: calm lines, no mark.</answer>"
    wrong = sample % 4 == ALWAYS_WRONG
    if not options:
        return steps, f"<answer>{'quartz' if wrong else named}</answer>"
    labels = [label for label, name in options if (name == named) != wrong]
    return steps, f"<answer>{labels[0]}</answer>"
