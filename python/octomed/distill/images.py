"""Images of questions, kept beside their samples, each once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from octomed.distill.lines import IMAGES, image_name
from octomed.storage import make_folder, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.distill.question import Question
    from octomed.storage import Mode


class ImageFolder:
    """The folder in which a packing recipe finds the images of samples: its `image_root`.

    Parameters
    ----------
    output
        The folder of the distillation.
    mode
        Who may read what is written.
    """

    def __init__(self, output: Path, mode: Mode) -> None:
        self._folder, self._mode = output / IMAGES, mode
        self._kept: set[str] | None = None

    async def keep(self, question: Question) -> None:
        """Write the images of a question that are not there yet; they are on the disk when it returns."""
        images = question.row_values.images
        if images:
            await asyncio.get_running_loop().run_in_executor(None, self._write, images)

    def _write(self, images: list[tuple[int, bytes]]) -> None:
        if self._kept is None:
            make_folder(self._folder, self._mode)
            self._kept = {path.name for path in self._folder.iterdir()}
        for content_hash, image in images:
            name = image_name(content_hash, image)
            if name not in self._kept:
                write_atomically(self._folder / name, image, mode=self._mode)
                self._kept.add(name)
