"""Braces in a path, as a shell expands them: here a name may hold them, so that they stand for themselves."""

from __future__ import annotations

import re

_BRACES = re.compile(r"\{([^{}]*)\}")
_SHOWN = 3


def braces_hint(path: str) -> str | None:
    """Return how to write what braces would stand for in a shell; nothing where a path has none.

    Parameters
    ----------
    path
        An entry of a source that names no file.

    Examples
    --------
    >>> braces_hint("data/{train,dev}/*.jsonl")
    'braces are not expanded: write a list, `[data/train/*.jsonl, data/dev/*.jsonl]`'
    >>> braces_hint("data/{00..99}.tar")
    'braces are not expanded: write a wildcard, as in `data/*.tar`'
    """
    found = _BRACES.search(path)
    if found is None:
        return None
    before, inside, after = path[: found.start()], found[1], path[found.end() :]
    if "," in inside:
        names = [f"{before}{one}{after}" for one in inside.split(",")]
        more = ", …" if len(names) > _SHOWN else ""
        return f"braces are not expanded: write a list, `[{', '.join(names[:_SHOWN])}{more}]`"
    if ".." in inside:
        return f"braces are not expanded: write a wildcard, as in `{before}*{after}`"
    return None
