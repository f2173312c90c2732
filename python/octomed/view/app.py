"""The pages of `octomed view` as an application: which address shows what, and what errors say."""

from __future__ import annotations

import sys
import traceback
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from octomed.errors import OctomedError, RecipeError
from octomed.names import safe
from octomed.report.page import STYLE
from octomed.view import findings, lists, pack_pages, row_pages, run_pages, search, training_pages
from octomed.view.pages import Shown, Site

if TYPE_CHECKING:
    from starlette.requests import Request

    from octomed.view.pages import Page

_OF_A_RUN: dict[str, Page] = {
    "/{number:int}/": run_pages.overview,
    "/{number:int}/lengths": run_pages.sizes,
    "/{number:int}/traces": lists.traces,
    "/{number:int}/rejects": lists.rejects,
    "/{number:int}/sources": lists.sources,
    "/{number:int}/questions": lists.questions,
    "/{number:int}/row": row_pages.row,
    "/{number:int}/row/packed": row_pages.packed,
    "/{number:int}/pair": row_pages.pair,
    "/{number:int}/row/image": row_pages.row_image,
    "/{number:int}/packs/{stream}/{pack:int}": pack_pages.pack,
    "/{number:int}/packs/{stream}/{pack:int}/positions.json": pack_pages.positions,
    "/{number:int}/packs/{stream}/{pack:int}/images/{image:int}": pack_pages.image,
    "/{number:int}/clusters": findings.clusters,
    "/{number:int}/clusters/{cluster:int}": findings.cluster,
    "/{number:int}/contamination": findings.contamination,
    "/{number:int}/contamination/{line:int}": findings.contaminated,
    "/{number:int}/pictures": findings.pictures,
    "/{number:int}/pictures/{line:int}/{side}.png": findings.picture,
    "/{number:int}/search": search.search,
}
_STATIC = {"view.css": "text/css", "view.js": "text/javascript", "view.svg": "image/svg+xml"}


def application(site: Site) -> Starlette:
    """Return the pages of a site.

    Parameters
    ----------
    site
        Runs and training to look at.
    """
    routes = [
        Route("/", partial(_first, site)),
        Route("/static/{name}", _static),
        Route("/training", training_pages.curves(site)),
        Route("/training/steps/{step:int}", training_pages.step(site)),
        *(Route(path, site.of_run(page)) for path, page in _OF_A_RUN.items()),
    ]
    handlers: dict[Any, Any] = {
        OctomedError: partial(_failed, site),
        HTTPException: partial(_refused, site),
        Exception: partial(_broken, site),
    }
    return Starlette(routes=routes, exception_handlers=handlers)


def _first(site: Site, _: Request) -> Response:
    return RedirectResponse("/training" if site.training is not None and site.begins_with_training else "/0/")


def _static(request: Request) -> Response:
    name = str(request.path_params["name"])
    if name == "report.css":
        return Response(STYLE, media_type="text/css")
    if name not in _STATIC:
        raise HTTPException(404)
    data = (resources.files("octomed.view") / "static" / name).read_bytes()
    return Response(data, media_type=_STATIC[name])


def _failed(site: Site, request: Request, error: Exception) -> Response:
    """Say what a page could not show, as the command line would."""
    message, hint = str(error), getattr(error, "hint", None)
    status = 404 if isinstance(error, RecipeError) else 500
    return _said(site, request, message, hint, status)


def _refused(site: Site, request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return _said(
        site, request, "there is no such page", "the links above lead to those that there are", status
    )


def _broken(site: Site, request: Request, error: Exception) -> Response:
    for line in traceback.format_exception(error):
        sys.stderr.write(safe(line))
    message = f"unexpected {type(error).__name__}"
    return _said(
        site, request, message, "this is a bug in octomed: please report it with what the terminal says", 500
    )


def _said(site: Site, request: Request, message: str, hint: str | None, status: int) -> Response:
    number = request.path_params.get("number")
    known = number if isinstance(number, int) and number < len(site.runs) else None
    return site.answer(Shown("error.html", "Not shown", {"message": message, "hint": hint}, status), known)
