"""Two runs, two recipes, or one of each: what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.names import shown
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.run_places import run_folder
from octomed.pipeline.output.difference import flat
from octomed.recipe.loader import load_recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from octomed.compare.traces import TraceChanges
    from octomed.run_file import Counts, RunFile

_COUNTS = ("rows", "rows_unreadable", "rows_without_trace", "traces", "train", "validation", "copies")
_SIZES = ("tokens", "supervised_tokens", "packs")


@dataclass(frozen=True)
class Compared:
    """What differs between two runs or recipes.

    Attributes
    ----------
    keys
        By key of the recipe, as `--set` takes it, its value in both; None where it is not set.
    counts
        By what is counted, the number in both runs; empty where one of them is a recipe.
    rejected
        By reason, the number in both runs.
    versions
        By what has one, the version in both runs.
    traces
        Which traces differ; None where one of them is a recipe.
    """

    keys: dict[str, tuple[Any, Any]]
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    rejected: dict[str, tuple[int, int]] = field(default_factory=dict)
    versions: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    traces: TraceChanges | None = None

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        alike = all(old == new for old, new in (self.counts | self.rejected).values())
        return (
            alike and not self.keys and not self.versions and (self.traces is None or not self.traces.counts)
        )


def compare(before: str, after: str) -> Compared:
    """Compare two runs, two recipes, or a run and a recipe.

    Parameters
    ----------
    before, after
        Recipes, or folders or addresses of finished runs.

    Raises
    ------
    RecipeError
        When one of them is neither.
    DataError
        When a table of a run is missing or damaged.

    Examples
    --------
    >>> recipe = {"name": "one", "model": "qwen2.5", "sources": [], "output": {"path": "run"}}
    >>> keys_apart(recipe, recipe | {"pack": {"capacity": 8192}})
    {'pack.capacity': (None, 8192)}
    """
    old, new = _opened(before), _opened(after)
    keys = keys_apart(old.recipe, new.recipe)
    if old.run is None or new.run is None or old.folder is None or new.folder is None:
        return Compared(keys)
    from octomed.compare.traces import compare_traces  # noqa: PLC0415 a chain of imports is short

    return Compared(
        keys,
        _numbers(old.run.counts, new.run.counts),
        _by_reason(_rejected(old.run.counts), _rejected(new.run.counts)),
        _versions(old.run, new.run),
        compare_traces(old.folder, new.folder),
    )


def keys_apart(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the keys in which two recipes differ, with both values; sources by name.

    Parameters
    ----------
    before, after
        Recipes as plain values, defaults filled in.
    """
    old, new = (dict(flat(recipe)) for recipe in (before, after))
    keys = dict.fromkeys([*old, *new])
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


@dataclass(frozen=True)
class _Opened:
    recipe: dict[str, Any]
    run: RunFile | None = None
    folder: Path | None = None


def _opened(place: str) -> _Opened:
    folder = run_folder(place)
    if folder.is_dir():
        run = read_run(folder)
        return _Opened(run.recipe, run, folder)
    if not folder.exists():
        raise RecipeError(f"there is no `{shown(place)}`", "give recipes, or folders or addresses of runs")
    return _Opened(load_recipe(folder, check_files=False).canonical())


def _numbers(before: Counts, after: Counts) -> dict[str, tuple[int, int]]:
    return {name: (getattr(before, name), getattr(after, name)) for name in (*_COUNTS, *_SIZES)}


def _rejected(counts: Counts) -> dict[str, int]:
    return {**(counts.rows_refused or {}), **counts.rejected}


def _by_reason(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    reasons = dict.fromkeys([*before, *after])
    found = {reason: (before.get(reason, 0), after.get(reason, 0)) for reason in reasons}
    return {reason: numbers for reason, numbers in found.items() if any(numbers)}


def _versions(before: RunFile, after: RunFile) -> dict[str, tuple[Any, Any]]:
    pairs = {
        "octomed": (before.versions.octomed, after.versions.octomed),
        "scan": (before.versions.scan, after.versions.scan),
        "write": (before.versions.write, after.versions.write),
        "tokenizer": (before.tokenizer.content_hash, after.tokenizer.content_hash),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
