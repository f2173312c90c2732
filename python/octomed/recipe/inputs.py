"""The files of a recipe: globs, folders and lists become files with a size, a time and a kind."""

from __future__ import annotations

import lzma
import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from octomed.names import as_text, shown
from octomed.recipe.glob import Match, Unreadable, Walk, expand_entry, first_of
from octomed.recipe.metadata import is_metadata
from octomed.recipe.opening import COMPRESSED, Compressed, open_stream
from octomed.recipe.problems import Place, Problem, RecipeProblems, suggest
from octomed.recipe.splits import ALL, NONE, canonical, listing, splits_of

if TYPE_CHECKING:
    from octomed.recipe.document import Keys
    from octomed.recipe.schema import Recipe, Source

Kind = Literal["parquet", "arrow", "jsonl", "json", "json_objects", "json_rows", "csv", "tsv"]

KINDS: dict[str, Kind] = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
}
_NEVER_COMPRESSED = frozenset({"parquet", "arrow"})
_UNREAD = {
    ".zip": "an archive: unpack it",
    ".tar": "an archive: unpack it",
    ".tgz": "an archive: unpack it",
    ".7z": "an archive: unpack it",
    ".rar": "an archive: unpack it",
    ".sz": "compressed by snappy, which cannot be read in a stream",
    ".snappy": "compressed by snappy, which cannot be read in a stream",
    ".lzma": "compressed by lzma: make it `.xz`",
    ".z": "compressed by compress: make it `.gz`",
    ".pkl": "a pickle of Python's, which is never loaded",
    ".pickle": "a pickle of Python's, which is never loaded",
    ".xlsx": "a table of Excel's: save it as CSV",
    ".xls": "a table of Excel's: save it as CSV",
}
"""What may well hold rows, and is not read: a folder's summary says why."""

