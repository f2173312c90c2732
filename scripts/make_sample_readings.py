"""Write the part of the embedded sample that cannot be answered without looking: readings of a test strip's pad.

Each row shows one small photograph of a pad and asks for its grade. The grade follows from the pad's colour alone, and the
response is its letter and nothing else, so that a model which does not look is right in one case of four. Light, place and
grain differ from image to image, and no image occurs twice; the rows of `held-out.parquet` are drawn from another seed.

    python scripts/make_sample_readings.py

Everything is drawn by the formulas below: nobody's data, and no advice.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane: TypeAlias = NDArray[np.float64]

SIDE = 56
"""Pixels: four image tokens of Qwen2.5-VL."""
GRADES = (
    ("negative", (0.93, 0.88, 0.42)),
    ("trace", (0.62, 0.80, 0.38)),
    ("moderate", (0.30, 0.55, 0.36)),
    ("large", (0.16, 0.26, 0.46)),
)
"""What a pad reads, and its colour without the light."""
LETTERS = "ABCD"
OPTIONS = " ".join(f"{letter}) {grade}" for letter, (grade, _) in zip(LETTERS, GRADES, strict=True))
FILES = {"readings.parquet": (256, 11), "held-out.parquet": (64, 12)}
"""Rows of each file, and its seed."""


def photograph(colour: tuple[float, float, float], draws: np.random.Generator) -> bytes:
    """Return the photograph of a pad on its strip, as a JPEG file."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    top, left = draws.uniform(0.06, 0.2, 2)
    pad = ((rows > top) & (rows < top + 0.72) & (columns > left) & (columns < left + 0.72))[..., None]
    light = draws.uniform(0.88, 1.06) * (1 + draws.uniform(-0.06, 0.06) * (columns - 0.5))[..., None]
    grain = draws.uniform(-0.02, 0.02, (SIDE, SIDE, 1))
    plane: Plane = light * np.where(pad, colour, (0.95, 0.95, 0.93)) + grain
    file = io.BytesIO()
    Image.fromarray((np.clip(plane, 0, 1) * 255).round().astype(np.uint8)).save(
        file, "JPEG", quality=75, optimize=True
    )
    return file.getvalue()


def rows(count: int, seed: int) -> pa.Table:
    """Return questions about one image each, every grade equally often."""
    draws = np.random.default_rng(seed)
    made = []
    for number in range(count):
        grade = number % len(GRADES)
        image = {"bytes": photograph(GRADES[grade][1], draws), "path": f"pad-{seed}-{number}.jpg"}
        made.append(
            {
                "question": f"<image>\nWhat does the glucose pad read? {OPTIONS}",
                "images": [image],
                "responses": [LETTERS[grade]],
            }
        )
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [
        ("question", pa.string()),
        ("images", pa.list_(image_type)),
        ("responses", pa.list_(pa.string())),
    ]
    return pa.Table.from_pylist(made, pa.schema(columns))


def main() -> None:
    """Read the command line, and write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    home = Path(__file__).parent.parent / "python/octomed/sample/images"
    parser.add_argument("folder", nargs="?", type=Path, default=home)
    folder: Path = parser.parse_args().folder
    for name, (count, seed) in FILES.items():
        pq.write_table(rows(count, seed), folder / name, compression="none", write_statistics=False)


if __name__ == "__main__":
    main()
