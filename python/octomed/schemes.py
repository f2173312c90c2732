"""What tells an address from a path: `scheme://`, and nothing else."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)


def scheme_of(location: str) -> str | None:
    """Return the scheme of an address, in lower case; ``None`` for a path, whatever follows its first slash.

    Examples
    --------
    >>> scheme_of("S3://bucket/run"), scheme_of("data/s3://bucket")
    ('s3', None)
    """
    found = _SCHEME.fullmatch(location)
    return None if found is None else found[1].lower()
