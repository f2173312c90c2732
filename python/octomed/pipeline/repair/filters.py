"""Filters of the user's own in a repair: those of the run, unless what they decided stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.filter_record import changes_of_filters
from octomed.names import shown

if TYPE_CHECKING:
    from octomed.filter_record import FilterRecord
    from octomed.pipeline.repair.damage import Damage


def refuse_other_filters(damage: Damage, given: tuple[FilterRecord, ...]) -> None:
    """Refuse filters that are not those of the run; without any, those that it had need not be called.

    Raises
    ------
    RecipeError
        Saying what differs.
    """
    if not given:
        return
    changes = changes_of_filters(_filters_of(damage), given)
    if changes:
        place = shown(damage.place.name)
        message = f"`{place}` was packed with other filters: {', '.join(changes)}"
        raise RecipeError(message, "give those that it was packed with, in their order")


def refuse_without_filters(damage: Damage, given: tuple[FilterRecord, ...]) -> None:
    """Refuse to scan what was lost without the filters that the run had.

    Raises
    ------
    RecipeError
        Naming them, and the call that repairs.
    """
    had = _filters_of(damage)
    if not had or given:
        return
    place = shown(damage.place.name)
    names = ", ".join(f"`{one.name}` ({one.place}, version {one.version})" for one in had)
    call = ", ".join(f"octomed.Filter({one.place}, version={one.version!r}, …)" for one in had)
    raise RecipeError(
        f"the working store has lost blocks of `{place}`, and it was packed with filters: {names}",
        f"from Python: `octomed.verify({place!r}, repair=True, filters=[{call}])`",
    )


def _filters_of(damage: Damage) -> tuple[FilterRecord, ...]:
    """Return the filters of a run, as far as its state files read."""
    if damage.run is not None:
        return damage.run.filters
    about = None if damage.manifest is None else damage.manifest.about
    return () if about is None or about.filters is None else about.filters
