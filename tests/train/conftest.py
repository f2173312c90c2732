"""A small packed run, made once, and recipes over it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="there is no GPU"))


@pytest.fixture(scope="session")
def packed(tmp_path_factory) -> Path:
    """The embedded sample packed at 512 tokens: some 140 packs in two streams."""
    import octomed

    folder = tmp_path_factory.mktemp("packed")
    settings = {
        "output.path": folder / "run",
        "work.path": folder / "work",
        "pack.capacity": 512,
        "output.shard_size": "32KiB",
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    octomed.pack(ROOT / "recipes/quickstart-train.yaml", overrides=overrides, workers=2)
    return folder / "run"


@pytest.fixture(scope="session", autouse=True)
def importable_by_ranks():
    """Processes that are forked import the tests by name."""
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))
