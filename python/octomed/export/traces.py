"""Packed traces of a finished run as turns of a conversation, read again from their sources."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from octomed import _octomed
from octomed.errors import DataError, OctomedError, RecipeError
from octomed.export.packs import traces_in_packs
from octomed.export.places import FileTraces, packed_places
from octomed.export.trace import ExportedImage, ExportedTrace, Turn
from octomed.names import shown
from octomed.pipeline.calls.prefetch import without_leftovers
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.hidden_places import hidden_places
from octomed.pipeline.inputs.files import file_errors, fingerprint_of
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.scanned import Ahead
from octomed.pipeline.output.difference import input_state, is_same_input, recorded_name
from octomed.pipeline.planning.plan import SourcePlan, plan
from octomed.pipeline.repair.recorded import RecordedInputs
from octomed.recipe.inputs import find_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from octomed.pipeline.inputs.tasks import Task
    from octomed.recipe.schema import Recipe
    from octomed.run_file import RunFile

_BLOCK_BYTES = 4 * 2**20
_IN_PACKS = "`--from packs` takes the text that the tokenizer makes of the packed tokens instead"


@dataclass
class Said:
    """What is worth saying of an export.

    Attributes
    ----------
    hidden
        Traces of rows that were flagged for identifying data, and are left out.
    from_packs
        Traces whose text is what the tokenizer makes of their tokens, by source and file.
    """

    hidden: int = 0
    from_packs: dict[tuple[str, str], int] = field(default_factory=dict)


def traces_of(
    folder: Path, *, from_packs: bool = False, identifying: bool = False, said: Said | None = None
) -> Iterator[ExportedTrace]:
    """Yield the packed traces of a finished run, each once, in source order.

    The text is the row's own, as curation kept and masked it. Traces of files that are gone or changed since
    come last, in the order of their packs, as the tokenizer decodes them.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    from_packs
        Decode all traces from the packs, and read no source.
    identifying
        Whether rows that were flagged for identifying data are there, too.
    said
        Told what was left out, and what was decoded.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or its recipe or model cannot be used any more.
    DataError
        When a row or a pack is not what was packed.

    Examples
    --------
    >>> import octomed
    >>> from pathlib import Path
    >>> _ = Path("rows.jsonl").write_text('{"prompt": "2 + 2?", "completion": "4"}')
    >>> source = {"name": "sums", "path": "rows.jsonl", "format": "prompt-completion"}
    >>> recipe = {"name": "sums", "model": "qwen2.5", "sources": [source], "output": {"path": "run"}}
    >>> _ = octomed.pack(recipe)
    >>> [turn.text for trace in traces_of(Path("run")) for turn in trace.turns]
    ['2 + 2?', '4']
    """
    said = said if said is not None else Said()
    run = read_run(folder)
    hidden = frozenset() if identifying else hidden_places(folder, run)
    wanted = [_without(found, hidden, said) for found in packed_places(folder)]
    wanted = [found for found in wanted if len(found.entries)]
    late: list[FileTraces] = []
    with without_leftovers():
        readers = {} if from_packs else _readers(run)
        for found in wanted:
            reader = readers.get((found.source, found.file))
            if reader is None:
                late.append(found)
                continue
            yield from reader.traces(found)
    for found in late:
        said.from_packs[found.source, found.file] = len(found.entries)
    if late:
        yield from traces_in_packs(folder, late)


def _without(found: FileTraces, hidden: frozenset[tuple[str, str, int]], said: Said) -> FileTraces:
    """Return the traces of a file but for those of hidden rows."""
    rows = [row for source, file, row in hidden if (source, file) == (found.source, found.file)]
    if not rows:
        return found
    stays = ~np.isin(found.entries["row"], np.asarray(rows, np.uint64))
    said.hidden += int(np.count_nonzero(~stays))
    return FileTraces(found.source, found.file, found.entries[stays], found.streams)


def _readers(run: RunFile) -> dict[tuple[str, str], _Reader]:
    """Return what reads each file that is what it was when the run was packed."""
    from octomed.pipeline.repair.plan import recipe_of_run  # noqa: PLC0415 a chain of imports is short

    recipe = recipe_of_run(run)
    standing = _standing(recipe, run)
    if not standing or run.run.planned is None:
        return {}
    try:
        planned = plan(recipe, RecordedInputs(run, run.run.planned, frozenset(standing)))
    except (RecipeError, DataError) as error:
        raise DataError(f"the sources cannot be read as they were: {error.message}", _IN_PACKS) from error
    if run.tokenizer.content_hash != planned.tokenizer.content_hash:
        raise RecipeError(f"the tokenizer of `{recipe.model}` is not the one that packed this run", _IN_PACKS)
    readers: dict[tuple[str, str], _Reader] = {}
    for source in planned.sources:
        for task in source.tasks:
            place = (source.source.name, recorded_name(task.file))
            if place in standing:
                readers.setdefault(place, _Reader(source, [])).tasks.append(task)
    return readers


def _standing(recipe: Recipe, run: RunFile) -> set[tuple[str, str]]:
    """Return the files that are there and what they were."""
    found: set[tuple[str, str]] = set()
    for source in recipe.sources:
        states = (run.run.inputs or {}).get(source.name, {})
        try:
            files = find_inputs(recipe.model_copy(update={"sources": (source,)})).files
        except OctomedError:
            continue  # none of its files can be found: they are decoded
        for file in files:
            name = recorded_name(file)
            with file_errors(file):
                now = input_state(replace(file, fingerprint=fingerprint_of(file)))
            if name in states and is_same_input(states[name], now):
                found.add((source.name, name))
    return found


@dataclass
class _Reader:
    """Reads the traces of a file."""

    source: SourcePlan
    tasks: list[Task]

    def traces(self, found: FileTraces) -> Iterator[ExportedTrace]:
        """Yield the traces of a file, by row and response."""
        rows: NDArray[np.uint64] = found.entries["row"]
        first_row = 0
        given = 0
        for task in self.tasks:
            first_row = first_row if task.first_row is None else task.first_row
            ahead = Ahead()
            for block in blocks_of(task, self.source.scanner.mapping, target=_BLOCK_BYTES, ahead=ahead):
                begin = first_row + block.first_ordinal
                low, high = np.searchsorted(rows, np.asarray([begin, begin + block.rows], np.uint64))
                if low == high:
                    continue
                for trace in self._of_block(found, block, first_row, slice(int(low), int(high))):
                    given += 1
                    yield trace
            first_row += ahead.rows_read
        if given != len(rows):
            raise _not_as_packed(found, None)

    def _of_block(
        self, found: FileTraces, block: _octomed.Block, first_row: int, part: slice
    ) -> Iterator[ExportedTrace]:
        entries, validation = found.entries[part], found.validation[part]
        ordinals = sorted({int(row) - first_row for row in entries["row"]})
        rows = {}
        for ordinal, of_row, images, answer in _octomed.conversations(self.source.scanner, block, ordinals):
            rows[ordinal + first_row] = (dict(of_row), images, answer)
        for entry, is_validation in zip(entries, validation, strict=True):
            traces, images, answer = rows.get(int(entry["row"]), ({}, [], None))
            turns = traces.get(int(entry["sample"]))
            if turns is None:
                raise _not_as_packed(found, int(entry["row"]))
            yield _exported(found, entry, turns, images, answer, is_validation=bool(is_validation))


def _exported(  # noqa: PLR0913 what a trace is made of
    found: FileTraces,
    entry: np.void,
    turns: Sequence[tuple[str, Sequence[str | int], bool]],
    images: Sequence[tuple[str, int, bytes]],
    answer: str | None,
    *,
    is_validation: bool,
) -> ExportedTrace:
    return ExportedTrace(
        trace_id=int(entry["trace_id"]),
        source=found.source,
        file=found.file,
        row=int(entry["row"]),
        sample=int(entry["sample"]),
        copies=int(entry["copies"]),
        is_validation=is_validation,
        turns=tuple(Turn(role, tuple(pieces), learned) for role, pieces, learned in turns),
        images=tuple(ExportedImage(f"{key:016x}", place, data) for place, key, data in images),
        answer=answer,
    )


def _not_as_packed(found: FileTraces, row: int | None) -> DataError:
    where = f"`{shown(found.file)}` (source `{found.source}`)" + ("" if row is None else f" row {row}")
    message = f"{where} does not give the trace that was packed: its images, or what was fetched, changed"
    return DataError(message, _IN_PACKS)
