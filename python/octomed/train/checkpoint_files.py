"""A checkpoint's file appears whole or not at all, however the training ends that writes it.

Composer 0.32 writes it under its own name from the first byte: a signal left half of it, which the next start
had to look through and to warn of.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch
from composer.utils import checkpoint

from octomed.storage import atomic_file, is_temporary_name


def write_whole_files() -> None:
    """Have Composer write checkpoints of one file under another name first.

    Those of several files are whole when `.metadata` is there, which torch writes last and renames.
    """
    composer: Any = checkpoint
    composer._write_checkpoint_file = _write  # noqa: SLF001 no setting says how


def remove_half_written(folder: str) -> None:
    """Remove what killed trainings left of checkpoints in a folder that this one holds.

    Parameters
    ----------
    folder
        Local folder.
    """
    for path in Path(folder).glob(".ep*-ba*-rank*.pt.tmp-*"):
        if is_temporary_name(path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def _write(state: dict[str, Any], filename: str) -> None:
    """Write it; whether it has reached the disk, its next reader finds out by its checksums."""
    with atomic_file(Path(filename), sync=False) as file:
        torch.save(state, file)
