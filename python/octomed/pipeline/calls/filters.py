"""Filters of the user's own: a function over Arrow batches that says which traces stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.filter_record import FilterRecord
from octomed.pipeline.calls.filter_source import refuse_unimportable, source_digest
from octomed.recipe.problems import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from octomed.recipe.schema import Recipe

DEFAULT_COLUMNS = tuple(name for name in _octomed.FILTER_COLUMNS if name != "messages")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_VERSION = 100


class Filter:
    """A rule of your own, for `octomed.pack(recipe, filters=[Filter(function, version="1")])`.

    The function gets a :class:`pyarrow.RecordBatch`, a row a trace, and says of each whether it stays: as an
    array or list of booleans, or as a list of `(keep, detail)`. It decides each trace by itself, for batches
    are cut anywhere, and always alike; both are tried on the first rows. Filters come after the recipe's own
    in the scan, and each sees only what those before it let pass. What one leaves out is a reject whose
    reason is the filter's name; the detail is in the tables, so it must not quote the row.

    Its module's source and `version` are in the key of what is scanned: a change of either scans again. What
    the module imports is not, so count `version` up when that changes. The function must be importable
    wherever the run works.

    Parameters
    ----------
    function
        A function at the top level of a module.
    version
        Of what it does; count it up when something changes that is not in its module.
    name
        The reason of what is left out; the function's name by default.
    columns
        What the function gets of each trace, all but `messages` by default. `source` and `file`; `position`
        (byte offset of the row in plain JSON Lines, else its number) and `sample` (which of its responses);
        `question`, `options`, `gold` (the right answer as the row has it); `response`, and `reasoning` and
        `answer`, its two parts; `images`, how many the row shows; `messages`, all turns, as role and content.
    sources
        Names of the sources whose traces it sees; all by default. Others are not scanned again for it.

    Raises
    ------
    RecipeError
        When the function cannot be imported elsewhere, or a name or column is none.

    Examples
    --------
    >>> from octomed.pipeline.calls import filters
    >>> Filter(filters.keeps_all, version="1", columns=["response"])
    Filter(octomed.pipeline.calls.filters.keeps_all, name='keeps_all', version='1')
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        version: str | int,
        name: str | None = None,
        columns: Sequence[str] | None = None,
        sources: Sequence[str] = (),
    ) -> None:
        refuse_unimportable(function)
        self.function = function
        self.record = FilterRecord(
            name=_checked_name(function.__name__ if name is None else name),
            module=function.__module__,
            function=function.__qualname__,
            version=_checked_version(version),
            source=source_digest(function),
            columns=_checked_columns(DEFAULT_COLUMNS if columns is None else columns),
            sources=tuple(_several(sources, "sources")),
        )

    @property
    def name(self) -> str:
        """The reason of what it leaves out."""
        return self.record.name

    def __repr__(self) -> str:
        """Return its function, name and version."""
        record = self.record
        return f"Filter({record.place}, name={record.name!r}, version={record.version!r})"


def keeps_all(batch: Any) -> list[bool]:  # noqa: ANN401 a record batch
    """Return that every trace stays: the smallest filter.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        A row a trace.

    Examples
    --------
    >>> import pyarrow as pa
    >>> keeps_all(pa.record_batch({"response": ["Rest.", "Water."]}))
    [True, True]
    """
    return [True] * int(batch.num_rows)


def records_of(filters: Iterable[Filter], recipe: Recipe) -> tuple[FilterRecord, ...]:
    """Return what filters are as plain values.

    Raises
    ------
    RecipeError
        When one is none, two have one name, or a source of one is not in the recipe.
    """
    records: list[FilterRecord] = []
    names = [source.name for source in recipe.sources]
    for one in filters:
        if not isinstance(one, Filter):
            raise RecipeError(
                f"a filter is an `octomed.Filter`, not a {type(one).__name__}",
                'write `filters=[octomed.Filter(function, version="1")]`',
            )
        if any(one.name == other.name for other in records):
            raise RecipeError(f"two filters are named `{one.name}`", "give one of them another `name=`")
        for source in one.record.sources:
            if source not in names:
                hint = suggest(source, names, kind="sources")
                raise RecipeError(f"filter `{one.name}`: the recipe has no source `{source}`", hint)
        records.append(one.record)
    return tuple(records)


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        hint = "give `name=` small letters, digits and `_`, a letter first: it is the reason in the tables"
        raise RecipeError(f"a filter cannot be named `{name}`", hint)
    if name in _octomed.REASONS or name in _octomed.VERDICTS:
        raise RecipeError(f"`{name}` is a reason already", "give the filter another `name=`")
    return name


def _checked_version(version: str | int) -> str:
    text = str(version)
    if isinstance(version, bool) or not isinstance(version, str | int) or not text.strip():
        raise RecipeError(f"`version` of a filter is {version!r}", 'give a text or a number: `version="1"`')
    if len(text) > _LONGEST_VERSION or not text.isprintable():
        raise RecipeError(
            "`version` of a filter is too long, or has what cannot be printed", "give a short one"
        )
    return text


def _checked_columns(columns: Sequence[str]) -> tuple[str, ...]:
    known = list(_octomed.FILTER_COLUMNS)
    found = _several(columns, "columns")
    for column in found:
        if column not in known:
            raise RecipeError(
                f"filters see no column `{column}`", suggest(str(column), known, kind="columns")
            )
    if not found:
        raise RecipeError("a filter without columns sees nothing", f"name some: {', '.join(known)}")
    return tuple(dict.fromkeys(found))


def _several(values: Sequence[str], key: str) -> list[str]:
    if isinstance(values, str):
        raise RecipeError(f"`{key}` of a filter is a single text", f"give a list: `{key}=[{values!r}]`")
    return list(values)
