"""The small tree, whose questions a teacher was asked by the paper's recipes, once for all tests."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from octomed.distill.recipe import load_distill_recipe
from octomed.distill.run import distill

from tests.distill.conftest import FakeTeacher
from tests.paper.tree import to_distil, write_tree
from tests.unit.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from octomed.distill.counts import Counts


@dataclass(frozen=True)
class Tree:
    """A folder like a clone, with data.

    Attributes
    ----------
    folder
        With `recipes` and `data`.
    endpoint
        Of the teacher, which is still there.
    distilled
        By source what its distillation did.
    """

    folder: Path
    endpoint: str
    distilled: dict[str, Counts]

    def recipe(self, name: str) -> Path:
        return self.folder / f"recipes/{name}.yaml"


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    folder = tmp_path_factory.mktemp("paper")
    write_tree(folder)
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    teacher = FakeTeacher("tests.paper.teacher:answer")
    distilled = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENROUTER_API_KEY", "none")
        patch.setenv("OPENAI_API_KEY", "none")
        for recipe, source in to_distil():
            path = folder / f"recipes/distill/{recipe}.yaml"
            words = [f"teacher.endpoint={teacher.endpoint}"]
            distilled[source] = distill(load_distill_recipe(path, words, source=source))
    yield Tree(folder, teacher.endpoint, distilled)
    teacher.stop()
