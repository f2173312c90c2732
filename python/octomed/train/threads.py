"""How many threads a rank works with: its share of the machine's cores, unless it was told otherwise."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from octomed.machine import cores

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_VARIABLE = "OMP_NUM_THREADS"


def share_cores(asked: int | None, environment: MutableMapping[str, str] = os.environ) -> int | None:
    """Decide on a rank's threads, and tell the libraries that are loaded later.

    Without that every rank takes all cores, and their threads wait for each other at the end of each matrix
    product.

    Parameters
    ----------
    asked
        `threads_per_rank` of the recipe.
    environment
        Where `OMP_NUM_THREADS` may say a number, and where it is written.

    Returns
    -------
    int or None
        The number of threads; None where the environment has said it.

    Examples
    --------
    >>> share_cores(None, {"OMP_NUM_THREADS": "8"})
    >>> share_cores(3, {"OMP_NUM_THREADS": "8"})
    3
    """
    if asked is None and environment.get(_VARIABLE, "").strip():
        return None
    ranks = int(environment.get("LOCAL_WORLD_SIZE") or 1)
    threads = asked or max(1, cores() // ranks)
    environment[_VARIABLE] = str(threads)
    return threads
