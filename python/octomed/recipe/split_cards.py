"""Splits that are written down next to the files: by a dataset card, or by `save_to_disk`."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from octomed.recipe.split_names import canonical, split_named
from octomed.schemes import objects, scheme_of

_MOST_READ = 2**20
_WILD = re.compile(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])")
_SPECIAL = re.compile(r"[\\^&~|\[]")
_AS_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class _Named(NamedTuple):
    """Files that a card names, and their split, if it says one."""

    glob: str
    split: str | None


class _Card:
    """What a card says: files by their names, of which there may be as many as files, and patterns.

    Parameters
    ----------
    named
        In the card's order.
    """

    def __init__(self, named: list[_Named]) -> None:
        self._by_name: dict[str, list[tuple[int, str | None]]] = {}
        self._patterns: list[tuple[int, re.Pattern[str], str | None]] = []
        for index, (glob, split) in enumerate(named):
            if _WILD.search(glob):
                self._patterns.append((index, _pattern(glob), split))
            else:
                self._by_name.setdefault(glob, []).append((index, split))

    def __bool__(self) -> bool:
        return bool(self._by_name or self._patterns)

    def splits_of(self, inside: str) -> list[str | None]:
        """Return the splits that a file is said to be of, in the card's order."""
        found = list(self._by_name.get(inside, ()))
        found += [(index, split) for index, pattern, split in self._patterns if pattern.fullmatch(inside)]
        return [split for _, split in sorted(found, key=lambda one: one[0])]


class WrittenSplits:
    """What cards and `dataset_dict.json` in and above a folder say; each is read once."""

    def __init__(self) -> None:
        self._saved = cache(_saved_splits)
        self._card = cache(_card)

    def split_of(self, path: str) -> str | None:
        """Return the split of a file; the nearest folder above it that says something has the word.

        Parameters
        ----------
        path : str
            The file, from `/`.
        """
        folder, inside = os.path.split(path)
        while True:
            first = inside.partition("/")[0]
            if first != inside and first in self._saved(folder):
                return canonical(first)
            if card := self._card(folder):
                return _by_card(card, inside)
            above, name = _above(folder)
            if above == folder:
                return None
            folder, inside = above, f"{name}/{inside}"


def _above(folder: str) -> tuple[str, str]:
    """Return the folder that a folder is in, and its name there; a store's root is in itself."""
    if scheme_of(folder) is None:
        return os.path.split(folder)
    above, name = objects().above(folder)
    return str(above), str(name)


def _by_card(card: _Card, inside: str) -> str | None:
    """Return the split that a card gives a file; where configurations differ, the file's own name decides."""
    said = card.splits_of(inside)
    own = split_named(inside)
    if own in said or (said and said[0] is None):
        return own or "train"  # as `datasets` has it for patterns without a split
    return said[0] if said else None


def _saved_splits(folder: str) -> frozenset[str]:
    try:
        value = json.loads(_read(os.path.join(folder, "dataset_dict.json")))
    except (ValueError, RecursionError):
        return frozenset()
    names = value.get("splits") if isinstance(value, dict) else None
    return (
        frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()
    )


def _read(path: str) -> str:
    """Return a file's text; none of what is no file, as a pipe that never ends."""
    if scheme_of(path) is not None:
        data: bytes = objects().beginning(path, _MOST_READ)
        return data.decode("utf-8-sig", "replace")
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read(_MOST_READ)
    except OSError:
        return ""


def _card(folder: str) -> _Card:
    """Return the patterns of files and their splits that the `configs:` of a folder's card name."""
    text = _read(os.path.join(folder, "README.md"))
    front = re.match(r"\s*---[ \t]*\n(.*?)\n---[ \t]*(\n|$)", text, re.DOTALL)
    if front is None:
        return _Card([])
    try:
        card = YAML(typ="safe", pure=True).load(front[1])
    except (YAMLError, ValueError, TypeError, LookupError, RecursionError):
        return _Card([])
    configs = card.get("configs") if isinstance(card, dict) else None
    return _Card(
        [
            named
            for config in (configs if isinstance(configs, list) else [])
            if isinstance(config, dict)
            for named in _of_config(config)
        ]
    )


def _of_config(config: dict[Any, Any]) -> list[_Named]:
    files = config.get("data_files")
    if isinstance(files, dict):
        files = [{"split": split, "path": path} for split, path in files.items()]
    folder = config.get("data_dir")
    below = (
        folder.removeprefix("./").strip("/") + "/" if isinstance(folder, str) and folder.strip("./") else ""
    )
    entries = files if isinstance(files, list) else [files]
    return [
        _Named(below + path.removeprefix("./"), split) for entry in entries for split, path in _paths(entry)
    ]


def _paths(entry: Any) -> list[tuple[str | None, str]]:  # noqa: ANN401 what YAML gave
    split, paths = None, entry
    if isinstance(entry, dict):
        split, paths = entry.get("split"), entry.get("path")
    names = paths if isinstance(paths, list) else [paths]
    return [
        (canonical(split) if isinstance(split, str) else None, name)
        for name in names
        if isinstance(name, str)
    ]


def _pattern(glob: str) -> re.Pattern[str]:
    """Compile a pattern as `datasets` reads it: `*` ends at a `/`, and `**` does not."""
    parts = [
        _AS_REGEX.get(part) or (_one_of(part) if index % 2 else re.escape(part))
        for index, part in enumerate(_WILD.split(glob))
    ]
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:  # `[z-a]`
        return re.compile(re.escape(glob))


def _one_of(characters: str) -> str:
    """Return `[a-z]` or `[!a-z]` of a glob as a regular expression has it."""
    inside = characters[1:-1]
    negated = "^" if inside.startswith("!") else ""
    literal = _SPECIAL.sub(r"\\\g<0>", inside.removeprefix("!"))
    return f"[{negated}{literal}]"
