"""A plan as `octomed.plan` returns it: it prints as a table, and says what it expects."""

from __future__ import annotations

import html
from dataclasses import dataclass, fields
from functools import cached_property

from octomed.errors import OctomedError
from octomed.pipeline.passes.standing import standing_of
from octomed.pipeline.planning.checked import checked_plan
from octomed.pipeline.planning.estimate import estimate
from octomed.pipeline.planning.plan import Plan
from octomed.report.planned import Estimate, PlanView, SourceView, plan_lines


def plan_view(plan: Plan, expected: Estimate) -> PlanView:
    """Return what of a plan is shown.

    Raises
    ------
    StorageError
        When it cannot be seen what is at the output.
    """
    left_out = plan.left_out()
    sources = []
    for source in plan.sources:
        files = {task.file.relative: task.file.size for task in source.tasks}
        finished = sum(plan.finished(task) is not None for task in source.tasks)
        sources.append(
            SourceView(
                source.source.name,
                len(files),
                sum(files.values()),
                len(source.tasks),
                finished,
                source.bad_files,
                left_out.get(source.source.name, {}),
            )
        )
    targets = plan.places if plan.is_staged else plan.places[1:]
    return PlanView(
        tuple(sources), plan.recipe.model, plan.tokenizer.path, expected, standing_of(plan), targets
    )


@dataclass(repr=False)
class PrintedPlan(Plan):
    """What a run will do; it prints as a table."""

    @classmethod
    def of(cls, plan: Plan) -> PrintedPlan:
        """Return a plan that prints."""
        return cls(**{field.name: getattr(plan, field.name) for field in fields(plan)})

    def estimate(self) -> Estimate:
        """Estimate the work that is left, from the first rows of each source."""
        return estimate(self)

    @cached_property
    def _table(self) -> str:
        try:
            checked = checked_plan(self)
            lines = list(plan_lines(plan_view(self, self.estimate())))
            lines += [f"warning: {line}" for line in checked.warnings]
            error = checked.error()
            return "\n".join([*lines, *([f"error: {error}"] if error is not None else [])])
        except OctomedError as failed:  # a table is printed in any state, by debuggers too
            return f"error: {failed}"

    def __str__(self) -> str:
        """Return what ``octomed plan`` shows."""
        return self._table

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return f"<pre>{html.escape(self._table)}</pre>"
