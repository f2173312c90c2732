"""Where rows' paths of images are looked up: folders and archives that a recipe names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from octomed.names import shown
from octomed.recipe.problems import Problem

if TYPE_CHECKING:
    from octomed.recipe.document import Keys
    from octomed.recipe.problems import Place

_ARCHIVES = (".zip", ".tar")
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar")


def missing_roots(roots: dict[Keys, str], places: dict[Keys, Place]) -> list[Problem]:
    """Return a problem for each root that does not exist, or that is no folder, zip or tar.

    Parameters
    ----------
    roots : dict of Keys to str
        Paths ready to use, by the way to each in the recipe.
    places : dict of Keys to Place
        Where each was written.
    """
    problems = []
    for way, path in roots.items():
        if found := _fault(path):
            problems.append(Problem(places[way], *found))
    return problems


def _fault(path: str) -> tuple[str, str] | None:
    if os.path.isdir(path):
        return None
    if not os.path.exists(path):
        return (
            f"`image_root` `{shown(path)}` does not exist",
            "name the folder, zip or tar that has the images",
        )
    if path.lower().endswith(_COMPRESSED):
        message = (
            f"`image_root` `{shown(path)}` is compressed as a whole, so that no image in it can be found"
        )
        return message, "unpack it, and name the folder"
    if not path.lower().endswith(_ARCHIVES):
        message = f"`image_root` `{shown(path)}` is neither a folder nor a zip or tar"
        return message, "name the folder, zip or tar that has the images; rows go under `path`"
    return None
