"""Search: by a trace's id, by source and row, by reason, and by text, as far as a moment reaches."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.responses import RedirectResponse

from octomed.mds import MDSReader
from octomed.names import safe
from octomed.pipeline.finished.run_places import pack_here
from octomed.view.bars import link_to
from octomed.view.cursor import Cursor
from octomed.view.packs import provenance_of
from octomed.view.pages import Shown, is_revealed, word_in
from octomed.view.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from octomed.view.run import OpenRun

SECONDS = 1.5
"""That a search by text takes; a link goes on."""
_HITS = 20
_AROUND = 90
_ID = re.compile(r"-?\d{1,20}")
_PLACE = re.compile(
    r"(?P<source>[^/\s]+)(?:/(?P<file>.+?))?(?:\s+row\s+|:)(?P<row>\d{1,15})(?:\s+sample\s+\d+)?"
)


@dataclass(frozen=True)
class Hit:
    """A place where a text was found.

    Attributes
    ----------
    stream, pack, document
        Where it is.
    row
        Its line of provenance.
    hidden
        Whether its text is only shown when that is asked for.
    before, found, after
        The text around it.
    """

    stream: str
    pack: int
    document: int
    row: dict[str, Any]
    hidden: bool
    before: str
    found: str
    after: str


def search(request: Request, run: OpenRun) -> Shown | Response:
    """Look for what is asked: an id, a place, a reason, or a text in the packs."""
    asked = (word_in(request, "for") or "").strip()
    start = Cursor.read(word_in(request, "from"))
    values: dict[str, Any] = {"asked": asked, "hits": [], "after": None, "looked_at": 0, "start": start}
    values |= {
        "packs": sum(stream.packs for stream in run.file.streams.values()),
        "revealed": is_revealed(request),
    }
    as_text = word_in(request, "as") == "text"
    if not asked:
        return Shown("search.html", "Search", values)
    found = None if as_text else _by_word(run, asked)
    if found is not None:
        return RedirectResponse(found, 303)
    hits, after, looked_at = _by_text(run, asked, start, revealed=is_revealed(request))
    values |= {"hits": hits, "after": after, "looked_at": looked_at}
    return Shown("search.html", f"Search: {asked}", values)


def _by_word(run: OpenRun, asked: str) -> str | None:
    """Return the page that an id, a place or a reason leads to, relative to the search's."""
    if _ID.fullmatch(asked) and -(2**63) <= int(asked) < 2**64:
        link = _trace_link(run, int(asked) % 2**64)
        if link is not None:
            return link
    counts = run.file.counts
    if asked in {*counts.rejected, *(counts.rows_refused or {})}:
        return link_to("rejects", reason=asked)
    place = _PLACE.fullmatch(asked)
    if place is None or place["source"] not in run.file.sources:
        return None
    files = sorted((run.file.run.inputs or {}).get(place["source"], {}))
    file = place["file"] or (files[0] if files else None)
    return None if file is None else link_to("row", source=place["source"], file=file, row=place["row"])


def _trace_link(run: OpenRun, trace_id: int) -> str | None:
    names = run.tables.names("provenance/")
    wanted = Wanted(equal={"trace_id": trace_id})
    rows = run.tables.find(names, wanted, Cursor(), most=1, seconds=None).rows
    return f"packs/{rows[0]['stream']}/{rows[0]['pack']}#document-{rows[0]['document']}" if rows else None


def _by_text(
    run: OpenRun, asked: str, start: Cursor, *, revealed: bool
) -> tuple[list[Hit], Cursor | None, int]:
    """Look through the packs' text; return what is found, where to go on, and the number of packs before."""
    end = time.monotonic() + SECONDS
    pattern = re.compile(re.escape(asked), re.IGNORECASE)
    hits: list[Hit] = []
    before = 0
    for number, (stream, entry) in enumerate(run.file.streams.items()):
        first = start.row if number == start.table else 0
        packs = range(first, entry.packs) if number >= start.table else range(0)
        for pack, row in _packs(run, stream, packs):
            at = Cursor(number, 0, pack)
            if at > start and (time.monotonic() > end or len(hits) >= _HITS):
                return hits, at, before + pack
            hits += _hits(run, (stream, pack), row, pattern, revealed=revealed)
        before += entry.packs
    return hits, None, before


def _packs(run: OpenRun, stream: str, packs: range) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield packs as they are stored, shard by shard: of a run at an address each is fetched once."""
    pack = packs.start
    while pack < packs.stop:
        with run.alone(), pack_here(run.folder, stream, pack):
            reader = run.kept(("reader", stream), lambda: MDSReader(run.folder / stream))
            shard, row = reader.locate(pack)
            end = min(pack - row + reader.shards[shard][1], packs.stop)
            for number in range(pack, end):
                yield number, reader[number]
        pack = end


def _hits(
    run: OpenRun, at: tuple[str, int], row: dict[str, Any], pattern: re.Pattern[str], *, revealed: bool
) -> Iterator[Hit]:
    stream, pack = at
    edges = np.cumsum([0, *row["lengths"]]).tolist()
    for document, (begin, end) in enumerate(pairwise(edges)):
        text = run.text(row["input_ids"][begin:end])
        found = pattern.search(text)
        if found is None:
            continue
        place = provenance_of(run, stream, pack)[document]
        hidden = run.hides(place) and not revealed
        before = safe(text[max(found.start() - _AROUND, 0) : found.start()])
        after = safe(text[found.end() : found.end() + _AROUND])
        words = ("", "", "") if hidden else (before, safe(found[0]), after)
        yield Hit(stream, pack, document, place, hidden, *words)
