"""How the rows are laid out in a JSON file: decided when the run is planned, by what the file begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.pipeline.inputs.column_names import names_to_show
from octomed.recipe.json_end import CUT_OFF, CUT_OFF_HINT, end_of
from octomed.recipe.opening import open_stream
from octomed.report.fit import names_in_words

if TYPE_CHECKING:
    from octomed.recipe.input_file import InputFile

_CHUNK_BYTES = 2**16
_LARGER_CHUNK_BYTES = 2**22
_FORMAT_HINT = (
    "`format` says which columns a row has; `rows: KEY` in the source says where a document holds rows"
)


def with_layout(file: InputFile, mapping: _octomed.Mapping) -> InputFile:
    """Return the file with the kind that its content has: lines, an array, objects, or an object of rows.

    Parameters
    ----------
    file
        Of kind `json` or `jsonl`; others are returned as they are.
    mapping
        Says whether an object is a row.

    Raises
    ------
    DataError
        When the rows of a document cannot be found.
    """
    if file.kind not in {"json", "jsonl"}:
        if file.rows is not None:
            raise DataError(
                "`rows` of the source is for JSON files", "leave `rows` out, or make it two sources"
            )
        return file
    shape = json_shape(file)
    layout = shape.layout
    if file.rows is not None:
        return _at_rows(file, layout)
    if layout == "array":
        return replace(file, kind="json")
    if layout == "object":
        return _document(file, shape, mapping)
    if layout == "objects":
        return replace(file, kind="json_objects")
    return replace(file, kind="jsonl")


def json_shape(file: InputFile) -> _octomed.JsonShape:
    """Read to where the first value closes, which in JSON Lines is the first line."""
    shape = _octomed.JsonShape()
    size = _CHUNK_BYTES
    with open_stream(file.path, file.compression) as stream:
        while chunk := stream.read(size):
            if shape.feed(chunk):
                break
            size = _LARGER_CHUNK_BYTES
    return shape


def _at_rows(file: InputFile, layout: str) -> InputFile:
    if layout not in {"object", "empty"}:
        found, hint = _instead(file, layout)
        raise DataError(
            f"`rows: {file.rows}` of the source needs a file that is one JSON object, and this is {found}",
            hint,
        )
    return replace(file, kind="json_rows" if layout == "object" else "jsonl")


def _instead(file: InputFile, layout: str) -> tuple[str, str]:
    """Return what a file is instead of one JSON object, and what to do about it."""
    two_sources = "leave `rows` out, or make it two sources"
    if layout != "lines":
        return {"array": "one array", "objects": "several objects"}[layout], two_sources
    return {
        "cut off": (CUT_OFF, CUT_OFF_HINT),
        "junk behind": (
            "one with text after it that belongs to no object",
            "remove what follows its last bracket, or write the file again",
        ),
        "more rows": ("JSON Lines", two_sources),
    }.get(
        end_of(file.path, file.compression), ("not a JSON object, or a malformed one", "write the file again")
    )


def _document(file: InputFile, shape: _octomed.JsonShape, mapping: _octomed.Mapping) -> InputFile:
    """Tell a row from an object of rows: a row has the columns of the mapping."""
    keys = shape.keys
    try:
        mapping.columns_to_read(list(dict.fromkeys(name for name, _ in keys)))
    except DataError as error:
        if shape.holds_only_objects:
            return replace(file, kind="json_rows")
        if end_of(file.path, file.compression) == "cut off":
            raise DataError(f"the file is {CUT_OFF}", CUT_OFF_HINT) from error
        names = list(dict.fromkeys(name for name, _ in keys))
        may_show = names_to_show(names, mapping, "json")
        lists = [name for name, held in keys if held == "objects"]
        if lists:
            named = ", ".join(f"`rows: {name if name in may_show else 'KEY'}`" for name in lists[:5])
            raise DataError(
                f"the file is one object that is not a row ({error.message}) and holds lists of objects",
                f"say in the source which list holds the rows: {named}",
            ) from error
        if shape.is_on_one_line:
            return replace(file, kind="jsonl")  # a row, which is refused
        raise DataError(
            f"the file is one object, and not a row: {error.message}",
            f"its keys are {names_in_words(may_show, len(names) - len(may_show))}" if keys else _FORMAT_HINT,
        ) from error
    return replace(file, kind="jsonl" if shape.is_on_one_line else "json_objects")
