"""Pictures on terminals: by the protocols of kitty and sixel, else by half blocks of colour."""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from octomed.report.views import ImageView

_MODULE = "textual_image"
_WIDTH = 48
"""Columns that a picture takes at most."""


def wanted(asked: bool | None, screen: Console) -> bool:
    """Tell whether pictures are shown: where standard output is a terminal, unless they are asked away.

    Parameters
    ----------
    asked
        What the user says of it; None where nothing.
    screen
        Standard output.

    Raises
    ------
    RecipeError
        When they are asked for, and what shows them is not installed.
    """
    if asked is False or not screen.is_terminal:
        return False
    if importlib.util.find_spec(_MODULE) is not None:
        return True
    if asked:
        raise RecipeError(
            "`--pictures`: what shows pictures is not installed",
            "`pip install textual-image`, or `--save-images DIR` writes them",
        )
    return False


def show(images: Iterable[ImageView], screen: Console) -> None:
    """Show images, each distinct one once, as large as half a screen.

    Parameters
    ----------
    images
        With their bytes.
    screen
        A terminal.
    """
    seen = set()
    for image in images:
        if image.hash in seen or not image.data:
            continue
        seen.add(image.hash)
        screen.print(f"image {image.hash:016x}", highlight=False)
        screen.print(_renderable(image.data, min(_WIDTH, screen.width)))


def _renderable(data: bytes, width: int) -> Any:  # noqa: ANN401 what the library makes
    from PIL import Image, ImageOps
    from textual_image.renderable import Image as Renderable

    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return Renderable(picture.convert("RGB"), width=width)
