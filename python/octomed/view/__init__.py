"""A finished, growing or training run as pages in a browser of this machine: `octomed view`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.view.pages import Site

__all__ = ["show"]

_PACKAGES = frozenset({"jinja2", "markupsafe", "matplotlib", "starlette", "uvicorn"})


def show(place: str, *, train: str | None = None, port: int = 0, said: Callable[[str], None]) -> None:
    """Serve the pages of a run until a signal ends the program.

    Parameters
    ----------
    place
        Folder or address of a packed run, or folder of a training, which shows the runs that it learns from.
    train
        Folder of a training to show beside the run.
    port
        Of the pages; 0 for any that is free.
    said
        Is told the address of the pages, with the token that opens them.

    Raises
    ------
    RecipeError
        When there is no such run, its files are of a newer format, or the port is taken.
    StorageError
        When a run file or a manifest is damaged, or a store cannot be reached.
    """
    try:
        from octomed.view.app import application  # noqa: PLC0415 where pages are asked for
        from octomed.view.server import serve  # noqa: PLC0415 as above
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _PACKAGES:
            raise
        message = f"`octomed view` needs the package `{error.name}`, which is not installed"
        raise RecipeError(message, "`pip install '.[view]'` in OctoMed's folder") from error
    with contextlib.ExitStack() as held:
        serve(application(_site(place, train, held)), port, said)


def _site(place: str, train: str | None, held: contextlib.ExitStack) -> Site:
    """Open what is to be shown; a mistake in a place is said now, and not by a page."""
    from octomed.pipeline.finished.run_places import opened_run  # noqa: PLC0415 loads Arrow
    from octomed.train.facts import TRAINING_FILE  # noqa: PLC0415 as above
    from octomed.view.growing import Growing  # noqa: PLC0415 as above
    from octomed.view.pages import Site  # noqa: PLC0415 as above
    from octomed.view.run import ViewedRun  # noqa: PLC0415 as above
    from octomed.view.training import Training  # noqa: PLC0415 as above

    alone = (Path(place) / TRAINING_FILE).is_file()
    if alone and train is not None:
        raise RecipeError(
            f"`{place}` is the folder of a training", "give one folder of a training, and one run"
        )
    folder = place if alone else train
    training = None if folder is None else Training(Path(folder))
    places = list(training.runs) if alone and training is not None else [place]
    runs = [ViewedRun(held.enter_context(opened_run(one))) for one in places]
    for run in runs:
        if not alone and run.finished() is None:
            Growing.of(run.folder)
    return Site(runs, training, begins_with_training=alone)
