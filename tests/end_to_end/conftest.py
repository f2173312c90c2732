"""Small blocks and tasks for every run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from octomed.pipeline.inputs import tasks
from octomed.pipeline.inputs.read import blocks_of

from . import runs


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setitem(blocks_of.__kwdefaults__, "target", runs.BLOCK_BYTES)
    monkeypatch.setattr(tasks, "JSON_TASK_BYTES", runs.TASK_BYTES)
    monkeypatch.setattr(tasks, "PARQUET_TASK_BYTES", runs.TASK_BYTES)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A recipe over inputs of three formats: several tasks, blocks and shards."""
    runs.make_inputs(tmp_path)
    return runs.write_recipe(tmp_path, runs.values())
