"""A trace to look at: its text with the supervised tokens marked, its lengths, where it is from."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rich.text import Text

from octomed.commands import as_argument, shell_words
from octomed.names import UNPRINTABLE, printable_line, shown
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from octomed.report.views import ImageView, StepTrace, StepView, TraceView

_JOINERS = "\u200c\u200d"
OPEN, CLOSE = "⟦", "⟧"
"""Marks round supervised text, because colour alone says nothing on paper or to a screen reader."""


def show_view(view: TraceView, console: Console) -> None:
    """Print where a trace is from, its lengths, and its text: supervised text in brackets, and in green."""
    console.print(Text(shown(view.place), style="bold"), soft_wrap=True)
    for name, value in _facts(view):
        console.print(Text(f"  {name.ljust(8)}  {printable_line(value)}"), soft_wrap=True)
    for image in view.images:
        console.print(Text(f"  image     {printable_line(_image(image))}"), soft_wrap=True)
    if view.token_ids:
        console.print(Text.assemble(*_styled(view)), soft_wrap=True)


def view_json(view: TraceView) -> str:
    """Return one JSON object on one line."""
    values = {
        "place": view.place,
        "verdict": view.verdict,
        "trace_id": view.trace_id,
        "at": view.at,
        "tokens": len(view.token_ids),
        "supervised": view.supervised,
        "loss_spans": view.loss_spans,
        "token_ids": view.token_ids,
        **({} if view.answer is None else {"answer": view.answer, "measures": view.measures}),
        **({"images": [image_values(image) for image in view.images]} if view.images else {}),
        "pieces": [{"text": text, "supervised": supervised} for text, supervised in pieces(view)],
    }
    return json.dumps(values, ensure_ascii=False)


def image_values(image: ImageView) -> dict[str, Any]:
    """Return what is known of an image, without its pixels."""
    return {
        "place": image.place,
        "hash": f"{image.hash:016x}",
        "height": image.height,
        "width": image.width,
        "grid": list(image.grid),
        "tokens": image.tokens,
        "format": image.format,
        "bytes": image.bytes,
        "at": image.at,
    }


def _image(image: ImageView) -> str:
    size = f"{image.width} x {image.height} {image.format}, {units.bytes_of(image.bytes)}"
    grid = f"grid {image.grid[0]} x {image.grid[1]}, {units.count(image.tokens)} tokens"
    where = image.place if image.at is None else f"{image.place}, from token {units.count(image.at)}"
    return f"{image.hash:016x}  {size}, {grid}, {where}"


def show_step(view: StepView, console: Console) -> None:
    """Print what a training step learned from, a line per trace, and one per image: no text of the data."""
    console.print(Text(_step_title(view), style="bold"), soft_wrap=True)
    several = len({trace.run for trace in view.traces} | {view.data}) > 1
    for trace in view.traces:
        origin = f"{trace.source}/{shown(trace.file)} row {trace.row} sample {trace.sample}"
        packed = f"{trace.stream} pack {trace.pack} document {trace.document}"
        if several:
            packed = f"{shown(trace.run)} {packed}"
        line = f"  rank {trace.rank}  {trace.trace_id:>20}  {trace.length:>6,} tokens  {origin}  ({packed})"
        console.print(Text(printable_line(line)), soft_wrap=True)
        for image in trace.images:
            console.print(Text(f"          image     {printable_line(_image(image))}"), soft_wrap=True)
    if view.traces:
        hint = shell_words(
            ["octomed", "inspect", as_argument(view.traces[0].run), "--trace", str(view.traces[0].trace_id)]
        )
        console.print(Text(f"next: {hint}"), soft_wrap=True)


def _step_title(view: StepView) -> str:
    """Say how much a step learned from; an image counts once a pack, as in its measurements."""
    tokens = sum(trace.length for trace in view.traces)
    loss = "" if view.loss is None else f", loss {view.loss:.4f}"
    shown_at = [
        (trace.rank, trace.run, trace.stream, trace.pack, image.place)
        for trace in view.traces
        for image in trace.images
    ]
    images = f", {units.count(len(set(shown_at)))} images at {units.count(len(shown_at))} places"
    counts = f"{units.count(len(view.traces))} traces, {units.count(tokens)} tokens"
    return f"step {view.step}{loss}: {counts}{images if shown_at else ''}"


def step_json(view: StepView) -> str:
    """Return one JSON object on one line; a trace that shows no image has no key of them."""
    values = {**_values(view), "traces": [_step_trace(trace) for trace in view.traces]}
    del values["mode"]
    return json.dumps(values, ensure_ascii=False)


def _step_trace(trace: StepTrace) -> dict[str, Any]:
    images = {"images": [image_values(image) for image in trace.images]} if trace.images else {}
    return {name: value for name, value in _values(trace).items() if name != "images"} | images


def _values(view: Any) -> dict[str, Any]:  # noqa: ANN401 a dataclass
    """Return the attributes of a view by name, those of what is inside of it left as they are."""
    return {one.name: getattr(view, one.name) for one in fields(view)}


def pieces(view: TraceView) -> Iterator[tuple[str, bool]]:
    """Yield the text in stretches that are all supervised, or all not."""
    end = 0
    for begin, stop in view.loss_spans:
        if begin > end:
            yield _decoded(view, end, begin), False
        yield _decoded(view, begin, stop), True
        end = stop
    if end < len(view.token_texts):
        yield _decoded(view, end, len(view.token_texts)), False


def printable(text: str) -> str:
    r"""Return text whose control characters cannot steer a terminal: `\x1b` for escape."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t" or character.isprintable() or character in _JOINERS:
        return character
    if character.isspace() and not UNPRINTABLE.search(character):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _decoded(view: TraceView, begin: int, end: int) -> str:
    return b"".join(view.token_texts[begin:end]).decode("utf-8", "replace")


def _facts(view: TraceView) -> Iterator[tuple[str, str]]:
    yield "verdict", _verdict(view)
    if view.trace_id is not None:
        yield "trace id", str(view.trace_id)
    if view.at is not None:
        yield "packed", view.at
    if view.answer is not None:
        measured = ", ".join(f"{name} {value:g}" for name, value in view.measures.items())
        yield "answer", f"{view.answer}; {measured}"
    if view.token_ids:
        supervised = f"{units.count(view.supervised)} supervised in {len(view.loss_spans)} spans"
        yield "tokens", f"{units.count(len(view.token_ids))}, {supervised}"


def _verdict(view: TraceView) -> str:
    """Say of a trace that no run has packed yet what its run decides, and what it has decided by."""
    if view.verdict == "over_long" and view.capacity is not None:
        return f"over_long (a pack holds {units.count(view.capacity)} tokens)"
    if view.verdict == "kept" and view.may_be_duplicate:
        return "kept, unless the run finds an earlier duplicate"
    return view.verdict


def _styled(view: TraceView) -> Iterator[str | tuple[str, str]]:
    for text, supervised in pieces(view):
        yield (f"{OPEN}{printable(text)}{CLOSE}", "green") if supervised else printable(text)
