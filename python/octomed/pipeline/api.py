"""What `import octomed` offers of the pipeline: recipes by path or as values; hints name calls.

A call loads what it needs, as a verb of the command line does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.commands import speaking_python
from octomed.errors import RecipeError
from octomed.recipe.loader import load_recipe as load
from octomed.recipe.schema import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.filter_record import FilterRecord
    from octomed.pipeline.calls.filters import Filter
    from octomed.pipeline.passes.opener import Opener
    from octomed.pipeline.plan_table import PrintedPlan
    from octomed.pipeline.planning.checked import Checked
    from octomed.report.progress import Progress
    from octomed.report.summary import Summary
    from octomed.report.views import Verified

AnyRecipe = Recipe | str | os.PathLike[str] | Mapping[str, Any]
"""A recipe: loaded, the path of its file, or what a file would hold as a dict."""


def check(recipe: AnyRecipe, *, overrides: Sequence[str] = ()) -> Checked:
    """Check a recipe, its files and their first rows: what ``octomed check`` does. Nothing is written.

    Parameters
    ----------
    recipe, overrides
        As for :func:`pack`.

    Returns
    -------
    Checked
        What was found; it prints as text.

    Raises
    ------
    RecipeError, DataError, StorageError
        When the recipe, the model or an input cannot be used, or none of the first rows of a file fits.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest, and water."}')
    >>> recipe = {
    ...     "name": "example",
    ...     "model": "Qwen/Qwen2.5-7B-Instruct",
    ...     "sources": [
    ...         {"name": "rows", "path": f"{folder}/*.jsonl", "format": {"question": "q", "response": "a"}}
    ...     ],
    ...     "pack": {"capacity": 512, "buckets": []},
    ...     "output": {"path": f"{folder}/run"},
    ...     "work": {"path": f"{folder}/work"},
    ... }
    >>> print(check(recipe))
    sources 1, files 1, 40 B
    """
    from octomed.pipeline.planning.check import check as check_recipe

    with speaking_python():
        checked = check_recipe(_loaded(recipe, overrides))
        error = checked.error()
        if error is not None:
            raise error
        return checked


def pack(  # noqa: PLR0913 each is an option of the verb, or of Python alone
    recipe: AnyRecipe,
    *,
    filters: Sequence[Filter] = (),
    overrides: Sequence[str] = (),
    workers: int | None = None,
    replace: bool = False,
    progress: Progress | None = None,
    executor: Opener | None = None,
) -> Summary:
    """Pack a recipe's traces into MDS shards: what ``octomed pack`` does.

    Parameters
    ----------
    recipe
        A recipe, the path of one, or a dict of what its file would hold; relative paths of a dict start at
        the working directory.
    filters
        Rules of your own (:class:`octomed.Filter`), in their order; they end the scan.
    overrides
        ``key=value`` pairs as ``--set`` takes them; not with a recipe that is loaded already.
    workers
        Threads; by default one a core.
    replace
        Delete the files of another run in the output folder first.
    progress
        Told of the progress of the run; silent by default.
    executor
        What the work runs on: threads of this process by default, or :class:`octomed.RayExecutor`.

    Returns
    -------
    Summary
        Counts whose sums agree, and where the time went.

    Raises
    ------
    RecipeError, DataError, StorageError
        As :mod:`octomed.errors` says; finished work is kept, and the same call resumes it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest, and water."}')
    >>> recipe = {
    ...     "name": "example",
    ...     "model": "Qwen/Qwen2.5-7B-Instruct",
    ...     "sources": [
    ...         {"name": "rows", "path": f"{folder}/*.jsonl", "format": {"question": "q", "response": "a"}}
    ...     ],
    ...     "pack": {"capacity": 512, "buckets": []},
    ...     "output": {"path": f"{folder}/run"},
    ...     "work": {"path": f"{folder}/work"},
    ... }
    >>> summary = pack(recipe, workers=1)
    >>> summary.rows, summary.packs, summary.sums_agree
    (1, 1, True)
    >>> pack(recipe).already_done
    True
    """
    from octomed.pipeline.passes.run import pack as pack_recipe

    if workers is not None and workers < 1:
        raise RecipeError(f"`workers` is {workers}", "give at least 1, or leave it out for one per core")
    with speaking_python():
        loaded = _loaded(recipe, overrides)
        return pack_recipe(
            loaded,
            workers=workers,
            replace=replace,
            progress=progress,
            filters=_records(filters, loaded),
            executor=executor,
        )


def plan(recipe: AnyRecipe, *, filters: Sequence[Filter] = (), overrides: Sequence[str] = ()) -> PrintedPlan:
    """Plan a run: its tasks, which of them are finished, and (``.estimate()``) what the rest costs.

    It prints as a table. The estimate is one without filters.

    Parameters
    ----------
    recipe, filters, overrides
        As for :func:`pack`.

    Raises
    ------
    RecipeError, DataError, StorageError
        When the model or an input cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest, and water."}')
    >>> recipe = {
    ...     "name": "example",
    ...     "model": "Qwen/Qwen2.5-7B-Instruct",
    ...     "sources": [
    ...         {"name": "rows", "path": f"{folder}/*.jsonl", "format": {"question": "q", "response": "a"}}
    ...     ],
    ...     "pack": {"capacity": 512, "buckets": []},
    ...     "output": {"path": f"{folder}/run"},
    ...     "work": {"path": f"{folder}/work"},
    ... }
    >>> planned = plan(recipe)
    >>> planned.estimate().traces
    1
    >>> planned.estimate().source_bytes
    40
    """
    from octomed.pipeline.plan_table import PrintedPlan
    from octomed.pipeline.planning.plan import plan as plan_recipe

    with speaking_python():
        loaded = _loaded(recipe, overrides)
        return PrintedPlan.of(plan_recipe(loaded, filters=_records(filters, loaded)))


def verify(  # noqa: PLR0913 each is an option of the verb
    output: str | os.PathLike[str],
    *,
    workers: int = 2,
    quick: bool = False,
    deep: bool = False,
    repair: bool = False,
    recipe: str | os.PathLike[str] | None = None,
    filters: Sequence[Filter] = (),
) -> Verified:
    """Check every byte of a finished run: what ``octomed verify`` does.

    Parameters
    ----------
    output
        The folder of the run, or its address.
    workers
        Threads.
    quick
        Compare names and sizes alone.
    deep
        Decode every distinct image as well.
    repair
        Make damaged and missing files again, byte for byte; the result's ``repaired`` says which.
    recipe
        The run's recipe, for a repair, where it lies elsewhere than when the run was packed.
    filters
        Those that the run was packed with, for a repair: what the working store has lost goes through them
        again.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    DataError
        When an input that a repair needs changed or is gone.
    StorageError
        When its ``octomed.json`` is damaged, and is not to be repaired.

    Examples
    --------
    >>> from octomed import pack
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "rows.jsonl").write_text('{"q": "Fever?", "a": "Rest, and water."}')
    >>> recipe = {
    ...     "name": "example",
    ...     "model": "Qwen/Qwen2.5-7B-Instruct",
    ...     "sources": [
    ...         {"name": "rows", "path": f"{folder}/*.jsonl", "format": {"question": "q", "response": "a"}}
    ...     ],
    ...     "pack": {"capacity": 512, "buckets": []},
    ...     "output": {"path": f"{folder}/run"},
    ...     "work": {"path": f"{folder}/work"},
    ... }
    >>> _ = pack(recipe)
    >>> verified = verify(folder / "run")
    >>> verified.packs, verified.findings
    (1, ())
    """
    from octomed.pipeline.finished.run_places import opened_run
    from octomed.pipeline.finished.verify import verify as verify_run

    if recipe is not None and not repair:
        raise RecipeError("`recipe` is for `repair=True`", "give both, or none")
    if filters and not repair:
        raise RecipeError("`filters` are for `repair=True`", "give both, or none")
    with opened_run(output) as folder:
        if not repair:
            return verify_run(folder, workers=workers, quick=quick, deep=deep)
        from octomed.pipeline.repair.verify_repair import verify_and_repair

        given = None if recipe is None else Path(recipe)
        with speaking_python():
            records = tuple(one.record for one in filters)
            return verify_and_repair(
                folder, recipe=given, workers=workers, quick=quick, deep=deep, filters=records
            )


def _records(filters: Sequence[Filter], recipe: Recipe) -> tuple[FilterRecord, ...]:
    """Return what filters are; without any, nothing of Arrow is loaded."""
    if not filters:
        return ()
    from octomed.pipeline.calls.filters import records_of

    return records_of(filters, recipe)


def _loaded(recipe: AnyRecipe, overrides: Sequence[str]) -> Recipe:
    if isinstance(overrides, str):
        raise RecipeError("`overrides` is a single string", f"give a list: `overrides=[{overrides!r}]`")
    if isinstance(recipe, Recipe):
        if overrides:
            message = "`overrides` cannot change a recipe that is loaded already"
            raise RecipeError(message, "give them to `octomed.load_recipe(path, overrides)`")
        return recipe
    if not isinstance(recipe, str | os.PathLike | Mapping):
        message = f"a recipe is a path or a dict, not a {type(recipe).__name__}"
        raise RecipeError(message, "give `octomed.pack` the path of a YAML file, or what it would hold")
    return load(recipe, overrides)
