"""Curves of a training run as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from octomed.names import printable_line
from octomed.storage import write_atomically
from octomed.train.journal import METRICS, read_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 760, 240, 64, 24
CURVES = (
    ("Training loss", ("loss/train/total",), "nats a supervised token"),
    ("Evaluation loss", ("metrics/validation/loss",), "nats a supervised token"),
    ("Throughput", ("data/tokens_per_second",), "tokens a second, all ranks"),
    ("MFU", ("throughput/device/mfu",), "share of the device's peak"),
    ("Learning rate", ("lr-AdamW/group0", "lr-DecoupledAdamW/group0"), ""),
    ("Traces a step", ("data/traces",), ""),
    ("Padding share", ("data/padding_share",), "what packs lack of their capacity"),
    ("Waiting for data", ("data/wait_share",), "share of a step"),
)
"""Titles, the measurements that may hold the curve, and units."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 820px; margin: 2rem auto; padding: 0 1rem;
  color: #1d2733; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .2rem }
.unit { color: #5b6876; font-weight: normal } svg { width: 100%; height: auto }
text { font: 11px system-ui, sans-serif; fill: #5b6876 } .axis { stroke: #c4ccd4 }
.curve { fill: none; stroke: #1f6feb; stroke-width: 1.6 }
@media (prefers-color-scheme: dark) { body { background: #14181d; color: #dde4ea } .axis { stroke: #3a444f } }
"""


def write_report(folder: Path, name: str) -> Path:
    """Write `train-report.html` from the run's `metrics.jsonl`.

    Parameters
    ----------
    folder
        The run's folder.
    name
        Of the run.

    Returns
    -------
    Path
        The file.
    """
    entries = list(read_journal(folder / METRICS))
    parts = [_curve(entries, title, keys, unit) for title, keys, unit in CURVES]
    body = (
        "\n".join(part for part in parts if part)
        or "<p>No measurements: <code>loggers.jsonl</code> is off.</p>"
    )
    title = html.escape(printable_line(name))
    page = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>\n'
        f"<h1>Training run {title}</h1>\n{body}\n</html>\n"
    )
    path = folder / "train-report.html"
    write_atomically(path, page.encode())
    return path


def _curve(entries: Sequence[dict[str, float]], title: str, keys: Sequence[str], unit: str) -> str:
    values = [(entry["step"], entry[key]) for entry in entries for key in keys if key in entry]
    points = [(step, value) for step, value in values if math.isfinite(value)]
    if not values:
        return ""
    lost = len(values) - len(points)
    unit = f"{unit}; {lost} of {len(values)} steps are no number" if lost else unit
    if not points:
        return f'<h2>{html.escape(title)} <span class="unit">{html.escape(unit)}</span></h2>'
    note = f' <span class="unit">{html.escape(unit)}</span>' if unit else ""
    last = f"last {_short(points[-1][1])}"
    return f"<h2>{html.escape(title)}{note}</h2>\n{_svg(points, f'{title}: {last}')}"


def _svg(points: Sequence[tuple[float, float]], label: str) -> str:
    """Draw a line through points [(step, value)]."""
    first, last = points[0][0], points[-1][0]
    low, high = min(value for _, value in points), max(value for _, value in points)
    across = (_WIDTH - _LEFT - 8) / max(last - first, 1)
    up = (_HEIGHT - _BOTTOM - 12) / ((high - low) or 1)
    floor = _HEIGHT - _BOTTOM
    line = " ".join(
        f"{_LEFT + (step - first) * across:.1f},{floor - (value - low) * up:.1f}" for step, value in points
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(label)}">'
        f'<path class="axis" d="M{_LEFT} 8V{floor}H{_WIDTH - 8}" fill="none"/>'
        f'<text x="{_LEFT - 6}" y="{floor}" text-anchor="end">{_short(low)}</text>'
        f'<text x="{_LEFT - 6}" y="16" text-anchor="end">{_short(high)}</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">step {first:.0f}</text>'
        f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">step {last:.0f}</text>'
        f'<polyline class="curve" points="{line}"/></svg>'
    )


def _short(value: float) -> str:
    """Write a number as an axis has room for it: 812.7, 12,770 or 3.2 M."""
    if abs(value) >= 1e6:  # noqa: PLR2004 as the units below
        return f"{value / 1e6:.3g} M"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004
