"""A checkpoint is there whole or not at all, whatever ends the training that writes it."""

from __future__ import annotations

import os
import signal

import pytest

pytest.importorskip("composer")

from octomed.train.checkpoint_files import remove_half_written
from octomed.train.checkpoints import newest_checkpoint

from .ranks import Ranks, run_ranks
from .sessions import command, equal, train, write_recipe
from .test_signals import SECONDS, until

STEPS = {"max_duration": "4ba", "save_interval": "2ba"}


def command_that_stays(arguments: list[str]) -> int:
    """What `train.py` does, on ranks that stay in the middle of writing the checkpoint of step 4."""
    import time

    import torch
    from torch.distributed.checkpoint import filesystem

    of_one, of_shards = torch.save, filesystem.FileSystemWriter.write_data

    def stay(file):
        file.write(b"half of it")
        file.flush()
        time.sleep(SECONDS)

    def save(state, file, *given, **named):
        if _is_step_4(state):
            stay(file)
        return of_one(state, file, *given, **named)

    def write_data(self, plan, planner):
        if self.path.name == "ep0-ba4":
            with (self.path / f"__{os.environ['RANK']}_0.distcp").open("wb") as file:
                stay(file)
        return of_shards(self, plan, planner)

    torch.save, filesystem.FileSystemWriter.write_data = save, write_data
    return command(arguments)


def _is_step_4(saved) -> bool:
    """Tell it of what is saved; torch pickles tensors by the same function."""
    state = saved.get("state", {}) if isinstance(saved, dict) else {}
    return "timestamp" in state and state["timestamp"]["Timestamp"]["batch"] == 4


@pytest.mark.parametrize(
    ("number", "sharded", "thorough"),
    [
        (signal.SIGTERM, False, False),
        pytest.param(signal.SIGINT, False, True, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, True, True, marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, False, True, marks=pytest.mark.long),
    ],
)
def test_a_signal_while_a_checkpoint_is_written(packed, tmp_path, number, sharded, thorough):
    """Rank 0 writes, and the other one waits for it; a file of shards is none without `.metadata`."""
    changes = {"fsdp_config": {"state_dict_type": "sharded"}} if sharded else {}
    recipe = write_recipe(tmp_path, packed, **STEPS, **changes)
    folder = tmp_path / "checkpoints"
    ranks = Ranks(2, command_that_stays, [str(recipe)])
    half = "ep0-ba4/__*" if sharded else ".ep0-ba4-rank0.pt.tmp-*"
    wanted = 2 if sharded else 1
    until(lambda: sum(path.stat().st_size > 0 for path in folder.glob(half)) == wanted, "half a checkpoint")
    for group in ranks.groups:
        os.killpg(group, number)
    if number == signal.SIGKILL:
        ranks.wait()
    else:
        assert ranks.results() == [128 + number] * 2
        resume = f"resume: composer -n 2 train.py {recipe} autoresume=true"
        assert ranks.said().splitlines()[-2:] == [f"stopped by signal {number.value}", resume]
        assert "Traceback" not in ranks.said() + ranks.said(1)
        names = {path.name for path in folder.iterdir()} - {".octomed.lock", "octomed-train.json"}
        assert names == ({"ep0-ba2", "ep0-ba4"} if sharded else {"ep0-ba2-rank0.pt"})
    whole = "ep0-ba2" if sharded else "ep0-ba2-rank0.pt"
    assert newest_checkpoint(str(folder)) == (f"{folder}/{whole}", ["ep0-ba4"] if sharded else [])
    if not thorough:
        return
    onward = Ranks(2, train, recipe)
    found = onward.results()[0]
    assert f"resuming from `{folder}/{whole}`" in onward.said()
    unbroken = run_ranks(2, train, write_recipe(tmp_path / "whole", packed, **STEPS, **changes))[0]
    assert equal(found, unbroken)
    assert not list(folder.glob(".*tmp*"))


def test_only_what_was_half_written_is_removed(tmp_path):
    left = ".ep0-ba4-rank0.pt.tmp-0123456789abcdef"
    kept = {"ep0-ba2-rank0.pt", ".ep0-ba4-rank0.pt.tmp-mine", ".other.tmp-0123456789abcdef"}
    for name in (left, *kept):
        (tmp_path / name).write_bytes(b"x")
    remove_half_written(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == kept
