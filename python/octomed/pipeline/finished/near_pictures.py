"""Pictures that are nearly one of an evaluation set, two by two, for a page: grey, as they were compared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed import vision
from octomed.report.near_pictures import NearPictures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def pairs_of(
    rows: Iterable[dict[str, Any]], hidden: frozenset[tuple[str, str, int]]
) -> Iterator[NearPictures]:
    """Yield the pairs that a run found.

    Parameters
    ----------
    rows
        Lines of `reports/near_pictures.parquet`.
    hidden
        Source, file and row of what is shown nowhere.
    """
    for row in rows:
        place = (str(row["source"]), str(row["file"]), int(row["row"]))
        both = (row["gray"], row["evaluation_gray"])
        if place in hidden or None in both:
            continue
        yield NearPictures(
            f"{place[0]}/{place[1]}:{place[2]}" + (f", {row['name']}" if row["name"] else ""),
            f"{row['evaluation_set']}/{row['evaluation_file']}:{row['evaluation_row']}",
            int(row["distance"]),
            float(row["difference"]),
            (_png(both[0]), _png(both[1])),
        )


def _png(gray: bytes) -> bytes:
    """Return a square picture in grey, a byte a pixel, as a file that browsers show."""
    side = math.isqrt(len(gray))
    pixels = np.frombuffer(gray, np.uint8).reshape(side, side, 1)
    return vision.encode(np.repeat(pixels, 3, axis=2), "png")
