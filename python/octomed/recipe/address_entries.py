"""Entries of a source's path that are addresses: an object, a folder or a glob, by the rules of local ones.

A store has no folders and no links: what lies below an address is listed once, and its names are matched.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from octomed.names import as_text
from octomed.recipe.glob import Match, cut_glob, fits, is_wild
from octomed.schemes import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from octomed.recipe.glob import Walk


def expand_address(path: str, wanted: Callable[[str], bool], walk: Walk) -> list[Match]:
    """Return the objects of an entry in bytewise order of their relative names.

    Parameters
    ----------
    path : str
        An object, a folder (all wanted objects below it), or a glob. An object of that very name comes first.
    wanted : callable
        Which names of a folder count.
    walk : Walk
        Told what is left out.

    Raises
    ------
    RecipeError
        If it is no good address.
    StorageError
        If the store does not answer, or refuses.
    """
    address = objects().normal(path)
    there = None if path.endswith("/") or _may_be_wild(address) else objects().found(address)
    if there is not None:
        return [_announced(address, there.name.rpartition("/")[2], there)]
    if not objects().can_list(address):
        return []
    root, parts = cut_glob(address) if _may_be_wild(address) else (address, [])
    listed = objects().below(root)
    found = _matching(listed, parts, walk) if parts else _in_folder(listed, wanted, walk)
    matches = [_announced(objects().child(root, one.name), one.name, one) for one in found]
    return sorted(matches, key=lambda match: os.fsencode(match.relative))


def _may_be_wild(address: str) -> bool:
    return is_wild(address) and bool(objects().can_list(address))


def _announced(address: str, name: str, there: Any) -> Match:  # noqa: ANN401 stores are loaded where one is asked
    objects().announce(address, there.size, there.version)
    return Match(address, as_text(name), there.size, version=there.version)


def _in_folder(listed: Iterable[Any], wanted: Callable[[str], bool], walk: Walk) -> Iterator[Any]:
    for one in listed:
        names = one.name.split("/")
        hidden = next((at for at, name in enumerate(names) if name.startswith(".")), None)
        if hidden is not None:
            walk.left["/".join(names[: hidden + 1])] = "hidden"
        elif wanted(one.name):
            yield one
        else:
            walk.left[one.name] = "of an unknown kind"


def _matching(listed: Iterable[Any], parts: list[str], walk: Walk) -> Iterator[Any]:
    """Yield what a glob names; a name with its wildcards in it, as they are, is one that it names."""
    walk.deep = "**" in parts
    for one in listed:
        names = one.name.split("/")
        if fits(names, parts) or names == parts:
            yield one
        elif not walk.deep and len(names) > len(parts) and fits(names[: len(parts)], parts):
            walk.left["/".join(names[: len(parts)])] = "a folder: `/**` reaches into it"


def is_object_entry(path: str, matches: list[Match]) -> bool:
    """Tell whether an entry is one object, and neither a folder nor a glob."""
    return len(matches) == 1 and bool(matches[0].path == objects().normal(path))


def root_of_address(path: str, matches: list[Match]) -> str:
    """Return the address that the relative names of an entry start at."""
    address = str(objects().normal(path))
    if is_object_entry(path, matches):
        return str(objects().above(address)[0])
    return cut_glob(address)[0] if _may_be_wild(address) else address


def nearest_folder(path: str) -> str | None:
    """Return the nearest folder above an entry in which something lies; None where the store is empty."""
    if not objects().can_list(path):
        return None
    folder = str(objects().normal(path))
    while True:
        above = str(objects().above(folder)[0])
        if not is_wild(above) and objects().anything_below(above):
            return above
        if above == folder:
            return None
        folder = above
