"""Killed runs end where uninterrupted ones do: bit for bit, at one thread a rank."""

from __future__ import annotations

import random
from pathlib import Path

import octomed
import pytest

pytest.importorskip("composer")

from octomed.train.journal import read_journal

from .ranks import Ranks, run_ranks
from .sessions import STEPS, equal, farthest, traces_of_steps, train, write_recipe

WAYS = {
    "ddp": {},
    "fsdp": {"fsdp_config": {}},
    "fsdp-sharded": {"fsdp_config": {"state_dict_type": "sharded"}},
    "two-epochs": {"streams": ["len-00512"], "max_duration": "2ep", "save_interval": "3ba"},
}
EVENTS = ("after_forward", "after_train_batch", "batch_end", "batch_start")


@pytest.fixture(scope="module")
def whole(packed, tmp_path_factory):
    """Uninterrupted runs, by way of sharding: weights and trace ids a step."""
    made = {}

    def get(way: str):
        if way not in made:
            folder = tmp_path_factory.mktemp(way)
            weights = run_ranks(2, train, write_recipe(folder, packed, **WAYS[way]))[0]
            made[way] = (weights, traces_of_steps(folder / "run"), folder)
        return made[way]

    return get


def killed(recipe: Path, *, rank: int | None, step: int, event: str) -> None:
    """Run until a rank, or every one, is killed; no rank may end well."""
    ranks = Ranks(2, train, recipe, [], {"rank": rank, "step": step, "event": event})
    for process in ranks.processes:
        process.join(120)
    codes = [process.exitcode for process in ranks.processes]
    ranks.kill()
    assert -9 in codes
    assert 0 not in codes


@pytest.mark.parametrize(
    ("way", "rank"),
    [("ddp", 1), ("ddp", None), ("fsdp", None), ("fsdp-sharded", 0), ("two-epochs", None)],
    ids=str,
)
def test_a_killed_run_ends_bit_equal(whole, packed, tmp_path, way, rank):
    draw = random.Random(f"{way} {rank}")
    weights, steps, _ = whole(way)
    recipe = write_recipe(tmp_path, packed, **WAYS[way])
    killed(recipe, rank=rank, step=draw.randrange(len(steps) * 5 // 8, len(steps)), event=draw.choice(EVENTS))
    found = run_ranks(2, train, recipe)
    assert all(equal(one, weights) for one in found)
    assert traces_of_steps(tmp_path / "run") == steps
    assert [entry["step"] for entry in read_journal(tmp_path / "run/metrics.jsonl")] == list(steps)


def test_a_half_written_checkpoint_is_left_aside(whole, packed, tmp_path):
    weights, steps, _ = whole("ddp")
    recipe = write_recipe(tmp_path, packed)
    run_ranks(2, train, recipe, ["max_duration=6ba"])
    newest = max((tmp_path / "checkpoints").glob("ep*.pt"), key=lambda path: int(path.stem.split("-")[1][2:]))
    assert newest.name == "ep0-ba6-rank0.pt"
    newest.write_bytes(newest.read_bytes()[:-1000])
    ranks = Ranks(2, train, recipe)
    assert equal(ranks.results()[0], weights)
    assert traces_of_steps(tmp_path / "run") == steps
    assert "`ep0-ba6-rank0.pt` was not completely written" in ranks.said()
    assert "resuming from" in ranks.said()


@pytest.mark.parametrize("way", ["ddp", "fsdp-sharded"])
def test_ranks_may_change_from_two_to_one_to_two(whole, packed, tmp_path, way):
    weights, steps, _ = whole(way)
    recipe = write_recipe(tmp_path, packed, **WAYS[way])
    for ranks, until in ((2, 2), (1, 6), (2, STEPS)):
        found = run_ranks(ranks, train, recipe, [f"max_duration={until}ba"])
    assert farthest(found[0], weights) <= 1e-4
    assert traces_of_steps(tmp_path / "run") == steps


def test_ddp_and_fsdp_learn_the_same(whole):
    assert farthest(whole("fsdp")[0], whole("ddp")[0]) <= 1e-4
    assert whole("fsdp")[1] == whole("ddp")[1]


def test_an_epoch_has_every_trace(whole, packed):
    """Streaming repeats packs of so small a stream; Composer must not end the epoch without them."""
    steps = whole("two-epochs")[1]
    half = len(steps) // 2
    stream = octomed.MDSReader(packed / "len-00512")
    traces = {int(one) for row in stream for one in row["trace_ids"]}
    for first in (1, half + 1):
        assert {one for step in range(first, first + half) for one in steps[step]} == traces


def test_every_step_has_other_traces(whole):
    steps = whole("ddp")[1]
    assert list(steps) == list(range(1, STEPS + 1))
    assert len({tuple(ids) for ids in steps.values()}) == STEPS
