"""The recipe's section `images`: how images are found, checked, resized and stored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part

MOST_PIXELS = 262_144
"""512 by 512: what the paper's images are resized to at most."""

_LARGEST = 2**31 - 1
_LARGEST_SOURCE = 2**32 - 1

Pixels = Annotated[int, Field(ge=1, le=_LARGEST)]
Store = Literal["original", "resized"]


class Images(Part):
    """How images are found, checked, resized and stored."""

    min_pixels: Pixels | None = None
    """Fewest pixels of an image as the model sees it; those of the model's family if left out."""
    max_pixels: Pixels = MOST_PIXELS
    """Most pixels of an image as the model sees it; what a model's folder says is not used."""
    verify: Literal["decode", "header"] = "decode"
    """Whether each distinct image is decoded once, strictly, or only its header is read."""
    store: Store = "original"
    """Whether images are stored as they came, or resized once to the model's size."""
    codec: Literal["webp", "png", "jpeg"] = "webp"
    """Form of resized images: lossless WebP, PNG, or JPEG of quality 95 without subsampling."""
    alpha: Literal["drop", "white"] = "drop"
    """What becomes of transparency: dropped, or composited on white."""
    gray16: Literal["reject", "window"] = "reject"
    """What becomes of 16-bit grey: a reject, or windowed from its least to its largest value."""
    max_source_pixels: Annotated[int, Field(ge=1, le=_LARGEST_SOURCE)] = 100_000_000
    """Most pixels of an image as it came; a larger one is a reject before it is decoded."""
    metadata: Literal["keep", "strip"] = "keep"
    """Whether EXIF, XMP and texts stay in images that are stored as they came."""
    outside_root: Literal["refuse", "allow"] = "refuse"
    """What becomes of a row's path that is absolute, or leads out of `image_root` by `..`."""
    urls: Literal["refuse", "fetch"] = "refuse"
    """What becomes of an image that a row names by its URL (`http`, `https`): a reject, or it is fetched."""

    @model_validator(mode="after")
    def _least_and_most(self) -> Images:
        if self.min_pixels is not None and self.min_pixels > self.max_pixels:
            raise invalid(
                f"{self.min_pixels:,} is more than `max_pixels`, {self.max_pixels:,}",
                "lower it, or raise `images.max_pixels`",
                at=("min_pixels",),
            )
        return self


class SourceImages(Part):
    """What a source has otherwise than the recipe's `images`."""

    store: Store | None = None
    """Whether its images are stored as they came, or resized once; if left out, as `images.store` says."""
