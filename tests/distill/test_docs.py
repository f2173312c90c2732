"""What the documents say of distillation is tried."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.distill.recipe import load_distill_recipe
from octomed.distill.schema import MODELS
from octomed.recipe import load_recipe
from ruamel.yaml import YAML

from tests.unit.documents import snippets

if TYPE_CHECKING:
    from tests.distill.conftest import FakeTeacher

TOP = Path(__file__).parents[2]


def shown(first_line: str) -> str:
    (found,) = [
        one.text for one in snippets() if (one.document, one.first_line) == ("docs/distill.md", first_line)
    ]
    return found


def octomed(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "octomed", *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_recipe_of_the_document(tmp_path: Path) -> None:
    (tmp_path / "data/medqa").mkdir(parents=True)
    (tmp_path / "data/medqa/0.parquet").touch()
    (tmp_path / "medqa-r1.yaml").write_text(shown("# medqa-r1.yaml"))
    assert load_distill_recipe(tmp_path / "medqa-r1.yaml").settings.most == 16
    whole = {"name": "a", "model": "qwen2.5", "output": {"path": "out"}}
    values = whole | YAML(typ="safe").load(shown("# in the recipe that packs"))
    assert load_recipe(values, check_files=False).sources[0].format == "distilled"


def test_every_key_is_in_the_document() -> None:
    text = (TOP / "docs/distill.md").read_text()
    for way, model in MODELS.items():
        for key in model.model_fields.keys() - {one[-1] for one in MODELS if one}:
            assert f"`{'.'.join([*way, key])}`" in text or f"`{key}`" in text, (way, key)


def test_the_quickstart(tmp_path: Path, teacher: FakeTeacher) -> None:
    teacher.set(words=90)
    shutil.copytree(TOP / "recipes", tmp_path / "recipes")
    (tmp_path / "python").symlink_to(TOP / "python")
    said = octomed(
        tmp_path,
        "distill",
        "recipes/distill/quickstart.yaml",
        "--set",
        f"teacher.endpoint={teacher.endpoint}",
    )
    assert "48 questions" in said
    assert "accepted" in said
    octomed(tmp_path, "pack", "recipes/distill/quickstart-pack.yaml")
    report = octomed(tmp_path, "verify", "runs/quickstart-distilled-packed")
    assert report
