"""The line that a user watches."""

from __future__ import annotations

import math

from octomed.report import units

WIDTH = 79


def progress_line(  # noqa: PLR0913 each is a figure of the line
    *,
    step: int,
    share: float,
    loss: float,
    learning_rate: float,
    tokens_per_second: float,
    seconds_left: float,
) -> str:
    """Return one line of at most 79 characters.

    Parameters
    ----------
    step
        Steps done.
    share
        Part of the run that is done, 0 to 1.
    loss
        Mean loss of the step.
    learning_rate
        As the optimizer has it.
    tokens_per_second
        Over all ranks.
    seconds_left
        Until the run ends; infinite where nobody knows.
    """
    parts = (
        f"step {units.count(step)}",
        f"{share:4.0%}",
        f"loss {loss:.4f}",
        f"lr {learning_rate:.2e}",
        f"{units.count(round(tokens_per_second))} tokens/s",
        f"{clock(seconds_left)} left",
    )
    return "  ".join(parts)[:WIDTH]


def clock(seconds: float) -> str:
    """Return a time as `1:02:03` or `2:03`; `-` where it is not known."""
    if not math.isfinite(seconds):
        return "-"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
