"""A finished run, wherever it lies: its packs, traces, rejects and tables, and what it says of itself."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from octomed.commands import speaking_python
from octomed.errors import RecipeError
from octomed.library.packs import Document, Pack, Words
from octomed.library.rows import Rows
from octomed.library.shown import facts_html, table_html
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.hidden_places import hidden_places
from octomed.pipeline.finished.inspect_packs import tokenizer_of
from octomed.pipeline.finished.inspect_run import inspect_run
from octomed.pipeline.finished.reconcile import table_names
from octomed.pipeline.finished.rejects import reject_tables
from octomed.pipeline.finished.run_places import close_run, place_of, run_folder, store_of
from octomed.pipeline.finished.run_tables import batches_of, schema_of
from octomed.recipe.problems import suggest
from octomed.report import units

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from octomed import _octomed
    from octomed.library.reading import PackReader
    from octomed.report.views import RunView, Verified
    from octomed.run_file import RunFile

_NO_REJECTS = pa.schema(
    [
        ("source", pa.string()),
        ("file", pa.string()),
        ("row", pa.uint64()),
        ("sample", pa.uint32()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""Of a run that left nothing out, and so has no table of rejects."""


class Run:
    """A finished run: the folder that `octomed pack` wrote, or its address in a store.

    Nothing but `octomed.json` is read before it is asked for, and no table as a whole: rows come batch by
    batch, packs one by one, so that a run of millions of traces takes no more memory than a small one. Of a
    run at an address what is read is fetched, and removed when the process ends, or the block of `with
    octomed.Run(…)`.

    Parameters
    ----------
    place : path-like or str
        Folder or address.

    Raises
    ------
    RecipeError
        When no finished run is there, or one of a newer format.
    StorageError
        When its `octomed.json` is damaged, or the store cannot be reached.

    Examples
    --------
    >>> import tempfile
    >>> import octomed
    >>> folder = tempfile.mkdtemp()
    >>> recipe = octomed.Recipe.shipped("quickstart", f"output.path={folder}/run", f"work.path={folder}/work")
    >>> _ = octomed.pack(recipe)
    >>> run = octomed.Run(f"{folder}/run")
    >>> run.streams
    ('len-00256', 'len-00512')
    >>> pack = run.pack("len-00256", 0)
    >>> pack.capacity, pack.tokens <= pack.capacity
    (4096, True)
    >>> sorted({row["reason"] for row in run.rejects(columns=["reason"], source="image-dialogues")})
    ['image_count', 'image_damaged', 'image_missing']
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        self._folder = run_folder(place)
        with speaking_python():
            self.file: RunFile = read_run(self._folder)
            """What `octomed.json` says."""

    @property
    def place(self) -> str:
        """Its folder or address."""
        return place_of(self._folder)

    @property
    def name(self) -> str:
        """The name in its recipe."""
        return self.file.name

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of its streams of packs; `file.streams` counts what is in each."""
        return tuple(self.file.streams)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of its recipe's sources, in their order."""
        return tuple(self.file.sources)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of its tables of findings, as :meth:`table` takes them."""
        names = table_names(store_of(self._folder), self.file, "reports/")
        found = (name.removeprefix("reports/") for name in names if name.endswith(".parquet"))
        return tuple(name.removesuffix(".parquet") for name in found)

    def overview(self) -> RunView:
        """Return its counts, and percentiles of lengths: what `octomed inspect` shows."""
        return inspect_run(self._folder)

    def verify(self, *, workers: int = 2, quick: bool = False, deep: bool = False) -> Verified:
        """Check every byte of it.

        Parameters
        ----------
        workers, quick, deep
            As of :func:`octomed.verify`, which repairs, too.
        """
        from octomed.pipeline.finished.verify import verify  # noqa: PLC0415 a chain of imports is short

        return verify(self._folder, workers=workers, quick=quick, deep=deep)

    def traces(
        self,
        *,
        columns: Sequence[str] | None = None,
        source: str | None = None,
        stream: str | None = None,
        limit: int | None = None,
    ) -> Rows:
        """Return its packed traces as rows: where each is from, and where it lies; no texts.

        Parameters
        ----------
        columns
            Those to read; all by default.
        source, stream
            Only these.
        limit
            Rows at most.

        Raises
        ------
        RecipeError
            When there is no such source, stream or column.
        """
        self._refuse_unknown(source, stream)
        streams = self.streams if stream is None else (stream,)
        names = [
            name
            for one in streams
            for name in sorted(table_names(store_of(self._folder), self.file, f"provenance/{one}-"))
        ]
        return self._rows(names, columns, {"source": source}, limit)

    def rejects(
        self,
        *,
        columns: Sequence[str] | None = None,
        reason: str | None = None,
        source: str | None = None,
        limit: int | None = None,
    ) -> Rows:
        """Return what was left out as rows: place, reason and detail; `sample` is null of whole rows.

        Parameters
        ----------
        columns
            Those to read; all by default.
        reason, source
            Only these.
        limit
            Rows at most.

        Raises
        ------
        RecipeError
            When there is no such source, reason or column.
        """
        with speaking_python():
            names = reject_tables(self._folder, reason, source)
        return self._rows(names, columns, {"reason": reason}, limit)

    def table(self, name: str, *, columns: Sequence[str] | None = None, limit: int | None = None) -> Rows:
        """Return a table of findings as rows: near duplicates, contamination, shared images and others.

        Parameters
        ----------
        name
            One of `tables`.
        columns
            Those to read; all by default.
        limit
            Rows at most.

        Raises
        ------
        RecipeError
            When the run has no such table or column.
        """
        if name not in self.tables:
            hint = suggest(name, list(self.tables), kind="tables") if self.tables else "this run has none"
            raise RecipeError(f"the run has no table `{name}`", hint)
        return self._rows([f"reports/{name}.parquet"], columns, {}, limit)

    def packs(self, stream: str | None = None, *, first: int = 0, limit: int | None = None) -> Iterator[Pack]:
        """Yield packs as the model sees them, in the order of their stream.

        Parameters
        ----------
        stream
            Which; one after the other by default.
        first
            The number in its stream to begin with.
        limit
            Packs at most.
        """
        self._refuse_unknown(None, stream)
        streams = self.streams if stream is None else (stream,)
        found = (pack for one in streams for pack in self._reader.packs(one, first=first))
        return itertools.islice(found, limit)

    def pack(self, stream: str, number: int) -> Pack:
        """Return one pack.

        Raises
        ------
        RecipeError
            When there is no such stream or pack.
        """
        self._refuse_unknown(None, stream)
        packs = self.file.streams[stream].packs
        if not 0 <= number < packs:
            raise RecipeError(f"stream `{stream}` has no pack {number}", f"its packs are 0 to {packs - 1}")
        return next(self._reader.packs(stream, first=number))

    def documents(
        self, *, source: str | None = None, stream: str | None = None, limit: int | None = None
    ) -> Iterator[Document]:
        """Yield packed traces with their ids, texts and images, pack by pack.

        Parameters
        ----------
        source, stream
            Only these.
        limit
            Documents at most.
        """
        self._refuse_unknown(source, stream)
        streams = self.streams if stream is None else (stream,)
        packs = (pack for one in streams for pack in self._reader.packs(one, source=source))
        found = (document for pack in packs for document in pack if source in {None, document.source})
        return itertools.islice(found, limit)

    def document(self, trace_id: int) -> Document:
        """Return a packed trace by its id; of one that is trained on several times the first copy.

        Raises
        ------
        RecipeError
            When the run has no such trace.
        """
        columns = ["trace_id", "stream", "pack", "document"]
        for batch in self.traces(columns=columns).batches() if 0 <= trace_id < 2**64 else ():
            wanted = pc.equal(batch.column("trace_id"), pa.scalar(trace_id, pa.uint64()))
            for row in batch.filter(wanted).to_pylist():
                return self.pack(row["stream"], row["pack"])[row["document"]]
        raise RecipeError(f"no trace {trace_id} in `{self.place}`", "`run.traces()` lists the ids")

    def is_flagged(self, source: str, file: str, row: int) -> bool:
        """Tell whether data that says whom it is about was found in a row: it is masked where it is shown."""
        return (source, file, row) in self._flagged

    def close(self) -> None:
        """Remove what was fetched of a run at an address; a folder is left alone."""
        close_run(self._folder)

    def __enter__(self) -> Self:
        """Have the run for as long as the block runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Return how it is opened."""
        return f"octomed.Run({self.place!r})"

    def _repr_html_(self) -> str:
        """Show its counts, its streams, and what became of each source."""
        file, counts = self.file, self.file.counts
        facts = facts_html(
            [
                ("run", f"{file.name} in {self.place}"),
                ("rows read", units.count(counts.rows)),
                ("traces packed", units.count(counts.train + counts.validation)),
                (
                    "tokens",
                    f"{units.count(counts.tokens)}, {units.count(counts.supervised_tokens)} supervised",
                ),
                ("packs", f"{units.count(counts.packs)} of {units.count(file.capacity)} tokens"),
            ]
        )
        streams = [
            {"stream": name, "packs": one.packs, "traces": one.traces, "tokens": one.tokens}
            for name, one in file.streams.items()
        ]
        sources = [
            {
                "source": name,
                "rows": one.rows,
                "packed": one.train + one.validation,
                "left out": _reasons(one),
            }
            for name, one in counts.sources.items()
        ]
        return (
            facts
            + table_html(["stream", "packs", "traces", "tokens"], streams, more=False)
            + table_html(["source", "rows", "packed", "left out"], sources, more=False)
        )

    def _rows(
        self,
        names: Sequence[str],
        columns: Sequence[str] | None,
        wanted: dict[str, str | None],
        limit: int | None,
    ) -> Rows:
        """Return rows of tables of one form, those that have these values."""
        if limit is not None and limit < 0:
            raise RecipeError(f"`limit` is {limit}", "give how many rows at most, or leave it out")
        whole = schema_of(self._folder, names[0]) if names else _NO_REJECTS
        chosen = list(whole.names if columns is None else columns)
        for name in chosen:
            if name not in whole.names:
                raise RecipeError(f"there is no column `{name}`", suggest(name, whole.names, kind="columns"))
        equal = {name: value for name, value in wanted.items() if value is not None}
        read = list(dict.fromkeys([*chosen, *equal]))

        def batches() -> Iterator[pa.RecordBatch]:
            left = limit
            for name in names:
                for batch in batches_of(self._folder, name, read):
                    rows = batch
                    for column, value in equal.items():
                        rows = rows.filter(pc.equal(rows.column(column), value))
                    rows = rows.select(chosen).slice(0, left)
                    left = None if left is None else left - rows.num_rows
                    if rows.num_rows:
                        yield rows
                    if left == 0:
                        return

        return Rows(batches, pa.schema([whole.field(name) for name in chosen]))

    def _refuse_unknown(self, source: str | None, stream: str | None) -> None:
        if source is not None and source not in self.sources:
            hint = suggest(source, list(self.sources), kind="sources")
            raise RecipeError(f"the run has no source `{source}`", hint)
        if stream is not None and stream not in self.streams:
            raise RecipeError(f"no stream `{stream}`", f"the run has {', '.join(map(repr, self.streams))}")

    @cached_property
    def _flagged(self) -> frozenset[tuple[str, str, int]]:
        return hidden_places(self._folder, self.file)

    @cached_property
    def _tokenizer(self) -> _octomed.Tokenizer:
        return tokenizer_of(self.file)

    @cached_property
    def _reader(self) -> PackReader:
        vision = self.file.vision
        words = Words(
            lambda: self._tokenizer,
            None if vision is None else vision.image_token_id,
            lambda place: place in self._flagged,
        )
        from octomed.library.reading import PackReader  # noqa: PLC0415 a chain of imports is short

        return PackReader(self._folder, self.file, words)


def _reasons(counts: Any) -> str:  # noqa: ANN401 the counts of a source
    """Return what was left out of a source, the most first."""
    found = {**counts.rows_refused, **counts.rejected}
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{reason} {units.count(number)}" for reason, number in ordered if number)
