"""A training run as one HTML file that needs nothing else: what it was, how it ended, and its curves."""

from __future__ import annotations

import importlib.util
import math
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import OctomedError, RecipeError
from octomed.report import page, units
from octomed.report.recipe_text import yaml_of
from octomed.storage import write_atomically
from octomed.train.curves import Curve, drawing_of, points_of
from octomed.train.description import LAST_STEPS, rows_of, without_secrets_of_loggers
from octomed.train.facts import TRAINING_FILE, TrainingFacts, read_facts
from octomed.train.journal import METRICS, read_journal
from octomed.train.progress import conclusion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPORT = "train-report.html"
_ENTROPY = "unigrams/entropy"
_LOSS, _EVALUATION = "loss/train/total", "metrics/validation/loss"
_ANSWERS, _SWAPPED = "metrics/validation/answer_accuracy", "metrics/validation/answer_accuracy_images_swapped"

CURVES = (
    Curve("Training loss", (_LOSS,), "nats per supervised token", _ENTROPY),
    Curve("Evaluation loss", (_EVALUATION,), "nats per supervised token"),
    Curve("Answers right", (_ANSWERS,), "share, with images; dashed: with images swapped", _SWAPPED),
    Curve("Throughput", ("data/tokens_per_second",), "tokens per second, all ranks"),
    Curve("MFU", ("throughput/device/mfu",), "share of the device's peak"),
    Curve("MFU without vision", ("throughput/device/mfu_without_vision",), "share of the device's peak"),
    Curve("Learning rate", ("lr-AdamW/group0", "lr-DecoupledAdamW/group0")),
    Curve("Traces per step", ("data/traces",)),
    Curve("Images per step", ("data/images",)),
    Curve("Padding share", ("data/padding_share",), "what packs lack of their capacity"),
    Curve("Waiting for data", ("data/wait_share",), "share of the step"),
)
"""In the order of the page."""


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


def write_report(folder: Path, name: str, ending: str | None = None) -> Path:
    """Write `train-report.html` from the run's `metrics.jsonl` and `train.json`.

    Parameters
    ----------
    folder
        The run's folder.
    name
        Of the run.
    ending
        How the run ended, `finished` for one; None while it trains.

    Returns
    -------
    Path
        The file.
    """
    entries = list(read_journal(folder / METRICS))
    facts = read_facts(folder) if (folder / TRAINING_FILE).exists() else None
    body = f"<h1>Training run {page.text(name)}</h1>\n{_body(entries, facts, ending)}"
    path = folder / REPORT
    write_atomically(path, page.page(name, body).encode())
    return path


def _body(entries: Sequence[dict[str, Any]], facts: TrainingFacts | None, ending: str | None) -> str:
    drawings = [drawing for curve in CURVES if (drawing := drawing_of(curve, entries))]
    parts = [] if facts is None and ending is None else [_state(entries, ending)]
    parts += [page.figures(_key_figures(entries)), _conclusion(entries)]
    parts += [] if facts is None else [page.facts(rows_of(facts))]
    parts.append(
        page.grid(drawings)
        or "<p>No measurements: <code>loggers.jsonl</code> is off, or no step was made yet.</p>"
    )
    if facts is not None:
        recipe = yaml_of(without_secrets_of_loggers(facts.recipe))
        parts.append(page.folded("The recipe, all keys", recipe))
    return "\n".join(part for part in parts if part)


def _state(entries: Sequence[dict[str, Any]], ending: str | None) -> str:
    now = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"
    step = units.count(entries[-1]["step"]) if entries else "0"
    how = ending or "training"
    return page.paragraph(f"{how[:1].upper()}{how[1:]}, step {step}. Written on {now}.")


def _key_figures(entries: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    losses = _numbers(entries, _LOSS)
    if losses:
        last = losses[-LAST_STEPS:]
        number = "last step" if len(last) == 1 else f"mean of the last {len(last)} steps"
        yield "Final loss", f"{sum(last) / len(last):.4f}", f"{number}; the first {losses[0]:.4f}"
    evaluations = [point for point in points_of(entries, _EVALUATION) if math.isfinite(point[1])]
    if evaluations:
        step, loss = evaluations[-1]
        least = min(value for _, value in evaluations)
        yield "Evaluation loss", f"{loss:.4f}", f"after step {units.count(int(step))}; the least {least:.4f}"
    answers, ablated = _numbers(entries, _ANSWERS), _numbers(entries, _SWAPPED)
    if answers and ablated:
        yield "Answers right", f"{answers[-1]:.0%}", f"{ablated[-1]:.0%} with images swapped"
    tokens = _numbers(entries, "data/tokens")
    if tokens:
        traces = sum(_numbers(entries, "data/traces"))
        yield "Tokens trained on", units.count(round(sum(tokens))), f"{units.count(round(traces))} traces"
    speeds = sorted(_numbers(entries, "data/tokens_per_second"))
    if speeds:
        yield (
            "Tokens per second",
            units.count(round(speeds[len(speeds) // 2])),
            "median of the steps",
        )


def _numbers(entries: Sequence[dict[str, Any]], key: str) -> list[float]:
    return [value for _, value in points_of(entries, key) if math.isfinite(value)]


def _conclusion(entries: Sequence[dict[str, Any]]) -> str:
    bounds = points_of(entries, _ENTROPY)
    losses = _numbers(entries, _LOSS)[-LAST_STEPS:]
    if not bounds or not losses:
        return ""
    text = (
        f"The dashed line is the entropy of the supervised tokens, {bounds[-1][1]:.4f}: the loss of a model "
    )
    text += "that knows how often each token occurs, and nothing else. "
    text += conclusion(sum(losses) / len(losses), bounds[-1][1])
    return page.paragraph(text)


def main(folder: Path) -> int:
    """Write the report of a run that is training, beside it."""
    try:
        facts = read_facts(folder)
        write_report(folder, str(facts.recipe.get("run_name", folder.name)))
    except OctomedError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 a message
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
