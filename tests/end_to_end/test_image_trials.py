"""What trials with rows and folders as users have them found wrong."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from . import runs

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
FORMAT = {"question": "question", "response": "response", "images": "image", "image_root": "images"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one image."""
    monkeypatch.setattr(runs, "CONTROLS", (*runs.CONTROLS, *VISION_TOKENS))
    (tmp_path / "images").mkdir()
    (tmp_path / "images/0.png").write_bytes(png())
    return tmp_path


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (56, 56), "red").save(file, "PNG")
    return file.getvalue()


def pack(folder: Path, rows: str) -> Any:
    values = runs.one_source(rows, FORMAT, max_unreadable=1.0) | {"template": "qwen2.5-vl"}
    return runs.pack(runs.write_recipe(folder, values))


def test_a_link_in_a_circle_is_only_a_missing_image(folder):
    os.symlink("circle", folder / "images/circle")
    os.symlink("circle.png", folder / "images/circle.png")
    rows = [{"question": "What?", "response": "Red.", "image": f"{name}.png"} for name in ("0", "circle")]
    runs.write_lines(folder / "rows.jsonl", rows)
    assert pack(folder, "rows.jsonl").traces == 1
    assert [(row["row"], row["reason"]) for row in runs.rejects(folder / "out")] == [(1, "image_missing")]


def test_a_path_of_no_bytes_and_an_empty_field_are_no_image(folder):
    struct = pa.struct([("path", pa.binary())])
    images = pa.array([{"path": b"0.png"}, {"path": b""}], struct)
    table = pa.table({"question": ["What?", "Why?"], "response": ["Red."] * 2, "image": images})
    pq.write_table(table, folder / "rows.parquet")
    assert pack(folder, "rows.parquet").traces == 2
    (folder / "rows.csv").write_text('question,response,image\nWhat?,Red.,0.png\nWhy?,Red.,\nHow?,Red.,""\n')
    assert runs.pack(folder / "recipe.yaml", "sources.only.path=rows.csv", "output.path=csv").traces == 3


@pytest.mark.parametrize("type_", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.list_(pa.binary())])
def test_a_file_of_no_bytes_is_a_damaged_image(folder: Path, type_: pa.DataType) -> None:
    # Else the row would be packed as text, and its question learned without what it asks about.
    png = (folder / "images/0.png").read_bytes()
    cells = [[png], [b""]] if pa.types.is_list(type_) else [png, b""]
    table = pa.table(
        {"question": ["What?", "Why?"], "response": ["Red."] * 2, "image": pa.array(cells).cast(type_)}
    )
    pq.write_table(table, folder / "rows.parquet")
    assert pack(folder, "rows.parquet").traces == 1
    assert [(row["row"], row["reason"]) for row in runs.rejects(folder / "out")] == [(1, "image_damaged")]
