"""Images as a vision-language model takes them: sizes, tokens, pixels and patches.

An image is a NumPy array of 8 bits, ``[height, width, 3]``: red, green and blue, upright. Every step is what
a run and its batches do, and gives what the fast image processor of transformers 4.57.6 gives, bit for bit.

>>> from octomed import vision
>>> vision.tokens(768, 1024, max_pixels=262_144)
315
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from octomed import _octomed
from octomed.errors import DataError

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from numpy.typing import NDArray

    Bytes: TypeAlias = bytes | bytearray | memoryview | NDArray[np.uint8]
    """The bytes of an image file."""

__all__ = [
    "Family",
    "content_hash",
    "decode",
    "dhash",
    "encode",
    "families",
    "patches",
    "pixel_hash",
    "pixel_values",
    "resize",
    "resized",
    "size",
    "tokens",
]

_CHANNELS = 3
_MOST = 2**32


@dataclass(frozen=True)
class Family:
    """How a family of models takes images.

    Attributes
    ----------
    name : str
        As recipes and these functions have it.
    patch_size, merge_size, temporal_patch_size : int
        Sides of a patch in pixels, sides of a token in patches, copies of a still image along time.
    mean, std : tuple of float
        Of each channel, of values from 0 to 1, as numbers of 32 bits.
    min_pixels, max_pixels : int
        Bounds of a resized image, where nobody says otherwise.

    Examples
    --------
    >>> families()[0].patch_size
    14
    """

    name: str
    patch_size: int
    merge_size: int
    temporal_patch_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    min_pixels: int
    max_pixels: int


def families() -> tuple[Family, ...]:
    """Return the families of models whose images are prepared.

    Examples
    --------
    >>> [family.name for family in families()]
    ['qwen2.5-vl', 'qwen3-vl']
    """
    return tuple(
        Family(name, patch, merge, temporal, _floats(mean), _floats(std), least, most)
        for name, patch, merge, temporal, mean, std, least, most in _octomed.image_families()
    )


def size(data: Bytes) -> tuple[int, int]:
    """Return the height and width of an image file, upright, from its header alone.

    Parameters
    ----------
    data : bytes-like
        The whole file. Of a JPEG the bytes up to its first scan are enough; a PNG may say behind its
        pixels how it is turned, and a WebP, GIF, BMP or TIFF that is cut may be refused.

    Raises
    ------
    octomed.errors.DataError
        If it is no image of a format that is read, or its header is cut.

    Examples
    --------
    >>> import numpy as np
    >>> size(encode(np.zeros((3, 5, 3), np.uint8)))
    (3, 5)
    """
    return _octomed.image_size(_bytes(data))


def resized(
    height: int,
    width: int,
    family: str = "qwen2.5-vl",
    *,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> tuple[int, int]:
    """Return the height and width that a model takes an image in: `smart_resize` of transformers.

    Parameters
    ----------
    height, width : int
        Of the upright image.
    family : str
        Of the model; `families` has them.
    min_pixels, max_pixels : int, optional
        Bounds of the product; by default the family's.

    Raises
    ------
    octomed.errors.DataError
        If a side is 0, or more than 200 times the other.

    Examples
    --------
    >>> resized(768, 1024, max_pixels=262_144)
    (420, 588)
    >>> resized(768, 1024, "qwen3-vl", max_pixels=262_144)
    (416, 576)
    """
    rows, columns, _ = _prepared(height, width, family, min_pixels, max_pixels)
    return rows, columns


def tokens(
    height: int,
    width: int,
    family: str = "qwen2.5-vl",
    *,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> int:
    """Return how many tokens stand for an image: those of `image_pad`, without the two around them.

    Parameters
    ----------
    height, width, family, min_pixels, max_pixels
        As of `resized`, for the image as it came.

    Examples
    --------
    >>> tokens(512, 512, max_pixels=262_144), tokens(512, 512, "qwen3-vl", max_pixels=262_144)
    (324, 256)
    """
    return _prepared(height, width, family, min_pixels, max_pixels)[2]


def decode(
    data: Bytes,
    *,
    alpha: Literal["drop", "white"] = "drop",
    gray16: Literal["reject", "window"] = "reject",
    max_source_pixels: int = 100_000_000,
) -> NDArray[np.uint8]:
    """Decode an image file strictly: a file that is cut, or lacks its end, is an error.

    EXIF orientation is applied; of several frames the first counts; colour profiles are not applied.

    Parameters
    ----------
    data : bytes-like
        The file.
    alpha : {"drop", "white"}
        Take the colour below transparency as it is, or composite the image on white.
    gray16 : {"reject", "window"}
        Refuse 16 bits of grey, or scale the smallest and largest values to 0 and 255.
    max_source_pixels : int
        Refuse an image of more pixels before anything is allocated for it.

    Returns
    -------
    ndarray of uint8, shape [height, width, 3]

    Raises
    ------
    octomed.errors.DataError
        If there is no whole image to be had by these rules.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    >>> bool((decode(encode(image)) == image).all())
    True
    """
    most = _number(max_source_pixels, "max_source_pixels", 2**64)
    return _octomed.decode_image(_bytes(data), alpha, gray16, most)


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize an image as torchvision does it with ``BICUBIC`` and ``antialias=True``, bit for bit.

    Parameters
    ----------
    image : ndarray of uint8, shape [height, width, 3]
    height, width : int
        Of the result.

    Returns
    -------
    ndarray of uint8, shape [height, width, 3]

    Examples
    --------
    >>> import numpy as np
    >>> resize(np.full((30, 40, 3), 7, np.uint8), 28, 56).shape
    (28, 56, 3)
    """
    rows, columns = _number(height, "height", _MOST), _number(width, "width", _MOST)
    return _octomed.resize_image(_image(image), rows, columns)


