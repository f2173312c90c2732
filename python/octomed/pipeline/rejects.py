"""What a run left out: place and reason of every row and trace."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.pipeline.accounts import table_names
from octomed.pipeline.verify import read_run
from octomed.recipe.problems import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Reject:
    """A row or a trace that did not get in.

    Attributes
    ----------
    source, file, row
        Where it is from; rows count from 0.
    sample
        Which response of the row; ``None`` for the whole row.
    reason, detail
        Why: never a value of the row.
    """

    source: str
    file: str
    row: int
    sample: int | None
    reason: str
    detail: str

    @property
    def place(self) -> str:
        """Where it is from, in words."""
        whole = f"{self.source}/{self.file} row {self.row}"
        return whole if self.sample is None else f"{whole} sample {self.sample}"


def rejects_of(folder: Path, *, reason: str | None = None, source: str | None = None) -> Iterator[Reject]:
    """Yield what a finished run left out, source by source, in the order of its files and rows.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    reason, source
        Only these.

    Raises
    ------
    RecipeError
        When the folder holds no finished run, or there is no such reason or source.
    DataError
        When a table of rejects is missing or damaged.
    """
    run = read_run(folder)
    _refuse_unknown(run, reason, source)
    order = {one["name"]: number for number, one in enumerate(run["recipe"]["sources"])}
    names = {
        name: name.removeprefix("rejects/").removesuffix(".parquet")
        for name in table_names(folder, run, "rejects/")
    }
    wanted = [name for name in names if source in {None, names[name]}]
    return _read(folder, sorted(wanted, key=lambda name: order.get(names[name], len(order))), reason)


def _refuse_unknown(run: dict[str, Any], reason: str | None, source: str | None) -> None:
    counts = run["counts"]
    reasons = {**counts["rejected"], **counts.get("rows_refused", {}), **_octomed.REASONS}
    if reason is not None and reason not in reasons:
        there = [
            why for why, number in {**counts["rejected"], **counts.get("rows_refused", {})}.items() if number
        ]
        raise RecipeError(
            f"there is no reason `{reason}`", suggest(reason, there or sorted(reasons), kind="reasons")
        )
    sources = [one["name"] for one in run["recipe"]["sources"]]
    if source is not None and source not in sources:
        raise RecipeError(f"the run has no source `{source}`", suggest(source, sources, kind="sources"))


def _read(folder: Path, names: list[str], reason: str | None) -> Iterator[Reject]:
    for name in names:
        try:
            with pq.ParquetFile(folder / name) as table:
                for batch in table.iter_batches():
                    for row in batch.to_pylist():
                        if reason in {None, row["reason"]}:
                            yield Reject(**row)
        except (OSError, pa.ArrowException, TypeError) as error:
            hint = f"`{shlex.join(['octomed', 'verify', str(folder)])}` says what is wrong"
            raise DataError(f"`{folder / name}` cannot be read: {error}", hint) from error
