"""Tar archives among the files of a folder or glob: shards of rows, or what other rows' images lie in."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from octomed.recipe.glob import Match

_ARCHIVE = re.compile(r"\.(?:tar(?:\.\w+)?|tgz)$", re.IGNORECASE)
_OF_IMAGES = "an archive that `image_root` names"
_BESIDE_ROWS = "an archive next to files of rows: `path` names it where it holds rows itself"


def real_roots(roots: Iterable[str]) -> frozenset[str]:
    """Return where rows' paths of images are looked up, links resolved."""
    return frozenset(os.path.realpath(root) for root in roots)


def divided(
    matches: Sequence[Match], image_roots: Collection[str]
) -> tuple[list[Match], list[tuple[Match, str]]]:
    """Divide the files of a folder or glob into those with rows, and archives that are left out.

    Parameters
    ----------
    matches
        The files.
    image_roots
        Where images are looked up, as :func:`real_roots` gives them.

    Returns
    -------
    rows, archives
        What is read, and what is left out, each with the reason.
    """
    archives = [match for match in matches if _ARCHIVE.search(match.path)]
    if not archives:
        return list(matches), []
    left: dict[int, str] = {}
    for match in archives:
        if os.path.realpath(match.path) in image_roots:
            left[id(match)] = _OF_IMAGES
        elif len(archives) < len(matches):
            left[id(match)] = _BESIDE_ROWS
    kept = [match for match in matches if id(match) not in left]
    return kept, [(match, left[id(match)]) for match in archives if id(match) in left]
