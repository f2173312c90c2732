"""Curves of a training run as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import importlib.util
import io
import math
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.names import printable_line
from octomed.storage import write_atomically
from octomed.train.journal import METRICS, read_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CURVES = (
    ("Training loss", ("loss/train/total",), "nats per supervised token"),
    ("Evaluation loss", ("metrics/validation/loss",), "nats per supervised token"),
    ("Throughput", ("data/tokens_per_second",), "tokens per second, all ranks"),
    ("MFU", ("throughput/device/mfu",), "share of the device's peak"),
    ("Learning rate", ("lr-AdamW/group0", "lr-DecoupledAdamW/group0"), ""),
    ("Traces per step", ("data/traces",), ""),
    ("Padding share", ("data/padding_share",), "what packs lack of their capacity"),
    ("Waiting for data", ("data/wait_share",), "share of the step"),
)
"""Titles, the measurements that may hold the curve, and units."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 820px; margin: 2rem auto; padding: 0 1rem;
  color: #1d2733; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .2rem }
.unit { color: #5b6876; font-weight: normal }
svg { width: 100%; height: auto; background: #fff; border-radius: 4px }
@media (prefers-color-scheme: dark) { body { background: #14181d; color: #dde4ea } }
"""


def check_plots() -> None:
    """Check before the training that its curves can be drawn at the end.

    Raises
    ------
    RecipeError
        When the package that draws them is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise RecipeError(
            "`callbacks.report` needs the package `matplotlib`, which is not installed",
            "`pip install matplotlib`, or `callbacks.report=null` to do without curves",
        )


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
    unit = f"{unit}; {lost} of {len(values)} steps are not a number" if lost else unit
    if not points:
        return f'<h2>{html.escape(title)} <span class="unit">{html.escape(unit)}</span></h2>'
    note = f' <span class="unit">{html.escape(unit)}</span>' if unit else ""
    label = f"{title}: last {points[-1][1]:,.5g}"
    return f"<h2>{html.escape(title)}{note}</h2>\n{_svg(points, label)}"


def _svg(points: Sequence[tuple[float, float]], label: str) -> str:
    """Draw a line through points [(step, value)], with axes."""
    from matplotlib import rc_context  # noqa: PLC0415 takes half a second, and only at a training's end
    from matplotlib.figure import Figure  # noqa: PLC0415 as above: a figure of its own needs no `pyplot`
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter  # noqa: PLC0415 as above

    figure = Figure(figsize=(7.6, 2.4), layout="constrained")
    axes = figure.subplots()
    marker = "o" if len(points) == 1 else ""  # a line of one point is not seen
    axes.plot(*zip(*points, strict=True), marker=marker, linewidth=1.2, clip_on=False, gid="curve")
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0)
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):  # text stays text
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawing = file.getvalue()
    named = f'<svg role="img" aria-label="{html.escape(label)}"'
    return drawing[drawing.index("<svg") :].replace("<svg", named, 1)
