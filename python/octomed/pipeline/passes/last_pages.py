"""The last work of a run: its pages, wherever it lies. It is finished before, and stays so if they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.commands import as_argument, shell_words
from octomed.errors import OctomedError
from octomed.file_names import PAGES
from octomed.pipeline.finished.run_places import opened_run
from octomed.pipeline.output.pages import put_pages
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.pipeline.passes.outputs import Outputs
    from octomed.report.progress import Progress
    from octomed.store import Store


def write_last_pages(outputs: Outputs, progress: Progress, *, missing_only: bool) -> list[str]:
    """Write `report.html` and the dataset card to each place of a run.

    Parameters
    ----------
    outputs
        Where the run lies, whole.
    progress
        Told of the stage.
    missing_only
        Whether places that have both are left as they are: of a run that was finished before.

    Returns
    -------
    list of str
        What is to be told; that they could not be written, too.
    """
    from octomed.pipeline.finished.write_pages import pages_of  # noqa: PLC0415 a short chain of imports

    try:
        places = [
            (store, place) for store, place in _places(outputs) if not (missing_only and _has_all(store))
        ]
        if not places:
            return []
        progress.stage("report", None, None)
        with opened_run(outputs.spec.place) as folder:
            pages = pages_of(folder)
        return [note for store, place in places for note in put_pages(store, pages, place)]
    except (OctomedError, OSError) as error:
        progress.stop()
        again = shell_words(["octomed", "report", as_argument(outputs.spec.place)])
        said = error.message if isinstance(error, OctomedError) else str(error)
        return [f"the run is finished, and its report could not be written: {said}; `{again}` writes it"]
    finally:
        progress.close()


def _places(outputs: Outputs) -> Iterator[tuple[Store, str]]:
    """Yield the places where the run's files stay."""
    spec = outputs.spec
    if not outputs.is_staged:
        yield LocalStore(spec.output, spec.output_mode), spec.place
    yield from ((target.store, target.location) for target in outputs.targets if target.failed is None)


def _has_all(store: Store) -> bool:
    return all(store.size(name) is not None for name in PAGES)
