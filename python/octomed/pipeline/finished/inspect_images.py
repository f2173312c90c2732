"""The images of a row or of a pack, to look at and to save."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from octomed import _octomed, vision
from octomed.errors import DataError, StorageError
from octomed.pipeline.models.families import IMAGE
from octomed.report.views import ImageView
from octomed.storage import FILE_MODES, make_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from octomed.storage import Mode

_ENDINGS = {"jpeg": "jpg", "png": "png", "webp": "webp", "gif": "gif", "bmp": "bmp", "tiff": "tiff"}


def images_of_row(scanner: _octomed.Scanner, block: _octomed.Block, ordinal: int) -> tuple[ImageView, ...]:
    """Return the images of a row, in its order.

    Parameters
    ----------
    scanner, block, ordinal
        Of the row.
    """
    looked = scanner.look_at_images(block, ordinal)
    stored = {image: data for _, image, *_, data in looked if data}  # an image comes with its first place
    return tuple(
        ImageView(
            place, image, height, width, grid, tokens, format_of(stored[image]), len(stored[image]),
            data=stored[image],
        )
        for place, image, _, height, width, *grid_and_tokens, _ in looked
        for grid, tokens in [((grid_and_tokens[0], grid_and_tokens[1]), grid_and_tokens[2])]
    )  # fmt: skip


class PackImages:
    """The images of a pack, by the tokens that stand for them.

    Parameters
    ----------
    content
        The pack.
    token
        Id of the token for images.
    """

    def __init__(self, content: _octomed.PackContent, token: int) -> None:
        self._content = content
        ids = np.asarray(content.input_ids, np.uint32)
        is_image = np.concatenate([[False], ids == token, [False]])
        edges = np.flatnonzero(is_image[1:] != is_image[:-1])
        self._runs: list[tuple[int, int]] = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
        if len(self._runs) != len(content.image_refs):
            raise DataError(
                f"the pack has {len(content.image_refs)} placeholders, and {len(self._runs)} in its ids"
            )

    def of_document(self, offset: int, length: int, hashes: Sequence[int]) -> Iterator[ImageView]:
        """Yield the images that a trace shows, placeholder by placeholder.

        Parameters
        ----------
        offset, length
            Where the trace lies in the pack.
        hashes
            Of its images, as provenance has them; empty where that says nothing.
        """
        content = self._content
        shown = [
            (begin, end, ref)
            for (begin, end), ref in zip(self._runs, content.image_refs, strict=True)
            if offset <= begin < offset + length
        ]
        for number, (begin, end, ref) in enumerate(shown):
            if not ref < len(content.images):
                raise DataError(f"the pack has no image {ref}")
            data, grid = content.images[ref], content.image_grids[ref]
            name, height, width = header_of(data)
            known = hashes[number] if len(hashes) == len(shown) else vision.content_hash(data)
            yield ImageView(
                f"image {ref} of the pack",
                known,
                height,
                width,
                grid,
                end - begin,
                name,
                len(data),
                begin - offset,
                data,
            )


def header_of(data: bytes) -> tuple[str, int, int]:
    """Return format, height and width of a stored image; one whose header does not read has no size."""
    try:
        name, height, width, _, _ = _octomed.image_header(np.frombuffer(data, np.uint8))
    except DataError:
        return "damaged", 0, 0
    return name, height, width


def format_of(data: bytes) -> str:
    """Return the format of a stored image."""
    return header_of(data)[0]


def in_short(ids: Sequence[int], texts: Sequence[bytes], token: int | None) -> tuple[bytes, ...]:
    """Return the texts of tokens, those for an image as one with their number: they say nothing more."""
    short = list(texts)
    begin = 0
    for place in range(1, len(ids) + 1):
        if place < len(ids) and ids[place] == ids[begin] == token:
            continue
        if place - begin > 1:
            short[begin:place] = [f"{IMAGE} x {place - begin}".encode(), *[b""] * (place - begin - 1)]
        begin = place
    return tuple(short)


def mode_in(recipe: Mapping[str, Any]) -> Mode:
    """Return who may read what a run writes, by the recipe that it was packed with.

    Examples
    --------
    >>> mode_in({"output": {"mode": "owner"}}), mode_in({})
    ('owner', 'umask')
    """
    output = recipe.get("output")
    mode = output.get("mode") if isinstance(output, dict) else None
    return mode if mode in FILE_MODES else "umask"


def save_images(images: Iterable[ImageView], folder: Path, mode: Mode) -> list[Path]:
    """Write images into a folder, each once, by the hash of its bytes and the ending of its format.

    A file that is there already stays, and no link is followed.

    Parameters
    ----------
    images
        To be written.
    folder
        Made if it is not there.
    mode
        Who may read them.

    Raises
    ------
    StorageError
        When one cannot be written, or another file has its name.
    """
    make_folder(folder, mode)
    saved: dict[Path, None] = {}
    for image in images:
        ending = _ENDINGS.get(image.format, "bin")
        path = folder / f"{vision.content_hash(image.data):016x}.{ending}"
        if path not in saved:
            _save(path, image.data, mode)
            saved[path] = None
    return list(saved)


def _save(path: Path, data: bytes, mode: Mode) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, FILE_MODES[mode] or 0o666)
    except FileExistsError:
        if path.is_symlink() or not path.is_file() or path.read_bytes() != data:
            raise StorageError(
                f"`{path}` is there already, and is another file", "choose another folder"
            ) from None
        return
    except OSError as error:
        raise storage_error("write", path, error) from error
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 it is open already
            if (wanted := FILE_MODES[mode]) is not None:
                os.fchmod(descriptor, wanted)
            file.write(data)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise storage_error("write", path, error) from error


def texts_of(tokenizer: _octomed.Tokenizer, ids: list[int], image_token: int | None) -> tuple[bytes, ...]:
    """Return the bytes of each token, those of an image in short."""
    texts = tuple(tokenizer.decode(pa.array([token], pa.uint32())) for token in ids)
    return in_short(ids, texts, image_token)
