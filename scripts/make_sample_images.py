"""Write the images of the embedded sample, and the rows that show them, in three formats.

Films and slices (grey, as scanners write them), skin and blood smears (colour, as cameras do), and a strip of an ECG are drawn
by the formulas below: nobody's data, and no advice. Among the rows are what real sets have: an image that two rows of one file
show and rows of two files share, one that lies on its side and says so in its EXIF, one that was cut in the middle, one
that is not there, and a question with more `<image>` than images.

    python scripts/make_sample_images.py

Encoders differ from version to version; `tests/unit/test_sample_images.py` compares what is seen, not the bytes of the files.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane: TypeAlias = NDArray[np.float64]

THOUGHTS = (
    "Let me look at the whole first.",
    "I begin with the quality of the image.",
    "I compare both sides.",
    "I go from the edge to the centre.",
)
FILMS = (
    ("chest-1.jpg", "Which side shows the opacity?", "the lower zone on the left of the image", "right"),
    ("chest-2.jpg", "Is there an opacity in this film?", "both lungs, which are clear", "no"),
    ("slice-1.png", "How many bright spots does the slice show?", "one bright spot near the centre", "one"),
    ("slice-2.png", "How many bright spots does the slice show?", "two bright spots", "two"),
    ("chest-1.jpg", "Is the heart enlarged?", "a heart of less than half the chest's width", "no"),
)
QUESTIONS = (
    ("lesion-1.webp", "Is the border regular or irregular?", "Regular."),
    ("lesion-2.jpg", "Is the border regular or irregular?", "Irregular."),
    ("smear.jpg", "Which cells are most frequent here?", "Red cells."),
    ("strip.png", "Is the rhythm regular?", "Yes, all beats are equally far apart."),
)
DIALOGUES: tuple[tuple[list[str], list[str]], ...] = (
    (
        ["smear.jpg"],
        ["<image>\nWhat is stained violet?", "The nucleus of a white cell.", "And the rest?", "Red cells."],
    ),
    (["strip.png"], ["<image>\nWhat is this?", "A strip of one lead of an ECG, with five beats."]),
    (
        ["lesion-1.webp", "lesion-2.jpg"],
        [
            "<image>\nDescribe the border.",
            "Round and regular.",
            "<image>\nAnd of this one?",
            "Irregular, with notches.",
        ],
    ),
    (
        ["turned.jpg"],
        ["<image>\nIs the film upright?", "Yes: the camera lay on its side, and the file says so."],
    ),
    (["broken.jpg"], ["<image>\nWhat does the lower half show?", "Nothing: the file was cut."]),
    (["lost.jpg"], ["<image>\nWhat does it show?", "Nobody knows: there is no such file."]),
    (["smear.jpg"], ["<image>\n<image>\nWhich of the two is sharper?", "There is one."]),
    ([], ["Can a film be read without its clinical question?", "It can, but worse."]),
)


def noise(height: int, width: int, seed: int) -> Plane:
    """Return grain from -1 to 1."""
    return np.random.default_rng(seed).random((height, width)) * 2 - 1


def disc(
    shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float], edge: float = 0.1
) -> Plane:
    """Return 1 inside of an ellipse, 0 outside, and a soft edge; places and sizes are parts of the sides."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    y, x = rows / shape[0] - centre[0], columns / shape[1] - centre[1]
    inside: Plane = np.clip((1 - np.hypot(y / radii[0], x / radii[1])) / edge + 0.5, 0, 1)
    return inside


def levels(plane: Plane) -> Image.Image:
    """Return values from 0 to 1, of grey or colour, as an image."""
    return Image.fromarray((np.clip(plane, 0, 1) * 255).round().astype(np.uint8))


def film(height: int, width: int, seed: int, opacity: float) -> Image.Image:
    """Draw a chest: lungs, ribs, a heart, and an opacity."""
    shape = (height, width)
    body = 0.75 * disc(shape, (0.55, 0.5), (0.62, 0.5), 0.3)
    lungs = disc(shape, (0.5, 0.3), (0.34, 0.15), 0.3) + disc(shape, (0.5, 0.7), (0.34, 0.15), 0.3)
    rows, columns = np.mgrid[0:height, 0:width]
    ribs = 0.06 * np.sin(60 * (rows / height - 0.5 * (columns / width - 0.5) ** 2)) * lungs
    heart = 0.3 * disc(shape, (0.62, 0.54), (0.17, 0.15), 0.3)
    shadow = opacity * disc(shape, (0.7, 0.3), (0.1, 0.08), 0.8)
    return levels(body - 0.5 * lungs + ribs + heart + shadow + 0.02 * noise(height, width, seed))


def slice_of(side: int, spots: tuple[tuple[float, float], ...]) -> Image.Image:
    """Draw a slice of a head with bright spots, in 32 levels."""
    shape = (side, side)
    head = 0.8 * disc(shape, (0.5, 0.5), (0.46, 0.38), 0.04) - 0.4 * disc(
        shape, (0.5, 0.5), (0.42, 0.34), 0.04
    )
    hollow = 0.25 * (
        disc(shape, (0.5, 0.44), (0.14, 0.04), 0.4) + disc(shape, (0.5, 0.56), (0.14, 0.04), 0.4)
    )
    bright = sum((disc(shape, (y, x), (0.04, 0.04), 0.5) for y, x in spots), np.zeros(shape))
    return levels(np.round((head - hollow + 0.5 * bright) * 31) / 31)


