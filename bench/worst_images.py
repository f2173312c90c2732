"""The worst images thought of: small on disk and large decoded, large on disk, or many."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench.worst_inputs import CASES, Case
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["CASES"]

MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"
FORMAT = {"question": "question", "responses": "responses", "images": "images"}
TINY = {"min_pixels": 784, "max_pixels": 3136}
"""Few tokens an image, so that many share a pack."""
SIDE = 10_000
"""Of an image of a hundred million pixels, the most that is taken."""
COPIES = 4
"""Bombs of a case, so that two workers meet two."""


def _case(**settings: Any) -> Callable[[Any], Any]:
    def add(write: Any) -> Any:
        CASES[write.__name__] = Case(write, **{"format": FORMAT, "model": MODEL} | settings)
        return write

    return add


def _png(side: int, number: int, padding: int = 0) -> bytes:
    """A small image of noise, with a chunk of noise that no decoder looks at."""
    draw = np.random.default_rng(number)
    file = io.BytesIO()
    pixels = draw.integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG", compress_level=0)
    if not padding:
        return file.getvalue()
    chunk = b"juNk" + draw.bytes(padding)
    written = struct.pack(">I", padding) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return file.getvalue()[:-12] + written + file.getvalue()[-12:]


def _parquet(
    path: Path, rows: Iterable[list[bytes]], *, group: int, responses: int = 1, batch: int = 1024
) -> Path:
    """A row of images each, in row groups of so many rows, and in pages of a megabyte and `batch` values."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [("question", pa.string()), ("responses", pa.list_(pa.string())), ("images", pa.list_(image))]
    schema = pa.schema(fields)
    answers = [f"Answer {number}." for number in range(responses)]
    options: dict[str, Any] = {"compression": "none", "use_dictionary": False, "write_batch_size": batch}
    with pq.ParquetWriter(path, schema, **options) as writer:
        held: list[dict[str, Any]] = []

        def write() -> None:
            if held:
                writer.write_table(pa.Table.from_pylist(held, schema), row_group_size=len(held))
            held.clear()

        for number, files in enumerate(rows):
            shown = [{"bytes": file, "path": None} for file in files]
            held.append({"question": f"What is it? {number}", "responses": answers, "images": shown})
            if len(held) == group:
                write()
        write()
    return path


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def _flat(mode: str, side: int, number: int) -> Image.Image:
    levels = tuple((number * 40 + band * 15) % 256 for band in range(len(mode)))
    return Image.new(mode, (side, side), levels)


def _bomb(kind: str, mode: str, folder: Path, scale: float, **options: Any) -> Path:
    """Images of one colour and a hundred million pixels, and a good one."""
    side = int(SIDE * scale**0.5)

    def image(number: int) -> list[bytes]:
        file = io.BytesIO()
        _flat(mode, side, number).save(file, kind, **options)
        return [file.getvalue()]

    rows = (image(number) for number in range(COPIES))
    return _parquet(folder / "x.parquet", [*rows, [_png(56, 0)]], group=100)


def _rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


_BOMBS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bomb_jpeg": ("JPEG", "RGB", {}),
    "bomb_progressive": ("JPEG", "RGB", {"progressive": True, "subsampling": 0, "exif": _rotated()}),
    "bomb_cmyk": ("JPEG", "CMYK", {"progressive": True, "subsampling": 0}),
    "bomb_png": ("PNG", "RGBA", {"exif": _rotated()}),
    "bomb_webp": ("WEBP", "RGBA", {"lossless": True, "method": 0}),
    "bomb_webp_lossy": ("WEBP", "RGB", {"method": 0}),
    "bomb_tiff": ("TIFF", "RGBA", {"compression": "tiff_deflate"}),
    "bomb_gif": ("GIF", "P", {}),
}
for _name, (_kind, _mode, _options) in _BOMBS.items():
    CASES[_name] = Case(partial(_bomb, _kind, _mode, **_options), format=FORMAT, model=MODEL)


@_case()
def image_rows_of_60_mb(folder: Path, scale: float) -> Path:
    """Rows of an image of sixty megabytes, side by side."""
    size = int(60_000_000 * scale)
    rows = ([_png(56, number, size)] for number in range(12))
    return _parquet(folder / "x.parquet", rows, group=4)


@_case(images=TINY)
def image_packs_of_60_mb(folder: Path, scale: float) -> Path:
    """As many as one pack has the tokens for: three gigabytes."""
    size = int(60_000_000 * scale)
    rows = ([_png(28, number, size)] for number in range(50))
    return _parquet(folder / "x.parquet", rows, group=1)


