"""The command line: one file a verb, and no logic in them."""

from __future__ import annotations

from octomed.cli.app import main

__all__ = ["main"]
