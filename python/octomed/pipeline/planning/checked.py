"""What a check of a plan finds: of its files, and of their first rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.commands import in_python
from octomed.errors import DataError
from octomed.names import printable_line
from octomed.pipeline.inputs.reason_hints import OF_FORMAT, OF_MODEL, hint_about
from octomed.pipeline.planning.sample import samples_of
from octomed.recipe.problems import Problem, in_words
from octomed.report import units
from octomed.report.fit import column_notes, image_notes, misfit_line, sample_values
from octomed.report.left_out import unread_lines
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.pipeline.planning.plan import Plan
    from octomed.recipe.schema import Recipe
    from octomed.report.samples import FileSample
    from octomed.run_file import LeftOut


class RowsDoNotFit(DataError):
    """Samples of which no row fits.

    Parameters
    ----------
    problems
        At least one; each has its hint.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        message, hint = in_words(self.problems, f"{len(self.problems)} kinds of files of which no row fits")
        super().__init__(message, hint)

    def __reduce__(self) -> tuple[type[RowsDoNotFit], tuple[tuple[Problem, ...]]]:
        """Pickle by the problems, from which message and hint follow."""
        return type(self), (self.problems,)


@dataclass(frozen=True, repr=False)
class Checked:
    """What a check found.

    Attributes
    ----------
    recipe
        The recipe.
    sources, files, bytes
        How many sources and files there are, and the files' size.
    samples
        What becomes of the first rows of each kind of file.
    failing
        Those of them for which a run would fail.
    files_skipped
        Files that cannot be read and are left out, with the reason (``on_bad_file: skip``).
    plan_notes
        What the plan says of recipe and files.
    left_out
        What the sources' folders and globs hold and was not read: by source and reason.
    unread
        Lines on skipped files and on those left out.
    """

    recipe: Recipe
    sources: int
    files: int
    bytes: int
    samples: tuple[FileSample, ...]
    failing: tuple[FileSample, ...]
    files_skipped: dict[str, str]
    plan_notes: tuple[str, ...] = ()
    left_out: dict[str, dict[str, LeftOut]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a run can be expected to end well."""
        return self.error() is None

    @property
    def warnings(self) -> list[str]:
        """Lines on samples whose rows do not all fit, those for which a run would fail left out."""
        failing = set(map(id, self.failing))
        lines = [misfit_line(sample) for sample in self.samples if id(sample) not in failing]
        return [line for line in lines if line is not None]

    @property
    def notes(self) -> list[str]:
        """What the recipe says to no effect, and columns that are not read."""
        return [*self.plan_notes, *column_notes(self.samples), *image_notes(self.samples)]

    def error(self) -> DataError | None:
        """Return the error of a check that failed."""
        if not self.samples and not self.files_skipped:
            return DataError("no source has a row to read", "see what its files hold")
        indices = {source.name: index for index, source in enumerate(self.recipe.sources)}
        found = (_problem(self.recipe, indices[sample.source], sample) for sample in self.failing)
        problems = [problem for problem in found if problem is not None]
        return RowsDoNotFit(problems) if problems else None

    def values(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "ok": self.ok,
            "sources": self.sources,
            "files": self.files,
            "files_skipped": self.files_skipped,
            "files_left_out": plain(self.left_out),
            "notes": self.notes,
            "warnings": self.warnings,
            "samples": [sample_values(sample) for sample in self.samples],
        }

    def __str__(self) -> str:
        size = f"sources {self.sources}, files {self.files}, {units.bytes_of(self.bytes)}"
        notes = [f"note: {note}" for note in self.notes]
        warnings = [f"warning: {warning}" for warning in self.warnings]
        return "\n".join(map(printable_line, [size, *self.unread, *warnings, *notes]))

    __repr__ = __str__


def checked_plan(planned: Plan) -> Checked:
    """Check the files and first rows of a plan."""
    recipe = planned.recipe
    files = {(task.file.source, task.file.relative): task.file.size for _, task in planned.tasks()}
    samples = samples_of(planned)
    failing = failing_samples(planned, samples)
    left_out = planned.left_out()
    return Checked(
        recipe,
        len(recipe.sources),
        len(files),
        sum(files.values()),
        tuple(samples),
        tuple(failing),
        {
            f"{source.source.name}/{file}": reason
            for source in planned.sources
            for file, reason in source.bad_files.items()
        },
        tuple(planned.notes()),
        left_out,
        tuple(
            f"source `{source.source.name}`: {line.strip()}"
            for source in planned.sources
            for line in unread_lines(source.bad_files, left_out.get(source.source.name, {}))
        ),
    )


def failing_samples(planned: Plan, samples: list[FileSample]) -> list[FileSample]:
    """Return the samples for which a run would fail.

    These are all, where no row of any fits; else those in which none fits and more rows are unreadable than
    their source tolerates. That the first rows merely hold no trace says little about the others, and a file
    without rows is no fault while another has some. A template or a tokenizer without an end in sight is one
    in any row.
    """
    with_rows = [sample for sample in samples if sample.rows]
    if not any(sample.fitting for sample in with_rows):
        return with_rows or samples
    sources = {source.source.name: source.source for source in planned.sources}

    def fails(sample: FileSample) -> bool:
        if OF_MODEL.intersection(reason for reason, _ in sample.reasons):
            return True
        source = sources[sample.source]
        tolerated = max(1, int(sample.rows * source.max_unreadable)) if source.max_unreadable else 0
        all_unreadable = sample.unreadable == sample.rows and source.max_unreadable < 1
        beyond = all_unreadable or sample.unreadable > tolerated
        return not sample.fitting and beyond and source.on_bad_file == "error"

    return [sample for sample in with_rows if fails(sample)]


def _problem(recipe: Recipe, index: int, sample: FileSample) -> Problem | None:
    line = misfit_line(sample)
    place = recipe.written_at("sources", index, "format" if sample.rows else "path")
    return None if line is None else Problem(place, line, _hint(recipe, sample))


def _hint(recipe: Recipe, sample: FileSample) -> str:
    if not sample.rows:
        return f"see what the files of `sources.{sample.source}.path` hold"
    key = f"sources.{sample.source}.format"
    fits = [one.name for one in sample.formats if one.fits]
    if sample.looks is not None:
        return sample.looks.hint
    advice = f"set `{key}: {fits[0]}`" if fits else _advice(sample, key)
    if in_python() or recipe.from_values:
        return advice
    row = sample.first.row if sample.first else 0
    words = ("--source", sample.source, "--file", sample.file, "--row", str(row))
    return f"{advice}; `{recipe.command('inspect', *words)}` shows what becomes of a row"


def _advice(sample: FileSample, key: str) -> str:
    """Say what the reason of the first row asks for, where that is not another name for a column."""
    of_model = [reason for reason, _ in sample.reasons if reason in OF_MODEL]
    if of_model:
        return hint_about(of_model[0], sample.kind)
    alike = sample.unreadable == sample.rows or len(sample.reasons) == 1
    reason = sample.first.reason if sample.first and alike else None
    if reason is None or reason in OF_FORMAT:
        return f"name the columns in `{key}` (docs/recipe.md, Formats)"
    return hint_about(reason, sample.kind)
