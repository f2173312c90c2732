"""Splits of a folder: which files are `train`, which `test`, by what is written there or by names."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from octomed.errors import OctomedError
from octomed.foreign.broken import BrokenFileError
from octomed.foreign.opening import open_foreign
from octomed.names import shown
from octomed.recipe.kinds import COLUMNAR
from octomed.recipe.split_cards import WrittenSplits
from octomed.recipe.split_names import SHARD, canonical, shards_of, split_in_doubt, split_named, stem
from octomed.schemes import scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from octomed.recipe.input_file import InputFile

__all__ = ["ALL", "NONE", "canonical", "listing", "splits_of"]

ALL = "all"
NONE = "no split"
_MOST_COUNTED = 200
_LARGEST_COUNTED = 2**32
_NO_SPLIT = frozenset({"data"})
"""What `save_to_disk` calls the shards of any split."""


def splits_of(files: Sequence[InputFile], root: str, *, wanted: frozenset[str]) -> dict[str, str | None]:
    """Return the split of each file by its relative path; `None` where nothing says one.

    Parameters
    ----------
    files : sequence of InputFile
        What one entry of a source's path names.
    root : str
        Where their relative paths start; cards count there, below it and above it.
    wanted : frozenset of str
        The splits that the recipe asks for, if any: of `train_sft.jsonl`, both `train` and `train_sft` fit.
    """
    written = WrittenSplits()
    base = root
    if scheme_of(root) is None:
        base = os.path.realpath(root) if ".." in root.split("/") else os.path.abspath(root)
    found: dict[str, str | None] = {}
    for file in files:
        own = shards_of(stem(file.relative))
        said = written.split_of(os.path.join(base, file.path.removeprefix(root).lstrip("/")))
        found[file.relative] = said or (own if own in wanted else split_named(file.relative))
    if wanted or any(found.values()):  # next to `train`, what else may be a split's name is one
        for relative, split in found.items():
            if split is None:
                found[relative] = _shards(relative) or split_in_doubt(relative)
    return found


def _shards(relative: str) -> str | None:
    shard = SHARD.match(stem(relative))
    return shard[1] if shard and shard[1] not in _NO_SPLIT else None


def listing(files: Iterable[InputFile], splits: dict[str, str | None]) -> str:
    """Return the splits with their files, and their rows where that costs little, for a message."""
    groups: defaultdict[str, list[InputFile]] = defaultdict(list)
    for file in files:
        groups[splits.get(file.relative) or NONE].append(file)
    return ", ".join(
        f"`{shown(name)}`: {_counted(group)}" if name != NONE else f"of no split: {_counted(group)}"
        for name, group in sorted(groups.items())
    )


def _counted(files: list[InputFile]) -> str:
    text = f"{len(files):,} file{'' if len(files) == 1 else 's'}"
    rows = _rows(files)
    return text if rows is None else f"{text} with {rows:,} rows"


def _rows(files: list[InputFile]) -> int | None:
    """Add up what Parquet and Arrow files say of themselves; other files would have to be read."""
    if len(files) > _MOST_COUNTED or any(file.kind not in COLUMNAR for file in files):
        return None
    if sum(file.size for file in files if file.kind == "arrow") > _LARGEST_COUNTED:
        return None
    if any(file.kind == "arrow" and file.is_remote for file in files):
        return None  # its rows are counted by the heads of its batches, all over it
    try:
        return sum(_rows_of(file) for file in files)
    except (OSError, OctomedError, BrokenFileError):
        return None


def _rows_of(file: InputFile) -> int:
    with open_foreign(file.path, file.kind) as table:
        return table.count()
