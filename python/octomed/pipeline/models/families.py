"""The families of models that take images: which models are of which, for packing and training alike.

The numbers of a family are the engine's (`octomed.vision.families`), those of its published image processors;
a model's folder that says others is refused, and so are other vision-language models, by name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from octomed.vision import Family


_NAMES = {"qwen2_5_vl": "qwen2.5-vl", "qwen3_vl": "qwen3-vl"}
"""Families by the `model_type` of their models; built-in models and templates have their names, too."""

VISION_LANGUAGE = tuple(_NAMES)
"""`model_type` of the models of these families."""

VISION_START, IMAGE, VISION_END = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"
"""Control tokens around an image, and the one that stands for each piece of it."""

_KNOWN_OTHERS = frozenset(
    {
        "aria", "aya_vision", "blip-2", "chameleon", "cohere2_vision", "deepseek_vl", "deepseek_vl_hybrid",
        "deepseek_vl_v2", "emu3", "florence2", "fuyu", "gemma3", "gemma3n", "git", "glm4v", "glm4v_moe",
        "got_ocr2", "idefics", "idefics2", "idefics3", "instructblip", "internvl", "internvl_chat", "janus",
        "kimi_vl", "kosmos-2", "lfm2_vl", "llama4", "llava", "llava_llama", "llava_next", "llava_onevision",
        "minicpmv", "mistral3", "mllama", "molmo", "ovis2", "paligemma", "perception_lm", "phi3_v",
        "phi4_multimodal", "pixtral", "qwen2_5_omni", "qwen2_vl", "qwen3_omni_moe", "qwen3_vl_moe", "qwen3_5",
        "shieldgemma2", "smolvlm", "video_llava", "vipllava",
    }
)  # fmt: skip
"""Types of vision-language models whose configuration may not say so by a key."""

_INTERNVL = re.compile(r"internvl(_chat)?|OpenGVLab/InternVL.*", re.IGNORECASE)
"""`model_type` of InternVL in both of its published forms, and its hub ids."""
INTERNVL = (
    "InternVL is not supported: its images are cut into tiles, and its vision tower is another one",
    "docs/octomed-8m.md lists what of the paper is not reproduced; models that take images are of type "
    + ", ".join(f"`{name}`" for name in VISION_LANGUAGE),
)
"""What is said of it, and what to do; the paper's figure 9 is of it."""

_KEYS_OF_VISION = ("vision_config", "vision_tower", "mm_vision_tower", "visual")

_AS_PUBLISHED = {
    "do_resize": (True,),
    "do_rescale": (True,),
    "do_normalize": (True,),
    "do_convert_rgb": (True,),
    "resample": (3, "bicubic"),
    "rescale_factor": (1 / 255,),
    "do_center_crop": (False,),
    "do_pad": (False,),
}
"""What image processors of every family say, where they say it."""


def family_named(name: str) -> Family | None:
    """Return the family of this name, if any."""
    from octomed.vision import families  # noqa: PLC0415 needs the extension, which names of models do not

    return next((family for family in families() if family.name == name), None)


def family_of(config: Mapping[str, Any]) -> Family | None:
    """Return the family that a `config.json` names, if any."""
    name = _NAMES.get(str(config.get("model_type")))
    return None if name is None else family_named(name)


def other_vision_model(config: Mapping[str, Any]) -> str | None:
    """Return the type of a model that takes images and is of no family here, as its `config.json` says."""
    kind = config.get("model_type")
    if kind in _NAMES or not config:
        return None
    if kind in _KNOWN_OTHERS or any(config.get(key) for key in _KEYS_OF_VISION):
        return str(kind or "an unknown type")
    return None


def is_internvl(name: object) -> bool:
    """Return whether a `model_type` or a hub id is InternVL's: the paper's third family, which is refused.

    Examples
    --------
    >>> is_internvl("OpenGVLab/InternVL3_5-8B"), is_internvl("internvl_chat"), is_internvl("/data/internvl")
    (True, True, False)
    """
    return isinstance(name, str) and _INTERNVL.fullmatch(name) is not None


def check_processor(family: Family, processor: Mapping[str, Any], file: str) -> None:
    """Compare a model's own image processor with its family.

    Its `min_pixels`, `max_pixels` and `size` are not looked at: those of the recipe count.

    Parameters
    ----------
    family
        The family.
    processor
        What `preprocessor_config.json` holds, or the part `image_processor` of `processor_config.json`.
    file
        For the message.

    Raises
    ------
    RecipeError
        When it prepares images otherwise.
    """
    wanted: dict[str, tuple[Any, ...]] = {
        "patch_size": (family.patch_size,),
        "merge_size": (family.merge_size,),
        "temporal_patch_size": (family.temporal_patch_size,),
        "image_mean": (family.mean,),
        "image_std": (family.std,),
        **_AS_PUBLISHED,
    }
    for key, values in wanted.items():
        found = processor.get(key)
        if found is not None and not any(_is_same(found, value) for value in values):
            raise RecipeError(
                f"`{file}` has `{key}: {found}`, and models of `{family.name}` have `{_shown(values[0])}`: "
                "its images would not be those that it expects",
                "name the model as it was published, or leave images out of the recipe",
            )


def _is_same(found: object, value: object) -> bool:
    if isinstance(value, tuple):
        return (
            isinstance(found, list | tuple)
            and len(found) == len(value)
            and all(_is_same(one, other) for one, other in zip(found, value, strict=True))
        )
    if isinstance(found, bool) or isinstance(value, bool):
        return found is value
    if isinstance(found, int | float) and isinstance(value, int | float):
        return abs(found - value) <= 1e-6  # noqa: PLR2004 half a step of what is printed in six digits
    return found == value


def _shown(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