@_case()
def image_base64(folder: Path, scale: float) -> Path:
    """JSON rows of sixty megabytes of base64."""
    size = int(45_000_000 * scale)

    def row(number: int) -> dict[str, Any]:
        text = base64.b64encode(_png(56, number, size)).decode()
        return {"question": f"What? {number}", "responses": ["It is."], "images": [text]}

    return _lines(folder / "x.jsonl", map(row, range(8)))


@_case(images=TINY)
def images_a_row(folder: Path, scale: float) -> Path:
    """Rows of a thousand small images, and one of more than a trace can show."""
    count = int(1000 * scale)
    rows = [[_png(8, row * count + number) for number in range(count)] for row in range(20)]
    many = [_png(8, number % 50) for number in range(int(100_000 * scale))]
    return _parquet(folder / "x.parquet", [*rows, many], group=100)


@_case(images=TINY)
def image_list(folder: Path, scale: float) -> Path:
    """Lists of ten thousand images."""
    count = int(10_000 * scale)
    rows = ([_png(4, row * count + number) for number in range(count)] for row in range(6))
    return _parquet(folder / "x.parquet", [*rows, [_png(4, 0)]], group=7)


@_case(format=FORMAT | {"image_root": "data"})
def image_paths(folder: Path, scale: float) -> Path:
    """Two hundred thousand rows that show one file."""
    (folder / "image.png").write_bytes(_png(280, 1))
    rows = (
        {"question": f"What? {number}", "responses": ["It is."], "images": ["image.png"]}
        for number in range(int(200_000 * scale))
    )
    return _lines(folder / "x.jsonl", rows)


@_case(format=FORMAT | {"image_root": "data"}, images=TINY)
def images_times_responses(folder: Path, scale: float) -> Path:
    """Rows of two thousand images, each with ten thousand responses that show them all."""
    (folder / "image.png").write_bytes(_png(28, 1))
    row = {
        "images": ["image.png"] * 2000,
        "responses": [f"r{number}" for number in range(int(10_000 * scale))],
    }
    return _lines(folder / "x.jsonl", ({"question": f"What? {number}"} | row for number in range(2)))


@_case(images=TINY)
def image_30_000(folder: Path, scale: float) -> Path:
    """Thirty thousand tiny images in a row group."""
    rows = ([_png(8, number)] for number in range(int(30_000 * scale)))
    return _parquet(folder / "x.parquet", rows, group=30_000)


@_case(images={"max_pixels": 50_176})
def image_group_of_1_gb(folder: Path, scale: float) -> Path:
    """A row group of a gigabyte of images."""
    rows = ([_png(560, number)] for number in range(int(1060 * scale)))
    return _parquet(folder / "x.parquet", rows, group=2000, batch=16)


@_case(ends=3, source={})
def image_page_of_1_gb(folder: Path, scale: float) -> Path:
    """A page of a gigabyte of images, of a writer that looks at its size once in a thousand rows."""
    rows = ([_png(560, number)] for number in range(int(1060 * scale)))
    return _parquet(folder / "x.parquet", rows, group=2000)


@_case(images={"store": "resized", "codec": "png"})
def image_resized(folder: Path, scale: float) -> Path:
    """Sixteen responses to seven images of nine million pixels, stored smaller."""
    side = int(3000 * scale**0.5)

    def files(row: int) -> list[bytes]:
        made = []
        for number in range(7):
            file = io.BytesIO()
            pixels = _flat("RGB", side, row * 7 + number)
            pixels.paste(Image.open(io.BytesIO(_png(200, row * 7 + number))))
            pixels.save(file, "JPEG", progressive=number % 2 == 1)
            made.append(file.getvalue())
        return made

    return _parquet(folder / "x.parquet", map(files, range(6)), group=6, responses=16)


@_case()
def image_lines(folder: Path, scale: float) -> Path:
    """Images of one pixel times as many as the formats have."""
    rows = []
    for kind, most in (("JPEG", 65_500), ("PNG", 10_000_000), ("TIFF", 1_000_000), ("BMP", 1_000_000)):
        long = max(100_000 if kind != "JPEG" else 65_000, int(most * scale)) if kind != "JPEG" else most
        for size in ((long, 1), (1, long)):
            file = io.BytesIO()
            Image.new("RGB", size).save(file, kind)
            rows.append([file.getvalue()])
    return _parquet(folder / "x.parquet", [*rows, [_png(56, 0)]], group=100)
