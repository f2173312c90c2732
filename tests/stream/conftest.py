"""A small run of several unequal streams, packed once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from octomed import _octomed
from octomed.stream import Run, open_run
from octomed.stream.shared_memory import remove_stale

from tests import state_files
from tests.end_to_end import runs


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run; it is read only."""
    folder = tmp_path_factory.mktemp("packed")
    runs.make_inputs(folder, rows=300)
    recipe = runs.values()
    recipe["pack"] |= {"capacity": 512, "buckets": [240, 330]}
    runs.pack(runs.write_recipe(folder, recipe))
    return folder / "out"


@pytest.fixture(scope="session")
def run(packed: Path) -> Run:
    return open_run(packed)


@pytest.fixture
def copied(packed: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may spoil."""
    return Path(shutil.copytree(packed, tmp_path / "run"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("OCTOMED_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _tidy() -> None:
    remove_stale()


def change_run_file(folder: Path, **values: object) -> None:
    """Change keys of a run's `octomed.json`."""
    state_files.change(folder / "octomed.json", lambda run: run.update(values))


def change_index(folder: Path, stream: str, content: dict[str, object]) -> None:
    """Write a stream's index, and its digest into the run's `octomed.json`."""
    path = folder / stream / "index.json"
    path.write_text(json.dumps(content))
    state_files.change(
        folder / "octomed.json",
        lambda run: run["streams"][stream].update(index=_octomed.digest(path.read_bytes())),
    )
