"""Another model's responses to the questions of a recipe: how many are right, by question."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from octomed import machine
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.inputs.pass_rates import names_rates
from octomed.pipeline.threads.in_order import in_order
from octomed.recipe.document import Document, Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from octomed import _octomed
    from octomed.recipe.input_file import InputFile
    from octomed.recipe.problems import Place
    from octomed.recipe.schema import Recipe

    _Rates = list[tuple[int, int, int]]

_FROM: Keys = ("curate", "pass_rate", "from")
_NAME = "pass-rate"
"""What the source is called that the responses are read as."""
_AHEAD = 2
"""Blocks a core that are read ahead."""


class _Places(Document):
    """A document in which the files of `from` stand where a source's paths were written."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(str(recipe.file))
        self._recipe = recipe

    def place(self, way: Keys, *, key: bool = False) -> Place:
        """Return where the value at `way` is."""
        del key  # whoever asks for files asks for values
        return self._recipe.written_at(*(_FROM if way[:1] == ("sources",) else way))


def rates_of(
    blocks: Iterable[_octomed.Block], scanner: _octomed.Scanner, paths: Sequence[str]
) -> list[tuple[int, float, float]]:
    """Compare another model's responses with the right answers; return right and all by question.

    Parameters
    ----------
    blocks
        Their rows.
    scanner
        Of the source that they are read as.
    paths
        Where they are, for messages.

    Raises
    ------
    DataError
        When a file cannot be read, or no response could be compared.
    """
    right: dict[int, int] = {}
    of: dict[int, int] = {}
    for rates in _rates(blocks, scanner):
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


def as_source(recipe: Recipe, paths: Sequence[str]) -> Recipe:
    """Return the recipe with the files as its one source, of which nothing is asked but right answers.

    Parameters
    ----------
    recipe
        The recipe.
    paths
        Files, folders or globs of rows in any format that their columns tell.
    """
    # By their classes, which to import would make the longest chain of imports longer.
    source = type(recipe.sources[0])(name=_NAME, path=tuple(paths), split=("all",))
    rules: dict[str, Any] = {} if recipe.curate.accept is None else {"accept": recipe.curate.accept}
    asked = {"sources": (source,), "curate": type(recipe.curate)(pass_rate=(0.0, 1.0), **rules)}
    unasked = dict.fromkeys(("mix", "validation", "target"))
    copy = recipe.model_copy(update={**asked, **unasked})
    copy.adopt(recipe.file, _Places(recipe), {}, recipe.overrides, from_values=recipe.from_values)
    return copy


def tables_among(
    path: str, files: Sequence[InputFile], columns_of: Callable[[InputFile], list[str]]
) -> tuple[list[InputFile], list[str]]:
    """Return those of an entry's files that are tables of pass rates, and what to read for its others.

    Parameters
    ----------
    path
        A file, a folder or a glob.
    files
        What it names.
    columns_of
        Returns the columns of a file.
    """

    def is_table(file: InputFile) -> bool:
        try:
            return names_rates(columns_of(file))
        except DataError:
            return False  # what does not read is a fault that the reader of rows names

    tables = [file for file in files if is_table(file)]
    if not tables:
        return [], [path]
    return tables, [file.path for file in files if file not in tables]


def _rates(blocks: Iterable[_octomed.Block], scanner: _octomed.Scanner) -> Iterator[_Rates]:
    """Yield what each block says, a few of them at a time."""
    with ThreadPoolExecutor(machine.cores()) as pool:
        calls = (partial(scanner.pass_rates, block) for block in blocks)
        yield from in_order(pool, calls, _AHEAD * machine.cores())
