"""Files that a scan found bad: read in part, without one readable row, or past what is tolerated."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.inputs.reason_hints import hint_about
from octomed.recipe.sniff import suspected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from octomed.pipeline.inputs.scanned import ScannedTask, Tolerance
    from octomed.recipe.input_file import InputFile


@dataclass
class _FileCount:
    """A file's tasks and the rows in them."""

    file: InputFile
    tasks: list[ScannedTask] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(header.rows for done in self.tasks for header in done.headers)

    @property
    def unreadable(self) -> int:
        return sum(header.rows_unreadable for done in self.tasks for header in done.headers)


def without_bad_files(
    scanned: Sequence[ScannedTask], tolerances: Mapping[str, Tolerance], store: Path
) -> list[ScannedTask]:
    """Mark the tasks of files that are left out, and refuse what the recipe does not tolerate.

    It is decided again in every run from what the blocks say of themselves, so that a change of `on_bad_file`
    or `max_unreadable` holds for finished blocks, too.

    Parameters
    ----------
    scanned
        All tasks, in source order.
    tolerances
        What the sources say of what cannot be read, by name.
    store
        The working store: its blocks say which row was the first that could not be read.

    Raises
    ------
    DataError
        When a file cannot be read and its source does not skip such files, or too many rows are unreadable.
    """
    bad: dict[str, str] = {}
    of_source: dict[str, list[ScannedTask]] = {}
    for done in scanned:
        of_source.setdefault(done.task.file.source, []).append(done)
    for source, mine in of_source.items():
        for count in _by_file(mine):
            reason = _why_bad(count, tolerances[source], store)
            if reason is not None:
                bad |= {done.task.key: reason for done in count.tasks}
        left = [done for done in mine if done.task.key not in bad]
        _refuse_too_many(source, left, tolerances[source], store)
    return [replace(done, bad=bad[done.task.key]) if done.task.key in bad else done for done in scanned]


def _by_file(scanned: list[ScannedTask]) -> list[_FileCount]:
    files: dict[str, _FileCount] = {}
    for done in scanned:
        files.setdefault(done.task.file.relative, _FileCount(done.task.file)).tasks.append(done)
    return list(files.values())


def _why_bad(count: _FileCount, tolerance: Tolerance, store: Path) -> str | None:
    """Return why a file is left out; an error where its source does not say `on_bad_file: skip`."""
    error = _in_part(count) or _of_nothing(count, store)
    if error is None:
        return None
    if not tolerance.skips_files:
        raise error
    return error.message


def hopeless(read: ScannedTask, tolerance: Tolerance, store: Path, most_rows: int) -> DataError:
    """Return the error for a file of which more rows are unreadable than are tolerated of all it may have.

    Parameters
    ----------
    read
        A task of the file as far as its blocks are scanned: the rows that the error counts.
    tolerance
        What the file's source tolerates.
    store
        The working store.
    most_rows
        Rows that the file has at most.
    """
    count = _FileCount(read.task.file, [read])
    nothing = _of_nothing(count, store, so_far="the first ")
    return nothing or _too_many(_place(count.file), [count], tolerance.unreadable, store, most_rows)


def _place(file: InputFile) -> str:
    return f"`{shown(file.path)}` (source `{file.source}`)"


def _in_part(count: _FileCount) -> DataError | None:
    message = next((done.bad for done in count.tasks if done.bad is not None), None)
    hint = "fix or remove the file; `on_bad_file: skip` in the source leaves such files out"
    return None if message is None else DataError(message, hint)


def _of_nothing(count: _FileCount, store: Path, *, so_far: str = "") -> DataError | None:
    """Return the error for a file of rows none of which can be read: that is no matter of a share."""
    if not count.rows or count.unreadable < count.rows:
        return None
    file = count.file
    place, reason, detail = _first_unreadable(count.tasks, store)
    looks = suspected(file.path, file.kind, file.compression)
    rows = f"{count.rows:,} of {so_far}{count.rows:,} rows"
    message = f"{_place(file)}: {rows} cannot be read"
    if looks is not None:
        return DataError(f"{message}: it looks like {looks.what}", looks.hint)
    return DataError(f"{message}; the first is {place}: {reason} ({detail})", hint_about(reason, file.kind))


def tolerated(rows: int, share: float) -> int:
    """Return how many unreadable rows are tolerated: one at least, unless the share is 0."""
    return max(1, int(rows * share)) if share > 0 else 0


def _refuse_too_many(source: str, scanned: list[ScannedTask], tolerance: Tolerance, store: Path) -> None:
    """Hold the share for all files together, and for each: a large one must not hide a small one."""
    share = tolerance.unreadable
    files = _by_file(scanned)
    total = sum(count.unreadable for count in files)
    if total > tolerated(sum(count.rows for count in files), share):
        raise _too_many(f"source `{source}`", files, share, store)
    for count in files:
        if count.unreadable > tolerated(count.rows, share):
            raise _too_many(_place(count.file), [count], share, store)


def _too_many(
    place: str, files: list[_FileCount], share: float, store: Path, most_rows: int | None = None
) -> DataError:
    """Return the error; ``most_rows`` where the files are not read to their end."""
    rows, unreadable = sum(count.rows for count in files), sum(count.unreadable for count in files)
    found = f"{unreadable:,} of {rows:,} rows"
    if most_rows is not None:
        found = f"{unreadable:,} of the first {rows:,} rows"
    first = next(count for count in files if count.unreadable)
    row, reason, detail = _first_unreadable(first.tasks, store)
    return DataError(
        f"{place}: {found} cannot be read, {tolerated(most_rows or rows, share):,} are tolerated; "
        f"the first is {row}: {reason} ({detail})",
        "fix the file, or raise `max_unreadable` of the source; nothing has to be scanned again",
    )


def _first_unreadable(tasks: list[ScannedTask], store: Path) -> tuple[str, str, str]:
    first_row = 0
    for done in tasks:
        first_row = first_row if done.task.first_row is None else done.task.first_row
        for header in done.headers:
            if header.rows_unreadable:
                found = _octomed.first_unreadable(str(done.task.folder(store) / f"{header.name}.index"))
                if found is not None:
                    ordinal, reason, detail = found
                    return f"`{shown(done.task.file.path)}` row {first_row + ordinal}", reason, detail
        first_row += done.rows
    return "unknown", "unknown", "no block records it"
