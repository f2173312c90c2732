"""Rows of sources with all their columns, and what each asks."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from octomed.distill.question import Question, Refused
    from octomed.distill.questions import Questions, Reader
    from octomed.recipe.input_file import InputFile

_JSON = frozenset({"jsonl", "json", "json_objects", "json_rows"})
_NONE = ("", b"")


@dataclass(frozen=True)
class Row:
    """A row.

    Attributes
    ----------
    raw
        Its JSON, or a batch of this row alone with all columns of its file, texts as bytes; None of a row
        that its reader did not keep.
    found
        What it asks, or why nothing.
    """

    raw: bytes | pa.RecordBatch | None
    found: Question | Refused

    def has(self, column: str) -> bool:
        """Tell whether a column has a value; null, an empty text and not-a-number are none."""
        value = self._value(column)
        return not (value is None or value in _NONE or (isinstance(value, float) and math.isnan(value)))

    @cached_property
    def values(self) -> dict[str, Any] | None:
        """The object that its JSON holds; None where it holds none, or is no JSON."""
        if not isinstance(self.raw, bytes):
            return None
        try:
            values = json.loads(self.raw)
        except (ValueError, RecursionError):
            return None
        return values if isinstance(values, dict) else None

    def _value(self, column: str) -> Any:  # noqa: ANN401 any value of a row
        if self.raw is None or isinstance(self.raw, bytes):
            return (self.values or {}).get(column)
        return self.raw[column][0].as_py() if column in self.raw.schema.names else None


def is_json(file: InputFile) -> bool:
    """Tell whether a file's rows are JSON: their copies are lines, and of others Parquet."""
    return file.kind in _JSON


def files_of(questions: Questions) -> Iterator[tuple[Reader, InputFile]]:
    """Yield the files of all sources.

    Raises
    ------
    RecipeError
        At an archive of rows, of which no copy is written.
    """
    for reader in questions.readers:
        for file in reader.files:
            if file.kind == "tar":
                message = f"`{shown(file.path)}` is an archive, and of archives no filled copy is written"
                raise RecipeError(message, "write its rows as JSON Lines or Parquet first")
            yield reader, file


def rows_of(reader: Reader, file: InputFile) -> Iterator[Row]:
    """Yield the rows of a file in order."""
    from octomed.distill.questions import (  # noqa: PLC0415 what reads rows is loaded with the first file
        asked_blocks,
        mapping_of_questions,
    )
    from octomed.pipeline.inputs.found_format import columns_of  # noqa: PLC0415

    mapping = reader.mapping
    if not is_json(file):
        mapping = mapping_of_questions({**reader.columns, "columns": columns_of(file)})
    for block, found in asked_blocks(reader, file, mapping):
        raws = _octomed.raw_rows(block, [ordinal for ordinal, _ in found])
        for raw, (_, one) in zip(raws, found, strict=True):
            yield Row(raw, one)
