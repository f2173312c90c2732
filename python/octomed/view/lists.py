"""Lists of what lies behind a bar: packed traces, rejects, files of sources, rows by their packed traces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.report import units
from octomed.view.cursor import Cursor
from octomed.view.pages import Shown, number_in, word_in
from octomed.view.wanted import ROWS, Found, Wanted

if TYPE_CHECKING:
    from starlette.requests import Request

    from octomed.view.run import OpenRun

_RANGE = re.compile(r"(\d{1,12})-(\d{1,12})")
_MOST_FILES = 200
_PLACE = ["source", "file", "row"]


def traces(request: Request, run: OpenRun) -> Shown:
    """List packed traces: those of a source, a group, a stream, a length, a size of images."""
    source, group, stream = (word_in(request, name) for name in ("source", "group", "stream"))
    length, patches = _range_in(request, "length"), _range_in(request, "patches")
    names = run.tables.names(f"provenance/{_stream(run, stream)}-" if stream else "provenance/")
    within = {} if length is None else {"length": length}
    any_within = {} if patches is None else {"image_patches": patches}
    start = Cursor.read(word_in(request, "from"))
    members = run.sources_of(group) if group else []
    if group and not members:
        raise RecipeError(f"the run has no group `{shown(group)}`", "follow a link of a page")
    equal = {"source": _source(run, source)} if source else {}
    wanted = Wanted(equal, within, any_within, {"source": members} if members else {})
    words = {"source": source, "group": group, "stream": stream}
    words |= {name: word_in(request, name) for name in ("length", "patches")}
    values = {"found": run.tables.find(names, wanted, start), "words": _given(words), "start": start}
    return Shown("traces.html", "Packed traces", values)


def rejects(request: Request, run: OpenRun) -> Shown:
    """List what was left out: for a reason, of a source."""
    reason, source = word_in(request, "reason"), word_in(request, "source")
    sources = [_source(run, source)] if source else [str(one["name"]) for one in run.sources]
    there = run.tables.names("rejects/")
    names = [name for one in sources if (name := f"rejects/{one}.parquet") in there]
    start = Cursor.read(word_in(request, "from"))
    found = run.tables.find(names, Wanted({"reason": reason} if reason else {}), start)
    values = {
        "found": found,
        "words": _given({"reason": reason, "source": source}),
        "start": start,
        "counted": _counted(run, sources, reason),
        "reasons": _reasons(run, sources),
        "hides": run.hides,
        "run_sources": run.file.sources,
    }
    return Shown("rejects.html", f"Left out: {reason}" if reason else "Left out", values)


def _reasons(run: OpenRun, sources: list[str]) -> list[tuple[str, int]]:
    """Return the reasons with which something was left out, the most frequent first."""
    found: dict[str, int] = {}
    for name in sources:
        counts = run.file.counts.sources.get(name)
        for reason, number in {**counts.rows_refused, **counts.rejected}.items() if counts else ():
            found[reason] = found.get(reason, 0) + number
    return sorted(((reason, number) for reason, number in found.items() if number), key=lambda one: -one[1])


def _counted(run: OpenRun, sources: list[str], reason: str | None) -> int:
    return sum(number for name, number in _reasons(run, sources) if reason in {None, name})


def sources(request: Request, run: OpenRun) -> Shown:
    """List the sources and their files, each with a link to its first row."""
    chosen = word_in(request, "source")
    first = number_in(request, "first", 0)
    inputs = run.file.run.inputs or {}
    listed = []
    for one in run.sources:
        name = str(one["name"])
        files = sorted(inputs.get(name, {}))
        begin = first if name == chosen else 0
        after = begin + _MOST_FILES if len(files) > begin + _MOST_FILES else None
        listed.append(
            (one, run.file.counts.sources.get(name), files[begin : begin + _MOST_FILES], after, len(files))
        )
    return Shown("sources.html", "Sources", {"listed": listed})


def questions(request: Request, run: OpenRun) -> Shown:
    """List rows by how many packed traces they have."""
    wanted = number_in(request, "traces", 1)
    start = Cursor.read(word_in(request, "from"))
    table, numbers = run.kept("traces a row", lambda: _traces_a_row(run))
    places = np.flatnonzero(numbers == wanted)
    chosen = places[start.row : start.row + ROWS]
    rows = table.take(pa.array(chosen)).to_pylist()
    after = Cursor(0, 0, start.row + ROWS) if len(places) > start.row + ROWS else None
    values = {
        "found": Found(rows, chosen.tolist(), after, start.row + len(rows), len(places)),
        "traces": wanted,
        "start": start,
        "rows": units.count(len(places)),
    }
    return Shown("questions.html", f"Rows with {wanted} packed traces", values)


def _traces_a_row(run: OpenRun) -> tuple[pa.Table, Any]:
    """Count the packed traces of each row, copies left out: one pass over provenance."""
    parts = []
    for name in run.tables.names("provenance/"):
        table = run.tables.whole(name, ["source", "file", "row", "copy"])
        parts.append(table.filter(pc.equal(table["copy"], 0)).drop_columns(["copy"]))
    if not parts:
        return pa.table({"source": [], "file": [], "row": []}), np.empty(0, np.int64)
    whole = pa.concat_tables(parts).unify_dictionaries()
    counted = whole.group_by(_PLACE).aggregate([([], "count_all")])
    return counted.select(_PLACE), counted["count_all"].to_numpy()


def _given(words: dict[str, str | None]) -> dict[str, str]:
    return {name: word for name, word in words.items() if word}


def _range_in(request: Request, name: str) -> tuple[int, int] | None:
    text = word_in(request, name)
    if text is None:
        return None
    found = _RANGE.fullmatch(text)
    if found is None:
        raise RecipeError(f"`{name}` is `{shown(text)}`, and no range", "as in `1024-2047`")
    return int(found[1]), int(found[2])


def _source(run: OpenRun, name: str) -> str:
    names = [str(one["name"]) for one in run.sources]
    if name not in names:
        raise RecipeError(f"the run has no source `{shown(name)}`", f"it has {', '.join(names)}")
    return name


def _stream(run: OpenRun, name: str) -> str:
    if name not in run.file.streams:
        raise RecipeError(f"no stream `{shown(name)}`", f"the run has {', '.join(run.file.streams)}")
    return name
