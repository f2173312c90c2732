"""The first page of a run, and the part of it that reads a table."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from octomed.report.recipe_text import yaml_of
from octomed.view import lengths
from octomed.view.overview import charts_of, key_figures
from octomed.view.pages import Shown

if TYPE_CHECKING:
    from starlette.requests import Request

    from octomed.view.bars import Chart
    from octomed.view.run import OpenRun

_WAITS = 0.2
"""Seconds that the first page waits for lengths; what is counted until then is on it."""


def overview(_: Request, run: OpenRun) -> Shown:
    """Show a run at a glance."""
    counting = _counting(run)
    counting.join(_WAITS)
    values = {
        "file": run.file,
        "figures": list(key_figures(run.file)),
        "charts": list(charts_of(run.file)),
        "lengths": counting.charts if not counting.is_alive() else None,
        "fault": counting.fault,
        "recipe": yaml_of(run.file.recipe),
    }
    return Shown("overview.html", f"Run {run.file.name}", values)


def sizes(_: Request, run: OpenRun) -> Shown:
    """Show how long traces are; what the first page did not wait for."""
    counting = _counting(run)
    counting.join()
    return Shown("lengths.html", "Lengths", {"lengths": counting.charts, "fault": counting.fault})


class _Counting(threading.Thread):
    """Reads all of a run's provenance once, in the background."""

    def __init__(self, run: OpenRun) -> None:
        super().__init__(name="lengths", daemon=True)
        self._of = run
        self.charts: list[Chart] = []
        self.fault: Exception | None = None

    def run(self) -> None:
        """Count."""
        try:
            self.charts = list(lengths.charts_of(self._of, lengths.sizes_of(self._of)))
        except Exception as error:  # noqa: BLE001 whatever it is, the page says it
            self.fault = error


_started: WeakKeyDictionary[OpenRun, _Counting] = WeakKeyDictionary()
_lock = threading.Lock()


def _counting(run: OpenRun) -> _Counting:
    with _lock:
        if run not in _started:
            _started[run] = _Counting(run)
            _started[run].start()
        return _started[run]
