"""What tests of stores take."""

from __future__ import annotations

import pytest
from octomed.stores import address, attempts
from octomed.stores.options import StoreOptions, configure


@pytest.fixture
def quick(monkeypatch):
    """Pauses of a hundredth, half a second of patience with a server that is silent, and no user of a host.

    A process knows the user of a web server from any address of it: one of another test's would be sent.
    """
    monkeypatch.setattr(address, "_users", {})
    monkeypatch.setattr(attempts, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(attempts, "_LONGEST_PAUSE", 0.2)
    configure([StoreOptions(timeout=0.5)])
    yield
    configure([])
