"""Leases: who holds a folder of a store, and what becomes of those of dead owners."""

from __future__ import annotations

import json
import threading
import time

import pytest
from octomed.errors import RecipeError, StorageError
from octomed.storage import LOCK_NAME
from octomed.stores import lease, owners
from octomed.stores.client import open_store


@pytest.fixture
def stored(fast_s3):
    return open_store(f"{fast_s3.root}/run")


@pytest.fixture
def short(monkeypatch):
    """Leases that are renewed every fifth of a second."""
    monkeypatch.setattr(lease, "SECONDS", 0.6)


def locked(stored, *, exclusive=True):
    return stored.lock(exclusive=exclusive, busy="another run works here")


def somebody(stored, **changes):
    """Leave the lease of somebody else."""
    said = {"token": "1", "host": "far", "pid": 7, "machine": "m", "started": "1", "seconds": 60.0} | changes
    stored.put(LOCK_NAME, json.dumps(said).encode())


def test_a_lease_is_named_with_its_owner_and_how_it_ends(stored):
    somebody(stored)
    with pytest.raises(RecipeError, match="another run works here") as caught, locked(stored):
        pass
    assert "process 7 on `far` holds it" in caught.value.hint
    assert "takes it over" in caught.value.hint
    assert caught.value.exit_code == 2
    with pytest.raises(RecipeError), locked(stored, exclusive=False):
        pass
    assert stored.lease_names() == [LOCK_NAME]


def test_an_expired_lease_is_taken_over(stored):
    somebody(stored, seconds=0.5)
    time.sleep(2)  # times of objects are whole seconds
    with locked(stored) as held:
        assert held.note == "the lease of process 7 on `far` was taken over"
    assert stored.lease_names() == []


def test_the_lease_of_a_process_of_this_machine_that_is_gone_is_taken_over_at_once(stored):
    somebody(stored, machine=owners._machine(), pid=2**22 + 1)
    with locked(stored) as held:
        assert held.note is not None
    assert stored.lease_names() == []


def test_what_nobody_of_us_wrote_is_held_for_a_minute(stored):
    stored.put(LOCK_NAME, b"mine!")
    with pytest.raises(RecipeError), locked(stored):
        pass
    assert stored.read(LOCK_NAME) == b"mine!"


@pytest.mark.usefixtures("short")
def test_a_lease_is_renewed(stored):
    with locked(stored):
        before = stored.head(LOCK_NAME).version
        time.sleep(0.5)
        assert stored.head(LOCK_NAME).version != before
    assert stored.names() == []
    assert stored.lease_names() == []


@pytest.mark.usefixtures("short")
def test_a_lease_that_somebody_took_over_is_an_error_at_the_end(stored):
    def work():
        with locked(stored) as held:
            somebody(stored)
            time.sleep(0.5)
            assert held.lost

    with pytest.raises(StorageError, match="was not renewed in time"):
        work()
    assert b"far" in stored.read(LOCK_NAME)


def test_one_of_many_gets_it(stored):
    got, refused = [], []
    start = threading.Barrier(6)

    def work():
        start.wait()
        try:
            with locked(stored):
                got.append(1)
                time.sleep(0.3)
        except RecipeError:
            refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 5)


def test_a_shared_lease_becomes_exclusive_where_nobody_else_holds_one(stored):
    with locked(stored, exclusive=False) as first:
        with locked(stored, exclusive=False) as second:
            assert not first.alone()
            assert not second.alone()
        assert first.alone()
        assert first.alone()
        with pytest.raises(RecipeError), locked(stored, exclusive=False):
            pass
        first.share()
        with locked(stored, exclusive=False):
            pass
    with locked(stored) as held:
        held.share()
        with locked(stored, exclusive=False):
            pass
    assert stored.lease_names() == []


def test_a_store_that_heeds_no_conditions_has_leases_too(stored, monkeypatch):
    monkeypatch.setattr(lease, "_SETTLING_SECONDS", 0.05)
    monkeypatch.setattr(type(stored), "put_new", lambda self, name, data: self.put(name, data) or True)
    with locked(stored):
        assert stored.bucket.conditions is False
        with pytest.raises(RecipeError), locked(stored):
            pass
    assert stored.lease_names() == []


@pytest.mark.parametrize("server", ["gcs", "azure"])
def test_leases_of_other_stores(request, server):
    stored = open_store(f"{request.getfixturevalue(server).root}/run")
    with locked(stored) as held:
        with pytest.raises(RecipeError), locked(stored):
            pass
        assert held._renewed(LOCK_NAME)
    assert stored.lease_names() == []


@pytest.mark.usefixtures("quick", "short")
def test_leases_survive_faults(stored, fast_s3):
    fast_s3.set(rate=0.2, kinds=["error_500", "late_500", "reset", "late_reset", "html", "short_body"])
    for _ in range(3):
        with locked(stored) as held:
            time.sleep(0.3)
            assert not held.lost
