"""What `verify` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes
    ----------
    file
        Path relative to the run's folder.
    what
        What is wrong with it.
    missing
        Whether it is not there, so that there is nothing to delete before it is written again.
    """

    file: str
    what: str
    missing: bool = False
