"""Whether images are prepared in one way: by the runs that are read, and by the model's image processor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from octomed.errors import DataError, RecipeError
from octomed.pipeline.models.families import check_processor, family_named
from octomed.pipeline.models.model_files import json_object
from octomed.stream.images import Vision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from octomed.stream import Run
    from octomed.train.schema import TrainRecipe

_FILES = ("preprocessor_config.json", "processor_config.json")
_NAMES = {
    "patch_size": "patch_size",
    "merge_size": "merge_size",
    "temporal_patch_size": "temporal_patch_size",
    "image_mean": "mean",
    "image_std": "std",
}
"""Keys of an image processor, and what they are called in a run's record."""
_AGREE = (*_NAMES.values(), "image_token_id")
_DIGITS = 1e-6


def vision_of(runs: Sequence[Run]) -> Vision | None:
    """Return how the images of the runs that a training reads are prepared; ``None`` for text alone.

    Raises
    ------
    DataError
        When two of them are prepared otherwise. Their sizes may differ.
    """
    prepared = [(run.location, Vision.of(run.vision)) for run in runs if run.vision is not None]
    for location, vision in prepared[1:]:
        first, other = prepared[0]
        for name in _AGREE:
            if getattr(vision, name) != getattr(other, name):
                raise DataError(
                    f"the images of `{first}` have `{name}: {_shown(getattr(other, name))}`, "
                    f"and those of `{location}` `{_shown(getattr(vision, name))}`",
                    "pack one of them again for the model that is trained",
                )
    return prepared[0][1] if prepared else None


def check_processors(recipe: TrainRecipe, vision: Vision, run: str) -> None:
    """Compare how a run's images are prepared with the image processors next to model and tokenizer.

    The sizes of images that these take are not looked at: those of the run count.

    Parameters
    ----------
    recipe
        Which folders, or hub ids, those are.
    vision
        How the run's images are prepared.
    run
        What the run is called in messages.

    Raises
    ------
    DataError
        When a processor prepares images otherwise.
    """
    names = [recipe.model.pretrained_model_name_or_path]
    if recipe.tokenizer is not None:
        names.append(recipe.tokenizer.name)
    for file in dict.fromkeys(_files(names)):
        try:
            values = json_object(file)
        except RecipeError as error:
            raise DataError(error.message, error.hint) from error
        inside = values.get("image_processor") if file.name == "processor_config.json" else values
        if isinstance(inside, dict):
            _check(inside, file, vision, run)


def _check(processor: Mapping[str, Any], file: Path, vision: Vision, run: str) -> None:
    for key, name in _NAMES.items():
        found, packed = processor.get(key), getattr(vision, name)
        if found is not None and not _is_same(found, packed):
            raise DataError(
                f"the images of `{run}` are prepared with `{name}: {_shown(packed)}`, "
                f"and `{file}` has `{key}: {_shown(found)}`",
                "pack again for this model, or train the model that the run was packed for",
            )
    family = family_named(vision.family)
    if family is None:
        return
    try:
        check_processor(family, processor, str(file))
    except RecipeError as error:
        raise DataError(
            f"the images of `{run}` do not suit the model: {error.message}", error.hint
        ) from error


def _files(names: Sequence[str | None]) -> Iterator[Path]:
    """Yield the configurations of image processors in folders, or of hub ids where those can be reached."""
    for name in names:
        for file in _FILES if name else ():
            folder = Path(str(name)).expanduser()
            if folder.is_dir():
                if (folder / file).is_file():
                    yield folder / file
                continue
            try:
                yield Path(hf_hub_download(str(name), file))
            except (HfHubHTTPError, OSError, ValueError):  # no such file, no hub, no hub id
                continue


def _is_same(found: object, packed: object) -> bool:
    if isinstance(packed, tuple):
        return (
            isinstance(found, list | tuple)
            and len(found) == len(packed)
            and all(_is_same(one, other) for one, other in zip(found, packed, strict=True))
        )
    return (
        isinstance(found, int | float) and isinstance(packed, int | float) and abs(found - packed) <= _DIGITS
    )


def _shown(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
