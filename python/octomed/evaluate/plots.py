"""Drawings of a report, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.report.page import Bar, bars, text

if TYPE_CHECKING:
    from octomed.evaluate.intervals import Mean
    from octomed.evaluate.results import Results

_WIDTH, _LINE, _LEFT = 480, 22, 130
_MOST_NAME = 20


def accuracies(results: Results) -> str:
    """Return a drawing of accuracies with their intervals, a line each; a vote is a ring beside its mean."""
    named: list[tuple[str, Mean, Mean | None]] = [
        (one.name, one.accuracy, one.vote) for one in results.benchmarks
    ]
    named += [(f"mean of {name}", mean, None) for name, mean in results.groups.items()]
    drawn = [_line(place, *one) for place, one in enumerate(named)]
    height = _LINE * len(named) + 20
    axis = "".join(
        f'<line x1="{_at(share):.1f}" x2="{_at(share):.1f}" y1="0" y2="{height - 18}" stroke="currentColor" '
        f'stroke-opacity=".15"/><text x="{_at(share):.1f}" y="{height - 4}" text-anchor="middle">'
        f"{100 * share:.0f}</text>"
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    label = "Accuracy in percent, with intervals of 95 %"
    opening = f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{text(label)}">'
    return f"{opening}{axis}{''.join(drawn)}</svg>"


def _at(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - 14)


def _line(place: int, name: str, mean: Mean, vote: Mean | None) -> str:
    y = _LINE * place + _LINE / 2
    short = name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"
    said = f"{name}: {100 * mean.value:.2f} ({100 * mean.low:.2f} to {100 * mean.high:.2f})"
    ring = (
        ""
        if vote is None
        else f'<circle cx="{_at(vote.value):.1f}" cy="{y}" r="4" fill="none" stroke="currentColor"/>'
    )
    return (
        f'<g><title>{text(said)}</title><text x="0" y="{y + 4}">{text(short)}</text>'
        f'<line x1="{_at(mean.low):.1f}" x2="{_at(mean.high):.1f}" y1="{y}" y2="{y}" stroke="currentColor" '
        f'stroke-width="2"/><circle cx="{_at(mean.value):.1f}" cy="{y}" r="4" fill="currentColor"/>{ring}</g>'
    )


def lengths(results: Results) -> str:
    """Return a chart of mean generated tokens by benchmark."""
    return bars(
        [
            Bar(one.name, one.tokens, f"{one.tokens:,.0f}")
            for one in results.benchmarks
            if one.tokens is not None
        ]
    )
