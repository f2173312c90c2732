"""The images of the embedded sample are what their script draws, and have in them what real sets have."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import octomed
import pyarrow.parquet as pq
import pytest
from octomed.mds import MDSReader
from PIL import Image, ImageOps

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "python/octomed/sample/images"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location(
        "make_sample_images", ROOT / "scripts/make_sample_images.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored() -> dict[str, bytes]:
    """All images by their names, those inside the Parquet file included."""
    found = {path.name: path.read_bytes() for path in (SAMPLE / "files").iterdir()}
    for row in pq.read_table(SAMPLE / "films.parquet")["images"].to_pylist():
        found |= {image["path"]: image["bytes"] for image in row}
    return found


def seen(data: bytes) -> Any:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")).astype(int)


def test_the_script_draws_these_images(script):
    drawn, found = script.images(), stored()
    assert drawn.keys() == found.keys()
    for name in drawn.keys() - {"broken.jpg"}:
        assert seen(found[name]).shape == seen(drawn[name]).shape
        assert np.abs(seen(found[name]) - seen(drawn[name])).mean() < 1, name


def test_the_script_writes_these_rows(script):
    assert (SAMPLE / "dialogues.jsonl").read_text(encoding="utf-8") == script.dialogues()
    assert (SAMPLE / "questions.csv").read_text(encoding="utf-8") == script.questions()
    assert pq.read_table(SAMPLE / "films.parquet").to_pylist() == script.films(stored()).to_pylist()


def test_they_are_small():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 300_000
    assert all(len(data) < 12_000 for data in stored().values())


def test_they_are_what_real_sets_have():
    kinds = {Image.open(io.BytesIO(data)).format for data in stored().values()}
    assert kinds == {"JPEG", "PNG", "WEBP"}
    assert Image.open(SAMPLE / "files/turned.jpg").getexif()[0x0112] == 6
    with pytest.raises(OSError, match="truncated"):
        Image.open(SAMPLE / "files/broken.jpg").load()
    films = [row[0]["path"] for row in pq.read_table(SAMPLE / "films.parquet")["images"].to_pylist()]
    assert len(films) > len(set(films))
    lines = (SAMPLE / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    shown = [name for line in lines for name in json.loads(line)["image"]]
    asked = (SAMPLE / "questions.csv").read_text(encoding="utf-8")
    assert len({name for name in shown if name in asked}) == 4


def test_the_quickstart_packs_them_and_says_which_it_refuses(tmp_path):
    paths = [f"output.path={tmp_path / 'out'}", f"work.path={tmp_path / 'work'}"]
    assert octomed.pack(ROOT / "recipes/quickstart.yaml", overrides=paths).sums_agree
    rejects = pq.read_table(tmp_path / "out/rejects").to_pylist()
    refused = {row["reason"] for row in rejects if row["source"] == "image-dialogues"}
    assert refused == {"image_damaged", "image_missing", "image_count"}
    refs = [
        ref
        for stream in (tmp_path / "out").glob("len-*")
        for row in MDSReader(stream)
        for ref in row["image_refs"]
    ]
    assert len(refs) > 0
    assert octomed.verify(tmp_path / "out").findings == ()
