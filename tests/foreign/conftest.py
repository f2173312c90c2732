"""Small blocks and tasks, as for the other runs in this process."""

from __future__ import annotations

from tests.end_to_end.conftest import small_blocks

__all__ = ["small_blocks"]
