"""What a run's recipe says of data that tell who somebody is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from octomed.run_file import RunFile


def searches_for_identifying(run: RunFile) -> bool:
    """Tell whether a run's recipe looks for identifying data anywhere: rows refused whole were not searched.

    Examples
    --------
    >>> from octomed.run_file import RunFile
    >>> searches_for_identifying(RunFile(streams={}, recipe={"curate": {"identifying": {"action": "mask"}}}))
    True
    """
    return any(value != "off" for value in identifying_parts(run))


def identifying_parts(run: RunFile) -> list[object]:
    """Return what a recipe says of identifying data: for all sources, of its groups, and of each source.

    Examples
    --------
    >>> from octomed.run_file import RunFile
    >>> identifying_parts(RunFile(streams={}, recipe={"curate": {"identifying": "off"}}))
    ['off']
    """
    curate = run.recipe.get("curate") or {}
    listed = run.recipe.get("sources")
    of_sources = [one.get("curate") for one in listed if isinstance(one, dict)] if listed else []
    parts = [curate, *(curate.get("groups") or {}).values(), *of_sources]
    values = [part.get("identifying") for part in parts if isinstance(part, dict)]
    return [value for value in values if value is not None]
