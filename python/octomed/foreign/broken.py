"""The one error that says a foreign file is not what its own numbers claim."""

from __future__ import annotations


class BrokenFileError(Exception):
    """A file that cannot be read, or that contradicts itself; its opener adds the file's name."""
