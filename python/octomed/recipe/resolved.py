"""Filters of each source as they apply to it: its own keys over its group's, and these over `curate`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from octomed.recipe.filters import Filters, Language
from octomed.recipe.invalid import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.recipe.curate import Curate

_Level = tuple[tuple[str | int, ...], Filters]
"""The way to a section of filters, and the section."""


class Filtered(Protocol):
    """A source, as far as its filters ask for it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def group(self) -> str | None:
        """Its group."""

    @property
    def curate(self) -> Filters | None:
        """What is written of filters in it."""


def resolved_filters(curate: Curate, source: Filtered) -> Filters:
    """Return the filters of a source: its own keys win over its group's, and these over `curate`'s.

    Parameters
    ----------
    curate
        The recipe's section.
    source
        One of the recipe's sources.
    """
    return _over([filters for _, filters in _levels(curate, source, 0)])


def check_filters(curate: Curate, sources: Sequence[Filtered]) -> None:
    """Refuse filters that contradict each other in a source, wherever each of them is written.

    Parameters
    ----------
    curate
        The recipe's section.
    sources
        The recipe's sources.

    Raises
    ------
    PydanticCustomError
        When the share of a script is asked for where no script is named, or a group has a scope of near
        duplicates that nobody looks for.
    """
    for index, source in enumerate(sources):
        _check_script(source.name, _levels(curate, source, index))
    for name, filters in (curate.groups or {}).items():
        if filters.near_scope is not None and curate.duplicates.near is None:
            raise invalid(
                "no near duplicates are looked for",
                "write `curate.duplicates.near: {action: report}`, or leave `near_scope` out",
                at=("curate", "groups", name, "near_scope"),
            )


def _levels(curate: Curate, source: Filtered, index: int) -> list[_Level]:
    """Return what is written of a source's filters, the nearest to it first."""
    groups: Any = curate.groups or {}
    levels: list[tuple[tuple[str | int, ...], Any]] = [
        (("sources", index, "curate"), source.curate),
        (("curate", "groups", str(source.group)), groups.get(source.group)),
        (("curate",), curate),
    ]
    return [(way, filters) for way, filters in levels if filters is not None]


def _over(filters: Sequence[Filters]) -> Filters:
    """Return filters in one: key by key the first that has it."""
    found = filters[0]
    for farther in filters[1:]:
        found = found.over(farther)
    return found


def _check_script(name: str, levels: Sequence[_Level]) -> None:
    """Refuse a condition on the share of a script where the source has no script."""
    filters = _over([one for _, one in levels])
    conditions = filters.where if isinstance(filters.where, dict) else {}
    if "script_share" not in conditions or isinstance(filters.language, Language):
        return
    where = next(way for way, one in levels if one.where is not None)
    off = next((way for way, one in levels if one.language is not None), where)
    if off == where:
        message, hint = "`script_share` is of no script", "write which beside it: {}"
    else:
        message = f"`script_share` is of no script in source `{name}`, whose `language` is off"
        hint = "name the script there: {}, or write `where: off` for the source"
    raise invalid(
        message,
        hint.format("`language: {script: latin, min_share: 0}`"),
        at=(*where, "where", "script_share"),
    )
