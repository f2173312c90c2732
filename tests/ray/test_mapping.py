"""Calls handed out, listened to and tried elsewhere: with nodes and a Ray that the tests make up."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import pytest
from octomed.errors import CancelledRun, ClusterError, DataError, StorageError
from octomed.pipeline.calls.specs import BlockScanned
from octomed.pipeline.cluster import mapping as mapping_file
from octomed.pipeline.cluster.accounts import Accounts
from octomed.pipeline.cluster.mapping import Mapping, Ways
from octomed.pipeline.cluster.team import Member
from octomed.pipeline.cluster.travel import Answer


class RayError(Exception):
    """What Ray raises where a worker is gone."""


class Ref:
    """An answer that comes after so many seconds, or never."""

    def __init__(self, value, after=0.0):
        self.value, self.at = value, time.monotonic() + after

    def comes(self):
        return time.monotonic() >= self.at


class Ray:
    """As much of Ray as the driver's loop asks."""

    exceptions = SimpleNamespace(RayError=RayError)

    @staticmethod
    def wait(refs, *, num_returns, timeout):
        end = time.monotonic() + min(timeout, 0.02)
        while True:
            ready = [ref for ref in refs if ref.comes()][:num_returns]
            if ready or time.monotonic() >= end:
                return ready, []
            time.sleep(0.002)

    @staticmethod
    def get(ref):
        if isinstance(ref.value, Exception):
            raise ref.value
        return ref.value


class Node:
    """A worker that answers as `does(how many calls it had, spec)` says: an `Answer`, or what Ray raises."""

    def __init__(self, does, *, hears=True):
        self.specs, self.cancelled, self.does, self.hears = [], [], does, hears
        self.run = SimpleNamespace(remote=self._run)
        self.heard = SimpleNamespace(remote=lambda: Ref({}, 0.0 if self.hears else 1e9))
        self.cancel = SimpleNamespace(remote=self.cancelled.append)

    def _run(self, _number, _call, spec, _readers):
        self.specs.append(spec)
        return Ref(*self.does(len(self.specs), spec))


class Team:
    """Nodes that the test has made."""

    may_come = False

    def __init__(self, **nodes):
        self.members = {name: Member(name, name, 2, node) for name, node in nodes.items()}
        self.calls = itertools.count()
        self.left = []
        self.coming = []

    def look(self):
        coming, self.coming = self.coming, []
        self.members |= {one.id: one for one in coming}
        return coming

    def leave(self, member, why, *, for_good=False):
        del self.members[member.id]
        self.left.append((member.name, why, for_good))


def works(_, spec):
    told = (BlockScanned(f"block {spec}", 1, 10, 100, 0),)
    return Answer(spec * 10, None, told, 0.1), 0.01


def fails(error):
    return lambda *_: (Answer(None, error), 0.0)


def never(*_):
    return Answer(None), 1e9


def scan_task():
    """What is called."""


def mapped(monkeypatch, team, specs=range(6), limit=100.0, **how):
    """Return what a pass over specifications gives, sorted."""
    monkeypatch.setattr(mapping_file, "ray_module", lambda: Ray)
    layouts = SimpleNamespace(lighter=lambda spec: spec)
    how = {"accounts": Accounts(), **how}
    accounts = how.pop("accounts")
    ways = Ways(limit, at_once=4, readers=1, threads=2)
    mapping = Mapping(team, accounts, layouts, scan_task, list(specs), ways, **how)
    monkeypatch.setattr(mapping, "_name", lambda number: f"task {number}")
    return sorted(mapping.results())


def test_all_is_done_by_all_and_told_once(monkeypatch):
    team, told, accounts = Team(a=Node(works), b=Node(works)), [], Accounts()
    assert mapped(monkeypatch, team, told=told.append, accounts=accounts) == [0, 10, 20, 30, 40, 50]
    assert sorted(one.name for one in told) == [f"block {number}" for number in range(6)]
    assert sum(one.rows for one in accounts.nodes.values()) == 6
    assert all(one.tasks for one in accounts.nodes.values())


