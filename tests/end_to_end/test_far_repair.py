"""Repairs of runs at the addresses of every kind of store, and of those that are killed on the way."""

from __future__ import annotations

import random
import signal
import time

import octomed
import pytest
from octomed.file_names import PAGES
from octomed.stores.client import open_store

from . import runs
from .test_far_runs import MANIFEST, SHARD, TABLE, everything, flipped, packed, scratch

__all__ = ["packed", "scratch"]

STATE = {MANIFEST, "octomed.json"}
NOT_MADE_AGAIN = {*STATE, *PAGES}


def upload(packed, server):
    """Put the finished run at a server; return the store that it is in."""
    server.upload(packed / "out", "runs/small")
    server.delete("runs/small/.octomed.lock")  # a folder's empty file, which at an address would be a lease
    return open_store(f"{server.root}/runs/small")


@pytest.fixture(params=["gcs", "azure"])
def far(packed, request):
    """The run at an address of another store than S3, which `test_far_runs` has."""
    return upload(packed, request.getfixturevalue(request.param))


def test_what_is_damaged_is_made_again_there(far):
    before = everything(far)
    flipped(far, SHARD)
    far.delete(TABLE)
    far.put("len-00512/index.json", b"")
    verified = octomed.verify(str(far.address), repair=True)
    assert verified.findings == ()
    assert set(verified.repaired.rebuilt) == {SHARD, TABLE, "len-00512/index.json"}
    assert everything(far) == before
    assert octomed.verify(str(far.address), repair=True).repaired.rebuilt == ()


@pytest.mark.parametrize("name", sorted(STATE))
def test_a_state_file_is_made_again_there(far, name):
    before = everything(far)
    flipped(far, name)
    assert octomed.verify(str(far.address), repair=True).findings == ()
    after = everything(far)
    assert before.keys() == after.keys()
    assert {one for one in before if after[one] != before[one]} <= {"octomed.json"}


def puts(server):
    return server.counts().get("put", 0)


def kill_after(process, server, uploads):
    """Kill a process once the server got so many requests that write; return whether it was still at work."""
    wanted = puts(server) + uploads
    end = time.monotonic() + 60
    while process.poll() is None and puts(server) < wanted and time.monotonic() < end:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("fast_s3", 2),
        *(pytest.param(kind, 10, marks=pytest.mark.long) for kind in ("fast_s3", "gcs", "azure")),
    ],
)
def test_a_repair_that_is_killed_goes_on(packed, kind, kills, request):
    """What was put there stays, nothing else changes, and the dead process's lease is in nobody's way."""
    server = request.getfixturevalue(kind)
    far = upload(packed, server)
    before = everything(far)
    victims = [name for name in before if name not in NOT_MADE_AGAIN]
    draw, landed = random.Random(21), 0
    for _ in range(kills):
        for name in victims:
            far.delete(name)
        server.set(latency=0.01)
        repair = runs.start_verb("verify", str(far.address), "--repair", "--workers", "1")
        # The first write is the lease.
        landed += kill_after(repair, server, draw.randint(1, len(victims)))
        server.set(latency=0.0)
        found = {name: data for name, data in everything(far).items() if name != ".octomed.lock"}
        assert found.items() <= before.items()
        assert octomed.verify(str(far.address), repair=True).findings == ()
        assert everything(far) == before
    assert landed >= kills - 1


def test_a_repair_whose_uploads_fail_goes_on(packed, fast_s3):
    """A fifth of all requests fails, before and after it was carried out."""
    far = upload(packed, fast_s3)
    before = everything(far)
    for name in before.keys() - NOT_MADE_AGAIN:
        far.delete(name)
    fast_s3.set(rate=0.2, kinds=["error_503", "late_500", "reset", "late_reset", "short_body"], seed=5)
    assert octomed.verify(str(far.address), repair=True).findings == ()
    failed = fast_s3.counts()["faults"]
    fast_s3.set(rate=0.0)
    assert failed > 5
    assert everything(far) == before
