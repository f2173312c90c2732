"""Another model's responses to the questions of a recipe: how many are right, by question."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from octomed import machine
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.found_format import with_found_formats
from octomed.pipeline.read import blocks_of
from octomed.recipe.curate import Curate
from octomed.recipe.document import Document, Keys
from octomed.recipe.inputs import find_inputs
from octomed.recipe.schema import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from octomed import _octomed
    from octomed.pipeline.tasks import Task
    from octomed.recipe.input_file import InputFile
    from octomed.recipe.problems import Place
    from octomed.recipe.schema import Recipe

    _Rates = list[tuple[int, int, int]]

_FROM: Keys = ("curate", "pass_rate", "from")
_NAME = "pass-rate"
"""What the source is called that the responses are read as."""
_AHEAD = 2
"""Blocks a core that are read ahead."""


class OneSource(Protocol):
    """A source, ready to be read."""

    @property
    def scanner(self) -> _octomed.Scanner:
        """Turns its rows into traces."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Its reads."""


class Planned(Protocol):
    """Makes a scanner and tasks of a recipe's one source."""

    def __call__(self, other: Recipe, files_of: list[InputFile]) -> OneSource:
        """Return the source, ready to be read."""


class _Places(Document):
    """A document in which the files of `from` stand where a source's paths were written."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(str(recipe.file))
        self._recipe = recipe

    def place(self, way: Keys, *, key: bool = False) -> Place:
        """Return where the value at `way` is."""
        del key  # whoever asks for files asks for values
        return self._recipe.written_at(*(_FROM if way[:1] == ("sources",) else way))


def rates_of_responses(
    recipe: Recipe, paths: Sequence[str], planned: Planned
) -> list[tuple[int, float, float]]:
    """Compare another model's responses with the right answers; return right and all by question.

    Parameters
    ----------
    recipe
        The recipe.
    paths
        Files, folders or globs of rows in any format that their columns tell.
    planned
        Makes the scanner and the tasks.

    Raises
    ------
    RecipeProblems
        When a path matches nothing, or its columns do not tell the row format.
    DataError
        When a file cannot be read, or no response could be compared.
    """
    copy = _as_source(recipe, paths)
    found, _ = with_found_formats(copy, find_inputs(copy).files)
    source = planned(found, find_inputs(copy).files)
    right: dict[int, int] = {}
    of: dict[int, int] = {}
    for rates in _rates(source):
        for question, number, every in rates:
            right[question] = right.get(question, 0) + number
            of[question] = of.get(question, 0) + every
    if not of:
        names = ", ".join(f"`{shown(path)}`" for path in paths)
        raise DataError(
            f"no response in {names} could be compared with a right answer",
            "rows have a question, its options, the right answer and `responses`; a table has `question_id` "
            "and `pass_rate`",
        )
    return sorted((question, float(right[question]), float(number)) for question, number in of.items())


def _as_source(recipe: Recipe, paths: Sequence[str]) -> Recipe:
    """Return the recipe with the files as its one source, of which nothing is asked but right answers."""
    source = Source(name=_NAME, path=tuple(paths), split=("all",))
    asked = {"sources": (source,), "curate": Curate(pass_rate=(0.0, 1.0))}
    unasked = dict.fromkeys(("mix", "validation", "target"))
    copy = recipe.model_copy(update={**asked, **unasked})
    copy.adopt(recipe.file, _Places(recipe), {}, recipe.overrides, from_values=recipe.from_values)
    return copy


def _rates(source: OneSource) -> Iterator[_Rates]:
    """Yield what the blocks of a source say, a few of them at a time."""
    with ThreadPoolExecutor(machine.cores()) as pool:
        waiting: list[Future[_Rates]] = []
        for task in source.tasks:
            for block in blocks_of(task, source.scanner.mapping):
                waiting.append(pool.submit(source.scanner.pass_rates, block))
                if len(waiting) > _AHEAD * machine.cores():
                    yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