def patches(image: NDArray[np.uint8], family: str = "qwen2.5-vl") -> NDArray[np.uint8]:
    """Cut an image into patches, in the order in which the model takes them.

    Parameters
    ----------
    image : ndarray of uint8, shape [height, width, 3]
        Of a size that `resized` gives: its sides are multiples of patch and merge size.
    family : str
        Of the model.

    Returns
    -------
    ndarray of uint8, shape [patches, 3 · patch_size²]
        Rows are patches, those of a token together; a row is red, green and blue, each line by line.
        An eighth of the bytes of `pixel_values`: 8 bits, and without the copy along time.

    Examples
    --------
    >>> import numpy as np
    >>> patches(np.zeros((28, 56, 3), np.uint8)).shape
    (8, 588)
    """
    return _octomed.patches_of_image(_image(image), family)


def pixel_values(patches: NDArray[np.uint8], family: str = "qwen2.5-vl") -> NDArray[np.float32]:
    """Make what a model's vision tower takes of patches: normalised, with the copies along time.

    Parameters
    ----------
    patches : ndarray of uint8, shape [patches, 3 · patch_size²]
        What `patches` gives.
    family : str
        Of the model.

    Returns
    -------
    ndarray of float32, shape [patches, 3 · temporal_patch_size · patch_size²]

    Examples
    --------
    >>> import numpy as np
    >>> values = pixel_values(patches(np.full((32, 32, 3), 255, np.uint8), "qwen3-vl"), "qwen3-vl")
    >>> values.shape, float(values.max())
    ((4, 1536), 1.0)
    """
    rows = np.asarray(patches)
    if rows.dtype != np.uint8 or rows.ndim != 2:  # noqa: PLR2004 rows and columns
        raise DataError(
            f"patches are {rows.dtype} of the shape {rows.shape}",
            "`octomed.vision.patches` gives them: uint8, [patches, 3 · patch_size²]",
        )
    return _octomed.values_of_patches(np.ascontiguousarray(rows), family)


