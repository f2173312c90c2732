"""The bytes that a scan and a write make of images: kept for the versions that they are of."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import octomed
import pytest
from octomed import _octomed, vision
from octomed.recipe import load_recipe

from . import runs

DATA = Path(__file__).parents[1] / "data"
KEPT = DATA / "image_golden.json"
LARGE = "large.png"
IMAGES = (
    "sampled_440.jpg",
    "turned_6.jpg",
    "cmyk.jpg",
    "palette_clear.png",
    "turned_xmp.png",
    "lossy_alpha.webp",
    "animated.gif",
    "rgb565.bmp",
    "turned_7.tif",
    "text.png",
    LARGE,
)
VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
FORMAT = {"question": "question", "responses": "responses", "images": "images", "image_root": "images"}
SETTINGS = {
    "original": {},
    "stripped": {"metadata": "strip", "verify": "header"},
    "resized": {"store": "resized", "max_pixels": 3136, "min_pixels": 784, "alpha": "white"},
    "resized_png": {"store": "resized", "max_pixels": 3136, "min_pixels": 784, "codec": "png"},
    "resized_jpeg": {"store": "resized", "max_pixels": 3136, "min_pixels": 784, "codec": "jpeg"},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Digests of ids, images, raw shards and provenance, by settings."""
    digests = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
        for name, images in SETTINGS.items():
            digests[name] = packed(tmp_path_factory.mktemp(name), images)
    return {"scan": _octomed.SCAN_VERSION, "write": _octomed.WRITE_VERSION, "files": digests}


def large() -> np.ndarray:
    """Colours that no library draws: an image that `store: resized` makes smaller."""
    y, x = np.mgrid[0:150, 0:118]
    return np.stack([x * 2, y + x // 3, (x * y) // 70], axis=-1).astype(np.uint8)


def packed(folder, images):
    (folder / "images").mkdir()
    for name in IMAGES:
        if name == LARGE:
            (folder / "images" / name).write_bytes(vision.encode(large(), "png"))
        else:
            shutil.copy(DATA / "vision/files" / name, folder / "images")
    rows = [
        {"question": f"<image>{at}?", "responses": ["a", f"b {at}"], "images": [name]}
        for at, name in enumerate(IMAGES)
    ]
    both = {"question": "First <image>, then <image>?", "responses": ["c"], "images": list(IMAGES[3:1:-1])}
    runs.write_lines(folder / "rows.jsonl", [*rows, both, rows[2]])
    values = runs.one_source("rows.jsonl", FORMAT) | {"template": "qwen2.5-vl", "images": images}
    values["pack"] = {"capacity": 512, "buckets": [128], "traces_per_image": 2}
    values["output"] = {"path": "out", "compression": None, "hashes": ["xxh3_64"]}
    octomed.pack(load_recipe(runs.write_recipe(folder, values)), workers=1)
    files = [*(folder / "store/blocks").rglob("*"), *(folder / "out").glob("*/*.mds")]
    digests = {
        (path.name if path.suffix != ".mds" else f"{path.parent.name}/{path.name}"): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in files
        if path.suffix in {".ids", ".images", ".mds"}
    }
    return dict(sorted(digests.items()))


def test_the_bytes_are_those_of_their_versions(found):
    if os.environ.get("OCTOMED_UPDATE_SNAPSHOTS"):
        KEPT.write_text(json.dumps(found, indent=1) + "\n")
    kept = json.loads(KEPT.read_text())
    versions = (kept["scan"], kept["write"])
    if versions != (found["scan"], found["write"]):
        pytest.fail(
            f"kept are the bytes of scan {versions[0]}, write {versions[1]}: read how they changed, and keep"
        )
    assert found["files"] == kept["files"], "the bytes changed: raise SCAN_VERSION or WRITE_VERSION"


def test_every_setting_makes_other_bytes(found):
    images = {name: digests["0.images"] for name, digests in found["files"].items()}
    assert len(set(images.values())) == len(SETTINGS)
    assert all(len(digests) >= 3 for digests in found["files"].values())
