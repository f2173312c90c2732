"""`octomed train-plan`: does a training fit into the memory of its GPUs?"""

from __future__ import annotations


def command() -> None:
    """Say whether a training fits into memory, and which setting would make it fit."""
