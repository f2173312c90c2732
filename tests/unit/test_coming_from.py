"""What is shown of other tools' files, converted: ours are right, over rows as these tools read them."""

from __future__ import annotations

import json
import shutil

import pytest
from octomed.cli.app import run
from octomed.train.recipe import load_train_recipe

from tests.unit.documents import ROOT, snippets

DOCUMENT = "docs/coming-from.md"
PACKING = "# octomed, packing: "
TRAINING = "# octomed, training: "
TOOLS = ("LLaMA-Factory", "ms-swift", "axolotl", "llm-foundry")
IMAGE = "films.png"


def shown(beginning):
    return [one for one in snippets() if one.document == DOCUMENT and one.first_line.startswith(beginning)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with rows as LLaMA-Factory, ms-swift, axolotl and llm-foundry have them."""
    data = tmp_path / "data"
    data.mkdir()
    picture = next((ROOT / "python/octomed/sample/images/files").glob("*.png"))
    shutil.copy(picture, data / IMAGE)
    asked, said = "What does it show?", "<think>A shadow.</think>A fracture."
    turns = [{"from": "human", "value": f"<image>{asked}"}, {"from": "gpt", "value": said}]
    (data / "films.json").write_text(json.dumps([{"conversations": turns, "images": [IMAGE]}]))
    for name, question, more in (("films", f"<image>{asked}", {"images": [IMAGE]}), ("dialogues", asked, {})):
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": said}]
        (data / f"{name}.jsonl").write_text(json.dumps({"messages": messages, **more}) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCTOMED_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_each_tool_has_a_recipe_of_each_kind():
    text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    for part in text.split("\n## ")[1:]:
        assert part.split("\n", 1)[0] in TOOLS
        assert (part.count(PACKING), part.count(TRAINING)) == (1, 1)
    assert text.count("\n## ") == len(TOOLS)


@pytest.mark.parametrize("one", shown(PACKING), ids=lambda one: one.first_line.removeprefix(PACKING))
def test_our_recipes_for_packing_pass_the_check(folder, capsys, one):
    name = one.first_line.removeprefix(PACKING)
    (folder / name).write_text(one.text, encoding="utf-8")
    code = run(["check", name])
    said = capsys.readouterr()
    assert (code, "warning" in said.err) == (0, False), said.err


@pytest.mark.parametrize("one", shown(TRAINING), ids=lambda one: one.first_line.removeprefix(TRAINING))
def test_our_recipes_for_training_are_right(folder, one):
    name = one.first_line.removeprefix(TRAINING)
    (folder / name).write_text(one.text, encoding="utf-8")
    recipe = load_train_recipe(folder / name, [])
    packing = f"{recipe.run_name}.yaml"
    (packed,) = (other for other in shown(PACKING) if other.first_line == PACKING + packing)
    assert recipe.train_loader.dataset.remote.endswith(f"runs/{recipe.run_name}")
    assert f"output: {{path: runs/{recipe.run_name}}}" in packed.text
    assert f"model: {recipe.model.pretrained_model_name_or_path}\n" in packed.text
