"""When the report is written: every few minutes, and however a training ends."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from composer.core import Callback
from composer.utils import dist

from octomed.commands import shell_words
from octomed.pipeline.models.families import VISION_LANGUAGE
from octomed.train.log import log_rank0
from octomed.train.signals import FIRST_CODE, STOP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from composer.core import State
    from composer.loggers import Logger

    from octomed.train.prepare import Prepared

_LONGEST = 20.0
"""Seconds to wait for a report that is being written when the training ends."""


class ReportWriter(Callback):
    """Write the report while the training goes on, in a process of its own: drawing takes a second or two.

    Parameters
    ----------
    folder
        The run's folder.
    every
        Seconds between two reports.
    """

    def __init__(self, folder: Path, every: float) -> None:
        self.folder, self.every = folder, every
        self.last = time.monotonic()
        self.writer: subprocess.Popen[bytes] | None = None

    def fit_start(self, state: State, logger: Logger) -> None:
        """Start the clock."""
        del state, logger
        self.last = time.monotonic()

    def batch_end(self, state: State, logger: Logger) -> None:
        """Begin a report, unless the one before is not done."""
        del state, logger
        due = time.monotonic() - self.last >= self.every
        if due and dist.get_global_rank() == 0 and (self.writer is None or self.writer.poll() is not None):
            self.last = time.monotonic()
            self.writer = subprocess.Popen(  # noqa: S603 our own words
                [sys.executable, "-m", "octomed.train.report", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a signal to the group is not for it
            )

    def close(self, state: State, logger: Logger) -> None:
        """Wait for a report that is being written: the last one comes after it."""
        del state, logger
        if self.writer is not None:
            try:
                self.writer.wait(_LONGEST)
            except subprocess.TimeoutExpired:
                self.writer.kill()
                self.writer.wait()


@contextlib.contextmanager
def report_at_the_end(prepared: Prepared) -> Iterator[None]:
    """Write the report after the block, whether it ends well, fails, or a signal ends it.

    Parameters
    ----------
    prepared
        What is trained.
    """
    try:
        yield
    except BaseException as error:
        ending = _ending(error)
        with contextlib.suppress(Exception):  # what ended the training is what has to be told
            _write(prepared, ending)
        raise
    _write(prepared, "finished")


def _ending(error: BaseException) -> str:
    """Return how a training ended, in the report's words."""
    number = STOP.catch()
    if number is None and isinstance(error, SystemExit) and isinstance(error.code, int):
        number = error.code - FIRST_CODE if error.code > FIRST_CODE else None
    if number is not None:
        return f"stopped by signal {number}"
    text = str(error).strip().split("\n")[0]
    return f"failed ({text or type(error).__name__})"


def _write(prepared: Prepared, ending: str) -> None:
    from octomed.train.report import write_report  # noqa: PLC0415 only where one is written

    if prepared.recipe.callbacks.report is not None and dist.get_global_rank() == 0:
        log_rank0(f"report: {write_report(prepared.folder, prepared.recipe.run_name, ending)}")


def next_steps(prepared: Prepared) -> None:
    """Say what to do with a training that has ended."""
    recipe, folder = prepared.recipe, str(prepared.folder)
    if recipe.callbacks.report is not None:
        log_rank0("next: open the report in a browser")
    if recipe.callbacks.trace_log is not None:
        command = shell_words(["octomed", "inspect", folder, "--step", "1"])
        log_rank0(f"next: `{command}` shows which rows a step learned from")
    if recipe.export_folder is not None:
        vision = prepared.configuration.model_type in VISION_LANGUAGE
        kind = "AutoModelForImageTextToText" if vision else "AutoModelForCausalLM"
        log_rank0(f"next: `{kind}.from_pretrained({recipe.export_folder!r})` loads the model")
    elif recipe.save_folder is not None:
        log_rank0(
            f"next: checkpoints are in `{recipe.save_folder}`; `export_folder` writes the model as well"
        )
