"""Curves of measurements as drawings inside a page, in the page's own colours."""

from __future__ import annotations

import html
import io
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Points = Sequence[tuple[float, float]]

_SIZE = (4.2, 2.2)
"""Inches, of 72 pixels: about the width of a telephone, so that letters are as large there as the page's."""
_INK, _LINE = "#010203", "#040506"
"""Colours that no drawing has, replaced by the page's: those of a dark room differ."""
_MOST_DIGITS = 12
_DOT = 36
"""Square points of what is clicked on."""


@dataclass(frozen=True)
class Curve:
    """What is drawn of a run's measurements.

    Attributes
    ----------
    title
        Of the drawing.
    keys
        The measurements that may hold it; the first that is there.
    unit
        What its numbers count.
    level
        A measurement whose last value is drawn as a dashed line, to compare with.
    """

    title: str
    keys: tuple[str, ...]
    unit: str = ""
    level: str | None = None


def drawing_of(
    curve: Curve, entries: Sequence[dict[str, Any]], links: Mapping[int, str] | None = None
) -> str:
    """Return a curve with its heading as HTML; nothing where it was not measured.

    Parameters
    ----------
    curve
        What to draw.
    entries
        Lines of `metrics.jsonl`.
    links
        Addresses that points of the curve lead to, by their steps.
    """
    values = points_of(entries, *curve.keys)
    if not values:
        return ""
    points = [(step, value) for step, value in values if math.isfinite(value)]
    lost = len(values) - len(points)
    notes = [curve.unit] if curve.unit else []
    notes += [f"{lost} of {len(values)} steps are not a number"] if lost else []
    note = f' <span class="soft">{html.escape("; ".join(notes))}</span>' if notes else ""
    heading = f"<h3>{html.escape(curve.title)}{note}</h3>"
    if not points:
        return f"<section>{heading}</section>"
    levels = points_of(entries, curve.level) if curve.level else []
    label = f"{curve.title}: last {points[-1][1]:,.5g}"
    level = levels[-1][1] if levels else None
    return f"<section>{heading}\n{_svg(points, label, level, links or {})}</section>"


def points_of(entries: Sequence[dict[str, Any]], *keys: str) -> list[tuple[float, float]]:
    """Return the steps and values of the first of some measurements that is there.

    Examples
    --------
    >>> points_of([{"step": 1, "loss": 2.0}, {"step": 2}], "other", "loss")
    [(1, 2.0)]
    """
    found = ([(entry["step"], entry[key]) for entry in entries if key in entry] for key in keys)
    return next((points for points in found if points), [])


def _svg(points: Points, label: str, level: float | None, links: Mapping[int, str]) -> str:
    """Draw a line through points [(step, value)], with axes."""
    from matplotlib import rc_context  # noqa: PLC0415 takes half a second, and only where a report is written

    colours = dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK)
    file = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": label, **colours}  # text stays text
    with rc_context(settings):
        figure = _figure(points, level, links)
        figure.savefig(
            file,
            format="svg",
            transparent=True,
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
        )
    drawing = file.getvalue().replace(_INK, "currentColor").replace(_LINE, "var(--line)")
    named = f'<svg role="img" aria-label="{html.escape(label)}"'
    return drawing[drawing.index("<svg") :].replace("<svg", named, 1)


def _figure(points: Points, level: float | None, links: Mapping[int, str]) -> Any:  # noqa: ANN401 matplotlib's
    from matplotlib.figure import Figure  # noqa: PLC0415 as above: a figure of its own needs no `pyplot`
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 as above

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    marker = "o" if len(points) == 1 else ""  # a line of one point is not seen
    axes.plot(*zip(*points, strict=True), _LINE, marker=marker, linewidth=1.5, clip_on=False, gid="curve")
    if level is not None and math.isfinite(level):
        axes.axhline(level, color=_INK, linewidth=1.0, linestyle="--", gid="level")
    linked = [point for point in points if point[0] in links]
    if linked:
        steps, values = zip(*linked, strict=True)
        dots = axes.scatter(steps, values, s=_DOT, color=_LINE, gid="links", clip_on=False)
        dots.set_urls([links[int(step)] for step, _ in linked])
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_formatter())
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0)
    return figure


def _formatter() -> Any:  # noqa: ANN401 as above
    from matplotlib.ticker import Formatter  # noqa: PLC0415 as above

    class Distinct(Formatter):
        """Numbers of an axis, with as many digits as tell them apart."""

        def __call__(self, value: float, _position: int | None = None) -> str:
            return f"{value:,g}"

        def format_ticks(self, values: Sequence[float]) -> list[str]:
            return labels_of(values)

    return Distinct()


def labels_of(values: Sequence[float]) -> list[str]:
    """Return what stands at the ticks of an axis: no two of them alike.

    Examples
    --------
    >>> labels_of([0, 5000, 10000])
    ['0', '5,000', '10,000']
    >>> labels_of([1234567.0, 1234568.0])
    ['1,234,567', '1,234,568']
    """
    return next(
        labels
        for digits in itertools.count(6)
        if len(set(labels := [f"{value:,.{digits}g}" for value in values])) == len(set(values))
        or digits >= _MOST_DIGITS
    )
