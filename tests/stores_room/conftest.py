"""What tests of stores take."""

from __future__ import annotations

import pytest
from octomed.stores import attempts
from octomed.stores.options import StoreOptions, configure


@pytest.fixture
def quick(monkeypatch):
    """Pauses of a hundredth, and half a second of patience with a server that is silent."""
    monkeypatch.setattr(attempts, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(attempts, "_LONGEST_PAUSE", 0.2)
    configure([StoreOptions(timeout=0.5)])
    yield
    configure([])
