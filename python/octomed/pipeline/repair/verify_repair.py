"""Verify and repair: what is damaged is found, made again, and looked at once more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.pipeline.output.manifest_file import NAME
from octomed.report.views import Repaired
from octomed.run_file import RUN_FILE, load_run_file
from octomed.state import Damaged, NotThere

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from octomed.filter_record import FilterRecord
    from octomed.report.progress import Progress
    from octomed.report.views import Finding, Verified


def verify_and_repair(  # noqa: PLR0913 each is an option of the verb
    folder: Path,
    *,
    recipe: Path | None = None,
    workers: int = 2,
    quick: bool = False,
    deep: bool = False,
    progress: Progress | None = None,
    filters: tuple[FilterRecord, ...] = (),
) -> Verified:
    """Verify a finished run, make again what is damaged or missing of it, and say what is left.

    Parameters
    ----------
    folder, workers, quick, deep
        As of :func:`octomed.pipeline.finished.verify.verify`.
    recipe, progress, filters
        As of :func:`octomed.pipeline.repair.repair.repair`.

    Raises
    ------
    RecipeError, DataError, StorageError
        As both.
    """
    from octomed.pipeline.finished.verify import verify  # noqa: PLC0415
    from octomed.pipeline.repair.repair import repair  # noqa: PLC0415 as a chain of imports is short

    before = None
    if not isinstance(load_run_file(folder), NotThere | Damaged):
        before = verify(folder, workers=workers, quick=quick, deep=deep)
        if not before.findings:
            return replace(before, repaired=Repaired())
    elif quick and deep:
        raise RecipeError("a verification is quick or deep", "give one of the two")
    # What a quick look did not find may be damaged all the same: then every file is read.
    read = before is not None and not quick and before.has_digests
    suspects = frozenset(finding.file for finding in before.findings) if before is not None and read else None
    done = repair(
        folder, recipe=recipe, workers=workers, progress=progress, suspects=suspects, filters=filters
    )
    said = set() if before is None else {finding.file for finding in before.findings}
    rest = said - {*done.rebuilt, *done.removed, *(finding.file for finding in done.left)}
    # Each file that was made again was compared with its digest. What was said of others may have been the
    # fault of these: of shards, say, because of their index.
    again = before is None or not read or bool(rest) or bool({RUN_FILE, NAME}.intersection(done.rebuilt))
    after = verify(folder, workers=workers, quick=quick if again else True, deep=deep and again)
    left = after.findings
    return replace(after, findings=_once_a_file((*done.left, *left)), repaired=done)


def _once_a_file(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the first finding of each file: what a repair says of one says more."""
    return tuple({finding.file: finding for finding in reversed(list(findings))}.values())[::-1]
