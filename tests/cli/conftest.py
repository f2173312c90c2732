"""A folder with the embedded sample and a recipe that packs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A folder with `quickstart.yaml`, and the sample in `sample`."""
    shutil.copytree(ROOT / "python/octomed/sample", tmp_path / "sample")
    recipe = (ROOT / "recipes/quickstart.yaml").read_text(encoding="utf-8")
    recipe = recipe.replace("../python/octomed/sample", "sample").replace("../runs", "runs")
    (tmp_path / "quickstart.yaml").write_text(recipe, encoding="utf-8")
    return tmp_path
