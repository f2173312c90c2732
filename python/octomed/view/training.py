"""A training's folder: its curves, and the traces of each step."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

from octomed.train.curves import points_of
from octomed.train.facts import read_facts
from octomed.train.journal import METRICS, read_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from octomed.report.views import StepView
    from octomed.train.facts import TrainingFacts

LOSS = "loss/train/total"
_MOST_POINTS = 300
_STILL_AT_WORK = 300
"""Seconds without a measurement after which a training has ended, or does not look alive."""


class Training:
    """A training, as its folder says it at this moment.

    Parameters
    ----------
    folder
        Of the training.

    Raises
    ------
    RecipeError
        When the folder is of no training.
    StorageError
        When its `train.json` is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: TrainingFacts = read_facts(folder)
        self._read: tuple[object, list[dict[str, Any]]] = (None, [])
        self._drawn: tuple[object, str] = (None, "")
        self._lock = threading.Lock()

    @property
    def runs(self) -> tuple[str, ...]:
        """Folders or addresses of the packed runs that it learns from."""
        return self.facts.runs or (self.facts.data,)

    def entries(self) -> list[dict[str, Any]]:
        """Return its measurements, a line a step.

        Raises
        ------
        StorageError
            When a line is damaged.
        """
        with self._lock:
            state = self._state()
            if self._read[0] != state:
                self._read = (state, list(read_journal(self.folder / METRICS)))
            return self._read[1]

    def drawing(self) -> str:
        """Return its curves as drawings, of which that of the loss has a link at each step."""
        from octomed.view.drawings import curves_of  # noqa: PLC0415 the plot library takes half a second

        entries = self.entries()
        with self._lock:
            state = self._read[0]
            if self._drawn[0] != state:
                self._drawn = (state, curves_of(entries, loss_points(entries)))
            return self._drawn[1]

    def step(self, number: int) -> StepView:
        """Return what a step learned from.

        Raises
        ------
        RecipeError
            When the training has no such step, or the run was packed again since.
        """
        from octomed.train.lookup import look_at_step  # noqa: PLC0415 reads runs, which the curves do not need

        return look_at_step(self.folder, number)

    def is_growing(self) -> bool:
        """Tell whether something was measured in the last minutes."""
        try:
            age = time.time() - (self.folder / METRICS).stat().st_mtime
        except OSError:
            return False
        return age < _STILL_AT_WORK

    def _state(self) -> object:
        try:
            found = (self.folder / METRICS).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def loss_points(entries: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
    """Return the steps that can be followed in a drawing: all, or of each stretch that of the highest loss.

    Examples
    --------
    >>> loss_points([{"step": 1, "loss/train/total": 2.5}, {"step": 2}])
    [(1, 2.5)]
    """
    points = [(int(step), value) for step, value in points_of(entries, LOSS) if math.isfinite(value)]
    size = math.ceil(len(points) / _MOST_POINTS) or 1
    stretches = (points[begin : begin + size] for begin in range(0, len(points), size))
    return [max(stretch, key=lambda point: point[1]) for stretch in stretches]
