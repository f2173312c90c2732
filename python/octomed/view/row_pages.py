"""Pages of a source's row, and of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from octomed.errors import OctomedError, RecipeError
from octomed.view.beside import beside
from octomed.view.cursor import Cursor
from octomed.view.named import named_in
from octomed.view.pages import Shown, is_revealed, needed_in, number_in
from octomed.view.source_row import image_of_row, source_row, traces_of_row
from octomed.view.wanted import Wanted

if TYPE_CHECKING:
    from starlette.requests import Request

    from octomed.report.views import TraceView
    from octomed.view.run import OpenRun


def row(request: Request, run: OpenRun) -> Shown:
    """Show a row: what became of it, and its text read again."""
    source, file = needed_in(request, "source"), needed_in(request, "file")
    number = number_in(request, "row")
    revealed = is_revealed(request)
    found = source_row(run, (source, file, number), revealed=revealed)
    looked, fault = _looked(request, run, found.hidden, (source, file, number))
    values = {"found": found, "revealed": revealed, "looked": looked, "fault": fault}
    values |= {"run_sources": run.file.sources}
    return Shown("row.html", f"{source} row {number}", values)


def _looked(
    request: Request, run: OpenRun, hidden: bool, place: tuple[str, str, int]
) -> tuple[list[TraceView] | None, OctomedError | None]:
    """Return what the recipe makes of a row, where that is asked for."""
    if hidden or "look" not in request.query_params:
        return None, None
    try:
        return traces_of_row(run, *place), None
    except OctomedError as error:
        return None, error


def packed(request: Request, run: OpenRun) -> Shown:
    """Show where a row is packed; what its page did not wait for."""
    place = (needed_in(request, "source"), needed_in(request, "file"), number_in(request, "row"))
    found = source_row(run, place, revealed=False, patient=True)
    return Shown(
        "packed.html", f"{place[0]} row {place[2]}", {"found": found, "run_sources": run.file.sources}
    )


def row_image(request: Request, run: OpenRun) -> Response:
    """Answer with an image of a row, as its source has it."""
    source, file = needed_in(request, "source"), needed_in(request, "file")
    number = number_in(request, "row")
    place = {"source": source, "file": file, "row": number}
    if run.hides(place) and not is_revealed(request):
        return Response(status_code=403)
    data, kind = image_of_row(run, source, file, number, number_in(request, "at", 0))
    return Response(data, media_type=kind)


def pair(request: Request, run: OpenRun) -> Shown:
    """Show a trace that was left out beside the one that its reason names."""
    revealed = is_revealed(request)
    sample = number_in(request, "sample") if "sample" in request.query_params else None
    left = {"source": needed_in(request, "source"), "file": needed_in(request, "file")}
    mine: dict[str, Any] = {**left, "row": number_in(request, "row"), "sample": sample}
    other = named_in(needed_in(request, "other"), run.file.sources)
    if other is None or left["source"] not in run.file.sources:
        raise RecipeError("the address names no two rows of this run", "follow a link of a page")
    hidden = any(run.hides(one) for one in (mine, other)) and not revealed
    values = {
        "mine": mine,
        "other": other,
        "words": dict(request.query_params),
        "hidden": hidden,
        "revealed": revealed,
        "found": None if hidden else beside(run, mine, other),
        "images": 0 if hidden or run.file.vision is None else _images(run, mine),
    }
    return Shown("pair.html", "Two traces side by side", values)


def _images(run: OpenRun, place: dict[str, Any]) -> int:
    """Return how many images a trace that was left out shows."""
    table = f"rejects/{place['source']}.parquet"
    wanted = Wanted({"source": place["source"], "file": place["file"]}, {"row": (place["row"],) * 2})
    names = [table] if table in run.tables.names("rejects/") else []
    rows = run.tables.find(names, wanted, Cursor(), most=100).rows
    return max((len(row.get("images") or ()) for row in rows), default=0)
