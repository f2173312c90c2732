"""What a run asks of the stores of its recipe: counted in the process, of which it is a part."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from octomed.run_file import StoreTraffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.recipe.schema import Recipe
    from octomed.stores.traffic import Traffic


def traffic_since_now(recipe: Recipe) -> Callable[[], dict[str, StoreTraffic]]:
    """Return a function that says what is asked of stores from now on, by their addresses.

    Parameters
    ----------
    recipe
        Of one without addresses nothing is counted, and nothing loaded.
    """
    if not recipe.addresses:
        return dict
    before = _traffic()

    def since() -> dict[str, StoreTraffic]:
        now = _traffic()
        grown = {root: one - before[root] if root in before else one for root, one in now.items()}
        asked = {root: one for root, one in grown.items() if one.requests}
        return {root: _record(one) for root, one in asked.items()}

    return since


def _traffic() -> dict[str, Traffic]:
    from octomed.stores.traffic import traffic  # noqa: PLC0415 where an address is met

    return traffic()


def _record(traffic: Traffic) -> StoreTraffic:
    values = asdict(traffic)
    return StoreTraffic(**{**values, "seconds_waited": round(values["seconds_waited"], 3)})
