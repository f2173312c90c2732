"""Several runs as one data set: whether they go together, and how many packs of each an epoch gives."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError, RecipeError
from octomed.names import shown
from octomed.stream.images import COLUMNS as IMAGE_COLUMNS
from octomed.stream.run import VALIDATION, open_run
from octomed.strict_json import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from octomed.stream.run import Run

    Location = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_NEAR = 1e-6


@dataclass(frozen=True)
class Part:
    """A stream of a run.

    Attributes
    ----------
    run
        Number of the run, from 0.
    name
        Of the stream.
    packs
        That it has.
    given
        That an epoch gives of it: some of them, or some several times.
    """

    run: int
    name: str
    packs: int
    given: int


@dataclass(frozen=True)
class Mix:
    """The streams of one run or several that a data set reads.

    Attributes
    ----------
    runs
        Where they are.
    parts
        The streams, run by run.
    shares
        Of the runs in an epoch; ``None`` where it has every pack of each once.
    """

    runs: tuple[Run, ...]
    parts: tuple[Part, ...]
    shares: tuple[float, ...] | None

    @property
    def packs(self) -> int:
        """Packs of all streams."""
        return sum(part.packs for part in self.parts)

    def __str__(self) -> str:
        """Name the runs in a line."""
        return " + ".join(shown(run.location) for run in self.runs)

    def lines(self) -> Iterator[str]:
        """Say what an epoch gives of each run, where there are several."""
        for number, run in enumerate(self.runs if len(self.runs) > 1 else ()):
            parts = [part for part in self.parts if part.run == number]
            given, packs = (sum(getattr(part, name) for part in parts) for name in ("given", "packs"))
            share = given / sum(part.given for part in self.parts)
            line = f"  {shown(run.location)}: {given:,} of an epoch's packs ({share:.1%}); it has {packs:,}"
            yield line + ("" if given == packs else f", so each {given / packs:.2f} times on average")


def open_runs(location: Location, *, attempts: int = 5, timeout: float = 60.0) -> tuple[Run, ...]:
    """Open a run, or several that go together.

    Parameters
    ----------
    location
        A folder or address, or a list of them.
    attempts, timeout
        As in `octomed.stream.run.open_run`.

    Raises
    ------
    RecipeError
        When there is no location, or no finished run at one.
    DataError
        When two of the runs do not go together.
    StorageError
        As `octomed.stream.run.open_run`.
    """
    places = [location] if isinstance(location, (str, os.PathLike)) else list(location)
    if not places:
        raise RecipeError("there is no run to read", "give the output of `octomed pack`, or a list of them")
    runs = tuple(open_run(place, attempts=attempts, timeout=timeout) for place in places)
    check_alike(runs)
    return runs


def check_alike(runs: Sequence[Run]) -> None:
    """Refuse runs whose packs a model cannot be trained on together.

    A run of text goes with one that has images: its packs show none. Images are compared where there are any.

    Raises
    ------
    RecipeError
        When a run stands there twice.
    DataError
        Naming what differs, with both values.
    """
    pictured = next((run for run in runs if run.vision is not None), None)
    for number, run in enumerate(runs):
        twin = next((one for one in runs[:number] if one.key == run.key), None)
        if twin is not None:
            message = f"`{shown(twin.location)}` and `{shown(run.location)}` are the same run"
            raise RecipeError(message, "name it once; `shares` says how much of it an epoch has")
        _compare(runs[0], run, _of_text)
        if pictured is not None and run.vision is not None:
            _compare(pictured, run, _of_images)


def _compare(first: Run, run: Run, values: Callable[[Run], dict[str, Any]]) -> None:
    """Refuse two runs of which a value is not the same, by its name."""
    wanted, found = values(first), values(run)
    for what in wanted | found:
        if wanted.get(what) != found.get(what):
            raise DataError(
                f"`{shown(first.location)}` and `{shown(run.location)}` cannot be mixed: {what} differs: "
                f"{_told(wanted.get(what))} and {_told(found.get(what))}",
                "pack both for the same model, with the same capacity and settings of images",
            )


def _of_text(run: Run) -> dict[str, Any]:
    """Return what has to be the same in all runs that are mixed, by its name in messages."""
    content = run.content
    values = {
        "the model": PurePath(str(content.model.get("name"))).name,  # a folder is one, wherever it lies
        "the chat template": content.model.get("template"),
        "the tokenizer": content.tokenizer.content_hash,
        "the number of tokens": content.tokenizer.vocabulary_size,
        "the capacity of a pack": content.capacity,
    }
    return values | {
        f"the column `{name}`": kind for name, kind in plain(content.columns).items() if name not in _PICTURED
    }


def _of_images(run: Run) -> dict[str, Any]:
    """Return what has to be the same in runs that have images."""
    columns = plain(run.content.columns)
    kinds = {f"the column `{name}`": columns[name] for name in _PICTURED if name in columns}
    stored = {
        f"`{name}` of images": value for name, value in (run.vision or {}).items() if name not in _STORED
    }
    return kinds | stored


_PICTURED = ("images", *IMAGE_COLUMNS)
"""Columns that a run of text may lack."""


_STORED = {"store", "codec", "max_source_pixels"}
"""How images were kept, and which were refused: what a model is given of them does not tell."""


def _told(value: Any) -> str:  # noqa: ANN401 of a run file
    return "none" if value is None else f"`{shown(str(value))}`"


def mix(
    runs: Sequence[Run], shares: Sequence[float] | None, streams: Sequence[str] | None, split: str
) -> Mix:
    """Choose streams of runs, and work out how many packs of each an epoch gives.

    An epoch has as many packs as the streams together. Without shares it has each of them once; with shares
    each run gives its share, and each of its streams as much as it has of the run's packs.

    Parameters
    ----------
    runs
        From `open_runs`.
    shares
        Of each run in an epoch; they add up to 1.
    streams
        Names of those to read; all of the split by default. A run may lack some.
    split
        ``train`` or ``validation``.

    Raises
    ------
    RecipeError
        When a stream does not exist, or the shares do not fit.
    """
    chosen = [_chosen(run, runs, streams, split) for run in runs]
    if not any(chosen):
        runs[0].choose(streams, split)  # which says what there is
    packs = [
        [run.content.streams[name].packs for name in names] for run, names in zip(runs, chosen, strict=True)
    ]
    given = packs if shares is None else _given(packs, _checked(shares, runs))
    parts = [
        Part(number, name, *counts)
        for number, names in enumerate(chosen)
        for name, *counts in zip(names, packs[number], given[number], strict=True)
    ]
    return Mix(tuple(runs), tuple(parts), None if shares is None else tuple(shares))


def _chosen(run: Run, runs: Sequence[Run], streams: Sequence[str] | None, split: str) -> list[str]:
    """Return a run's streams; a stream or split that others of the runs have may be missing here."""
    if len(runs) == 1:
        return run.choose(streams, split)
    offered = {name for one in runs for name in one.content.streams}
    for name in streams or ():
        if name not in offered:
            run.choose([name], split)
    names = None if streams is None else [name for name in streams if name in run.content.streams]
    if names == [] or (split == VALIDATION and split not in run.content.streams):
        return []
    return run.choose(names, split)


