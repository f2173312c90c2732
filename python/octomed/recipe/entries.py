"""One entry of a source's path: its files, each once, without metadata, of the splits asked for."""

from __future__ import annotations

import lzma
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed.names import as_text, shown
from octomed.recipe.address_entries import (
    expand_address,
    is_object_entry,
    nearest_folder,
    root_of_address,
)
from octomed.recipe.braces import braces_hint
from octomed.recipe.folder_names import folder_columns
from octomed.recipe.glob import Match, Unreadable, Walk, expand_entry, root_of
from octomed.recipe.input_file import (
    EXTENSIONS_HINT,
    InputFile,
    Inputs,
    LeftOut,
    kind_of,
    known_kind,
    names_rows,
    unread,
)
from octomed.recipe.metadata import is_metadata
from octomed.recipe.opening import open_stream
from octomed.recipe.problems import Place, Problem, suggest
from octomed.recipe.shards import divided
from octomed.recipe.splits import ALL, NONE, canonical, listing, splits_of
from octomed.schemes import objects, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.recipe.kinds import Compressed, Kind
    from octomed.recipe.schema import Source

_NAMED_AT_MOST = 3
_SNIFFED_BYTES = 4096
_CANNOT_BE_READ = (OSError, EOFError, lzma.LZMAError, pa.ArrowException)


@dataclass(frozen=True)
class Entry:
    """One entry of a source's path: a file, a folder or a glob."""

    source: Source
    index: int
    path: str
    place: Place
    problems: list[Problem]
    inputs: Inputs
    own: dict[str, str]
    read: set[str | None]
    """Splits that the source's entries are read from, `None` for files of no split or named themselves."""
    image_roots: frozenset[str] = frozenset()
    """Where rows' images are looked up: an archive there is no shard of rows, unless it is named itself."""

    def files(self) -> list[InputFile]:
        """Return the files to read; what is wrong, and what is left out, is noted."""
        walk = Walk()
        try:
            matches = self._matches(walk)
        except Unreadable as error:
            self.problems.append(Problem(self.place, str(error), error.hint))
            return []
        for name, reason in sorted(walk.left.items()):
            self._leave_out(as_text(name), _why_unread(self.path, name, reason))
        is_file = is_file_entry(self.path, matches)
        metadata: list[Match] = []
        if not is_file:
            metadata = [match for match in matches if is_metadata(match.path)]
            for match in metadata:
                self._leave_out(match.relative, "metadata of another tool")
            of_tools = set(map(id, metadata))
            matches = [match for match in matches if id(match) not in of_tools]
            matches, archives = divided(matches, self.image_roots)
            for match, reason in archives:
                self._leave_out(match.relative, reason)
        if not matches:
            self.problems.append(matches_nothing(self.path, self.place))
        files = [file for match in matches if (file := self._file(match)) is not None]
        if walk.followed:
            self._refuse_own(files)
            files = self._each_once(files)
        if is_file:
            self.read.add(None)
            self._note_splits(splits_of(files, self._root(matches), wanted=frozenset()).values())
            return files
        return self._of_splits(files, self._root(matches))

    def _matches(self, walk: Walk) -> list[Match]:
        if scheme_of(self.path) is None:
            return expand_entry(self.path, known_kind, walk)
        commit = objects().commit_of(self.path)
        if commit is not None:
            self.inputs.notes.append(
                f"source `{self.source.name}`: `{self.path}` is read at commit `{commit}`"
            )
        return expand_address(self.path, known_kind, walk)

    def _root(self, matches: list[Match]) -> str:
        return root_of(self.path) if scheme_of(self.path) is None else root_of_address(self.path, matches)

    def _note_splits(self, splits: Iterable[str | None]) -> None:
        """Note what is read, whether it was asked for by name or not."""
        read = self.inputs.splits.setdefault(self.source.name, set())
        read.update(split for split in splits if split is not None)

    def _leave_out(self, relative: str, reason: str) -> None:
        self.inputs.left_out.append(LeftOut(self.source.name, relative, reason))

    def _file(self, match: Match) -> InputFile | None:
        known = kind_of(match.path)
        if known is None:
            ending = unread(match.path) or "of an unknown kind"
            self.problems.append(Problem(self.place, f"`{shown(match.path)}` is {ending}", EXTENSIONS_HINT))
            return None
        if not match.is_regular:
            self.problems.append(Problem(self.place, f"`{shown(match.path)}` is not a regular file", None))
            return None
        kind = _sniffed(match.path, *known) if match.size else known[0]
        return InputFile(
            self.source.name,
            self.index,
            match.path,
            match.relative,
            match.size,
            match.mtime_ns,
            kind,
            known[1],
            self.source.rows,
            folders=folder_columns(match.relative),
            version=match.version,
        )

    def _refuse_own(self, files: list[InputFile]) -> None:
        """Refuse files that a run itself writes; where no link leads to them, the loader has done so."""
        for key, folder in self.own.items():
            inside = os.path.join(folder, "")
            found = next((file for file in files if os.path.realpath(file.path).startswith(inside)), None)
            if found is not None:
                message = f"`{shown(found.path)}` lies in `{key}` by a link: what a run writes would be rows"
                self.problems.append(Problem(self.place, message, "remove the link, or narrow the path"))

    def _each_once(self, files: list[InputFile]) -> list[InputFile]:
        """Leave out a file that a link names a second time; a path without a link in it stays."""
        first: dict[str, InputFile] = {}
        root = root_of(self.path)
        for file in sorted(files, key=lambda file: os.path.realpath(file.path) != _without_links(root, file)):
            kept = first.setdefault(os.path.realpath(file.path), file)
            if kept is not file:
                self._leave_out(file.relative, f"the same file as `{shown(kept.relative)}`, by a link")
        kept_files = set(map(id, first.values()))
        return [file for file in files if id(file) in kept_files]

    def _of_splits(self, files: list[InputFile], root: str) -> list[InputFile]:
        wanted = self.source.split
        names = frozenset(map(canonical, wanted or ()))
        splits = splits_of(files, root, wanted=names)
        there = {split for split in splits.values() if split is not None}
        if wanted is None or ALL in names:
            self._note_splits(there)
            if wanted is None:
                self._check_splits(files, splits, there)
            return files
        self._note_splits(names & there)
        missing = sorted(names - there)
        if missing and files:
            held = listing(files, splits)
            hint = suggest(missing[0], sorted(there), kind="splits") if there else "leave `split` out"
            message = f"`{shown(self.path)}` has no split `{missing[0]}`; it holds {held}"
            self.problems.append(Problem(self.place, message, hint))
        for file in files:
            if splits[file.relative] not in names:
                self._leave_out(file.relative, f"of {_split_name(splits[file.relative])}, not in `split`")
        return [file for file in files if splits[file.relative] in names]

    def _check_splits(self, files: list[InputFile], splits: dict[str, str | None], there: set[str]) -> None:
        """Refuse to learn a test split only because it is next to the others."""
        unnamed = sorted(relative for relative, split in splits.items() if split is None)
        self.read.update(splits.values())
        if len(there) > 1 or (there and unnamed and "train" not in there):
            hint = "say which with `split:` in the source, a name, a list of names, or `all`"
            message = f"`{shown(self.path)}` holds several splits: {listing(files, splits)}"
            self.problems.append(Problem(self.place, message, hint))
        elif there and unnamed:
            count = (
                "1 file of no split is" if len(unnamed) == 1 else f"{len(unnamed):,} files of no split are"
            )
            self.inputs.notes.append(
                f"source `{self.source.name}`: {count} read in addition to `train`: {_some(unnamed)}"
            )


