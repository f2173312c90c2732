"""Which task goes to which node: the rules alone, with a clock of the test's own."""

from __future__ import annotations

import random

import pytest
from octomed.pipeline.cluster.board import LEAST_SECONDS_ALONE, MOST_LOSSES, Board


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def board(tasks, clock, **slots):
    made = Board(tasks, clock)
    for node, room in slots.items():
        made.add(node, room)
    return made


def test_nodes_get_tasks_in_order_and_evenly(clock):
    made = board(5, clock, a=2, b=2)
    assert made.assign() == [(0, "a"), (1, "b"), (2, "a"), (3, "b")]
    assert made.assign() == [], "both are full"
    made.done(1, "b")
    assert made.assign() == [(4, "b")]


def test_the_tasks_of_a_lost_node_come_first_and_elsewhere(clock):
    made = board(4, clock, a=1, b=1)
    made.assign()
    assert made.lose("a") == [0]
    made.done(1, "b")
    made.add("a", 1)
    assert made.assign() == [(0, "b"), (2, "a")], "not where it was lost, while others are there"
    assert made.lose("b") == [0]
    assert made.assign() == []
    made.done(2, "a")
    assert made.assign() == [(0, "a")], "nowhere else is left"
    assert made.losses(0) == ["a", "b"]


def test_the_last_tasks_run_twice_at_most_and_the_first_wins(clock):
    made = board(2, clock, a=1, b=1, c=1)
    assert made.assign() == [(0, "a"), (1, "b")]
    clock.now = LEAST_SECONDS_ALONE - 1
    assert made.assign() == [], "most are done before"
    clock.now = LEAST_SECONDS_ALONE
    assert made.assign() == [(0, "c")]
    clock.now *= 10
    made.done(1, "b")
    assert made.assign() == [], "twice at most"
    assert made.done(0, "c") == ["a"], "which need not go on"
    assert made.is_done
    assert made.done(0, "a") == [], "the second answer is nobody's"


def test_a_second_run_is_not_given_to_the_node_that_has_the_first(clock):
    made = board(1, clock, a=2)
    made.assign()
    clock.now = 100.0
    assert made.assign() == []


def test_a_lost_second_run_leaves_the_first_alone(clock):
    made = board(1, clock, a=1, b=1)
    made.assign()
    clock.now = 100.0
    assert made.assign() == [(0, "b")]
    assert made.lose("b") == [0]
    assert made.assign() == [], "it is still at work at its first place"
    assert made.done(0, "a") == []


@pytest.mark.parametrize("seed", range(20))
def test_every_task_is_done_once_whatever_happens(seed):
    """Nodes come, go and are slow; no task waits while a node is idle, and none is at work three times."""
    draw, clock = random.Random(seed), Clock()
    made, done, nodes = board(30, clock, n0=2), [], 1
    for _ in range(5000):
        if made.is_done:
            break
        clock.now += draw.random() * 4
        made.assign()
        at_work = made.at_work()
        assert max((sum(one[0] == number for one in at_work) for number, _, _ in at_work), default=0) <= 2
        if at_work and draw.random() < 0.7:
            number, node, _ = draw.choice(at_work)
            made.done(number, node)
            done.append(number)
        elif draw.random() < 0.1:
            made.add(f"n{nodes}", draw.randint(1, 3))
            nodes += 1
        elif draw.random() < 0.05 and at_work:
            made.lose(draw.choice(at_work)[1])
            made.add(f"n{nodes}", 1)
            nodes += 1
    assert sorted(done) == list(range(30))


def test_what_is_lost_often_enough_is_known(clock):
    made = board(1, clock)
    for number in range(MOST_LOSSES):
        made.add(f"n{number}", 1)
        assert made.assign() == [(0, f"n{number}")]
        made.lose(f"n{number}")
    assert len(made.losses(0)) == MOST_LOSSES
