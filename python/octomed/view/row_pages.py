"""Pages of a source's row, and of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from octomed.errors import OctomedError
from octomed.view.pages import Shown, is_revealed, needed_in, number_in
from octomed.view.source_row import image_of_row, source_row, traces_of_row

if TYPE_CHECKING:
    from starlette.requests import Request

    from octomed.report.views import TraceView
    from octomed.view.run import OpenRun


def row(request: Request, run: OpenRun) -> Shown:
    """Show a row: what became of it, and its text read again."""
    source, file = needed_in(request, "source"), needed_in(request, "file")
    number = number_in(request, "row")
    revealed = is_revealed(request)
    found = source_row(run, source, file, number, revealed=revealed)
    looked, fault = _looked(request, run, found.hidden, (source, file, number))
    values = {"found": found, "revealed": revealed, "looked": looked, "fault": fault}
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


def row_image(request: Request, run: OpenRun) -> Response:
    """Answer with an image of a row, as its source has it."""
    source, file = needed_in(request, "source"), needed_in(request, "file")
    number = number_in(request, "row")
    place = {"source": source, "file": file, "row": number}
    if run.hides(place) and not is_revealed(request):
        return Response(status_code=403)
    data, kind = image_of_row(run, source, file, number, number_in(request, "at", 0))
    return Response(data, media_type=kind)
