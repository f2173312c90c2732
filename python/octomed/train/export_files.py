"""What lies beside an exported model's weights: its tokenizer, its chat template, how it takes images."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from octomed.errors import RecipeError
from octomed.pipeline.models.model import BUILTIN_TEMPLATES, resolve_model

if TYPE_CHECKING:
    from octomed.run_file import RunFile, Vision

_OF_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "video_preprocessor_config.json",
)
_TEMPLATE = "chat_template.jinja"
_OF_TEMPLATE = (_TEMPLATE, "chat_template.json")
_IMAGES = "preprocessor_config.json"
_OF_IMAGES = (_IMAGES, "processor_config.json")
_BUILTIN = {f"built-in {name}": name for name in BUILTIN_TEMPLATES}
_PROCESSORS = {"qwen2.5-vl": "Qwen2_5_VLProcessor", "qwen3-vl": "Qwen3VLProcessor"}


def write_files(folder: Path, tokenizer: str | None, packed: RunFile | None) -> None:
    """Write what the tokenizer and the processors are read from.

    Parameters
    ----------
    folder
        Of the exported model.
    tokenizer
        Folder or hub id; files that it lacks, or that cannot be reached, are left out.
    packed
        The run that was trained on: the chat template is the one that it was rendered with, and images are
        taken at its sizes.
    """
    vision = packed.vision if packed is not None else None
    names = (*_OF_TOKENIZER, *_OF_TEMPLATE, *(_OF_IMAGES if vision is None else ()))
    for name in names if tokenizer else ():
        source = _file_of(str(tokenizer), name)
        if source is not None:
            shutil.copyfile(source, folder / name)
    if packed is not None:
        _write_template(folder, packed)
    if vision is not None:
        _write_json(folder / _IMAGES, image_processor(vision))


def image_processor(vision: Vision) -> dict[str, Any]:
    """Return an image processor's configuration for a run's sizes, as all of transformers' versions read it.

    4.57 takes pixels from `min_pixels` and `max_pixels` where it is slow, and from `size` where it is fast;
    given one of them only, some of its classes take their own default without a word.

    Parameters
    ----------
    vision
        The run's record.
    """
    return {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(vision.mean),
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "image_std": list(vision.std),
        "max_pixels": vision.max_pixels,
        "merge_size": vision.merge_size,
        "min_pixels": vision.min_pixels,
        "patch_size": vision.patch_size,
        "processor_class": _PROCESSORS[vision.family],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"longest_edge": vision.max_pixels, "shortest_edge": vision.min_pixels},
        "temporal_patch_size": vision.temporal_patch_size,
    }


def template_of(packed: RunFile) -> str | None:
    """Return the Jinja source of the chat template that a run was rendered with.

    None for a run of an earlier version, which says no more than a file's name.
    """
    name = packed.model.get("template")
    if name in _BUILTIN:
        file = resources.files("octomed.train").joinpath("chat_templates", f"{_BUILTIN[name]}.jinja")
        return file.read_text(encoding="utf-8")
    source = packed.model.get("template_source")
    return source if isinstance(source, str) else None


def _write_template(folder: Path, packed: RunFile) -> None:
    """Have the folder's one chat template be the run's; the tokenizer's own stays where it is the same."""
    source = template_of(packed)
    if source is None or _own_template(folder) in {source, packed.model.get("template")}:
        return
    for name in _OF_TEMPLATE:
        (folder / name).unlink(missing_ok=True)
    config = folder / "tokenizer_config.json"
    if config.is_file():
        values = json.loads(config.read_bytes())
        if isinstance(values, dict) and values.pop("chat_template", None) is not None:
            _write_json(config, values)
    (folder / _TEMPLATE).write_text(source, encoding="utf-8")


def _own_template(folder: Path) -> str | None:
    try:
        return resolve_model(str(folder), None, base=Path.cwd()).own_template
    except RecipeError:  # no tokenizer, or none of its own
        return None


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _file_of(tokenizer: str, name: str) -> Path | None:
    """Return a file of a folder, or of a hub id: out of the hub's cache where that has it."""
    place = Path(tokenizer).expanduser()
    if place.is_dir():
        return place / name if (place / name).is_file() else None
    try:
        return Path(hf_hub_download(tokenizer, name))
    except (HfHubHTTPError, OSError, ValueError):  # no such file, no hub, no hub id
        return None
