"""Where shards are kept."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """Return the folder of cached shards: ``$OCTOMED_CACHE``, or one in the user's cache."""
    chosen = os.environ.get("OCTOMED_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "octomed", "streams")