def is_file_entry(path: str, matches: list[Match]) -> bool:
    """Tell whether an entry is one file, and neither a folder nor a glob."""
    if scheme_of(path) is None:
        return os.path.lexists(path) and not os.path.isdir(path)
    return is_object_entry(path, matches)


def _why_unread(path: str, name: str, reason: str) -> str:
    """Return why a file of a folder is not read, closer than the walk knows."""
    if reason != "of an unknown kind":
        return reason
    if is_metadata(os.path.join(path, name)):
        return "metadata of another tool"
    return unread(name) or reason


def _without_links(root: str, file: InputFile) -> str:
    return os.path.join(os.path.realpath(root), os.path.relpath(file.path, root))


def _some(names: list[str]) -> str:
    more = f", and {len(names) - _NAMED_AT_MOST:,} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(f"`{shown(name)}`" for name in names[:_NAMED_AT_MOST]) + more


def _split_name(split: str | None) -> str:
    return NONE if split is None else f"split `{shown(split)}`"


def _sniffed(path: str, kind: Kind, compression: Compressed | None) -> Kind:
    """Return `jsonl` for a `.json` file that begins with an object; the plan looks closer."""
    if kind != "json":
        return kind
    try:
        with open_stream(path, compression) as stream:
            head: bytes = stream.read(_SNIFFED_BYTES)
    except _CANNOT_BE_READ:
        return kind  # the plan says so, and heeds `on_bad_file`
    return "jsonl" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "json"


def matches_nothing(path: str, place: Place) -> Problem:
    """Return the problem of an entry that names no file to read, and what is there instead."""
    if scheme_of(path) is not None:
        return _nothing_stored(path, place)
    if os.path.isdir(path):
        message = f"no file in `{shown(path)}` is of a known kind{_held_instead(path)}"
        return Problem(place, message, EXTENSIONS_HINT)
    existing, hint = shown(_existing(path)), braces_hint(shown(path))
    if any(character in path for character in "*?["):
        message = f"`{shown(path)}` matches no file{_held_instead(path)}"
        return Problem(place, message, hint or f"see which part exists: `ls {existing}`")
    return Problem(
        place, f"`{shown(path)}` does not exist", hint or f"the nearest folder that exists is `{existing}`"
    )


def _nothing_stored(path: str, place: Place) -> Problem:
    instead = _held_instead(path)
    if instead:
        return Problem(place, f"`{shown(path)}` names no file of a known kind{instead}", EXTENSIONS_HINT)
    folder = nearest_folder(path)
    hint = (
        "see whether the address is right" if folder is None else f"there is something in `{shown(folder)}`"
    )
    return Problem(place, f"there is nothing at `{shown(path)}`", braces_hint(shown(path)) or hint)


def _held_instead(path: str) -> str:
    """Name what is there and is not read."""
    walk = Walk()
    expand = expand_entry if scheme_of(path) is None else expand_address
    matches = expand(path, known_kind, walk)
    held = {match.relative: "metadata of another tool" for match in matches}
    held |= {
        as_text(name): _why_unread(path, name, reason)
        for name, reason in walk.left.items()
        if reason != "hidden"
    }
    if not held:
        return ""
    in_order = sorted(held.items(), key=lambda one: (not names_rows(one[0]), one))
    named = [f"`{shown(name)}` ({reason})" for name, reason in in_order[:_NAMED_AT_MOST]]
    more = f", and {len(held) - _NAMED_AT_MOST:,} more" if len(held) > _NAMED_AT_MOST else ""
    return f"; there is {', '.join(named)}{more}"


def _existing(path: str) -> str:
    while path not in ("", "/") and not os.path.exists(path):
        path = os.path.dirname(path.rstrip("/"))
    return path or "."
