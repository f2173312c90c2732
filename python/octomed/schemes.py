"""What tells an address from a path: `scheme://`, and nothing else."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

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


def objects() -> Any:  # noqa: ANN401 a module
    """Return the module that knows what stores hold, which only an address has loaded."""
    return import_module("octomed.stores.inputs")
