"""What a teacher is sent, and the key under which its samples are kept."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.storage import content_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.distill.question import Question
    from octomed.distill.schema import Teacher

Turns = list[tuple[str, list[str | int]]]

_MAGIC = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8", "jpeg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
    (b"BM", "bmp"),
    (b"II", "tiff"),
    (b"MM", "tiff"),
)
"""First bytes of the kinds of images that are read, and their names."""


@dataclass(frozen=True)
class Ask:
    """What is asked of a teacher for a question, without the number of samples and their seeds.

    Attributes
    ----------
    key
        Content key of all of it, and of the model: equal keys ask the same.
    write
        Writes the request's JSON.
    """

    key: str
    write: Callable[[], dict[str, Any]]

    @cached_property
    def body(self) -> dict[str, Any]:
        """The request's JSON, written when it is asked for: a question that has its samples needs none."""
        return self.write()

    def several(self, samples: int) -> dict[str, Any]:
        """Return the request for this many samples at once."""
        return {**self.body, "n": samples} if samples > 1 else self.body

    def seeded(self, sample: int) -> dict[str, Any]:
        """Return the request for a sample with the seed that follows from the question and the sample.

        Servers read seeds as signed numbers of 32 bits, so one has 31.
        """
        digest = _octomed.digest(f"{self.key} {sample}".encode())
        return {**self.body, "seed": int(digest, 16) % 2**31}


def ask_of(question: Question, teacher: Teacher) -> Ask:
    """Return what is asked for a question.

    Parameters
    ----------
    question, teacher
        Which, and whom.
    """
    return ask_of_turns(
        question.row_values.turns, [image for _, image in question.row_values.images], teacher
    )


def ask_of_turns(turns: Turns, images: list[bytes], teacher: Teacher) -> Ask:
    """Return what is asked with turns of one's own.

    Parameters
    ----------
    turns
        Role and parts of each: texts, and numbers of images.
    images
        The files of these.
    teacher
        Whom.
    """
    written = _anthropic if teacher.api == "anthropic" else openai_messages
    named = {
        "model": teacher.model,
        "api": teacher.api,
        "turns": [[role, list(parts)] for role, parts in turns],
        "images": [_octomed.digest(image) for image in images],
        "parameters": teacher.parameters,
    }
    return Ask(
        content_key(named),
        lambda: {"model": teacher.model, **written(turns, images), **teacher.parameters},
    )


def kind_of(image: bytes) -> str:
    """Return what an image file is, by its first bytes: `png`, `jpeg` and so on.

    Examples
    --------
    >>> kind_of(b"GIF89a")
    'gif'
    """
    return next((name for magic, name in _MAGIC if image.startswith(magic)), "png")


def openai_messages(turns: Turns, images: list[bytes]) -> dict[str, Any]:
    """Return turns as `messages` of OpenAI's interface, images as data URLs."""
    return {"messages": [{"role": role, "content": _content(parts, images)} for role, parts in turns]}


def _content(parts: list[str | int], images: list[bytes]) -> str | list[dict[str, Any]]:
    """Return a turn's content: a text, or parts where it shows an image."""
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    return [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": _data_url(images[part])}}
        for part in parts
    ]


def _data_url(image: bytes) -> str:
    return f"data:image/{kind_of(image)};base64,{base64.b64encode(image).decode()}"


def _anthropic(turns: Turns, images: list[bytes]) -> dict[str, Any]:
    """Return the same for Anthropic's messages, where the system message stands beside them."""
    system = "\n\n".join(
        "".join(part for part in parts if isinstance(part, str)) for role, parts in turns if role == "system"
    )
    messages = [
        {"role": role, "content": [_block(part, images) for part in parts]}
        for role, parts in turns
        if role != "system"
    ]
    return {**({"system": system} if system else {}), "messages": messages}


def _block(part: str | int, images: list[bytes]) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    image = images[part]
    source = {
        "type": "base64",
        "media_type": f"image/{kind_of(image)}",
        "data": base64.b64encode(image).decode(),
    }
    return {"type": "image", "source": source}


def encoded(body: dict[str, Any]) -> bytes:
    """Return a request's JSON as it is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
