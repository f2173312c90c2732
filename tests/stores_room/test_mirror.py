"""Mirrors of objects: exactly what is needed is fetched, once, ahead of its readers, and given back."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.errors import ChangedInput, StorageError
from octomed.stores import mirror, mirrors, stream, walk
from octomed.stores.objects import ChangedObject, StoredObject
from octomed.stores.options import configure
from octomed.stores.ranges import Ranges, coalesced, parts

SIZE = 40 * 2**20
ADDRESS = "s3://bucket/data/a.bin"


class Store:
    """A store of one object, which counts what is asked of it."""

    def __init__(self, data):
        self.data, self.version = data, '"1"'
        self.asked, self.fails = [], 0
        self.lock = threading.Lock()
        self.seconds = 0.0

    def read_range(self, name, start, length, version=None):
        assert name == "data/a.bin"
        time.sleep(self.seconds)
        with self.lock:
            self.asked.append((start, start + length))
            if self.fails:
                self.fails -= 1
                raise StorageError("cannot read `s3://bucket/data/a.bin`: the store fails")
        if version != self.version:
            raise ChangedObject(ADDRESS)
        return self.data[start : start + length]

    def head(self, name):
        return StoredObject(name, len(self.data), self.version)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A store, and the mirrors of this test alone."""
    store = Store(random.Random(1).randbytes(SIZE))
    monkeypatch.setattr(mirror, "opened", lambda address: (store, address.removeprefix("s3://bucket/")))
    monkeypatch.setattr(mirrors, "opened", lambda address: (store, address.removeprefix("s3://bucket/")))
    fresh = mirrors.Mirrors()
    for module in (mirrors, stream, walk):
        monkeypatch.setattr(module, "mirrors", fresh)
    configure([], tmp_path / "scratch")
    fresh.announce(ADDRESS, SIZE, store.version)
    yield store, fresh, tmp_path / "scratch"
    fresh.clear()
    configure([])


def wait_for(condition):
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def on_disk(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def held_bytes(one, begin, end):
    with open(one.path, "rb") as file:
        file.seek(begin)
        return file.read(end - begin)


# Ranges


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 12)), max_size=20))
def test_ranges_are_a_set_of_bytes(steps):
    ours, theirs = Ranges(), set()
    for adds, begin, length in steps:
        named = set(range(begin, begin + length))
        expected = len(named - theirs) if adds else len(named & theirs)
        assert (ours.add if adds else ours.remove)(begin, begin + length) == expected
        theirs = theirs | named if adds else theirs - named
        assert {byte for low, high in ours for byte in range(low, high)} == theirs
        assert ours.size == len(theirs)
        ranges = list(ours)
        assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))
        for low, high in ((0, 50), (begin, begin + length), (7, 9)):
            missing = {byte for one in ours.missing(low, high) for byte in range(*one)}
            within = {byte for one in ours.within(low, high) for byte in range(*one)}
            assert (missing, within) == (set(range(low, high)) - theirs, set(range(low, high)) & theirs)


def test_ranges_are_joined_and_cut():
    assert coalesced([(10, 12), (0, 4), (5, 5), (4, 6)], gap=0) == [(0, 6), (10, 12)]
    assert list(parts([(0, 5), (9, 10)], 2)) == [(0, 2), (2, 4), (4, 5), (9, 10)]


# Mirrors


def test_exactly_what_is_needed_is_fetched_and_once(made):
    store, ours, folder = made
    with ours.held(ADDRESS) as one:
        one.need([(100, 200), (10_000, 20_000)])
        assert sorted(store.asked) == [(100, 200), (10_000, 20_000)]
        one.need([(120, 180), (15_000, 25_000)])
        assert max(store.asked) == (20_000, 25_000)
        assert held_bytes(one, 10_000, 25_000) == store.data[10_000:25_000]
        assert os.path.getsize(one.path) == SIZE
        assert on_disk(folder) < 100_000
        one.release([(10_000, 25_000)])
        assert held_bytes(one, 12_288, 20_480) == bytes(8192)
        one.need([(10_000, 10_010)])
        assert held_bytes(one, 10_000, 10_010) == store.data[10_000:10_010]
    ours.clear()
    assert not folder.exists()