def _checked(shares: Sequence[float], runs: Sequence[Run]) -> list[float]:
    if len(shares) != len(runs):
        raise RecipeError(f"{len(runs)} runs, and {len(shares)} `shares`", "give one for each run")
    for share in shares:
        if not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 < share <= 1:
            raise RecipeError(f"{share!r} is no share", "a share is above 0, and all together are 1")
    if abs(math.fsum(shares) - 1) > _NEAR:
        raise RecipeError(f"the shares add up to {math.fsum(shares):g}", "all together they are 1")
    return [float(share) for share in shares]


def _given(packs: list[list[int]], shares: list[float]) -> list[list[int]]:
    total = sum(map(sum, packs))
    wanted = apportioned(total, shares)
    for number, counts in enumerate(packs):
        if not counts or not wanted[number]:
            message = f"a share of {shares[number]:g} of {total} packs gives none of run {number + 1}"
            raise RecipeError(message, "leave that run out, or give it a larger share")
    return [apportioned(many, counts) for many, counts in zip(wanted, packs, strict=True)]


def apportioned(total: int, weights: Sequence[float]) -> list[int]:
    """Cut a number into whole parts in proportion to weights, by largest remainders.

    Examples
    --------
    >>> apportioned(10, [0.7, 0.25, 0.05])
    [7, 3, 0]
    """
    whole = math.fsum(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [int(one) for one in exact]
    order = sorted(range(len(parts)), key=lambda number: (parts[number] - exact[number], number))
    for number in order[: total - sum(parts)]:
        parts[number] += 1
    return parts
