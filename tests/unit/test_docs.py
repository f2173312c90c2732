"""The documents name what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import octomed
import pytest
from octomed.recipe import schema_json
from octomed.recipe.presets import preset_names

ROOT = Path(__file__).parents[2]


def schema_keys() -> list[str]:
    schema = schema_json()
    definitions = schema["$defs"]
    keys = [key for key in schema["properties"] if "$ref" not in schema["properties"][key]]
    for part in ("Curate", "Pack", "Output", "Work", "Images"):
        keys += [f"{part.lower()}.{key}" for key in definitions[part]["properties"] if key != "duplicates"]
    keys += [f"curate.duplicates.{key}" for key in definitions["Duplicates"]["properties"]]
    return keys + [key for part in ("Source", "Mapping") for key in definitions[part]["properties"]]


@pytest.mark.parametrize("key", schema_keys())
def test_every_key_is_in_the_recipes_document(key):
    assert f"`{key}`" in (ROOT / "docs/recipe.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", preset_names())
def test_every_row_format_is_in_the_recipes_document(name):
    assert f"`{name}`" in (ROOT / "docs/recipe.md").read_text(encoding="utf-8")


def test_the_tree_names_every_folder():
    tree = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    inside = [*(ROOT / "rust").iterdir(), *(ROOT / "python/octomed").iterdir()]
    names = [path.name for path in inside if path.is_dir() and path.name != "__pycache__"]
    assert [name for name in names if f" {name}/ " not in tree] == []


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = [
        part.split("```")[0] for part in readme.split("```python\n")[1:] if part.startswith("import octomed")
    ]
    monkeypatch.chdir(tmp_path)
    recipe = (ROOT / "recipes/quickstart.yaml").read_text(encoding="utf-8")
    recipe = recipe.replace("../python", str(ROOT / "python"))
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/quickstart.yaml").write_text(recipe, encoding="utf-8")
    found: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), found)
    assert len(found["packs"]) == 2
    assert (tmp_path / "runs/quickstart/octomed.json").exists()


def test_the_public_names_are_listed_before_they_are_imported():
    listed = subprocess.run(
        [sys.executable, "-c", "import octomed; print(*dir(octomed))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert set(octomed.__all__) <= set(listed)
    assert "__name__" in listed


def test_hints_install_from_the_folder_and_not_from_an_index():
    """The project is in no package index: another's package of the name would be installed."""
    sources = [*(ROOT / "python").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    index = re.compile(r"pip install[^\n`]*\boctomed\b")
    assert [path for path in sources if index.search(path.read_text(encoding="utf-8"))] == []
