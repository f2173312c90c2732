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


def evaluation_line(*, step: int, label: str, loss: float, seconds: float) -> str:
    """Return the line of an evaluation, of at most 79 characters.

    Parameters
    ----------
    step
        Steps done.
    label
        What it was evaluated on.
    loss
        Mean loss of its supervised tokens, or traces.
    seconds
        That the evaluation took.

    Examples
    --------
    >>> evaluation_line(step=20, label="validation", loss=3.21456, seconds=2.5)
    'step 20  validation loss 3.2146  in 2.5 s'
    """
    return f"step {units.count(step)}  {label} loss {loss:.4f}  in {units.seconds(seconds)}"[:WIDTH]


def conclusion(loss: float, entropy: float) -> str:
    """Return what a loss says next to the entropy of the supervised tokens' distribution.

    Parameters
    ----------
    loss
        Mean loss of the last steps, in nats.
    entropy
        In nats: the loss of a model that knows how often each token occurs, and nothing else.

    Examples
    --------
    >>> conclusion(5.0, 4.0)
    'The loss is not below it: the model has learned no more than that; train longer.'
    """
    if loss < entropy:
        return f"The loss is {entropy - loss:.2f} below it: the model predicts from what it has read, too."
    return "The loss is not below it: the model has learned no more than that; train longer."


def clock(seconds: float) -> str:
    """Return a time as `1:02:03` or `2:03`; `-` where it is not known."""
    if not math.isfinite(seconds):
        return "-"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
