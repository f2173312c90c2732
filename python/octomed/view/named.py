"""The trace that the detail of a reject names."""

from __future__ import annotations

import re
from typing import Any

_NAMED = re.compile(
    r"\b(?P<source>[^/\s]+)/(?P<file>.+?) row (?P<row>\d{1,15})(?: sample (?P<sample>\d{1,9}))?$"
)


def named_in(detail: str, sources: list[str]) -> dict[str, Any] | None:
    """Return the trace that the detail of a reject names, if any.

    Examples
    --------
    >>> named_in("equals films/a.parquet row 4 sample 0", ["films"])
    {'source': 'films', 'file': 'a.parquet', 'row': 4, 'sample': 0}
    """
    found = _NAMED.search(detail)
    if found is None or found["source"] not in sources:
        return None
    sample = None if found["sample"] is None else int(found["sample"])
    return {"source": found["source"], "file": found["file"], "row": int(found["row"]), "sample": sample}
