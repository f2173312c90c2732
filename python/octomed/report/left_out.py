"""Files of a folder or glob that are not read, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.names import shown
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.pipeline.plan import SourcePlan


def not_read(reason: str, left: Mapping[str, Any]) -> str:
    """Return one line: how many files, why, and the first few by name.

    Parameters
    ----------
    reason : str
        Why they are not read.
    left : mapping
        `files`, their number, and `names`, the first ones.
    """
    number, names = left["files"], ", ".join(f"`{shown(name)}`" for name in left["names"])
    more = ", …" if number > len(left["names"]) else ""
    return f"{units.count(number)} file{'' if number == 1 else 's'}, {reason} ({names}{more})"


def unread_lines(source: SourcePlan, left_out: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each file of a source that is skipped, and for each reason why others are not read.

    Parameters
    ----------
    source : SourcePlan
        The source.
    left_out : mapping
        What `Plan.left_out` returns.
    """
    for file, reason in source.bad_files.items():
        yield f"  file skipped: `{shown(file)}`: {reason}"
    for reason, left in left_out.get(source.source.name, {}).items():
        yield f"  not read: {not_read(reason, left)}"
