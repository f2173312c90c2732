"""A corpus of text and images in rows of several shapes, and the conversation that each trace is."""

from __future__ import annotations

import base64
import io
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.stream.image_rows import TOKENIZER, Row

from . import runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SYSTEM = "Look first, then answer."
ANSWERS = ["It is clear.", "There is a shadow at the left base.", "I see <image>, as text."]


@cache
def pixels(height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Colours that are smooth here and noisy there."""
    draw = np.random.default_rng([height, width, seed])
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(9 * (x * draw.normal() + y * draw.normal()) + draw.normal()) for _ in range(3)]
    levels = 120 + 90 * np.stack(waves, axis=-1) + draw.normal(0, 18, (height, width, 3)) * (x > y)[..., None]
    return levels.clip(0, 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def files() -> dict[str, bytes]:
    """Images of every kind, by their names; one is named as what it is not."""
    rgb = Image.fromarray(pixels(300, 420))
    clear = Image.fromarray(np.dstack([pixels(200, 160, 1), pixels(200, 160, 2)[..., 0]]))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [Image.fromarray(pixels(120, 90, seed)).quantize(64) for seed in (3, 4)]
    return {
        "chest.jpg": saved(Image.fromarray(pixels(700, 900)), "JPEG", quality=90),
        "turned.jpg": saved(Image.fromarray(pixels(90, 160, 5)), "JPEG", quality=95, exif=exif),
        "turned.png": saved(Image.fromarray(pixels(64, 180, 6)), "PNG", exif=exif),
        "clear.png": saved(clear, "PNG"),
        "palette.png": saved(rgb.quantize(200), "PNG", transparency=3),
        "grey.jpg": saved(rgb.convert("L"), "JPEG"),
        "grey.png": saved(rgb.convert("L"), "PNG"),
        "lossy.webp": saved(rgb, "WEBP", quality=80),
        "lossless.webp": saved(clear, "WEBP", lossless=True),
        "moving.gif": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "print.jpg": saved(rgb.convert("CMYK"), "JPEG", quality=92),
        "progressive.jpg": saved(rgb, "JPEG", progressive=True, quality=85),
        "plain.bmp": saved(Image.fromarray(pixels(77, 50, 7)), "BMP"),
        "scan.tif": saved(Image.fromarray(pixels(130, 111, 8)), "TIFF", compression="tiff_lzw"),
        "png.jpg": saved(Image.fromarray(pixels(60, 61, 9)), "PNG"),
        "small.png": saved(Image.fromarray(pixels(9, 31, 10)), "PNG"),
        "wide.png": saved(Image.fromarray(pixels(40, 1900, 11)), "PNG"),
    }


def shown_rows() -> list[Row]:
    """A conversation for each image, one that shows it after a text, and some that show several."""
    found: list[Row] = []
    for number, (name, data) in enumerate(files().items()):
        content: list[str | bytes] = [data, f"What does {name} show?"]
        found.append([("user", content if number % 2 else content[::-1]), ("assistant", [f"Part {number}."])])
    one = files()
    several: list[Row] = [
        [
            ("user", ["First ", one["grey.jpg"], ", then ", one["clear.png"], one["grey.jpg"], "?"]),
            ("assistant", ["The same twice, with <image> as text."]),
        ],
        [
            ("user", [one["chest.jpg"], "Which view?"]),
            ("assistant", ["Frontal."]),
            ("user", ["And here?", one["turned.jpg"]]),
            ("assistant", ["Lateral."]),
            ("user", ["Is that all?"]),
            ("assistant", ["Yes."]),
        ],
        [("user", [one["print.jpg"], one["lossy.webp"], one["moving.gif"]]), ("assistant", ["Three."])],
    ]
    return found + several


def text_rows() -> list[Row]:
    return [
        [("user", [f"{number}: is rest enough?"]), ("assistant", ["Yes, and water. " * (number % 9 + 1)])]
        for number in range(60)
    ]


def value(part: bytes, number: int) -> Any:
    """An image as a row may name it: a path, base64, or a data URL."""
    name = next(name for name, data in files().items() if data == part)
    coded = base64.b64encode(part).decode()
    return [name, f"data:image/png;base64,{coded}", f"./{name}"][number % 3]


def typed(row: Row, number: int) -> dict[str, Any]:
    """A row of typed content parts; texts alone are plain."""
    messages: list[dict[str, Any]] = []
    for role, content in row:
        parts = [
            {"type": "image", "image": value(part, number)}
            if isinstance(part, bytes)
            else {"type": "text", "text": part}
            for part in content
        ]
        plain = len(content) == 1 and isinstance(content[0], str)
        messages.append({"role": role, "content": content[0] if plain else parts})
    return {"messages": messages}


def questions() -> list[tuple[dict[str, Any], list[Row]]]:
    """Rows of one image and several answers, as the paper's sets have them, and their conversations."""
    found = []
    for name, data in files().items():
        row = {
            "question": f"Describe {name}.",
            "responses": ANSWERS,
            "images": [{"bytes": data, "path": name}],
        }
        user = ("user", [data, f"Describe {name}."])
        found.append((row, [[user, ("assistant", [answer])] for answer in ANSWERS]))
    return found


def write(folder: Path) -> None:
    """Write the files of the corpus."""
    (folder / "images").mkdir(parents=True)
    for name, data in files().items():
        (folder / "images" / name).write_bytes(data)
    runs.write_lines(folder / "shown.jsonl", [typed(row, at) for at, row in enumerate(shown_rows())])
    runs.write_lines(folder / "text.jsonl", [typed(row, at) for at, row in enumerate(text_rows())])
    table = pa.Table.from_pylist([row for row, _ in questions()])
    pq.write_table(table, folder / "questions.parquet", row_group_size=5)


def conversations() -> dict[tuple[str, int, int], Row]:
    """The conversation of every trace, by its source, row and response."""
    found: dict[tuple[str, int, int], Row] = {}
    for name, rows in (("shown", shown_rows()), ("text", text_rows())):
        found |= {(name, at, 0): row for at, row in enumerate(rows)}
    for at, (_, rows) in enumerate(questions()):
        found |= {("questions", at, number): row for number, row in enumerate(rows)}
    return {key: [("system", [SYSTEM]), *row] for key, row in found.items()}


def recipe(
    folder: Path,
    template: str,
    images: dict[str, Any] | None = None,
    sources: Sequence[str] = ("shown", "questions", "text"),
    **pack: Any,
) -> Path:
    """Write the recipe that packs some of its sources."""
    shown = {"preset": "messages", "image_root": "images"}
    known = {
        "shown": {"path": "shown.jsonl", "format": shown},
        "questions": {"path": "questions.parquet", "format": "octomed"},
        "text": {"path": "text.jsonl", "format": "messages"},
    }
    return runs.write_recipe(
        folder,
        {
            "version": 1,
            "name": "shown",
            "model": str(TOKENIZER),
            "template": template,
            "system": SYSTEM,
            "sources": [{"name": name, **known[name]} for name in sources],
            "images": images or {},
            "pack": {"capacity": 2048, "buckets": [256, 512], "seed": 3, **pack},
            "output": {"path": "out", "compression": "zstd:1", "hashes": ["xxh3_64"], "shard_size": 400_000},
            "work": {"path": "store"},
        },
    )