_EXTENSIONS_HINT = (
    "files end in `" + "`, `".join(KINDS) + "`; texts may end in `" + "`, `".join(COMPRESSED) + "` after that"
)
_SNIFFED_BYTES = 4096
_CANNOT_BE_READ = (OSError, EOFError, lzma.LZMAError, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of a source.

    Attributes
    ----------
    source : str
        Name of the source.
    source_index : int
        Its position in the recipe.
    path : str
        Where the file is.
    relative : str
        Its path from the source's root, `/` between folders: what identifies its traces. Bytes of a name
        that are not UTF-8 are written `\\xNN`.
    size : int
        In bytes.
    mtime_ns : int
        When it was last changed, in nanoseconds since 1970.
    kind : str
        `parquet`, `arrow`, `jsonl`, `csv` or `tsv`; or of JSON that is no lines, `json` (one array),
        `json_objects` (objects one behind the other) or `json_rows` (an object that holds the rows).
    compression : str or None
        `gzip`, `zstd`, `xz` and the like, or None.
    rows : str or None
        Keys that lead to the rows of a JSON document, dots between them.
    """

    source: str
    source_index: int
    path: str
    relative: str
    size: int
    mtime_ns: int
    kind: Kind
    compression: Compressed | None
    rows: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file below a source's path that is not read.

    Attributes
    ----------
    source : str
        Name of the source.
    file : str
        Its path from the source's root.
    reason : str
        Why.
    """

    source: str
    file: str
    reason: str


@dataclass
class Inputs:
    """What the sources of a recipe hold.

    Attributes
    ----------
    files : list of InputFile
        In source order: source, then relative path bytewise.
    left_out : list of LeftOut
        What lies in their folders, or fits their globs, and is not read.
    notes : list of str
        What is worth a look.
    """

    files: list[InputFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def left_out_by_reason(self) -> dict[str, dict[str, list[str]]]:
        """Return the files left out: source, then reason, then their paths."""
        found: dict[str, dict[str, list[str]]] = {}
        for one in self.left_out:
            found.setdefault(one.source, {}).setdefault(one.reason, []).append(one.file)
        return found


def resolve_inputs(recipe: Recipe) -> list[InputFile]:
    """List the files of all sources, in source order: source, then relative path bytewise.

    Raises
    ------
    RecipeProblems
        If an entry matches nothing, a file is of no known kind, or two files of a source have one relative
        path; all such problems of a recipe together.
    StorageError
        If a file cannot be opened to see what it holds.
    """
    return find_inputs(recipe).files


def find_inputs(recipe: Recipe) -> Inputs:
    """List the files of all sources, and what lies beside them and is not read.

    Raises
    ------
    RecipeProblems
        As :func:`resolve_inputs` says.
    """
    inputs = Inputs()
    problems: list[Problem] = []
    for index, source in enumerate(recipe.sources):
        found: dict[str, InputFile] = {}
        real: dict[str, InputFile] = {}
        for entry, path in enumerate(source.path):
            place = recipe.written_at("sources", index, "path", entry)
            reading = _Entry(source, index, path, place, problems, inputs)
            files = reading.files()
            problems += _linked_twice(place, files, found, real)
            for file in files:
                other = found.setdefault(file.relative, file)
                problems += [_twice(place, file, other)] if other is not file else []
        inputs.files += sorted(found.values(), key=lambda file: os.fsencode(file.relative))
    if problems:
        raise RecipeProblems(problems)
    return inputs


def missing_inputs(paths: dict[Keys, str], places: dict[Keys, Place]) -> list[Problem]:
    """Return a problem for each path that matches no file, without listing those that do.

    Parameters
    ----------
    paths : dict of Keys to str
        Paths ready to use, by the way to each in the recipe.
    places : dict of Keys to Place
        Where each was written.
    """
    problems = []
    for way, path in paths.items():
        try:
            if first_of(path, known_kind) is None:
                problems.append(_matches_nothing(path, places[way]))
        except Unreadable as error:
            problems.append(Problem(places[way], str(error), error.hint))
    return problems


def known_kind(name: str) -> bool:
    """Tell whether a file of this name is one that rows are read from."""
    return _kind_of(name) is not None


def _kind_of(name: str) -> tuple[Kind, Compressed | None] | None:
    stem, extension = os.path.splitext(name.lower())
    compression = COMPRESSED.get(extension)
    if compression is not None:
        extension = os.path.splitext(stem)[1]
    kind = KINDS.get(extension)
    return None if kind is None or (kind in _NEVER_COMPRESSED and compression) else (kind, compression)


@dataclass(frozen=True)
class _Entry:
    """One entry of a source's path: a file, a folder or a glob."""

    source: Source
    index: int
    path: str
    place: Place
    problems: list[Problem]
    inputs: Inputs

    def files(self) -> list[InputFile]:
        """Return the files to read; what is wrong, and what is left out, is noted."""
        walk = Walk()
        try:
            matches = expand_entry(self.path, known_kind, walk)
        except Unreadable as error:
            self.problems.append(Problem(self.place, str(error), error.hint))
            return []
        for name, reason in sorted(walk.left.items()):
            self._leave_out(as_text(name), _reason(self.path, name, reason))
        is_file = os.path.lexists(self.path) and not os.path.isdir(self.path)
        metadata: list[Match] = []
        if not is_file:
            metadata = [match for match in matches if is_metadata(match.path)]
            for match in metadata:
                self._leave_out(match.relative, "metadata of another tool")
            matches = [match for match in matches if match not in metadata]
        if not matches:
            self.problems.append(_matches_nothing(self.path, self.place))
        files = [file for match in matches if (file := self._file(match)) is not None]
        if walk.followed:
            files = self._each_once(files)
        return files if is_file else self._of_splits(files)

    def _leave_out(self, relative: str, reason: str) -> None:
        self.inputs.left_out.append(LeftOut(self.source.name, relative, reason))

    def _file(self, match: Match) -> InputFile | None:
        known = _kind_of(match.path)
        if known is None:
            ending = _unread(match.path) or "of no known kind"
            self.problems.append(Problem(self.place, f"`{shown(match.path)}` is {ending}", _EXTENSIONS_HINT))
            return None
        if not stat.S_ISREG(match.status.st_mode):
            self.problems.append(Problem(self.place, f"`{shown(match.path)}` is no regular file", None))
            return None
        kind = _sniffed(match.path, *known) if match.status.st_size else known[0]
        return InputFile(
            self.source.name,
            self.index,
            match.path,
            match.relative,
            match.status.st_size,
            match.status.st_mtime_ns,
            kind,
            known[1],
            self.source.rows,
        )

    def _each_once(self, files: list[InputFile]) -> list[InputFile]:
        """Leave out a file that links name a second time; where one path has no link in it, that one stays."""
        first: dict[str, InputFile] = {}
        for file in sorted(files, key=lambda file: os.path.realpath(file.path) != _absolute(file.path)):
            kept = first.setdefault(os.path.realpath(file.path), file)
            if kept is not file:
                self._leave_out(file.relative, f"the same file as `{kept.relative}`, by a link")
        kept_files = set(map(id, first.values()))
        return [file for file in files if id(file) in kept_files]

    def _of_splits(self, files: list[InputFile]) -> list[InputFile]:
        splits = splits_of(files, self.path if os.path.isdir(self.path) else None)
        wanted = self.source.split
        there = {split for split in splits.values() if split is not None}
        if wanted is None:
            self._check_splits(files, splits, there)
            return files
        names = {canonical(name) for name in wanted}
        if ALL in names:
            return files
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

    def _check_splits(
        self, files: list[InputFile], splits: dict[str, str | None], there: set[str]
    ) -> None:
        """A test split must not be learned because it lies beside the others."""
        held = listing(files, splits)
        alone = None not in splits.values()
        if len(there) > 1 or (there and not alone and "train" not in there):
            hint = "say which with `split:` in the source, a name, a list of names, or `all`"
            message = f"`{shown(self.path)}` holds several splits: {held}"
            self.problems.append(Problem(self.place, message, hint))
        elif there and "train" not in there:
            self.inputs.notes.append(f"source `{self.source.name}` is read from its {', '.join(there)} split alone")


def _absolute(path: str) -> str:
    return os.path.join(os.path.realpath(os.getcwd()), path)


def _split_name(split: str | None) -> str:
    return NONE if split is None else f"split `{split}`"


def _reason(path: str, name: str, reason: str) -> str:
    if reason != "of no known kind":
        return reason
    if is_metadata(os.path.join(path, name)):
        return "metadata of another tool"
    return _unread(name) or reason


def _unread(name: str) -> str | None:
    stem, extension = os.path.splitext(name.lower())
    if os.path.splitext(stem)[1] == ".tar":
        return _UNREAD[".tar"]
    if extension in COMPRESSED and os.path.splitext(stem)[1] in {".parquet", ".arrow"}:
        return "a file that is compressed as a whole, which its format is inside: uncompress it"
    return _UNREAD.get(extension)


def _linked_twice(
    place: Place, files: list[InputFile], found: dict[str, InputFile], real: dict[str, InputFile]
) -> list[Problem]:
    """Find files that two entries name by different paths."""
    problems = []
    for file in files:
        other = real.setdefault(os.path.realpath(file.path), file)
        if other is not file and file.relative not in found:
            message = f"source `{file.source}` reads one file twice: `{shown(other.path)}` and `{shown(file.path)}`"
            problems.append(Problem(place, message, "one is a link to the other: name each file once"))
    return problems


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


def _matches_nothing(path: str, place: Place) -> Problem:
    if os.path.isdir(path):
        message = f"no file in `{shown(path)}` is of a known kind{_held_instead(path)}"
        return Problem(place, message, _EXTENSIONS_HINT)
    existing = shown(_existing(path))
    if any(character in path for character in "*?["):
        message = f"`{shown(path)}` matches no file{_held_instead(path)}"
        return Problem(place, message, f"see which part exists: `ls {existing}`")
    return Problem(
        place, f"`{shown(path)}` does not exist", f"the nearest folder that exists is `{existing}`"
    )


def _held_instead(path: str) -> str:
    """Name what is there and is not read."""
    walk = Walk()
    matches = expand_entry(path, known_kind, walk)
    unread = {match.relative: "metadata of another tool" for match in matches}
    unread |= {
        as_text(name): _reason(path, name, reason)
        for name, reason in walk.left.items()
        if reason != "hidden"
    }
    if not unread:
        return ""
    named = [f"`{shown(name)}` ({reason})" for name, reason in sorted(unread.items())[:3]]
    more = f", and {len(unread) - 3:,} more" if len(unread) > 3 else ""
    return f"; there is {', '.join(named)}{more}"


def _existing(path: str) -> str:
    while path not in ("", "/") and not os.path.exists(path):
        path = os.path.dirname(path.rstrip("/"))
    return path or "."


def _twice(place: Place, file: InputFile, other: InputFile) -> Problem:
    source = file.source
    if file.path == other.path:
        return Problem(place, f"source `{source}` reads `{shown(file.path)}` twice", "name each file once")
    message = f"source `{source}` has two files `{shown(file.relative)}`: `{shown(other.path)}` and `{shown(file.path)}`"
    return Problem(place, message, "make them two sources, or one path from a folder above both")
