"""What a source's path names: files of known kinds, and what is next to them and is not read."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.recipe.kinds import COLUMNAR, COMPRESSED, KINDS, Compressed, Kind
from octomed.schemes import scheme_of

if TYPE_CHECKING:
    from octomed.recipe.values import Dialect


_UNREAD = {
    ".zip": "an archive: unpack it",
    ".7z": "an archive: unpack it",
    ".rar": "an archive: unpack it",
    ".sz": "compressed with snappy, which cannot be read in a stream",
    ".snappy": "compressed with snappy, which cannot be read in a stream",
    ".lzma": "compressed with lzma: make it `.xz`",
    ".z": "compressed with compress: make it `.gz`",
    ".pkl": "a Python pickle, which is never loaded",
    ".pickle": "a Python pickle, which is never loaded",
    ".xlsx": "an Excel workbook: save it as CSV",
    ".xls": "an Excel workbook: save it as CSV",
}
"""What may well hold rows, and is not read: a folder's summary says why."""

EXTENSIONS_HINT = (
    "files end in `" + "`, `".join(KINDS) + "`; texts may end in `" + "`, `".join(COMPRESSED) + "` after that"
)


@dataclass(frozen=True, slots=True)
class InputFile:
    r"""One file of a source.

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
        that are not UTF-8 are written `\xNN`.
    size : int
        In bytes.
    mtime_ns : int
        When it was last changed, in nanoseconds since 1970.
    kind : str
        `parquet`, `arrow`, `jsonl`, `csv`, `tsv` or `tar`; or of JSON that is no lines, `json` (one array),
        `json_objects` (objects one after the other) or `json_rows` (an object that holds the rows).
    compression : str or None
        `gzip`, `zstd`, `xz` and the like, or None.
    rows : str or None
        Keys that lead to the rows of a JSON document, dots between them.
    dialect : Dialect or None
        The characters that divide a CSV file.
    folders : tuple of (str, str or None)
        Columns that its folders name, and their values.
    fingerprint : str
        A hash of its content, of pieces of it if it is large; set when the run is planned. Empty of an object
        that has a version.
    version : str or None
        What tells an object of a store from one that takes its place: its ETag. None of a local file.
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
    dialect: Dialect | None = None
    folders: tuple[tuple[str, str | None], ...] = ()
    fingerprint: str = ""
    version: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is an object of a store."""
        return scheme_of(self.path) is not None


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
    splits : dict of str to set of str
        The splits that are read, by source; files of none are not in it.
    """

    files: list[InputFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    splits: dict[str, set[str]] = field(default_factory=dict)

    def left_out_by_reason(self) -> dict[str, dict[str, list[str]]]:
        """Return the files left out: source, then reason, then their paths."""
        found: dict[str, dict[str, list[str]]] = {}
        for one in self.left_out:
            found.setdefault(one.source, {}).setdefault(one.reason, []).append(one.file)
        return found


def known_kind(name: str) -> bool:
    """Tell whether a file of this name is one that rows are read from."""
    return kind_of(name) is not None


def kind_of(name: str) -> tuple[Kind, Compressed | None] | None:
    """Return what a file's name says of it: the kind of its rows, and its compression."""
    stem, extension = os.path.splitext(name.lower())
    if extension == ".tgz":
        return "tar", "gzip"
    compression = COMPRESSED.get(extension)
    if compression is not None:
        extension = os.path.splitext(stem)[1]
    kind = KINDS.get(extension)
    return None if kind is None or (kind in COLUMNAR and compression) else (kind, compression)


def names_rows(name: str) -> bool:
    """Tell whether a file's name speaks of rows, although its ending is none that is read."""
    return re.search("json|csv|tsv|parquet|arrow", os.path.basename(name).lower()) is not None


def unread(name: str) -> str | None:
    """Return what a file is that may well hold rows and is not read."""
    stem, extension = os.path.splitext(name.lower())
    if extension in COMPRESSED and os.path.splitext(stem)[1] in {".parquet", ".arrow"}:
        kind = "Parquet" if os.path.splitext(stem)[1] == ".parquet" else "Arrow"
        return f"compressed as a whole: {kind} compresses inside; uncompress the file"
    return _UNREAD.get(extension)