def encode(image: NDArray[np.uint8], codec: Literal["webp", "png", "jpeg"] = "webp") -> bytes:
    """Write an image as a file: of one channel where it is grey.

    Parameters
    ----------
    image : ndarray of uint8, shape [height, width, 3]
    codec : {"webp", "png", "jpeg"}
        Lossless WebP, PNG compressed fast, or JPEG of quality 95 with full colour (4:4:4).

    Raises
    ------
    octomed.errors.DataError
        If a side is too long for the format: 16,384 pixels for WebP, 65,535 for JPEG.

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.zeros((4, 4, 3), np.uint8), "png")[1:4]
    b'PNG'
    """
    return _octomed.encode_image(_image(image), codec)


def pixel_hash(image: NDArray[np.uint8]) -> int:
    """Return a hash of size and pixels: equal for an image and its lossless copy in another format.

    Parameters
    ----------
    image : ndarray of uint8, shape [height, width, 3]

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    >>> pixel_hash(decode(encode(image, "png"))) == pixel_hash(image)
    True
    """
    return _octomed.image_pixel_hash(_image(image))


def dhash(image: NDArray[np.uint8]) -> int:
    """Return the hash of an image's gradients, 64 bits of which a smaller or recompressed copy changes few.

    It equals `imagehash.dhash` of ImageHash 4.3, the first of its bits the highest.

    Parameters
    ----------
    image : ndarray of uint8, shape [height, width, 3]

    Examples
    --------
    >>> import numpy as np
    >>> rising = np.arange(0, 180, 10, dtype=np.uint8)[None, :, None].repeat(16, axis=0).repeat(3, axis=2)
    >>> f"{dhash(rising):016x}"
    'ffffffffffffffff'
    """
    return _octomed.image_dhash(_image(image))


def content_hash(data: Bytes) -> int:
    """Return the hash by which a run knows an image file: `xxh3_64` of its bytes.

    Parameters
    ----------
    data : bytes-like
        The file.

    Examples
    --------
    >>> f"{content_hash(b''):016x}"
    '2d06800538d394c2'
    """
    return _octomed.image_content_hash(_bytes(data))


def _prepared(
    height: int, width: int, family: str, min_pixels: int | None, max_pixels: int | None
) -> tuple[int, int, int]:
    """Return height, width and tokens of a prepared image."""
    least, most = (
        None if bound is None else _number(bound, name, 2**64)
        for name, bound in (("min_pixels", min_pixels), ("max_pixels", max_pixels))
    )
    rows, columns = _number(height, "height", _MOST), _number(width, "width", _MOST)
    return _octomed.resized_image_size(rows, columns, family, least, most)


def _number(value: int, name: str, limit: int) -> int:
    """Return a whole number from 0 to below the limit, of NumPy's types too."""
    try:
        number = value.__index__()
    except (AttributeError, TypeError) as error:
        raise DataError(f"`{name}` is {value!r}, which is no whole number") from error
    if not 0 <= number < limit:
        raise DataError(f"`{name}` is {number}, and must lie between 0 and {limit - 1}")
    return number


def _bytes(data: Bytes) -> NDArray[np.uint8]:
    """Return the bytes of a file as an array, without a copy where they lie in a row."""
    try:
        return np.frombuffer(data, np.uint8)
    except (BufferError, TypeError, ValueError) as error:
        raise DataError(
            f"the bytes of an image file are given as {type(data).__name__}: {error}",
            "read the file first: `Path(name).read_bytes()`",
        ) from error


def _image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Check that an array is an image, and lay it out in a row."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != _CHANNELS or array.shape[2] != _CHANNELS:
        raise DataError(
            f"the image is {array.dtype} of the shape {array.shape}",
            "an image is uint8, [height, width, 3]; `octomed.vision.decode` makes one of a file",
        )
    return np.ascontiguousarray(array)


def _floats(values: tuple[float, ...] | list[float]) -> tuple[float, float, float]:
    """Return the shortest decimals of three numbers of 32 bits."""
    first, second, third = (float(str(np.float32(value))) for value in values)
    return first, second, third
