"""A row of a source: what became of it, its text read again, and what the recipe makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed import vision
from octomed.errors import OctomedError, RecipeError
from octomed.report.views import Reject
from octomed.view.cursor import Cursor
from octomed.view.wanted import Wanted

if TYPE_CHECKING:
    from octomed.report.views import ImageView, TraceView
    from octomed.view.run import OpenRun

_SECONDS = 0.1
_MOST_SECONDS = 10.0
"""That the provenance is looked through for a row: by its page, and by what is fetched after it."""
_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
}
"""Formats that browsers show as they are stored."""


@dataclass(frozen=True)
class SourceRow:
    """A row and what became of it.

    Attributes
    ----------
    source, file, row
        Where it is.
    left_out
        Lines of rejects.
    packed
        Lines of provenance.
    looked_everywhere
        Whether all of the provenance was looked at.
    hidden
        Whether its text is only shown when that is asked for.
    fields
        Names and values of its columns; one without a name where it is none of JSON.
    fault
        Why its text is not shown, with what to do.
    """

    source: str
    file: str
    row: int
    left_out: list[dict[str, Any]]
    packed: list[dict[str, Any]]
    looked_everywhere: bool
    hidden: bool
    fields: tuple[tuple[str, str], ...] = ()
    fault: tuple[str, str] | None = None

    @property
    def images(self) -> int:
        """How many images it shows, as far as its tables say."""
        return max((len(one.get("images") or ()) for one in (*self.packed, *self.left_out)), default=0)


def source_row(
    run: OpenRun, place: tuple[str, str, int], *, revealed: bool, patient: bool = False
) -> SourceRow:
    """Look a row up in a run's tables, and read it again.

    Parameters
    ----------
    run
        The run.
    place
        Source, file and row.
    revealed
        Whether a text is shown that is hidden otherwise.
    patient
        Whether all of the provenance is looked through, however long that takes; its text is not read then.

    Raises
    ------
    RecipeError
        When the run has no such source.
    DataError
        When a table is damaged.
    """
    source, file, row = place
    if source not in run.file.sources:
        raise RecipeError("the run has no such source", f"it has {', '.join(run.file.sources)}")
    wanted = Wanted({"source": source, "file": file}, {"row": (row, row)})
    table = f"rejects/{source}.parquet"
    names = [table] if table in run.tables.names("rejects/") else []
    left_out = run.tables.find(names, wanted, Cursor(), most=1000, seconds=None).rows
    provenance = run.tables.names("provenance/")
    seconds = _MOST_SECONDS if patient else _SECONDS
    packed = run.tables.find(provenance, wanted, Cursor(), most=1000, seconds=seconds)
    lines = ({"source": source, "file": file, "row": row}, *left_out)
    hidden = any(map(run.hides, lines)) and not revealed
    fields, fault = ((), None) if hidden or patient else _read(run, source, file, row)
    return SourceRow(source, file, row, left_out, packed.rows, packed.after is None, hidden, fields, fault)


def _read(
    run: OpenRun, source: str, file: str, row: int
) -> tuple[tuple[tuple[str, str], ...], tuple[str, str] | None]:
    try:
        return tuple(fields_of(text_of(run, source, file, row))), None
    except OctomedError as error:
        return (), (error.message, error.hint or "")


def text_of(run: OpenRun, source: str, file: str, row: int) -> str:
    """Read a row again: as JSON where its format has columns.

    Raises
    ------
    RecipeError
        When the recipe's paths are gone.
    DataError
        When the file is gone, or changed since the run.
    """
    asked = [Reject(source, file, row, None, "", "")]
    return next(text for _, text in run.source_rows().texts(asked))


def fields_of(text: str) -> list[tuple[str, str]]:
    r"""Return the names and values of a row's columns; a list of texts, or of turns, has a line for each.

    Examples
    --------
    >>> fields_of('{"question": "Fever?", "responses": ["Rest.", "Water."]}')
    [('question', 'Fever?'), ('responses 0', 'Rest.'), ('responses 1', 'Water.')]
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return [("", text)]
    if not isinstance(values, dict):
        return [("", text)]
    return [field for name, value in values.items() for field in _fields(str(name), value)]


def _fields(name: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, value)]
    if isinstance(value, list) and value:
        parts = [_part(one) for one in value]
        if None not in parts:
            numbered = enumerate(part for part in parts if part is not None)
            return [(f"{name} {number} {role}".rstrip(), words) for number, (role, words) in numbered]
    return [(name, json.dumps(value, ensure_ascii=False, indent=2))]


def _part(value: object) -> tuple[str, str] | None:
    """Return whose turn an entry of a list is, if it is one, and its text; None where it is no text."""
    if isinstance(value, str):
        return "", value
    if isinstance(value, dict):
        role = next((str(value[name]) for name in ("role", "from") if name in value), "")
        texts = [value[name] for name in ("content", "value") if isinstance(value.get(name), str)]
        return (role, texts[0]) if role and texts else None
    return None


def traces_of_row(run: OpenRun, source: str, file: str, row: int) -> list[TraceView]:
    """Return what the recipe makes of a row, its images included.

    Raises
    ------
    RecipeError, DataError
        When the recipe, its model or the row's file are not there any more.
    """
    from octomed.pipeline.planning.inspect import inspect_row, recipe_of  # noqa: PLC0415 few pages plan

    key = ("row", source, file, row)
    return run.kept(key, lambda: inspect_row(recipe_of(run.folder), source, row, file=file))


def image_of_row(run: OpenRun, source: str, file: str, row: int, number: int) -> tuple[bytes, str]:
    """Return an image of a row and its media type.

    Raises
    ------
    RecipeError
        When the row has none of this number.
    DataError
        When it cannot be read.
    """
    images = [image for view in traces_of_row(run, source, file, row)[:1] for image in view.images]
    if number >= len(images):
        raise RecipeError(f"the row has no image {number}", f"it has {len(images)}")
    return shown_in_browsers(images[number])


def shown_in_browsers(image: ImageView) -> tuple[bytes, str]:
    """Return an image as a file that browsers show, and its media type.

    Raises
    ------
    DataError
        When it does not decode.
    """
    if image.format in _TYPES:
        return image.data, _TYPES[image.format]
    return vision.encode(vision.decode(image.data), "png"), "image/png"
