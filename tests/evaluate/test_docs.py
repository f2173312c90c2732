"""What the documents say of evaluation is tried."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.evaluate import load_evaluation_recipe
from octomed.evaluate.schema import BENCHMARK_KEYS, MODELS

from tests.distill.conftest import questions, write_rows
from tests.distill.test_docs import octomed
from tests.evaluate.test_trained import packed
from tests.unit.documents import snippets

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher

TOP = Path(__file__).parents[2]


def test_the_recipe_of_the_document(tmp_path: Path) -> None:
    packed(tmp_path)
    shutil.move(tmp_path / "run", tmp_path / "runs/octomed-8m")
    for name in ("medqa", "vqa-rad"):
        write_rows(tmp_path / f"data/evaluation/{name}/test.jsonl", questions(1))
    shown = [one.text for one in snippets() if one.first_line == "# octomed-7b.yaml"]
    (tmp_path / "octomed-7b.yaml").write_text(shown[0])
    recipe = load_evaluation_recipe(tmp_path / "octomed-7b.yaml")
    assert (recipe.settings.seeds, recipe.settings.benchmarks[0].vote) == (5, 10)


def test_every_key_is_in_the_document() -> None:
    text = (TOP / "docs/evaluate.md").read_text()
    for way, model in MODELS.items():
        names = BENCHMARK_KEYS if way == ("benchmarks",) else model.model_fields.keys()
        for key in names - {"generation", "model", "output"} if way != ("images",) else ():
            assert f"`{'.'.join([*way, key])}`" in text or f"`{key}`" in text, (way, key)


def test_the_quickstart_and_a_comparison(tmp_path: Path, model: FakeTeacher) -> None:
    shutil.copytree(TOP / "recipes", tmp_path / "recipes")
    (tmp_path / "python").symlink_to(TOP / "python")
    words = ("evaluate", "recipes/evaluate/quickstart.yaml", "--set", f"model.endpoint={model.endpoint}")
    said = octomed(tmp_path, *words)
    assert said.splitlines()[0].split()[:4] == ["benchmark", "questions", "seeds", "accuracy"]
    assert "of 10" in said
    events = octomed(tmp_path, *words, "--json")
    assert json.loads(events)["benchmarks"][0]["questions"] == 48
    folder = str(tmp_path / "runs/quickstart-evaluated")
    assert "sign flips" in octomed(tmp_path, "evaluate", "--compare", folder, folder)
    said = octomed(tmp_path, *words[:2], "--export", "lm-eval", "exported")
    name, _, written = said.splitlines()[0].partition(": ")
    assert written.startswith("48 questions in exported/")
    assert {one.name for one in (tmp_path / "exported").iterdir()} == {f"{name}.jsonl", f"{name}.yaml"}
