"""Files of a folder or glob that are not read, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.names import shown
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.run_file import LeftOut


def not_read(reason: str, left: LeftOut) -> str:
    """Return one line: how many files, why, and the first few by name.

    Parameters
    ----------
    reason : str
        Why they are not read.
    left : LeftOut
        The files.
    """
    number, names = left.files, ", ".join(f"`{shown(name)}`" for name in left.names)
    more = ", …" if number > len(left.names) else ""
    return f"{units.count(number)} file{'' if number == 1 else 's'}, {reason} ({names}{more})"


def unread_lines(bad_files: Mapping[str, str], left_out: Mapping[str, LeftOut]) -> Iterator[str]:
    """Yield a line for each file of a source that is skipped, and for each reason why others are not read.

    Parameters
    ----------
    bad_files : mapping
        Files that are skipped, with the reason.
    left_out : mapping
        By reason, what is not read: as for :func:`not_read`.
    """
    for file, reason in bad_files.items():
        yield f"  file skipped: `{shown(file)}`: {reason}"
    for reason, left in left_out.items():
        yield f"  not read: {not_read(reason, left)}"
