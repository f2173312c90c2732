"""Splits of a folder: which files are `train`, which `test`, by a card or by names, as `datasets` has it."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from octomed.recipe.opening import native

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from octomed.recipe.input_file import InputFile

ALL = "all"
NONE = "no split"
_WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
_SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?$")
_MOST_COUNTED = 200


def canonical(name: str) -> str:
    """Return the name that a split has here: `dev` and `val` are `validation`, as `datasets` has it."""
    return _WORDS.get(name.lower(), name)


def splits_of(files: Sequence[InputFile], root: str | None) -> dict[str, str | None]:
    """Return the split of each file by its relative path; `None` where nothing says one.

    Parameters
    ----------
    files : sequence of InputFile
        What one entry of a source's path names.
    root : str or None
        The entry's folder, if it is one: a dataset card there has the first word.
    """
    said = _said_by_card(root) if root is not None else []
    found = {file.relative: _by_card(file.relative, said) or _by_name(file.relative) for file in files}
    if any(found.values()):  # beside `train-00000-of-00005`, what `extra-00000-of-00001` names is a split
        for relative, split in found.items():
            shard = _SHARD.match(_stem(relative))
            if split is None and shard:
                found[relative] = shard[1]
    return found


def listing(files: Iterable[InputFile], splits: dict[str, str | None]) -> str:
    """Return the splits with their files, and their rows where that costs little, for a message."""
    groups: defaultdict[str, list[InputFile]] = defaultdict(list)
    for file in files:
        groups[splits.get(file.relative) or NONE].append(file)
    return ", ".join(
        f"`{name}`: {_counted(group)}" if name != NONE else f"of no split: {_counted(group)}"
        for name, group in sorted(groups.items())
    )


def _counted(files: list[InputFile]) -> str:
    text = f"{len(files):,} file{'' if len(files) == 1 else 's'}"
    rows = _rows(files)
    return text if rows is None else f"{text} with {rows:,} rows"


def _rows(files: list[InputFile]) -> int | None:
    """Add up what Parquet files say of themselves; other files would have to be read."""
    if len(files) > _MOST_COUNTED or any(file.kind != "parquet" for file in files):
        return None
    try:
        return sum(_parquet_rows(file.path) for file in files)
    except (OSError, pa.ArrowException):
        return None


def _parquet_rows(path: str) -> int:
    with native(path) as file:
        return int(pq.read_metadata(file).num_rows)


def _stem(relative: str) -> str:
    return os.path.basename(relative).split(".")[0]


def _by_name(relative: str) -> str | None:
    """Look at the file's own name first, then at its folders from the nearest."""
    *folders, _ = relative.split("/")
    for part in [_stem(relative), *reversed(folders)]:
        words = {_WORDS[word] for word in re.split(r"[\W_\d]+", part.lower()) if word in _WORDS}
        if len(words) == 1:
            return words.pop()
        if words:
            return None
    return None


def _by_card(relative: str, said: list[tuple[str, str]]) -> str | None:
    return next((split for pattern, split in said if fnmatch.fnmatchcase(relative, pattern)), None)


def _said_by_card(root: str) -> list[tuple[str, str]]:
    """Return the patterns of files and their splits that a card's `configs:` names."""
    try:
        with open(os.path.join(root, "README.md"), encoding="utf-8", errors="replace") as file:
            text = file.read(2**20)
    except OSError:
        return []
    front = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", text, re.DOTALL)
    if front is None:
        return []
    try:
        card = YAML(typ="safe", pure=True).load(front[1])
    except (YAMLError, ValueError):
        return []
    configs = card.get("configs") if isinstance(card, dict) else None
    entries = [config.get("data_files") for config in configs or [] if isinstance(config, dict)]
    return [pair for entry in entries if isinstance(entry, list) for one in entry for pair in _patterns(one)]


def _patterns(entry: Any) -> list[tuple[str, str]]:  # noqa: ANN401 what YAML gave
    if not isinstance(entry, dict) or not isinstance(entry.get("split"), str):
        return []
    paths = entry.get("path")
    names = [paths] if isinstance(paths, str) else paths if isinstance(paths, list) else []
    split = canonical(entry["split"])
    return [(name.removeprefix("./").replace("**/", "*"), split) for name in names if isinstance(name, str)]