def test_a_full_disk_of_one_node_is_no_end(monkeypatch):
    team = Team(a=Node(fails(StorageError("the disk is full"))), b=Node(works))
    assert mapped(monkeypatch, team) == [0, 10, 20, 30, 40, 50]
    (name, why, for_good) = team.left[0]
    assert (name, for_good) == ("a", True)
    assert "the disk is full; what it had goes elsewhere: task 0" in why


def test_a_full_disk_of_the_last_node_is(monkeypatch):
    full = StorageError("the disk is full", "free some space", errno=28)
    team = Team(a=Node(fails(full)), b=Node(fails(full)))
    with pytest.raises(StorageError, match=r"full \(on node `[ab]`\)") as caught:
        mapped(monkeypatch, team)
    assert (caught.value.hint, caught.value.errno) == ("free some space", 28)


def test_bad_rows_end_the_run_wherever_they_are(monkeypatch):
    nodes = {"a": Node(fails(DataError("row 7 is none", "mend it"))), "b": Node(works)}
    with pytest.raises(DataError, match=r"row 7 is none \(on node `a`\)"):
        mapped(monkeypatch, Team(**nodes))
    with pytest.raises(DataError, match=r"row 7 is none\n"):
        mapped(monkeypatch, Team(a=nodes["a"]))


def dies_first(count, spec):
    return (RayError("The actor died unexpectedly: node died"), 0.0) if count == 1 else works(count, spec)


def test_what_a_dead_worker_had_goes_elsewhere(monkeypatch):
    team = Team(a=Node(dies_first), b=Node(works))
    assert mapped(monkeypatch, team) == [0, 10, 20, 30, 40, 50]
    assert team.left[0][1].startswith("lost its worker (node died); what it had goes elsewhere: task 0")
    assert team.left[0][2] is False, "another worker may start there"


def test_what_kills_every_worker_is_named(monkeypatch):
    team = Team(**{name: Node(lambda *_: (RayError("killed"), 0.0)) for name in "abcde"})
    with pytest.raises(ClusterError, match="task 0 ended its worker 4 times, on a, b, c, d"):
        mapped(monkeypatch, team, specs=[1])


def test_a_task_and_a_node_that_say_nothing_are_given_up(monkeypatch):
    team = Team(a=Node(never), b=Node(works))
    assert mapped(monkeypatch, team, limit=0.2) == [0, 10, 20, 30, 40, 50]
    assert team.left[0][1].startswith("said nothing for 0 s")
    team = Team(a=Node(never, hears=False), b=Node(works))
    monkeypatch.setattr(mapping_file, "_HEAR_SECONDS", 0.0)
    assert mapped(monkeypatch, team, limit=0.2) == [0, 10, 20, 30, 40, 50]


def test_no_node_is_left(monkeypatch):
    with pytest.raises(ClusterError, match="no node of the cluster is left"):
        mapped(monkeypatch, Team(a=Node(dies_first)))


def test_a_node_that_comes_later_takes_part(monkeypatch):
    team = Team(a=Node(works))
    late = Node(works)
    team.coming = [Member("late", "late", 2, late)]
    assert mapped(monkeypatch, team) == [0, 10, 20, 30, 40, 50]
    assert late.specs


def test_the_slower_of_two_runs_is_cancelled(monkeypatch):
    slow = Node(never)
    monkeypatch.setattr("octomed.pipeline.cluster.board.LEAST_SECONDS_ALONE", 0.1)
    assert mapped(monkeypatch, Team(a=slow, b=Node(works)), specs=range(3)) == [0, 10, 20]
    assert len(slow.cancelled) == len(slow.specs)


def test_a_cancelled_run_goes_no_further(monkeypatch):
    def check():
        raise CancelledRun

    with pytest.raises(CancelledRun):
        mapped(monkeypatch, Team(a=Node(works)), check=check)
