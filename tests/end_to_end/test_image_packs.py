"""Rows of text and of images, from files to packs: the same bytes every time, and what a pack shows."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import octomed
import pyarrow.parquet as pq
import pytest
from octomed import _octomed
from octomed.mds import MDSReader
from octomed.pipeline.finished.verify import verify
from octomed.stream.pack_table import pack_tables
from octomed.stream.run import open_run
from PIL import Image

from tests.unit.mds_oracle import raw_shards, write_theirs

from . import runs

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
IMAGES, RESPONSES = 6, 8
FORMAT = {"question": "question", "responses": "responses", "images": "images", "image_root": "images"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Rows of images, each with some responses, and rows of text."""
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    (tmp_path / "images").mkdir()
    draws = np.random.default_rng(5)
    for number in range(IMAGES):
        pixels = draws.integers(0, 256, (56 + 28 * (number % 3), 84, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.png")
    runs.write_lines(tmp_path / "shown.jsonl", shown())
    runs.write_lines(tmp_path / "text.jsonl", runs.question_rows(1, 40))
    return tmp_path


def shown() -> list[dict[str, Any]]:
    """Questions about one image each, and one about two of which the first stands twice."""
    answers = [f"answer {number}" for number in range(RESPONSES)]
    rows = [
        {"question": "<image>What is it?", "responses": answers, "images": [f"{number}.png"]}
        for number in range(IMAGES)
    ]
    several = {"question": "<image 1> or <image 2>, or <image 1>?", "images": ["0.png", "1.png"]}
    return [*rows, {**several, "responses": answers[:1]}]


def recipe(folder: Path, rows: str = "shown.jsonl", **pack: Any) -> Path:
    values = runs.values() | {"template": "qwen2.5-vl"}
    values["sources"] = [
        {"name": "shown", "path": rows, "format": FORMAT},
        {"name": "text", "path": "text.jsonl", "format": "octomed"},
    ]
    values["pack"] = values["pack"] | pack
    return runs.write_recipe(folder, values)


def packs_of(folder: Path) -> list[dict[str, Any]]:
    return [row for stream in sorted(folder.glob("len-*")) for row in MDSReader(stream)]


def numbers(column: bytes) -> list[int]:
    return np.frombuffer(column, "<u4").tolist()


def shown_by(pack: dict[str, Any]) -> list[bytes]:
    """The images of a pack."""
    return [pack["images"][begin:end] for begin, end in itertools.pairwise(numbers(pack["image_offsets"]))]


def test_provenance_knows_the_images_of_a_pack_without_its_shard(folder):
    """Each once, and its patches: by these ranks are balanced."""
    octomed.pack(recipe(folder, traces_per_image=4))
    tables = pack_tables(open_run(folder / "out"))
    several = 0
    for stream, table in tables.items():
        packs = list(MDSReader(folder / "out" / stream))
        grids = [np.frombuffer(pack["image_grid_thw"], "<u4").reshape(-1, 3) for pack in packs]
        sizes = [grid.prod(axis=1).astype(int) for grid in grids]
        assert table.images.tolist() == [len(one) for one in sizes]
        assert table.patches.tolist() == [int(one.sum()) for one in sizes]
        assert table.patch_squares.tolist() == [int((one**2).sum()) for one in sizes]
        assert table.traces.tolist() == [len(pack["lengths"]) for pack in packs]
        several += sum(len(one) > 1 for one in sizes)
    assert several


@pytest.mark.parametrize("traces_per_image", [1, 4, 8])
def test_workers_change_no_byte(folder, traces_per_image):
    path = recipe(folder, traces_per_image=traces_per_image)
    found = []
    for workers in (1, 2, 8):
        octomed.pack(path, workers=workers)
        found.append(runs.contents(folder / "out"))
        for name in ("out", "store"):
            shutil.rmtree(folder / name)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(("traces_per_image", "max_patches"), [(1, None), (4, None), (8, None), (8, 100)])
def test_a_pack_has_each_image_that_its_traces_show_once(folder, traces_per_image, max_patches):
    path = recipe(folder, traces_per_image=traces_per_image, max_patches=max_patches)
    octomed.pack(path)
    files = {(folder / f"images/{number}.png").read_bytes(): number for number in range(IMAGES)}
    traces: dict[int, list[int]] = {}
    for table in sorted((folder / "out/provenance").glob("*.parquet")):
        columns = pq.read_table(table).to_pylist()
        for row in columns:
            names = shown()[row["row"]]["images"] if row["source"] == "shown" else []
            order = [0, 1, 0] if len(names) == 2 else range(len(names))
            traces[row["trace_id"]] = [int(names[at].removesuffix(".png")) for at in order]
            assert len(row["images"]) == len(traces[row["trace_id"]])
    copies = []
    for pack in packs_of(folder / "out"):
        images = [files[image] for image in shown_by(pack)]
        assert len(set(images)) == len(images)
        expected = [image for trace in pack["trace_ids"].tolist() for image in traces[trace]]
        assert [images[ref] for ref in numbers(pack["image_refs"])] == expected
        grids = np.frombuffer(pack["image_grid_thw"], "<u4").reshape(-1, 3)
        assert max_patches is None or grids.prod(axis=1).sum() <= max_patches
        copies += images
    assert sum(len(images) for images in traces.values()) == IMAGES * RESPONSES + 3
    if traces_per_image == RESPONSES and max_patches is None:
        # One group of eight an image, and the trace that shows two of them.
        assert len(copies) <= IMAGES + 2
    assert not verify(folder / "out").findings


def test_raw_shards_equal_mdswriter(folder, tmp_path):
    # Larger than any row: a first row that passes the limit leaves an empty shard of MDSWriter's.
    octomed.pack(recipe(folder, traces_per_image=4), overrides=["output.shard_size=200000"])
    for stream in sorted((folder / "out").glob("len-*")):
        rows = list(MDSReader(stream))
        theirs = tmp_path / "theirs" / stream.name
        options = {"compression": "zstd:1", "hashes": ["xxh3_64"], "size_limit": 200_000}
        write_theirs(theirs, dict(_octomed.COLUMNS), rows, options)
        assert raw_shards(stream) == raw_shards(theirs)


def test_the_same_text_over_another_image_is_no_duplicate(folder):
    rows = [row | {"responses": ["yes"]} for row in shown()[:3]]
    runs.write_lines(folder / "twice.jsonl", [*rows, rows[1], rows[2] | {"images": ["5.png"]}])
    summary = octomed.pack(recipe(folder, "twice.jsonl"))
    rejected = [(one["row"], one["reason"]) for one in runs.rejects(folder / "out")]
    assert (3, "duplicate") in rejected
    assert not {(number, "duplicate") for number in (0, 1, 2, 4)} & set(rejected)
    assert summary.traces > 4


def test_a_damaged_image_of_the_store_is_made_again(folder):
    octomed.pack(recipe(folder))
    before = runs.contents(folder / "out")
    shutil.rmtree(folder / "out")
    (images,) = (folder / "store").glob("blocks/*/*.images")
    runs.damage(images)
    octomed.pack(recipe(folder))
    assert runs.contents(folder / "out").keys() == before.keys()
    shards = {name: digest for name, digest in before.items() if "octomed" not in name}
    assert shards.items() <= runs.contents(folder / "out").items()


def test_what_no_pack_holds_says_what_its_images_take(folder):
    long = {"question": "<image>" + "x" * 2000, "responses": ["no"], "images": ["2.png"]}
    runs.write_lines(folder / "long.jsonl", [*shown(), long])
    octomed.pack(recipe(folder, "long.jsonl", max_patches=30))
    found = {one["reason"]: one["detail"] for one in runs.rejects(folder / "out")}
    assert "a pack holds 30" in found["over_patches"]
    assert found["over_long"].endswith("a pack holds 1024; its images alone take 12")
