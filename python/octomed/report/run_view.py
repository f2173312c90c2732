"""A finished run at a glance, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from octomed.commands import as_argument, shell_words
from octomed.names import printable_line, shown
from octomed.report import units
from octomed.report.losses import reasons_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from octomed.report.views import RunView, StreamView
    from octomed.run_file import SourceCounts


def run_json(view: RunView) -> str:
    """Return one JSON object on one line."""
    return json.dumps(asdict(view))


def run_text(view: RunView) -> str:
    """Return the run as tables of text."""
    return "\n".join(map(printable_line, _lines(view)))


def _lines(view: RunView) -> Iterator[str]:
    packs = f"{units.count(view.packs)} packs of {units.count(view.capacity)} tokens"
    share = view.supervised_tokens / view.tokens if view.tokens else 0.0
    yield f"`{shown(view.folder)}` (run `{view.name}`): {units.count(view.traces)} traces in {packs}"
    tokens = f"{units.count(view.tokens)} tokens, {units.percent(share)} supervised"
    yield f"{tokens}, fill {units.percent(view.fill)}"
    yield ""
    yield from _table(
        ["stream", "packs", "traces", "tokens", "fill", "shards"], map(_stream, view.streams.items())
    )
    yield ""
    columns = list(view.lengths)
    names = ["shortest", *(f"{name[1:]} %" for name in columns[1:-1]), "longest"] if columns else []
    rows = [(name, stream.lengths) for name, stream in view.streams.items()]
    rows += [("all", view.lengths)] if len(rows) > 1 else []
    yield from _table(
        ["trace lengths", *names],
        ([name, *(units.count(lengths[column]) for column in columns)] for name, lengths in rows if lengths),
    )
    yield ""
    if view.sources:
        head = ["source", "rows", "unreadable", "without a trace", "traces", "packed", "tokens"]
        yield from _table(head, map(_source, view.sources.items()))
        yield ""
    yield f"rows left out    {reasons_in_words(view.rows_refused) or 'none'}"
    yield f"traces left out  {reasons_in_words(view.rejected) or 'none'}"
    if view.rows_refused or view.rejected:
        yield f"which, and why: `{shell_words(['octomed', 'rejects', as_argument(view.folder)])}`"
    for name in list(view.streams)[:1]:
        words = ["octomed", "inspect", view.folder, "--stream", name, "--pack", "0"]
        yield f"next: `{shell_words(words)}`"


def _stream(entry: tuple[str, StreamView]) -> list[str]:
    name, stream = entry
    amounts = [units.count(getattr(stream, key)) for key in ("packs", "traces", "tokens")]
    return [name, *amounts, units.percent(stream.fill), units.count(stream.shards)]


def _source(entry: tuple[str, SourceCounts]) -> list[str]:
    name, account = entry
    read = (account.rows, account.rows_unreadable, account.rows_without_trace)
    numbers = (*read, account.traces, account.train + account.validation, account.tokens)
    return [name, *map(units.count, numbers)]


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    """Yield aligned lines: names to the left, numbers to the right."""
    lines = [list(head), *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        yield "  ".join([line[0].ljust(widths[0]), *cells[1:]]).rstrip()
