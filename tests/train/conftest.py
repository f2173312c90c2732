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


def pack_sample(folder: Path, groups: tuple[str, ...]) -> Path:
    """Pack the sources of the embedded sample that belong to some groups, at 512 tokens."""
    import octomed
    import yaml

    file = ROOT / "recipes/quickstart-train.yaml"
    recipe = yaml.safe_load(file.read_text(encoding="utf-8"))
    if "images" not in groups:
        del recipe["images"]
    recipe["model"] = str(file.parent / recipe["model"])
    questions = {"name": "questions", "path": "../python/octomed/sample/questions/*.jsonl", "group": "text"}
    recipe["sources"] = [
        source | {"path": str(file.parent / source["path"])}
        for source in (questions | {"format": "octomed"}, *recipe["sources"])
        if source["group"] in groups
    ]
    recipe["pack"]["capacity"] = 512
    recipe["output"] |= {"path": str(folder / "run"), "shard_size": "32KiB"}
    recipe["work"]["path"] = str(folder / "work")
    made = folder / "sample.yaml"  # a file, which messages name
    made.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    octomed.pack(made, workers=2)
    return folder / "run"


@pytest.fixture(scope="session")
def packed(tmp_path_factory) -> Path:
    """The embedded sample's texts packed at 512 tokens: some 140 packs in two streams."""
    return pack_sample(tmp_path_factory.mktemp("packed"), ("text",))


@pytest.fixture(scope="session")
def packed_images(tmp_path_factory) -> Path:
    """Its texts and its images in the same packs, of which some show no image."""
    return pack_sample(tmp_path_factory.mktemp("packed-images"), ("text", "images"))


@pytest.fixture(scope="session", autouse=True)
def importable_by_ranks():
    """Processes that are forked import the tests by name."""
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))
