"""A plan as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.report import units
from octomed.report.left_out import unread_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.pipeline.plan import Estimate, Plan


def plan_lines(plan: Plan, estimate: Estimate) -> Iterator[str]:
    """Yield what `octomed plan` shows: figures from a sample are marked with `about`."""
    left_out = plan.left_out()
    for source in plan.sources:
        files = {task.file.relative: task.file.size for task in source.tasks}
        stand = sum(plan.finished(task) is not None for task in source.tasks)
        size = units.bytes_of(sum(files.values()))
        tasks = f"{units.count(len(source.tasks))} tasks, {units.count(stand)} standing"
        yield f"source `{source.source.name}`: {units.count(len(files))} files, {size}, {tasks}"
        yield from unread_lines(source, left_out)
    yield f"model     {plan.recipe.model}, tokenizer: {plan.tokenizer.path}"
    yield f"rows      about {units.count(estimate.rows)}, traces about {units.count(estimate.traces)}"
    yield f"tokens    about {units.count(estimate.tokens)}"
    yield f"tasks     {units.count(estimate.tasks)}, of which {units.count(estimate.tasks_standing)} stand"
    store, output = units.bytes_of(estimate.store_bytes), units.bytes_of(estimate.output_bytes)
    free = units.bytes_of(estimate.free_bytes)
    yield f"disk      about {store} for the store, {output} for the output; {free} free"
    yield f"time      about {units.seconds(estimate.seconds)}"
