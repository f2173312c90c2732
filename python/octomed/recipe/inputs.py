"""The files of a recipe: globs, folders and lists become files with a size, a time and a kind."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from octomed.errors import StorageError
from octomed.recipe.glob import Unreadable, expand_entry, first_of
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.schema import Csv

if TYPE_CHECKING:
    from octomed.recipe.document import Keys
    from octomed.recipe.schema import Recipe
    from octomed.recipe.values import Dialect

Kind = Literal["parquet", "jsonl", "json", "csv", "tsv"]
Compressed = Literal["gzip", "zstd"]

KINDS: dict[str, Kind] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
}
COMPRESSED: dict[str, Compressed] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}

_EXTENSIONS_HINT = "files end in `" + "`, `".join(KINDS) + "`, and may end in `.gz` or `.zst` after that"
_SNIFFED_BYTES = 4096


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
        Its path from the source's root, `/` between folders: what identifies its traces.
    size : int
        In bytes.
    mtime_ns : int
        When it was last changed, in nanoseconds since 1970.
    kind : str
        `parquet`, `jsonl`, `json` (one array), `csv` or `tsv`.
    compression : str or None
        `gzip`, `zstd`, or None.
    dialect : Dialect or None
        The characters that divide a CSV file.
    """

    source: str
    source_index: int
    path: str
    relative: str
    size: int
    mtime_ns: int
    kind: Kind
    compression: Compressed | None
    dialect: Dialect | None = None


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
    files: list[InputFile] = []
    problems: list[Problem] = []
    for index, source in enumerate(recipe.sources):
        found: dict[str, InputFile] = {}
        for entry, path in enumerate(source.path):
            place = recipe.written_at("sources", index, "path", entry)
            entry_files = _entry_files(source.name, index, path, place, problems)
            problems += [
                _twice(place, file, found[file.relative]) for file in entry_files if file.relative in found
            ]
            found.update({file.relative: file for file in entry_files})
        files += sorted(_divided(recipe, index, found, problems), key=lambda file: os.fsencode(file.relative))
    if problems:
        raise RecipeProblems(problems)
    return files


def _divided(
    recipe: Recipe, index: int, found: dict[str, InputFile], problems: list[Problem]
) -> list[InputFile]:
    """Return the files of a source, with the dialect of those that are CSV."""
    source = recipe.sources[index]
    dialects = source.csv or Csv()
    files = [
        replace(file, dialect=dialects.dialect(file.kind)) if file.kind in {"csv", "tsv"} else file
        for file in found.values()
    ]
    if source.csv is not None and files and not any(file.dialect for file in files):
        place = recipe.written_at("sources", index, "csv")
        problems.append(
            Problem(
                place,
                f"source `{source.name}` says how its CSV files are written, and has none",
                "leave `csv` out; it is for files that end in `.csv` or `.tsv`",
            )
        )
    return files


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
            problems.append(Problem(places[way], str(error), "give yourself the right to read it"))
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
    return None if kind is None or (kind == "parquet" and compression) else (kind, compression)


def _entry_files(
    source: str, index: int, path: str, place: Place, problems: list[Problem]
) -> list[InputFile]:
    try:
        matches = expand_entry(path, known_kind)
    except Unreadable as error:
        problems.append(Problem(place, str(error), "give yourself the right to read it"))
        return []
    if not matches:
        problems.append(_matches_nothing(path, place))
    files = []
    for match in matches:
        known = _kind_of(match.path)
        if known is None:
            problems.append(Problem(place, f"`{match.path}` is of no known kind", _EXTENSIONS_HINT))
        elif not stat.S_ISREG(match.status.st_mode):
            problems.append(Problem(place, f"`{match.path}` is no regular file", None))
        else:
            kind = _sniffed(match.path, *known) if match.status.st_size else known[0]
            status = match.status
            files.append(
                InputFile(
                    source,
                    index,
                    match.path,
                    match.relative,
                    status.st_size,
                    status.st_mtime_ns,
                    kind,
                    known[1],
                )
            )
    return files


def _sniffed(path: str, kind: Kind, compression: Compressed | None) -> Kind:
    """Return `jsonl` for a `.json` file that begins with an object, which is a row and no array of them."""
    if kind != "json":
        return kind
    try:
        with pa.input_stream(path, compression=compression) if compression else open(path, "rb") as stream:
            head: bytes = stream.read(_SNIFFED_BYTES)
    except (OSError, pa.ArrowInvalid) as error:
        raise StorageError(f"`{path}` cannot be read: {error}", "is it whole, and may you read it?") from None
    return "jsonl" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "json"


def _matches_nothing(path: str, place: Place) -> Problem:
    if os.path.isdir(path):
        return Problem(place, f"no file in `{path}` is of a known kind", _EXTENSIONS_HINT)
    if any(character in path for character in "*?["):
        return Problem(
            place, f"`{path}` matches no file", "see which part exists: `ls " + _existing(path) + "`"
        )
    return Problem(
        place, f"`{path}` does not exist", "the nearest folder that exists is `" + _existing(path) + "`"
    )


def _existing(path: str) -> str:
    while path not in ("", "/") and not os.path.exists(path):
        path = os.path.dirname(path.rstrip("/"))
    return path or "."


def _twice(place: Place, file: InputFile, other: InputFile) -> Problem:
    source = file.source
    if file.path == other.path:
        return Problem(place, f"source `{source}` reads `{file.path}` twice", "name each file once")
    message = f"source `{source}` has two files `{file.relative}`: `{other.path}` and `{file.path}`"
    return Problem(place, message, "make them two sources, or one path from a folder above both")
