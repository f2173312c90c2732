"""Files under temporary names that a run leaves which does not wait for its last calls to end."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.pipeline.plan import Plan

_TEMPORARY = re.compile(r"\.tmp(-|$)")


def remove_half_written(plan: Plan) -> None:
    """Remove what calls that still run have begun: they look at no cancel, and the process ends first.

    Of the output, which this run alone writes to, that is every such file; of the working store, in which
    other runs may be at work, those that bear this process's number.
    """
    mine = re.compile(rf"\.tmp-{os.getpid()}(-|$)")
    for folder in (plan.output, *_folders(plan.output, but=plan.store)):
        _remove(folder, _TEMPORARY)
    for _, task in plan.tasks():
        _remove(plan.folder(task), mine)
    _remove(plan.store / "runs", mine)


def _folders(output: Path, *, but: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(output) as entries:
        store = but.resolve()
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not store.is_relative_to(
                (output / entry.name).resolve()
            ):
                yield output / entry.name


def _remove(folder: Path, named: re.Pattern[str]) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if named.search(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()
