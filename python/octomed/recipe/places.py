"""Where a recipe keeps files of its own on this machine: its working store, and what waits for a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.schemes import scheme_of
from octomed.storage import content_key

if TYPE_CHECKING:
    from octomed.recipe.schema import Recipe

STORES = "stores"
"""Folder of the scratch folder with the local parts of working stores that are at addresses."""


def scratch_of(recipe: Recipe) -> Path:
    """Return the local folder for what is on its way to or from stores.

    Parameters
    ----------
    recipe
        `work.scratch` of it, else `work.path` where that is local, else the user's cache folder.
    """
    if recipe.work.scratch is not None:
        return Path(recipe.work.scratch)
    if scheme_of(recipe.work.path) is None:
        return Path(recipe.work.path)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "")
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "octomed"


def store_folder(recipe: Recipe) -> Path:
    """Return the working store's folder on this machine: of one at an address the part that is here.

    Each address has a folder of its own, named by a hash of it: what is in one store is not taken for
    another's.
    """
    path = recipe.work.path
    if scheme_of(path) is None:
        return Path(path)
    return scratch_of(recipe) / STORES / content_key(path)


def local_folders(recipe: Recipe) -> tuple[str, ...]:
    """Return the folders of this machine that a recipe's runs write to: no image in them is an input."""
    written = [recipe.output.path, *(recipe.output.copies or ()), recipe.work.path, recipe.work.scratch]
    return tuple(path for path in written if path is not None and scheme_of(path) is None)


def reach_stores(recipe: Recipe) -> None:
    """Have this process's clients reach stores as a recipe says; nothing is loaded for one without addresses.

    Parameters
    ----------
    recipe
        Its section `stores`, and its scratch folder.
    """
    if not recipe.addresses:
        return
    from octomed.stores.options import StoreOptions, configure  # noqa: PLC0415 where an address is met

    entries = (entry.model_dump(exclude_none=True) for entry in recipe.stores or ())
    configure([StoreOptions(**entry) for entry in entries], scratch_of(recipe))
