"""Images of prompts, as the run that a model was trained on had them."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed import vision as library
from octomed.errors import DataError
from octomed.pipeline.models.families import check_processor, family_of
from octomed.pipeline.models.model_files import json_object
from octomed.stream.images import Vision, check_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PretrainedConfig

    from octomed.evaluate.generation.requests import Request

    Image = bytes | NDArray[np.uint8]

_RULES = {"alpha": "drop", "gray16": "reject", "max_source_pixels": 100_000_000}
"""How images are decoded where no run says it: what recipes have by default."""


class Pictures:
    """How a model takes images.

    Parameters
    ----------
    record
        Of the run that it was trained on, or of its folder.

    Examples
    --------
    >>> record = {
    ...     "family": "qwen3-vl",
    ...     "patch_size": 16,
    ...     "merge_size": 2,
    ...     "temporal_patch_size": 2,
    ...     "mean": [0.5, 0.5, 0.5],
    ...     "std": [0.5, 0.5, 0.5],
    ...     "image_token_id": 9,
    ... }
    >>> Pictures(record | {"max_pixels": 262_144}).grid(np.zeros((768, 1024, 3), np.uint8))
    (1, 26, 36)
    """

    def __init__(self, record: object) -> None:
        self.vision = Vision.of(record)
        values = json.loads(self.vision.record)
        self._bounds = {name: values.get(name) for name in ("min_pixels", "max_pixels")}
        self._size = lru_cache(4096)(library.size)

    @classmethod
    def of(cls, folder: Path, configuration: PretrainedConfig, given: object) -> Pictures | None:
        """Return how a model takes images; None where it takes none.

        Parameters
        ----------
        folder
            Of the model.
        configuration
            Of the model.
        given
            The record of the run that it was trained on, which wins over the folder's image processor.

        Raises
        ------
        DataError
            When the record is of another model.
        RecipeError
            When the folder's processor prepares images as no model of the family does.
        """
        if given is not None:
            check_model(given, configuration, "the run")
            return cls(given)
        family = family_of({"model_type": configuration.model_type})
        if family is None:
            return None
        processor = json_object(folder / "preprocessor_config.json")
        check_processor(family, processor, "preprocessor_config.json")
        size = processor.get("size") or {}
        numbers = ("patch_size", "merge_size", "temporal_patch_size", "mean", "std")
        values = {"family": family.name, **{name: getattr(family, name) for name in numbers}, **_RULES}
        least = processor.get("min_pixels") or size.get("shortest_edge") or family.min_pixels
        most = processor.get("max_pixels") or size.get("longest_edge") or family.max_pixels
        tokens = {"image_token_id": configuration.image_token_id}
        record = values | tokens | {"min_pixels": least, "max_pixels": most}
        check_model(record, configuration, str(folder))
        return cls(record)

    def grid(self, image: Image) -> tuple[int, int, int]:
        """Return the patches of an image along time, height and width.

        Raises
        ------
        DataError
            When it is no image.
        """
        height, width = self._size(image) if isinstance(image, bytes) else image.shape[:2]
        rows, columns = library.resized(height, width, self.vision.family, **self._bounds)
        return 1, rows // self.vision.patch_size, columns // self.vision.patch_size

    def check(self, request: Request) -> None:
        """Refuse a request whose images are not those that its tokens stand for.

        Raises
        ------
        DataError
            Saying which.
        """
        try:
            shown = [self._tokens(image) for image in request.images]
        except DataError as error:
            raise DataError(f"an image of `{request.key}`: {error.message}", error.hint) from None
        runs = _runs(np.asarray(request.prompt_ids) == self.vision.image_token_id)
        if runs != shown:
            raise DataError(
                f"the prompt of `{request.key}` has places for images of {_listed(runs)} tokens, and its "
                f"images are of {_listed(shown)}",
                "render the prompt with its images, and with the bounds that the model was trained with",
            )

    def columns(self, requests: Sequence[Request]) -> dict[str, Any]:
        """Return the columns of images of a pack of prompts: an image that several show stands once.

        Raises
        ------
        DataError
            When an image is of pixels that cannot be written as a file.
        """
        files: dict[bytes, int] = {}
        refs, grids = [], []
        for image in (image for one in requests for image in one.images):
            file = image if isinstance(image, bytes) else library.encode(image, "png")
            if file not in files:
                files[file] = len(files)
                grids.append(self.grid(image))
            refs.append(files[file])
        return {
            "images": b"".join(files),
            "image_offsets": np.cumsum([0, *map(len, files)]).astype(np.uint32)[: None if files else 0],
            "image_grid_thw": np.array(grids, np.uint32).reshape(-1, 3),
            "image_refs": np.array(refs, np.uint32),
        }

    def _tokens(self, image: Image) -> int:
        _, rows, columns = self.grid(image)
        return rows * columns // self.vision.merge_size**2


def _runs(are_images: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the runs of image tokens."""
    edges = np.flatnonzero(np.diff(are_images, prepend=False, append=False))
    found: list[int] = (edges[1::2] - edges[::2]).tolist()
    return found


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{one:,}" for one in numbers) or "no"
