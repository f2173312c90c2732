"""Results as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from octomed.evaluate.intervals import Mean
    from octomed.evaluate.results import BenchmarkResult, Results

HEAD = ("benchmark", "questions", "seeds", "accuracy", "95 %", "vote", "tokens", "cut", "no answer", "forced")
_FIRST = 1


def percent(value: float | None) -> str:
    """Return a share in percent, with two digits as the papers have it.

    Examples
    --------
    >>> percent(0.67832), percent(None)
    ('67.83', '-')
    """
    return "-" if value is None else f"{100 * value:.2f}"


def interval(mean: Mean) -> str:
    """Return the ends of an interval in percent.

    Examples
    --------
    >>> from octomed.evaluate.intervals import Mean
    >>> interval(Mean(0.5, 0.4, 0.6))
    '40.00 to 60.00'
    """
    return f"{percent(mean.low)} to {percent(mean.high)}"


def rows_of(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield the cells of the table: benchmarks, groups, all."""
    for one in results.benchmarks:
        yield _benchmark(one)
    for name, mean in results.groups.items():
        yield _mean(f"mean of {name}", mean)
    if len(results.benchmarks) > 1:
        yield _mean("mean of all", results.overall)


def _benchmark(one: BenchmarkResult) -> tuple[str, ...]:
    vote = "-" if one.vote is None else f"{percent(one.vote.value)} of {one.vote_of}"
    none = one.share("no_answer") + one.share("ambiguous") + one.share("refused")
    return (
        one.name if one.score != "token_f1" else f"{one.name} (F1)",
        f"{one.questions:,}",
        str(one.seeds),
        percent(one.accuracy.value),
        interval(one.accuracy),
        vote,
        "-" if one.tokens is None else f"{one.tokens:,.0f}",
        percent(one.share("cut")),
        percent(none),
        percent(one.forced),
    )


def _mean(name: str, mean: Mean) -> tuple[str, ...]:
    return (name, "", "", percent(mean.value), interval(mean), "", "", "", "", "")


def lines_of(results: Results) -> list[str]:
    """Return notes and table."""
    table = [HEAD, *rows_of(results)]
    return [*(f"note: {note}" for note in results.notes), *aligned(table)]


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column to the left, the others to the right.

    Examples
    --------
    >>> aligned([("name", "n"), ("a", "10")])
    ['name   n', 'a     10']
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(_cells(row, widths)).rstrip() for row in table]


def _cells(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if place < _FIRST else cell.rjust(width)
