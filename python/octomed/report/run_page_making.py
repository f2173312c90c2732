"""What the page of a run says of how it was made, and how to cite it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.report import page, units
from octomed.report.citation import citations_of
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.report.run_report import RunReport
    from octomed.run_file import RunFile


def making(report: RunReport) -> Iterator[str]:
    """Yield how the run was made: versions, time, memory, machine, and its recipe.

    Parameters
    ----------
    report
        What the page shows; of a published run the machine's part is not there.
    """
    yield page.facts(_facts(report))
    if report.recipe:
        yield page.folded("The recipe, all keys", report.recipe)


def citing(report: RunReport) -> Iterator[str]:
    """Yield how to cite the run's sources, where the recipe says so, and what packed them."""
    for name, citation in citations_of(report.run):
        yield page.folded(name, citation)


def _facts(report: RunReport) -> Iterator[tuple[str, str]]:
    run = report.run
    yield "Recipe", run.run.recipe_file or run.name
    yield "Model", str(run.recipe.get("model", run.run.model))
    yield "Tokenizer", f"{run.tokenizer.path} ({run.tokenizer.content_hash})"
    yield from _costs(run)
    yield from ((f"Version of {name}", str(value)) for name, value in plain(run.versions).items() if value)
    for note in (*run.run.notes, *run.run.made_again, *run.counts.notes):
        yield "Note", note


def _costs(run: RunFile) -> Iterator[tuple[str, str]]:
    made = run.run
    if made.seconds:
        stages = ", ".join(f"{name} {units.seconds(spent)}" for name, spent in made.seconds.items())
        total = sum(made.seconds.values())
        yield "Time", f"{units.seconds(total)} ({stages}) with {made.workers} workers"
    if made.peak_memory:
        yield "Memory", f"{units.bytes_of(made.peak_memory)} at most, of the process that packed"
    sizes = (("in", made.bytes_in), ("store", made.bytes_store), ("out", run.counts.bytes_out))
    yield "Bytes", ", ".join(f"{units.bytes_of(number)} {name}" for name, number in sizes if number)
    if made.machine:
        yield "Machine", f"{made.machine}, Python {made.python}, pyarrow {made.pyarrow}"
