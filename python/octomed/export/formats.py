"""Traces as rows of other trainers: what each calls its columns, and what none of its rows can say."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from octomed.export.trace import ExportedImage, ExportedTrace, Turn

FORMATS = ("messages", "sharegpt", "llama-factory", "ms-swift", "axolotl", "trl")

FileType = Literal["jsonl", "parquet"]
Images = Literal["files", "embedded"]

MARK = "<image>"
"""Stands in a text for an image: formats whose turns are texts know no other way."""
_SHAREGPT = {"user": "human", "assistant": "gpt", "tool": "observation"}
_MIME = {"jpg": "jpeg", "tif": "tiff"}


@dataclass(frozen=True)
class Layout:
    """How rows are written.

    Attributes
    ----------
    format
        One of :data:`FORMATS`.
    file_type
        JSON Lines or Parquet.
    images
        Whether images are files beside the rows, or inside them.
    has_images
        Whether any row may show images: then all rows have the column.
    """

    format: str
    file_type: FileType
    images: Images
    has_images: bool


def fault_of(trace: ExportedTrace, layout: Layout) -> str | None:
    """Return why a format cannot say a trace; None where it can.

    Parameters
    ----------
    trace
        The trace.
    layout
        The format.
    """
    if layout.format not in {"axolotl", "trl"} and any(MARK in turn.text for turn in trace.turns):
        return f"a text itself holds `{MARK}`, which stands for an image"
    if layout.format in {"sharegpt", "llama-factory"} and not _alternates(trace.turns):
        return "its turns do not alternate, or do not end with the assistant's"
    return None


def loses_mask(trace: ExportedTrace, layout: Layout) -> bool:
    """Tell whether turns of the assistant that are not learned here would be learned there."""
    if layout.format in {"ms-swift", "axolotl"}:
        return False
    return any(turn.role == "assistant" and not turn.learned for turn in trace.turns)


def _alternates(turns: Sequence[Turn]) -> bool:
    """Tell whether behind a system message the user, or a tool, and the assistant speak in turn."""
    roles = [turn.role for turn in turns[1 if turns[0].role == "system" else 0 :]]
    asks, answers = roles[::2], roles[1::2]
    return (
        bool(answers)
        and len(asks) == len(answers)
        and all(role in {"user", "tool"} for role in asks)
        and all(role == "assistant" for role in answers)
    )


def row_of(trace: ExportedTrace, layout: Layout) -> dict[str, Any]:
    """Return a trace as a row.

    Parameters
    ----------
    trace
        The trace; one without a fault (:func:`fault_of`).
    layout
        The format.

    Examples
    --------
    >>> from octomed.export.trace import ExportedTrace, Turn
    >>> turns = (Turn("user", ("Why?",)), Turn("assistant", ("So.",), learned=True))
    >>> row_of(ExportedTrace(1, "s", "f", 0, 0, turns), Layout("sharegpt", "jsonl", "files", False))
    {'conversations': [{'from': 'human', 'value': 'Why?'}, {'from': 'gpt', 'value': 'So.'}], 'system': ''}
    """
    row = _WRITERS[layout.format](trace, layout)
    if layout.has_images and layout.format != "axolotl":
        row["images"] = [image_value(image, layout) for image in trace.shown]
    return row


def _messages(trace: ExportedTrace, _: Layout) -> dict[str, Any]:
    return {"messages": [{"role": turn.role, "content": turn.with_marks(MARK)} for turn in trace.turns]}


def _ms_swift(trace: ExportedTrace, _: Layout) -> dict[str, Any]:
    """Return a row of ms-swift, whose messages may say whether they are learned."""
    has_unlearned = any(turn.role == "assistant" and not turn.learned for turn in trace.turns)

    def message(turn: Turn) -> dict[str, Any]:
        said = {"role": turn.role, "content": turn.with_marks(MARK)}
        return said | ({"loss": turn.learned} if has_unlearned and turn.role == "assistant" else {})

    return {"messages": [message(turn) for turn in trace.turns]}


def _sharegpt(trace: ExportedTrace, _: Layout) -> dict[str, Any]:
    has_system = trace.turns[0].role == "system"
    said = [
        {"from": _SHAREGPT[turn.role], "value": turn.with_marks(MARK)}
        for turn in trace.turns[1 if has_system else 0 :]
    ]
    return {"conversations": said, "system": trace.turns[0].text if has_system else ""}


def _parts(turn: Turn, layout: Layout, image: Callable[[int], dict[str, Any]]) -> Any:  # noqa: ANN401 a text, or typed parts
    """Return what a turn says: typed parts in data with images, where all rows have the same shape."""
    if not layout.has_images:
        return turn.text
    return [{"type": "text", "text": one} if isinstance(one, str) else image(one) for one in turn.pieces]


def _trl(trace: ExportedTrace, layout: Layout) -> dict[str, Any]:
    def image(_: int) -> dict[str, Any]:
        return {"type": "image", "text": None}

    turns = [{"role": turn.role, "content": _parts(turn, layout, image)} for turn in trace.turns]
    return {"messages": turns}


def _axolotl(trace: ExportedTrace, layout: Layout) -> dict[str, Any]:
    def image(number: int) -> dict[str, Any]:
        value = image_value(trace.images[number], layout)
        return {"type": "image", "base64" if layout.images == "embedded" else "path": value}

    return {
        "messages": [
            {"role": turn.role, "content": _parts(turn, layout, image), "train": turn.learned}
            for turn in trace.turns
        ]
    }


_WRITERS: dict[str, Callable[[ExportedTrace, Layout], dict[str, Any]]] = {
    "messages": _messages,
    "sharegpt": _sharegpt,
    "llama-factory": _sharegpt,
    "ms-swift": _ms_swift,
    "axolotl": _axolotl,
    "trl": _trl,
}


def image_value(image: ExportedImage, layout: Layout) -> Any:  # noqa: ANN401 a path, a text or a struct
    """Return what stands for an image in a row: its path below the export, or what holds its bytes."""
    if layout.images == "files":
        return f"images/{image.name}"
    if layout.format == "axolotl":
        return base64.b64encode(image.data).decode("ascii")
    if layout.file_type == "parquet":
        return {"bytes": image.data, "path": image.name}
    ending = image.name.rpartition(".")[2]
    return f"data:image/{_MIME.get(ending, ending)};base64,{base64.b64encode(image.data).decode('ascii')}"
