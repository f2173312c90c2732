"""Copies of sources in which columns are filled: what packing reads in place of these."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from octomed.annotate.answers import ask_for
from octomed.annotate.rows import files_of, is_json, rows_of
from octomed.annotate.tables import write_table
from octomed.distill.question import Question
from octomed.storage import atomic_file, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.annotate.answers import Answers
    from octomed.annotate.counts import AnnotationCounts
    from octomed.annotate.recipe import AnnotateRecipe
    from octomed.annotate.rows import Row
    from octomed.annotate.schema import Value
    from octomed.annotate.tables import Filled
    from octomed.distill.questions import Questions
    from octomed.recipe.input_file import InputFile


def write_copies(
    recipe: AnnotateRecipe, questions: Questions, answers: Answers, counts: AnnotationCounts
) -> None:
    """Write a copy of each file of each source with its columns filled: `NAME/PATH` below the output.

    Rows of JSON are lines, byte for byte as they were but for what is filled; those of tables and of CSV are
    Parquet. A column of which nothing is known is null.

    Parameters
    ----------
    recipe, questions, answers
        Of the run.
    counts
        Counted into.

    Raises
    ------
    RecipeError
        When a column of a table holds what the values are not.
    DataError, StorageError
        When a file cannot be read or written.
    """
    annotations, mode = recipe.settings.annotate, recipe.asked.output.mode
    for reader, file in files_of(questions):
        rows = _filled(recipe, rows_of(reader, file), answers, counts)
        path = recipe.output / reader.source.name / _name_of(file)
        make_folder(path.parent, mode)
        with atomic_file(path, mode=mode) as out:
            if is_json(file):
                for row, values in rows:
                    out.write(_line(row, values))
            else:
                write_table(out, rows, annotations, file)
        counts.written.append(str(path.relative_to(recipe.output)))


def _name_of(file: InputFile) -> str:
    ending = ".jsonl" if is_json(file) else ".parquet"
    return file.relative if file.relative.endswith(ending) else file.relative + ending


def _filled(
    recipe: AnnotateRecipe, rows: Iterator[Row], answers: Answers, counts: AnnotationCounts
) -> Iterator[Filled]:
    """Yield rows with the values that they get."""
    for row in rows:
        if row.raw is None:
            counts.unreadable += 1
            continue
        values: dict[str, Value | None] = {}
        for one in recipe.settings.annotate:
            if row.has(one.column):
                continue
            value = None
            if isinstance(row.found, Question):
                value = answers.values.get(ask_for(row.found, one, recipe.settings.teacher).key)
            values[one.column] = value
            if value is None:
                counts.left_null[one.column] += 1
            else:
                counts.filled[f"{one.column} {value}"] += 1
        yield row, values


def _line(row: Row, values: dict[str, Value | None]) -> bytes:
    """Return a row's line: its bytes, what is filled put before their end.

    Line ends stand between values in JSON, never in them.
    """
    assert isinstance(row.raw, bytes)
    line = row.raw.strip().replace(b"\n", b" ").replace(b"\r", b" ")
    held = row.values if values else None
    if held is None:
        return line + b"\n"
    if held.keys() & values.keys():  # a null, or an empty text, gives way
        text = json.dumps({**held, **values}, ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass") + b"\n"
    more = json.dumps(values, ensure_ascii=False)[1:].encode()
    return line[:-1].rstrip() + (b", " if held else b"") + more + b"\n"
