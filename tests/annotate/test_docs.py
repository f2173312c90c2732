"""What the page on annotation says is tried."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.annotate.recipe import load_annotate_recipe
from octomed.annotate.schema import Annotation
from octomed.recipe import load_recipe
from ruamel.yaml import YAML

from tests.distill.conftest import teacher
from tests.distill.test_docs import octomed
from tests.unit.documents import snippets

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher

__all__ = ["teacher"]

TOP = Path(__file__).parents[2]


def shown(first_line: str) -> str:
    (found,) = [
        one.text for one in snippets() if (one.document, one.first_line) == ("docs/annotate.md", first_line)
    ]
    return found


def test_the_recipes_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "data/pmc-vqa/images").mkdir(parents=True)
    (tmp_path / "data/pmc-vqa/train.jsonl").touch()
    (tmp_path / "annotate.yaml").write_text(shown("# annotate-modality.yaml"))
    columns = load_annotate_recipe(tmp_path / "annotate.yaml").settings.annotate
    assert [one.column for one in columns] == ["modality", "difficulty"]
    whole = {"name": "a", "model": "Qwen/Qwen2.5-VL-7B-Instruct", "output": {"path": "out"}}
    values = whole | YAML(typ="safe").load(shown("# in the recipe that packs"))
    assert load_recipe(values, check_files=False).curate.where


def test_every_key_is_on_the_page() -> None:
    text = (TOP / "docs/annotate.md").read_text()
    assert all(f"`annotate.{key}`" in text for key in Annotation.model_fields)


def test_the_quickstart(tmp_path: Path, teacher: FakeTeacher) -> None:
    shutil.copytree(TOP / "recipes", tmp_path / "recipes")
    (tmp_path / "python").symlink_to(TOP / "python")
    endpoint = f"teacher.endpoint={teacher.endpoint}"
    said = octomed(tmp_path, "annotate", "recipes/distill/annotate.yaml", "--set", endpoint)
    assert "were filled in" in said
    assert list((tmp_path / "runs/quickstart-annotated/sampled").iterdir())
