"""The questions of a distillation: read out of rows of any format, as the teacher is asked them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.inputs.found_format import columns_of, refuse_held_out
from octomed.pipeline.inputs.nearest_format import suiting_formats
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.scanned import Ahead
from octomed.pipeline.inputs.tasks import tasks_of
from octomed.pipeline.planning.image_settings import image_settings
from octomed.pipeline.planning.resolving import resolved
from octomed.recipe.formats import curated_mapping_of, is_left_out
from octomed.recipe.inputs import find_inputs
from octomed.recipe.presets import load_preset
from octomed.recipe.problems import Problem, RecipeProblems, located
from octomed.recipe.scan_curation import scan_curation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.pipeline.calls.scanners import Text
    from octomed.pipeline.models.model import VisionOf
    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe, Source

_BLOCK_BYTES = 2 * 2**20
_OF_SAMPLES = ("accept", "limits")
"""What of a source's curation is decided of single samples: the rest is decided when they are packed."""

_SAMPLE = "distilled"
"""The row format in which samples are judged: that in which they are packed."""


@dataclass(frozen=True)
class Refused:
    """A row that is not asked.

    Attributes
    ----------
    place
        Source, file and row, in words.
    reason, detail
        Why, by the names that rejects have.
    """

    place: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Question:
    """A row that is asked.

    Attributes
    ----------
    source, file, row
        Where it is: the source's name, the path below its root, and the row's number in it, from 0.
    row_values
        The question as `_octomed.question_rows` gives it: turns, images, options and the right answer.
    """

    source: str
    file: str
    row: int
    row_values: _octomed.QuestionRow

    @property
    def place(self) -> str:
        """Source, file and row, in words."""
        return f"{self.source}/{shown(self.file)} row {self.row}"


@dataclass(frozen=True)
class _Reader:
    """A source, ready to be read."""

    source: Source
    mapping: _octomed.Mapping
    scanner: _octomed.Scanner
    judge: _octomed.Scanner
    files: tuple[InputFile, ...]


class Questions:
    """All questions of a recipe.

    Parameters
    ----------
    recipe
        The keys that a distillation shares with a packing recipe.
    held_out
        Whether splits that are held out may be asked: an evaluation learns nothing of them.

    Attributes
    ----------
    text
        Tokenizer and chat template of the recipe's model.

    Raises
    ------
    RecipeError
        When the model, a path or a row format cannot be used.
    DataError
        When a file cannot be read.
    """

    def __init__(self, recipe: Recipe, *, held_out: bool = False) -> None:
        self._recipe = recipe
        inputs = find_inputs(recipe)
        if not held_out:
            refuse_held_out(recipe, inputs.splits, even_if_mapped=True)
        _, self.text, vision = resolved(recipe)
        self._readers = _readers(recipe, inputs.files, self.text, vision)

    def __iter__(self) -> Iterator[Question | Refused]:
        """Yield the questions in the order of sources, files and rows, and why others are not asked."""
        for reader in self._readers:
            for file in reader.files:
                yield from _of_file(reader, file)

    @property
    def files(self) -> Iterator[InputFile]:
        """The files that are read, in their order."""
        return (file for reader in self._readers for file in reader.files)

    def judge_of(self, source: str) -> _octomed.Scanner:
        """Return what tells which samples of a source's questions are accepted."""
        named = (one.judge for one in self._readers if one.source.name == source)
        return next(named, self._readers[0].judge)  # a source of an earlier recipe, say


def _of_file(reader: _Reader, file: InputFile) -> Iterator[Question | Refused]:
    first_row = 0
    for task in tasks_of(file, reader.mapping, ""):
        first_row = first_row if task.first_row is None else task.first_row
        ahead = Ahead()
        for block in blocks_of(task, reader.mapping, target=_BLOCK_BYTES, ahead=ahead):
            for found in _octomed.question_rows(reader.scanner, block):
                if isinstance(found, tuple):
                    ordinal, reason, detail = found
                    place = f"{reader.source.name}/{shown(file.relative)} row {first_row + ordinal}"
                    yield Refused(place, reason, detail)
                else:
                    yield Question(reader.source.name, file.relative, first_row + found.ordinal, found)
        first_row += ahead.rows_read


def _readers(recipe: Recipe, files: list[InputFile], text: Text, vision: VisionOf) -> tuple[_Reader, ...]:
    readers: list[_Reader] = []
    judged = {**curated_mapping_of(_SAMPLE), "id": None, "images": None, "image_columns": []}
    judged = {key: value for key, value in judged.items() if value is not None}
    beside: _octomed.Scanner | None = None
    for index, source in enumerate(recipe.sources):
        mine = tuple(file for file in files if file.source_index == index)
        values, layout = _mapping_of(recipe, index, mine)
        curation = _curation(recipe, source)
        with located(recipe.written_at("sources", index, "format"), key=f"sources.{source.name}.format"):
            mapping = _mapping(values)
        prompt = _octomed.Prompt(recipe.prompt or layout)
        scanner = _octomed.Scanner(
            mapping,
            text.template,
            prompt,
            text.tokenizer,
            system=recipe.system,
            images=image_settings(recipe, source, vision.family),
            curation=curation or None,
            beside=beside,
        )
        beside = beside or scanner
        judge = _octomed.Scanner(
            _octomed.Mapping(judged),
            text.template,
            _octomed.Prompt(),
            text.tokenizer,
            system=recipe.system,
            curation=curation or None,
            beside=beside,
        )
        readers.append(_Reader(source, mapping, scanner, judge, mine))
    return tuple(readers)


def _mapping(values: dict[str, Any]) -> _octomed.Mapping:
    """Return the row format as one of questions; a conversation is asked up to its last response."""
    if values.get("messages") is not None:
        return _octomed.Mapping(values)
    return _octomed.Mapping.questions_only(values)


def _curation(recipe: Recipe, source: Source) -> dict[str, Any]:
    """Return what is decided of single samples: acceptance and filters, and what is masked."""
    found = scan_curation(recipe, source)
    return {key: found[key] for key in _OF_SAMPLES if key in found}


def _mapping_of(
    recipe: Recipe, index: int, files: tuple[InputFile, ...]
) -> tuple[dict[str, Any], str | None]:
    """Return a source's row format, by the columns of its first file where none is named, and prompt."""
    source = recipe.sources[index]
    own: dict[str, Any] = {} if source.format is None else curated_mapping_of(source.format, ())
    if is_left_out(source.format):
        own = {**_found(recipe, index, files), **own}
    layout = own.pop("prompt", None)
    return own, layout


def _found(recipe: Recipe, index: int, files: tuple[InputFile, ...]) -> dict[str, Any]:
    source = recipe.sources[index]
    if not files:
        raise DataError(f"source `{source.name}` has no file", "see what its path matches")
    columns = columns_of(files[0])
    names = suiting_formats(columns)
    if len(names) == 1:
        return load_preset(names[0])
    place = recipe.written_at("sources", index)
    suits = f"several formats: {', '.join(names)}" if names else "no built-in format"
    message = f"source `{source.name}` names no `format`, and its columns suit {suits}"
    hint = "name one, or the columns: `format: {question: …, options: …, answer: …}`"
    raise RecipeProblems([Problem(place, message, hint)])
