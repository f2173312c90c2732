"""Files of sample rows of every row format, with pictures that can be decoded."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from octomed.recipe.presets import trainable_presets
from PIL import Image

from tests.unit.test_image_presets import CSV, JSON, PARQUET
from tests.unit.test_text_presets import ROWS

CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
OTHERS = {
    "prompt-completion": [{"prompt": "Why?", "completion": "So."}],
    "ms-swift": [{"query": "Why?", "response": "So.", "history": [["Hm?", "Hm."]]}],
    "messages": [{"messages": CHAT}],
}
SAMPLES = [
    *((name, rows, "parquet") for name, rows in PARQUET.items()),
    *((name, rows, "jsonl") for name, rows in JSON.items()),
    *((name, rows, "csv") for name, rows in CSV.items()),
    *((name, [row], "jsonl") for name, row in ROWS),
    *((name, rows, "jsonl") for name, rows in OTHERS.items()),
]
"""Format, rows, and what kind of file they lie in."""
LEARNED = [one for one in SAMPLES if one[0] in trainable_presets()]
COMPARED = [one for one in SAMPLES if one[0] not in trainable_presets()]


def picture(shade: int = 90) -> bytes:
    """A picture of 40 by 30 pixels."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 120, 200)).save(out, "PNG")
    return out.getvalue()


def with_pictures(value, folder: Path):
    """Return rows whose pictures can be decoded: bytes in place, files where a path leads."""
    if isinstance(value, dict):
        return {key: with_pictures(one, folder) for key, one in value.items()}
    if isinstance(value, list):
        return [with_pictures(one, folder) for one in value]
    if isinstance(value, bytes):
        return picture()
    if isinstance(value, str) and value.lower().endswith((".png", ".jpg", ".jpeg")) and " " not in value:
        path = folder / value
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture())
    return value


def written(rows: list, kind: str, folder: Path, name: str = "rows") -> Path:
    """Write rows into a file of a kind, their pictures next to it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = with_pictures(rows, folder)
    path = folder / f"{name}.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
