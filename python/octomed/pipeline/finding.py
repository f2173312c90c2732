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
    """

    file: str
    what: str