def skin(height: int, width: int, seed: int, notches: int) -> Image.Image:
    """Draw a lesion on skin; with notches its border is irregular."""
    rows, columns = np.mgrid[0:height, 0:width]
    y, x = rows / height - 0.5, columns / width - 0.5
    angle = np.arctan2(y, x)
    border = 0.24 + (
        0.04 * np.sin(notches * angle) + 0.02 * np.sin(2 * notches * angle + 1) if notches else 0
    )
    inside = np.clip((border - np.hypot(y, x)) / 0.04 + 0.5, 0, 1)[..., None]
    light = (
        1 + 0.25 * x + 0.1 * np.sin(25 * y + 4 * x) * np.sin(31 * x) + 0.03 * noise(height, width, seed)
    )[..., None]
    return levels(light * ((1 - inside) * [0.86, 0.67, 0.56] + inside * [0.4, 0.23, 0.17]))


def smear(height: int, width: int) -> Image.Image:
    """Draw red cells, and a white one with its nucleus."""
    draws, shape = np.random.default_rng(7), (height, width)
    colours = np.full((height, width, 3), [0.95, 0.9, 0.87])
    for y, x in draws.random((26, 2)):
        cell = (
            disc(shape, (y, x), (0.07, 0.07 * height / width))
            - 0.4 * disc(shape, (y, x), (0.03, 0.03 * height / width), 1)
        )[..., None]
        colours = (1 - cell) * colours + cell * [0.82, 0.45, 0.47]
    for size, colour in ((0.14, [0.78, 0.7, 0.86]), (0.09, [0.4, 0.2, 0.56])):
        cell = disc(shape, (0.5, 0.5), (size, size * height / width))[..., None]
        colours = (1 - cell) * colours + cell * colour
    return levels(colours + 0.01 * noise(height, width, 8)[..., None])


def strip(height: int, width: int, beats: int) -> Image.Image:
    """Draw a lead of an ECG on its paper, in a palette of three colours."""
    paper = np.zeros((height, width), np.uint8)
    paper[::10], paper[:, ::10] = 1, 1
    time = np.arange(width) * beats / width % 1
    wave = 0.1 * np.exp(-(((time - 0.3) / 0.04) ** 2)) + np.exp(-(((time - 0.5) / 0.012) ** 2))
    wave = wave - 0.2 * np.exp(-(((time - 0.54) / 0.012) ** 2)) + 0.2 * np.exp(-(((time - 0.75) / 0.05) ** 2))
    rows = (height * (0.7 - 0.5 * wave)).astype(int)
    for column in range(width):
        ends = sorted((rows[column], rows[max(column - 1, 0)]))
        paper[ends[0] : ends[1] + 2, column] = 2
    image = Image.fromarray(paper).convert("P")
    image.putpalette([255, 250, 248, 244, 190, 190, 30, 30, 60])
    return image


def encoded(image: Image.Image, kind: str, **options: int | Image.Exif) -> bytes:
    """Return an image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def on_its_side(image: Image.Image) -> bytes:
    """Return a JPEG whose EXIF says that it has to be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=75, exif=exif)


def images() -> dict[str, bytes]:
    """Return all files of images by their names."""
    whole = encoded(film(224, 224, 5, 0.3), "JPEG", quality=75)
    return {
        "chest-1.jpg": encoded(film(336, 320, 1, 0.35), "JPEG", quality=75),
        "chest-2.jpg": encoded(film(320, 288, 2, 0), "JPEG", quality=75, progressive=True),
        "slice-1.png": encoded(slice_of(192, ((0.45, 0.6),)), "PNG", optimize=True),
        "slice-2.png": encoded(slice_of(192, ((0.35, 0.4), (0.6, 0.62))), "PNG", optimize=True),
        "lesion-1.webp": encoded(skin(240, 320, 3, 0), "WEBP", quality=75),
        "lesion-2.jpg": encoded(skin(252, 280, 4, 5), "JPEG", quality=80),
        "smear.jpg": encoded(smear(240, 320), "JPEG", quality=80),
        "strip.png": encoded(strip(120, 500, 5), "PNG", optimize=True),
        "turned.jpg": on_its_side(film(300, 200, 6, 0.2)),
        "broken.jpg": whole[: len(whole) // 2],
    }


def films(files: dict[str, bytes]) -> pa.Table:
    """Return rows of one image and four responses, as the paper's sets have them."""
    rows = [
        {
            "question": question,
            "images": [{"bytes": files[name], "path": name}],
            "responses": [
                f"<think>\n{thought} I see {seen}.\n</think>\n\nThe answer is: {answer}."
                for thought in THOUGHTS
            ],
        }
        for name, question, seen, answer in FILMS
    ]
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("question", pa.string()), ("images", pa.list_(image)), ("responses", pa.list_(pa.string()))]
    return pa.Table.from_pylist(rows, pa.schema(columns))


def dialogues() -> str:
    """Return conversations as LLaVA has them, with the names of their images, as JSON Lines."""
    rows = []
    for names, turns in DIALOGUES:
        said = [{"from": ("human", "gpt")[at % 2], "value": turn} for at, turn in enumerate(turns)]
        rows.append({"image": names, "conversations": said})
    return "".join(json.dumps(row) + "\n" for row in rows)


def questions() -> str:
    """Return questions about one image each, as CSV."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([("file", "question", "answer"), *QUESTIONS])
    return file.getvalue()


def write(folder: Path) -> None:
    """Write all files."""
    files = images()
    (folder / "files").mkdir(parents=True, exist_ok=True)
    shown = {name for name, *_ in FILMS}
    for name, data in files.items():
        if name not in shown:
            (folder / "files" / name).write_bytes(data)
    pq.write_table(films(files), folder / "films.parquet", compression="zstd", write_statistics=False)
    (folder / "dialogues.jsonl").write_text(dialogues(), encoding="utf-8")
    (folder / "questions.csv").write_text(questions(), encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    home = Path(__file__).parent.parent / "python/octomed/sample/images"
    parser.add_argument("folder", nargs="?", type=Path, default=home)
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
