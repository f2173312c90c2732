"""What a file is that is not what its name says: told from its first bytes, with the way out."""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from octomed.recipe.opening import open_raw, open_stream, open_text
from octomed.recipe.wide_text import TABLES, encoding_of

if TYPE_CHECKING:
    from octomed.recipe.kinds import Compressed

_HEAD_BYTES = 4096
_MAGIC_BYTES = 16
_LONGER_HEAD_BYTES = 65536
_LAST_ASCII = 0x7F


@dataclass(frozen=True, slots=True)
class Looks:
    """What a file looks like.

    Attributes
    ----------
    what : str
        A noun phrase.
    hint : str
        What to do about it.
    """

    what: str
    hint: str


_LFS = Looks("a git-LFS pointer and not the file itself", "`git lfs pull` in its repository fetches the file")
_HTML = Looks(
    "an HTML page",
    "download the file itself: a page is what a site gives for a login, an error or a viewer",
)
_XML = Looks("an XML document", "convert it to JSON Lines, CSV or Parquet")
_UTF16 = Looks("text in UTF-16", "save it as UTF-8: `iconv -f UTF-16 -t UTF-8 IN > OUT`")
_UTF32 = Looks("text in UTF-32", "save it as UTF-8: `iconv -f UTF-32 -t UTF-8 IN > OUT`")

_COMPRESSIONS: dict[str, tuple[tuple[bytes, ...], str, str]] = {
    "gzip": ((b"\x1f\x8b",), "gzip", ".gz"),
    "zstd": (
        (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))),
        "zstd",
        ".zst",
    ),
    "xz": ((b"\xfd7zXZ\x00",), "xz", ".xz"),
    "bz2": ((b"BZh",), "bzip2", ".bz2"),
    "lz4": ((b"\x04\x22\x4d\x18",), "lz4", ".lz4"),
}
_UNPACK = "unpack it, and name the files in it"
_TAR = f"{_UNPACK}; of shards in WebDataset's form, let the names end in `.tar`"
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive (Excel, Word and NumPy files are zip archives, too)",
    b"PK\x05\x06": "an empty zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
}
_EXPORT = "export it as Parquet or JSON Lines"
_FORMATS = {
    b"SQLite format 3\x00": ("an SQLite database", _EXPORT),
    b"%PDF-": (
        "a PDF document",
        "take the text out of it first: rows are read from JSON Lines, CSV or Parquet",
    ),
    b"\x89HDF\r\n": ("an HDF5 file", _EXPORT),
    b"\x93NUMPY": ("a NumPy array", _EXPORT),
    b"Obj\x01": ("an Avro file", _EXPORT),
    b"ORC": ("an ORC file", _EXPORT),
    b"\x89PNG\r\n": ("a PNG picture", "leave it out of the source's path"),
    b"\xff\xd8\xff": ("a JPEG picture", "leave it out of the source's path"),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", "save it as CSV in UTF-8"),
    b"\x7fELF": ("a program", "leave it out of the source's path"),
}
_OURS = {
    b"PAR1": ("parquet", "a Parquet file", ".parquet"),
    b"ARROW1": ("arrow", "an Arrow file", ".arrow"),
    b"\xff\xff\xff\xff": ("arrow", "an Arrow stream", ".arrow"),
}
_BINARY_KINDS = {"parquet": (b"PAR1", b"PARE"), "arrow": (b"ARROW1", b"\xff\xff\xff\xff")}
_UNREADABLE = (OSError, EOFError, lzma.LZMAError, pa.ArrowException, MemoryError, RuntimeError, ValueError)


