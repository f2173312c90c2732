"""Names of columns that suggest pictures: a reason to look; what a row holds is read from its values."""

from __future__ import annotations

import re

_WORDS = frozenset(
    {
        *(
            "bmp",
            "dcm",
            "dicom",
            "fig",
            "figs",
            "figure",
            "figures",
            "frame",
            "frames",
            "gif",
            "image",
            "images",
        ),
        *(
            "img",
            "imgs",
            "jpeg",
            "jpg",
            "photo",
            "photos",
            "pic",
            "pics",
            "picture",
            "pictures",
            "pixel",
            "pixels",
        ),
        *(
            "png",
            "radiograph",
            "radiographs",
            "scan",
            "scans",
            "screenshot",
            "thumbnail",
            "tif",
            "tiff",
            "video",
        ),
        *("videos", "webp", "xray", "xrays"),
    }
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def suggests_pictures(name: str) -> bool:
    """Tell whether a column's name has a word for pictures: `image_0`, `imgPath`, `Figure_path`."""
    words = [*_PARTS.findall(name), *re.split(r"[^A-Za-z]+", name)]
    return any(word.lower() in _WORDS for word in words)