def test_many_readers_of_one_object(made):
    store, ours, _ = made
    store.seconds = 0.002
    draw = random.Random(2)
    places = [
        [(at, at + draw.randrange(1, 2**20)) for at in draw.sample(range(SIZE - 2**20), 12)] for _ in range(8)
    ]
    faults = []

    def read(ranges):
        with ours.held(ADDRESS) as one:
            for begin, end in ranges:
                one.expect([(begin, end + 2**20)])
                one.need([(begin, end)])
                if held_bytes(one, begin, end) != store.data[begin:end]:
                    faults.append((begin, end))

    threads = [threading.Thread(target=read, args=(ranges,)) for ranges in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    fetched = Ranges()
    assert sum(end - begin for begin, end in store.asked) == sum(fetched.add(*one) for one in store.asked)


def test_what_fails_is_raised_where_it_is_needed_and_fetched_again(made):
    store, ours, _ = made
    with ours.held(ADDRESS) as one:
        store.fails = 1
        one.expect([(0, 100)])
        wait_for(lambda: store.asked)
        store.fails = 1
        with pytest.raises(StorageError, match="the store fails"):
            one.need([(0, 100)])
        one.need([(0, 100)])
        assert held_bytes(one, 0, 100) == store.data[:100]


def test_another_version_is_named(made):
    store, ours, _ = made
    store.version = '"2"'
    with ours.held(ADDRESS) as one:
        for call in (lambda: one.need([(0, 10)]), one.refuse_changed):
            with pytest.raises(ChangedInput, match=r"`s3://bucket/data/a.bin` changed while the run read it"):
                call()
    ours.announce(ADDRESS, SIZE, '"2"')
    with ours.held(ADDRESS) as one:
        one.need([(0, 10)])


def test_mirrors_that_nobody_reads_make_room(made, monkeypatch):
    store, ours, folder = made
    monkeypatch.setattr(ours, "_most", 2**20)
    addresses = [f"s3://bucket/data/{number}.bin" for number in range(20)]
    monkeypatch.setattr(mirror, "opened", lambda _: (store, "data/a.bin"))
    for address in addresses:
        ours.announce(address, SIZE, store.version)
        with ours.held(address) as one:
            one.need([(0, 2**18)])
    assert on_disk(folder) <= 2**20 + 2**18 + 2**16


def test_folders_of_killed_processes_are_removed(made):
    _, ours, folder = made
    dead = folder / "mirrors/dead"
    dead.mkdir(parents=True)
    (dead / "lock").touch()
    (dead / "0").write_bytes(b"rows of somebody")
    with ours.held(ADDRESS) as one:
        one.need([(0, 10)])
        assert not dead.exists()
        assert os.stat(os.path.dirname(one.path)).st_mode & 0o77 == 0


# Streams


@pytest.mark.parametrize("chunk", [2**14, 2**16, 3 * 2**20])
def test_a_stream_reads_ahead_and_is_the_object(made, chunk):
    store, _, _ = made
    with stream.MirroredFile(ADDRESS) as file:
        assert file.read(chunk) == store.data[:chunk]
        assert sum(end - begin for begin, end in store.asked) == chunk, "for a head no more than the head"
        found = bytearray(store.data[:chunk])
        while data := file.read(chunk):
            found += data
        assert bytes(found) == store.data
        file.seek(5, os.SEEK_SET)
        assert (file.read(3), file.tell(), file.seek(-4, os.SEEK_END)) == (store.data[5:8], 8, SIZE - 4)
        assert (file.read(), file.read(10)) == (store.data[-4:], b"")
    assert sum(end - begin for begin, end in store.asked) == SIZE


def test_what_a_long_stream_leaves_behind_is_bounded(made, monkeypatch):
    store, _, folder = made
    monkeypatch.setattr(stream, "_MOST_KEPT", 4 * 2**20)
    monkeypatch.setattr(stream, "_MOST_AHEAD", 4 * 2**20)
    largest = 0
    with stream.MirroredFile(ADDRESS) as file:
        while file.read(2**20):
            largest = max(largest, on_disk(folder))
        assert largest < 4 * 4 * 2**20
        asked = len(store.asked)
        file.seek(0)
        assert file.read(2**16) == store.data[: 2**16]
        assert len(store.asked) == asked, "the head is kept"


# The walk


def test_a_walk_stays_a_bounded_way_ahead_of_its_readers(made):
    store, _, folder = made
    tasks = [
        walk.Wanted(ADDRESS, SIZE, store.version, ((at, at + SIZE // 5),)) for at in range(0, SIZE, SIZE // 5)
    ]
    most = 12 * 2**20
    largest, found = 0, bytearray()
    with walk.Walk(tasks, most) as ours:
        time.sleep(0.3)
        assert most - mirror.PART_BYTES <= sum(end - begin for begin, end in store.asked) <= most
        for task in tasks:
            with stream.MirroredFile(ADDRESS) as file:
                file.seek(task.ranges[0][0])
                for _ in range(8):
                    found += file.read(2**20)
                    largest = max(largest, on_disk(folder))
            ours.done(task)
    assert bytes(found) == store.data
    assert largest <= most + 2 * mirror.PART_BYTES
    assert sum(end - begin for begin, end in store.asked) <= SIZE + 4 * 2**20
    assert on_disk(folder) < 2**20


def test_a_walk_holds_up_no_reader_and_ends_with_them(made):
    """Readers in another order than the walk's, one that reads nothing, and an end in the middle."""
    store, _, folder = made
    fifth = SIZE // 5
    tasks = [walk.Wanted(ADDRESS, SIZE, store.version, ((at, at + fifth),)) for at in range(0, SIZE, fifth)]
    with walk.Walk(tasks, 8 * 2**20) as ours:
        for number in (3, 1):
            with stream.MirroredFile(ADDRESS) as file:
                file.seek(number * fifth)
                assert file.read(fifth) == store.data[number * fifth :][:fifth]
            ours.done(tasks[number])
        ours.done(tasks[0])
        begin = time.monotonic()
    assert time.monotonic() - begin < 5
    store.seconds = 0.0
    with walk.Walk(tasks, 8 * 2**20) as ours:  # a second pass reads what the first gave back
        with stream.MirroredFile(ADDRESS) as file:
            assert file.read(fifth) == store.data[:fifth]
        for task in tasks:
            ours.done(task)
        ours.done(tasks[0])
        ours.done(walk.Wanted("s3://bucket/data/of-another-walk", 1, None, ((0, 1),)))
    assert on_disk(folder) < SIZE
