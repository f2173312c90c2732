"""The error of a run whose rows all fell out, which says of what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.commands import in_python
from octomed.errors import DataError
from octomed.pipeline.inputs.reason_hints import hint_about

if TYPE_CHECKING:
    from octomed.recipe.schema import Recipe


def empty_run(rows: int, layout: _octomed.Layout, recipe: Recipe, *, files_skipped: int = 0) -> DataError:
    """Return the error for a layout without packs.

    Parameters
    ----------
    rows
        Rows read.
    layout
        What was decided about their traces.
    recipe
        For the command that shows one of them.
    files_skipped
        Files that `on_bad_file: skip` left out.
    """
    fates = [f"{rows:,} rows read"]
    fates += [f"{files_skipped:,} files skipped by `on_bad_file: skip`"] if files_skipped else []
    refused: Counter[str] = Counter()
    for account in layout.source_accounts().values():
        refused.update(account.rows_refused)
    for reason, count in sorted(refused.items()):
        kind = "unreadable" if _octomed.REASONS.get(reason, True) else "without a trace"
        fates.append(f"{count:,} {kind}: {reason}")
    counts = layout.counts()
    rejected = counts.rejected
    fates += [f"{counts.validation:,} for validation"] if counts.validation else []
    fates += [f"{rejected[reason]:,} rejected: {reason}" for reason in sorted(rejected) if rejected[reason]]
    pictures = refused["has_image"] * 2 > rows
    hint = hint_about("has_image", "") if pictures else _hint(layout, recipe)
    return DataError(f"no trace is left to pack: {', '.join(fates)}", hint)


def _hint(layout: _octomed.Layout, recipe: Recipe) -> str:
    if in_python() or recipe.from_values:
        return f"`{recipe.command('check')}` says what the first rows lack"
    words = _first_reject(layout) or ("--source", recipe.sources[0].name, "--row", "0")
    return f"`{recipe.command('inspect', *words)}` shows what becomes of a row"


def _first_reject(layout: _octomed.Layout) -> tuple[str, ...] | None:
    """Return the words that show the first row that fell out."""
    for number in range(len(layout.block_sources)):
        block = layout.rejects(number)
        if block.num_rows:
            first = {name: block.column(name)[0].as_py() for name in ("source", "file", "row")}
            return ("--source", first["source"], "--file", first["file"], "--row", str(first["row"]))
    return None
