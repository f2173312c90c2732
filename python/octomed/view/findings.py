"""Pages of what curation found: near duplicates, contamination, and pictures that are nearly equal."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from starlette.responses import Response

from octomed import vision
from octomed.errors import OctomedError, RecipeError
from octomed.pipeline.finished.run_places import store_of
from octomed.pipeline.output.decontamination import CONTAMINATED, COUNTS, NEAR_PICTURES
from octomed.pipeline.output.tables import NEAR_DUPLICATES
from octomed.view.cursor import Cursor
from octomed.view.differences import Pieces, compared, is_longer, with_shared
from octomed.view.evaluation_row import evaluation_text
from octomed.view.pages import Shown, is_revealed, number_in, word_in
from octomed.view.source_row import fields_of, text_of
from octomed.view.wanted import Wanted

if TYPE_CHECKING:
    from starlette.requests import Request

    from octomed.view.run import OpenRun

_CLUSTERS = 50
_SECONDS = 1.5


def clusters(request: Request, run: OpenRun) -> Shown:
    """List the clusters of near duplicates, the largest first."""
    first = number_in(request, "first", 0)
    rows: list[dict[str, Any]] = []
    total = 0
    if run.tables.has(NEAR_DUPLICATES):
        columns = ["cluster", "size", "source", "file", "row", "sample"]
        table = run.kept("clusters", lambda: run.tables.whole(NEAR_DUPLICATES, columns))
        _, places = np.unique(table["cluster"].to_numpy(), return_index=True)
        total = len(places)
        rows = table.take(pa.array(places[first : first + _CLUSTERS])).to_pylist()
    after = first + _CLUSTERS if first + _CLUSTERS < total else None
    values = {"clusters": rows, "total": total, "after": after, "first": first}
    return Shown("clusters.html", "Near duplicates", values)


@dataclass(frozen=True)
class Compared:
    """A member of a cluster beside the one that it was compared with.

    Attributes
    ----------
    member
        Its line of the table.
    hidden
        Whether its text is only shown when that is asked for.
    mine, kept
        Both texts in pieces, those marked that the other does not have; None where a text is not kept.
    is_longer
        Whether they are compared only in part.
    images
        How many images it shows.
    """

    member: dict[str, Any]
    hidden: bool
    mine: Pieces | None
    kept: Pieces | None
    is_longer: bool
    images: int


def cluster(request: Request, run: OpenRun) -> Shown:
    """Show the traces of a cluster beside the one that stays."""
    number, revealed = number_in(request, "cluster"), is_revealed(request)
    members: list[dict[str, Any]] = []
    if run.tables.has(NEAR_DUPLICATES):
        wanted = Wanted(within={"cluster": (number, number)})
        members = run.tables.find([NEAR_DUPLICATES], wanted, Cursor(), most=1000, seconds=None).rows
    if not members:
        raise RecipeError(f"the run has no cluster {number}", "`clusters` lists them")
    by_id = {member["trace_id"]: member for member in members}
    stays = next((one for one in members if one["kept"]), members[0])
    images = _images_of(run, members)
    pairs = [
        _pair(run, one, by_id.get(one["near_to"], stays), images, revealed)
        for one in members
        if one is not stays
    ]
    values = {
        "cluster": number,
        "stays": stays,
        "stays_images": images.get(stays["trace_id"], 0),
        "pairs": pairs,
        "revealed": revealed,
        "hidden": any(pair.hidden for pair in pairs),
    }
    return Shown("cluster.html", f"Near duplicates, cluster {number}", values)


def _pair(
    run: OpenRun, member: dict[str, Any], kept: dict[str, Any], images: dict[int, int], revealed: bool
) -> Compared:
    hidden = (run.hides(member) or run.hides(kept)) and not revealed
    count = images.get(member["trace_id"], 0)
    mine, theirs = member.get("text"), kept.get("text")
    if hidden or mine is None or theirs is None:
        return Compared(member, hidden, None, None, False, count)
    pieces, others = compared(mine, theirs)
    return Compared(member, False, pieces, others, is_longer(mine) or is_longer(theirs), count)


def _images_of(run: OpenRun, members: list[dict[str, Any]]) -> dict[int, int]:
    """Return how many images each trace shows, by its id."""
    if run.file.vision is None:
        return {}
    found: dict[int, int] = {}
    kept = [one["trace_id"] for one in members if one["kept"]]
    provenance = run.tables.names("provenance/")
    wanted = Wanted(one_of={"trace_id": kept})
    for row in run.tables.find(provenance, wanted, Cursor(), seconds=_SECONDS).rows:
        found[row["trace_id"]] = len(row.get("images") or ())
    for one in members:
        table = f"rejects/{one['source']}.parquet"
        if not one["kept"] and table in run.tables.names("rejects/"):
            place = {name: one[name] for name in ("source", "file", "sample")}
            rows = run.tables.find([table], Wanted(place, {"row": (one["row"],) * 2}), Cursor(), most=1).rows
            found[one["trace_id"]] = max((len(row.get("images") or ()) for row in rows), default=0)
    return found


def contamination(request: Request, run: OpenRun) -> Shown:
    """List the questions that left for an evaluation set."""
    start = Cursor.read(word_in(request, "from"))
    name = word_in(request, "set")
    names = [CONTAMINATED] if run.tables.has(CONTAMINATED) else []
    found = run.tables.find(names, Wanted({"evaluation_set": name} if name else {}), start)
    values = {
        "found": found,
        "start": start,
        "counts": _counts(run),
        "words": {"set": name} if name else {},
        "pictures": run.tables.has(NEAR_PICTURES),
    }
    return Shown("contamination.html", "Contamination", values)


def _counts(run: OpenRun) -> dict[str, Any]:
    if COUNTS not in (run.file.run.files or ()):
        return {}
    counts: dict[str, Any] = json.loads(store_of(run.folder).read(COUNTS))
    return counts


def contaminated(request: Request, run: OpenRun) -> Shown:
    """Show a question beside the evaluation question that it left for, with the shared words marked."""
    number, revealed = number_in(request, "line"), is_revealed(request)
    line = _line(run, CONTAMINATED, number)
    hidden = run.hides({**line, "reason": None, "sample": 0}) and not revealed
    shared = line["words"] or ""
    place = (line["source"], line["file"], line["row"])
    other = (line["evaluation_set"], line["evaluation_file"], line["evaluation_row"])
    values = {
        "line": line,
        "place": number,
        "hidden": hidden,
        "revealed": revealed,
        "mine": None if hidden else _side(lambda: text_of(run, *place), shared),
        "theirs": None if hidden else _side(lambda: evaluation_text(run, *other), shared),
    }
    return Shown("contaminated.html", f"Contamination {number}", values)


@dataclass(frozen=True)
class Side:
    """A row beside another: its columns with shared words marked, or why it is not shown."""

    fields: tuple[tuple[str, Pieces], ...] = ()
    fault: OctomedError | None = None

    @property
    def shares(self) -> bool:
        """Whether the shared words were found in it."""
        return any(marked for _, pieces in self.fields for _, marked in pieces)


def _side(read: Any, shared: str) -> Side:  # noqa: ANN401 a function of nothing
    try:
        return Side(tuple((name, with_shared(value, shared)) for name, value in fields_of(read())))
    except OctomedError as error:
        return Side(fault=error)


def pictures(request: Request, run: OpenRun) -> Shown:
    """Show pictures that are nearly one of an evaluation set beside it."""
    start, revealed = Cursor.read(word_in(request, "from")), is_revealed(request)
    names = [NEAR_PICTURES] if run.tables.has(NEAR_PICTURES) else []
    found = run.tables.find(names, Wanted(), start, most=_CLUSTERS)
    hidden = [run.hides(row) and not revealed for row in found.rows]
    values = {"found": found, "start": start, "hidden": hidden, "revealed": revealed}
    return Shown("pictures.html", "Near pictures", values)


def picture(request: Request, run: OpenRun) -> Response:
    """Answer with one of two near pictures, in grey, as they were compared."""
    line = _line(run, NEAR_PICTURES, number_in(request, "line"))
    gray = line["evaluation_gray" if request.path_params["side"] == "evaluation" else "gray"]
    if run.hides(line) and not is_revealed(request):
        return Response(status_code=403)
    if gray is None:
        raise RecipeError("the run kept no pictures", "it was packed with `report: {samples: false}`")
    side = math.isqrt(len(gray))
    pixels = np.frombuffer(gray, np.uint8).reshape(side, side, 1)
    return Response(vision.encode(np.repeat(pixels, 3, axis=2), "png"), media_type="image/png")


def _line(run: OpenRun, name: str, number: int) -> dict[str, Any]:
    """Return a line of a table of findings by its number."""
    groups = run.tables.footer(name).num_row_groups if run.tables.has(name) else 0
    before = 0
    for group in range(groups):
        rows = run.tables.footer(name).row_group(group).num_rows
        if number < before + rows:
            line: dict[str, Any] = run.tables.group(name, group).slice(number - before, 1).to_pylist()[0]
            return line
        before += rows
    raise RecipeError(f"`{name}` has no line {number}", f"it has {before}")
