"""What a recipe says of images, for the scan of a source and for the keys of its tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from octomed.pipeline.calls.image_files import FETCHED, roots_in
from octomed.pipeline.inputs.image_roots import root_fingerprint
from octomed.pipeline.models.families import IMAGE, VISION_END, VISION_START
from octomed.pipeline.models.model import VisionOf
from octomed.recipe.formats import Mapping as RowMapping
from octomed.recipe.places import store_folder
from octomed.recipe.problems import Problem, RecipeProblems
from octomed.run_file import Vision
from octomed.storage import content_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed import _octomed
    from octomed.pipeline.blocks.working_store import WorkingStore
    from octomed.pipeline.inputs.tasks import Task
    from octomed.recipe.curate import Decontaminate
    from octomed.recipe.schema import Recipe, Source
    from octomed.vision import Family

_RESIZE = "bicubic, antialiased, width then height"


def may_have_images(mapping: dict[str, Any]) -> bool:
    """Tell whether rows may give images: from mapped columns, or from parts of a conversation."""
    return mapping.get("images") is not None or (
        mapping.get("messages") is not None and mapping.get("image_columns") != []
    )


def image_settings(recipe: Recipe, source: Source, family: Family | None) -> dict[str, Any] | None:
    """Return what the scan of a source is told of images; None for a model that takes none.

    Parameters
    ----------
    recipe, source
        The recipe, and one of its sources.
    family
        The model's family.
    """
    if family is None:
        return None
    values = recipe.images.model_dump(mode="json")
    values["min_pixels"] = least_pixels(recipe, family)
    values["store"] = "resized" if recipe.resizes(source) else "original"
    settings = {"family": family.name, **values, "root": _root(source.image_roots)}
    if recipe.curate.decontaminate is not None and recipe.curate.decontaminate.looks_for_near:
        settings["dhash"] = True
    if recipe.images.urls == "fetch":
        settings["fetched"] = str(store_folder(recipe) / FETCHED)
    return settings


def _root(paths: tuple[str, ...]) -> str | list[str] | None:
    """Return where paths are looked up, as the engine is told: several one after the other."""
    return list(paths) if len(paths) > 1 else paths[0] if paths else None


def least_pixels(recipe: Recipe, family: Family) -> int:
    """Return the fewest pixels of an image: the recipe's, or those of the model's family."""
    own = recipe.images.min_pixels
    return family.min_pixels if own is None else own


def images_key(settings: dict[str, Any]) -> str:
    """Return the content key of all of a source's settings that may change what becomes of an image.

    A folder is in it as one and no more: its files are compared one by one before a task's blocks are used.
    An archive is in it by its content.
    """
    values = {key: value for key, value in settings.items() if key not in {"root", "fetched"}}
    if values["store"] == "original":
        del values["codec"]
    return content_key(values | {"roots": [root_fingerprint(path) for path in roots_in(settings)]})


def tasks_of_images(tasks: Sequence[Task], images: str, store: WorkingStore) -> list[Task]:
    """Return tasks as ones whose rows may have images.

    Parameters
    ----------
    tasks
        The tasks, with the keys that they have whatever is said of images.
    images
        Content key of what is said of them.
    store
        The working store: it may know that no row of a task has an image.
    """
    known = store.without_images([task.key for task in tasks])
    standing = store.finished(list(known.values()))

    def with_key(task: Task) -> Task:
        identity = content_key({"task": task.key, "images": images})
        found = known.get(task.key)
        key = found if found is not None and found in standing else identity
        return replace(task, key=key, identity=identity, without_images=task.key)

    return [with_key(task) for task in tasks]


def check_images(recipe: Recipe, vision: VisionOf) -> None:
    """Refuse images that the recipe asks for and the model cannot take, and sizes that cannot be.

    Raises
    ------
    RecipeProblems
        With the place in the recipe.
    """
    if vision.refused is not None and (asked := _asks_for_images(recipe)):
        raise RecipeProblems([Problem(recipe.written_at(*asked), *vision.refused)])
    if vision.family is None:
        return
    factor, name = vision.family.patch_size * vision.family.merge_size, vision.family.name
    most, least = recipe.images.max_pixels, least_pixels(recipe, vision.family)
    if most < factor * factor:
        message = f"`images.max_pixels`: {most:,} pixels are less than one token of `{name}`"
        hint = f"at least {factor * factor:,}, which is {factor} by {factor}"
        raise RecipeProblems([Problem(recipe.written_at("images", "max_pixels"), message, hint)])
    if least > most:
        message = f"`images.max_pixels`: {most:,} is less than the fewest pixels of `{name}`, {least:,}"
        hint = f"raise it, or write `images.min_pixels: {factor * factor}` as well"
        raise RecipeProblems([Problem(recipe.written_at("images", "max_pixels"), message, hint)])


def check_evaluation_images(recipe: Recipe, settings: Decontaminate, family: Family | None) -> None:
    """Refuse a comparison of pixels that nobody decodes.

    Raises
    ------
    RecipeProblems
        With the place in the recipe.
    """
    if family is None or settings.images != "pixels" or recipe.images.verify == "decode":
        return
    place = recipe.written_at("curate", "decontaminate", "images")
    message = "`curate.decontaminate.images: pixels` needs `images.verify: decode`, which makes pixels"
    hint = "set `images.verify: decode`, or compare the bytes of files: `images: bytes`"
    raise RecipeProblems([Problem(place, message, hint)])


def _asks_for_images(recipe: Recipe) -> tuple[str | int, ...] | None:
    """Return where a recipe asks for images itself: a built-in format takes them where rows have some."""
    for index, source in enumerate(recipe.sources):
        if isinstance(source.format, RowMapping) and (source.format.images or source.format.image_root):
            return ("sources", index, "format", "images" if source.format.images else "image_root")
    return ("images",) if "images" in recipe.model_fields_set else None


def usable(vision: VisionOf, tokenizer: _octomed.Tokenizer) -> VisionOf:
    """Return how a model takes images with this vocabulary: not at all without the tokens for them.

    Parameters
    ----------
    vision
        As its configuration says.
    tokenizer
        Its vocabulary.
    """
    missing = [token for token in (IMAGE, VISION_START, VISION_END) if tokenizer.token_to_id(token) is None]
    if vision.family is None or not missing:
        return vision
    message = f"the vocabulary of the model has no token `{missing[0]}`, which stands for images"
    return VisionOf(refused=(message, "name the model's own folder, which has it"))


def vision_record(recipe: Recipe, family: Family, tokenizer: _octomed.Tokenizer) -> Vision:
    """Return what the run file says of images."""
    images = recipe.images
    number = {token: tokenizer.token_to_id(token) or 0 for token in (IMAGE, VISION_START, VISION_END)}
    resized = {recipe.resizes(source) for source in recipe.sources}
    return Vision(
        family=family.name,
        patch_size=family.patch_size,
        merge_size=family.merge_size,
        temporal_patch_size=family.temporal_patch_size,
        mean=family.mean,
        std=family.std,
        min_pixels=least_pixels(recipe, family),
        max_pixels=images.max_pixels,
        image_token_id=number[IMAGE],
        vision_start_token_id=number[VISION_START],
        vision_end_token_id=number[VISION_END],
        store="both" if len(resized) > 1 else "resized" if True in resized else "original",
        codec=images.codec,
        alpha=images.alpha,
        gray16=images.gray16,
        max_source_pixels=images.max_source_pixels,
        exif="applied",
        resize=_RESIZE,
    )
