"""What people see while a model answers: a line that is redrawn, a line now and then, or events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.distill.display import showing
from octomed.report.events import event_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import TextIO

    from octomed.evaluate.progress import Progress


def shown_on(stream: TextIO, *, json_lines: bool) -> AbstractContextManager[Callable[[Progress], None]]:
    """Give what is told of progress while the block runs.

    Parameters
    ----------
    stream
        Where it is shown: redrawn on a terminal, a line every ten seconds elsewhere.
    json_lines
        Whether events are written instead, one JSON object a line.
    """
    return showing(stream, line_of, _event, json_lines=json_lines)


def line_of(progress: Progress) -> str:
    """Return progress in words.

    Examples
    --------
    >>> from octomed.evaluate.progress import Progress
    >>> line_of(Progress(samples=100, had=20, answered=30, tokens=6000, seconds=10.0))
    'evaluate: 50 of 100 answers · 200 tokens an answer · 1 min left'
    """
    done = progress.had + progress.answered
    words = [f"{done:,} of {progress.samples:,} answers"]
    if progress.answered:
        words.append(f"{progress.tokens / progress.answered:,.0f} tokens an answer")
        left = (progress.samples - done) * progress.seconds / progress.answered
        words.append(f"{left / 60:,.0f} min left" if left >= 60 else "1 min left")  # noqa: PLR2004 a minute
    if progress.failed:
        words.append(f"{progress.failed:,} failed")
    return "evaluate: " + " · ".join(words)


def _event(progress: Progress) -> str:
    values = {
        "samples": progress.samples,
        "had": progress.had,
        "answered": progress.answered,
        "tokens": progress.tokens,
        "failed": progress.failed,
        "seconds": round(progress.seconds, 3),
    }
    return event_line("answers", counts=values)
