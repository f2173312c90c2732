"""Pages of a training: its curves, and what each of its steps learned from."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse

from octomed.errors import RecipeError
from octomed.view.pages import Shown, number_in
from octomed.view.training import LOSS, loss_points

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from octomed.view.pages import Site
    from octomed.view.training import Training

_HIGHEST = 10


def curves(site: Site) -> Callable[[Request], Response]:
    """Return what shows the curves of a training."""

    def answered(request: Request) -> Response:
        training = _training(site)
        if "step" in request.query_params:
            return RedirectResponse(f"/training/steps/{number_in(request, 'step')}", 303)
        entries = training.entries()
        values: dict[str, Any] = {
            "training": training,
            "drawing": training.drawing(),
            "steps": len(loss_points(entries)),
            "last": entries[-1] if entries else None,
            "highest": _highest(entries),
            "loss": LOSS,
            "growing": training.is_growing(),
        }
        return site.answer(Shown("training.html", "Training", values))

    return answered


def _highest(entries: list[dict[str, Any]]) -> list[tuple[int, float]]:
    """Return the steps whose loss rises most above the step before: what one wants to look behind."""
    points = [(int(one["step"]), float(one[LOSS])) for one in entries if LOSS in one]
    rises = [(loss - before, step, loss) for (_, before), (step, loss) in pairwise(points)]
    return [(step, loss) for rise, step, loss in sorted(rises, reverse=True)[:_HIGHEST] if rise > 0]


def step(site: Site) -> Callable[[Request], Response]:
    """Return what shows the traces of a step."""

    def answered(request: Request) -> Response:
        training, number = _training(site), number_in(request, "step")
        found = training.step(number)
        places = {run.place: place for place, run in enumerate(site.runs)}
        names = dict(zip(training.runs, range(len(site.runs)), strict=False))
        known = {int(one["step"]) for one in training.entries()}
        values: dict[str, Any] = {
            "view": found,
            "run_of": names | places,
            "before": number - 1 if number - 1 in known else None,
            "after": number + 1 if number + 1 in known else None,
        }
        return site.answer(Shown("step.html", f"Step {number}", values))

    return answered


def _training(site: Site) -> Training:
    if site.training is None:
        raise RecipeError(
            "no training is shown here", "`octomed view RUN --train FOLDER` shows one beside it"
        )
    return site.training