def foreign(path: str, kind: str, compression: Compressed | None) -> Looks | None:
    """Return what a file is, when its first bytes say for certain that it is not what its name says.

    Parameters
    ----------
    path : str
        The file.
    kind : str
        What its name says it holds.
    compression : str or None
        What its name says of its compression.

    Raises
    ------
    OSError
        If the file cannot be opened at all.
    """
    with open_raw(path) as file:
        head: bytes = file.read(_MAGIC_BYTES) if kind in _BINARY_KINDS else b""
        if head.startswith(_BINARY_KINDS.get(kind, ())):
            return None  # of an object in a store no more is fetched
        head += file.read(_HEAD_BYTES - len(head))
    if not head:
        return _empty(kind, compression)
    looks = _known(head, kind, compression)
    if looks is not None or compression is None:
        return looks
    inner = _uncompressed_head(path, compression)
    return None if inner is None else _known(inner, kind, None, inside=compression)


def suspected(path: str, kind: str, compression: Compressed | None) -> Looks | None:
    """Return what a file of which no row can be read probably is.

    Parameters
    ----------
    path, kind, compression
        As for :func:`foreign`.
    """
    try:
        certain = foreign(path, kind, compression)
        with open_text(path, kind, compression) as stream:
            head: bytes = stream.read(_LONGER_HEAD_BYTES)
    except _UNREADABLE:
        return None
    if certain is not None or kind in _BINARY_KINDS or kind == "tar":
        return certain
    looks = _other_text(head, kind)
    if (
        looks is None
        and kind not in {"csv", "tsv"}
        and head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    ):
        return _cut_off(path, compression)
    return looks


def _cut_off(path: str, compression: Compressed | None) -> Looks | None:
    from octomed.recipe.json_end import CUT_OFF, CUT_OFF_HINT, end_of  # noqa: PLC0415 one chain of imports less

    try:
        return Looks(CUT_OFF, CUT_OFF_HINT) if end_of(path, compression) == "cut off" else None
    except _UNREADABLE:
        return None


def _empty(kind: str, compression: Compressed | None) -> Looks | None:
    if kind in _BINARY_KINDS or kind == "tar" or compression is not None:
        return Looks("empty (0 bytes)", "copy or download it again")
    return None


def _uncompressed_head(path: str, compression: Compressed) -> bytes | None:
    try:
        with open_stream(path, compression) as stream:
            found: bytes = stream.read(_HEAD_BYTES)
    except _UNREADABLE:
        return None  # the reader says what is wrong with it
    return found


def _known(head: bytes, kind: str, compression: str | None, *, inside: str | None = None) -> Looks | None:
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return _LFS
    looks = _compression(head, kind, compression, inside) or _archive(head, kind)
    if looks is not None:
        return looks
    if compression is not None:
        return _not_compressed(head, compression)
    if kind in _BINARY_KINDS:
        return None if head.startswith(_BINARY_KINDS[kind]) else _no_binary(head, kind)
    # A table in UTF-16 is read; a name in an archive's first header may look like it.
    as_meant = kind == "tar" or (kind in TABLES and encoding_of(head) is not None)
    sound = kind == "tar" and _is_tar(head)
    return None if sound else _binary(head) or _markup(head) or (None if as_meant else _wide(head))


def _compression(head: bytes, kind: str, expected: str | None, inside: str | None) -> Looks | None:
    for name, (magics, called, extension) in _COMPRESSIONS.items():
        if name == expected or not head.startswith(magics):
            continue
        if name == "bz2" and not re.match(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", head):
            continue
        what = f"{called} bytes" + (
            f" inside of {inside}: compressed twice" if inside else " under another name"
        )
        if inside:
            return Looks(what, "uncompress it once")
        if kind in _BINARY_KINDS:
            return Looks(what, f"uncompress it: {kind.capitalize()} compresses inside")
        return Looks(what, f"let its name end in `{extension}`")
    return None


def _archive(head: bytes, kind: str) -> Looks | None:
    if kind == "tar" and _is_tar(head):
        return None
    for magic, what in _ARCHIVES.items():
        if head.startswith(magic):
            return Looks(what, _UNPACK)
    return Looks("a tar archive", _TAR) if _is_tar(head) else None


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _not_compressed(head: bytes, compression: str) -> Looks | None:
    """Brotli has no magic bytes: there the reader finds out."""
    if compression == "brotli":
        return None
    magics, called, extension = _COMPRESSIONS[compression]
    if head.startswith(magics):
        return None
    plain = _binary(head) or _markup(head)
    what = f"not compressed by {called}" + (f", but {plain.what}" if plain else "")
    return Looks(what, plain.hint if plain else f"without compression its name must not end in `{extension}`")


def _no_binary(head: bytes, kind: str) -> Looks:
    looks = _binary(head) or _markup(head) or _wide(head)
    if looks is not None:
        return looks
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return Looks("JSON under another name", "let its name end in `.json` or `.jsonl`")
    again = "download or copy it again; a text file must not end in that"
    called = {"parquet": "a Parquet", "arrow": "an Arrow"}[kind]
    return Looks(f"not {called} file: it does not begin like one", again)


def _binary(head: bytes) -> Looks | None:
    for magic, (what, hint) in _FORMATS.items():
        if head.startswith(magic):
            return Looks(what, hint)
    for magic, (_, what, extension) in _OURS.items():
        if head.startswith(magic):
            return Looks(f"{what} under another name", f"let its name end in `{extension}`")
    if re.match(rb"\x80[\x02-\x05](\x95|[\]}c(X])", head):
        return Looks("a Python pickle", "write its rows as JSON Lines or Parquet: pickles are never loaded")
    return None


def _markup(head: bytes) -> Looks | None:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _HTML
    if begin.startswith(b"<?xml"):
        return _HTML if b"<html" in head.lower() else _XML
    return None


def _wide(head: bytes) -> Looks | None:
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return _UTF32
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _UTF16
    even, odd = head[:64:2], head[1:64:2]
    if odd and ((all(even) and not any(odd)) or (all(odd) and not any(even))):
        return _UTF16
    return None


def _other_text(head: bytes, kind: str) -> Looks | None:
    if b"\x00" in head:
        return Looks("binary data", "name files of rows only; those are JSON, CSV, Parquet or Arrow")
    encoding = _encoding(head)
    if encoding is not None:
        what = f"text that is not UTF-8, by the look of it {encoding}"
        return Looks(what, f"save it as UTF-8: `iconv -f {encoding} -t UTF-8 IN > OUT`")
    if kind in {"csv", "tsv"}:
        return None
    return _other_json(head.removeprefix(b"\xef\xbb\xbf").lstrip())


def _other_json(head: bytes) -> Looks | None:  # noqa: PLR0911 a case for each guess
    """Name what people take for JSON Lines; where nothing fits, the first row's fault says more."""
    line = head.split(b"\n", 1)[0].rstrip()
    if re.match(rb"\{\s*'", head):
        return Looks("a Python dict literal, which is not JSON", "write it with `json.dumps`")
    if b"\r" in line and b"\n" not in head:
        return Looks("text whose lines end in CR alone", "fix it: `tr '\\r' '\\n' < IN > OUT`")
    if line.startswith(b"\x1e"):
        return Looks("a JSON text sequence (RFC 7464)", "make it JSON Lines: `tr -d '\\036' < IN > OUT`")
    if line.startswith(b"{") and line.endswith(b"},"):
        what = "objects with a comma after each, which is neither JSON Lines nor an array"
        return Looks(what, "remove the commas, or put `[` and `]` around them all and name it `.json`")
    if head[:1] in (b"{", b"["):
        return None
    if (b"," in line or b"\t" in line) and not re.search(rb"[{\[]", line):
        return Looks("text that is not JSON", "if it is a table, let its name end in `.csv` or `.tsv`")
    return Looks("text that is not JSON", "write one JSON object per line")


def _encoding(head: bytes) -> str | None:
    """Name the encoding of text that is not UTF-8; a guess, for a hint."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 3 and error.reason == "unexpected end of data":
            return None
    else:
        return None
    text = head.decode("gb18030", errors="ignore")
    wide = sum("\u4e00" <= character <= "\u9fff" for character in text)
    odd = sum(byte > _LAST_ASCII for byte in head)
    return "GBK" if wide * 2 >= odd * 0.8 else "LATIN1"
