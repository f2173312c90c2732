"""Models out of a local folder, the hub, or a configuration with random weights."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, PretrainedConfig

from octomed.errors import RecipeError
from octomed.pipeline.models.families import INTERNVL, VISION_LANGUAGE, is_internvl
from octomed.recipe.problems import suggest
from octomed.train import attention

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PreTrainedModel

TEXT = ("qwen2", "qwen3", "llama")
FAMILIES = (*VISION_LANGUAGE, *TEXT)
"""`model_type` of the models whose packing is tested."""

Part = Literal["vision", "projector", "language"]
"""A part of a model: the tower without its mergers, the mergers, and all the rest."""
PARTS: tuple[Part, ...] = get_args(Part)

_PROJECTOR = re.compile(r"(.+\.)?visual\.(merger|deepstack_merger_list)\..+")
_VISION = re.compile(r"(.+\.)?visual\..+")


def read_configuration(
    source: str | None, config: dict[str, Any] | None = None, overrides: dict[str, Any] | None = None
) -> PretrainedConfig:
    """Return a model's configuration.

    Parameters
    ----------
    source
        Folder or hub id; None when `config` is whole.
    config
        All of a configuration, `model_type` included.
    overrides
        Values put over it; a mapping goes into the nested configuration of its name.

    Raises
    ------
    RecipeError
        When there is none, or its family is not supported.

    Examples
    --------
    >>> configuration = read_configuration(None, {"model_type": "qwen2"}, {"num_hidden_layers": 2})
    >>> configuration.num_hidden_layers
    2
    """
    found = _from_values(copy.deepcopy(config)) if config is not None else _from_source(str(source))
    _check_family(found.model_type)
    for name, value in (overrides or {}).items():
        _override(found, name, value)
    return found


def build_model(
    configuration: PretrainedConfig, source: str | None = None, *, seed: int = 17, dtype: str = "float32"
) -> PreTrainedModel:
    """Return a model whose attention keeps documents apart.

    Parameters
    ----------
    configuration
        From `read_configuration`; changed in place.
    source
        Folder or hub id of the weights; None draws random ones.
    seed
        Of random weights.
    dtype
        Type of the weights: ``float32``, ``bfloat16``, ``float64``.

    Raises
    ------
    RecipeError
        When the weights cannot be read.

    Examples
    --------
    >>> configuration = read_configuration(
    ...     None,
    ...     {
    ...         "model_type": "qwen2",
    ...         "vocab_size": 32,
    ...         "hidden_size": 8,
    ...         "intermediate_size": 16,
    ...         "num_hidden_layers": 1,
    ...         "num_attention_heads": 2,
    ...         "num_key_value_heads": 2,
    ...     },
    ... )
    >>> model = build_model(configuration)
    >>> model.lm_head.weight.shape  # [vocabulary, width]
    torch.Size([32, 8])
    """
    attention.register()
    text = text_configuration(configuration)
    kind = getattr(torch, dtype)
    names = {"": "sdpa", "text_config": attention.NAME} if text is not configuration else attention.NAME
    family: Any = (
        AutoModelForImageTextToText if configuration.model_type in VISION_LANGUAGE else AutoModelForCausalLM
    )
    if source is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = family.from_config(configuration, attn_implementation=names, dtype=kind)
    else:
        model = _pretrained(family, source, configuration, names, kind)
    model.config.use_cache = text_configuration(model.config).use_cache = False
    return model


def freeze_vision(model: PreTrainedModel) -> int:
    """Freeze the vision tower, and return how many parameters that leaves out of training.

    Examples
    --------
    >>> configuration = read_configuration(
    ...     None,
    ...     {
    ...         "model_type": "qwen2",
    ...         "vocab_size": 32,
    ...         "hidden_size": 8,
    ...         "intermediate_size": 16,
    ...         "num_hidden_layers": 1,
    ...         "num_attention_heads": 2,
    ...         "num_key_value_heads": 2,
    ...     },
    ... )
    >>> freeze_vision(build_model(configuration))  # a text model has no tower
    0
    """
    tower = vision_tower(model)
    if tower is None:
        return 0
    tower.requires_grad_(requires_grad=False)
    return sum(parameter.numel() for parameter in tower.parameters())


def vision_tower(language_model: PreTrainedModel) -> torch.nn.Module | None:
    """Return the vision tower, or None for a text model."""
    return getattr(language_model.model, "visual", None)


def part_of(name: str) -> Part:
    """Return the part of a model that a parameter belongs to, by its name.

    Examples
    --------
    >>> part_of("model.visual.blocks.0.attn.qkv.weight")
    'vision'
    >>> part_of("model.visual.merger.ln_q.weight"), part_of("lm_head.weight")
    ('projector', 'language')
    """
    if _PROJECTOR.fullmatch(name):
        return "projector"
    return "vision" if _VISION.fullmatch(name) else "language"


def parts_of(model: torch.nn.Module) -> dict[Part, dict[str, torch.nn.Parameter]]:
    """Return the parameters of each part that a model has, by name.

    Parameters
    ----------
    model
        Of `transformers`, or what such a model is in; adapters count to the part that they adapt.

    Examples
    --------
    >>> configuration = {"model_type": "qwen2", "vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 1}
    >>> configuration |= {"intermediate_size": 8, "num_attention_heads": 2, "num_key_value_heads": 2}
    >>> model = build_model(read_configuration(None, configuration))
    >>> {part: len(parameters) for part, parameters in parts_of(model).items()}
    {'language': 15}
    """
    found: dict[Part, dict[str, torch.nn.Parameter]] = {part: {} for part in PARTS}
    for name, parameter in model.named_parameters():
        found[part_of(name)][name] = parameter
    return {part: parameters for part, parameters in found.items() if parameters}


def text_configuration(configuration: PretrainedConfig) -> Any:  # noqa: ANN401 a class of each family
    """Return the decoder's own configuration; a text model's is the whole."""
    return configuration.get_text_config()


def _from_values(values: dict[str, Any]) -> PretrainedConfig:
    kind = values.pop("model_type", None)
    if kind is None:
        raise RecipeError("`model.config` has no `model_type`", f"write one of {', '.join(FAMILIES)}")
    _check_family(kind)
    return AutoConfig.for_model(kind, **values)


def _from_source(source: str) -> PretrainedConfig:
    folder = Path(source).expanduser()
    if source.startswith((".", "/", "~")) and not (folder / "config.json").is_file():
        raise RecipeError(f"`{source}` has no `config.json`", "name a folder that `save_pretrained` wrote")
    place = str(folder) if folder.is_dir() else source
    try:
        # A type that needs code of its folder is refused by name: `AutoConfig` would ask to run the code.
        kind = PretrainedConfig.get_config_dict(place)[0].get("model_type")
        if kind is not None:
            _check_family(kind)
        return AutoConfig.from_pretrained(place)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        hint = "name a folder that `save_pretrained` wrote, or a hub id that this machine can reach"
        raise RecipeError(f"the configuration of `{source}` cannot be read: {reason}", hint) from error


def _pretrained(
    family: Any,  # noqa: ANN401 an auto class
    source: str,
    configuration: PretrainedConfig,
    names: Any,  # noqa: ANN401 a name, or one a nested configuration
    kind: torch.dtype,
) -> PreTrainedModel:
    folder = Path(source).expanduser()
    try:
        model, report = family.from_pretrained(
            str(folder) if folder.is_dir() else source,
            config=configuration,
            attn_implementation=names,
            dtype=kind,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise RecipeError(
            f"the weights of `{source}` cannot be read: {reason}", "check the folder or the hub id"
        ) from error
    _refuse_random_parts(source, report["missing_keys"])
    return model


def _refuse_random_parts(source: str, missing: Iterable[str]) -> None:
    """Refuse weights that lack some of the model's: they would be drawn at random, with a warning."""
    names = sorted(missing)
    if names:
        raise RecipeError(
            f"`{source}` lacks {len(names):,} of the model's weights, `{names[0]}` among them",
            "check `model.config_overrides`; `model.pretrained: false` draws all weights at random",
        )


def _check_family(kind: str) -> None:
    if is_internvl(kind):
        raise RecipeError(*INTERNVL)
    if kind not in FAMILIES:
        raise RecipeError(
            f"models of type `{kind}` are not supported", suggest(kind, FAMILIES, kind="model types")
        )


def _override(configuration: PretrainedConfig, name: str, value: Any) -> None:  # noqa: ANN401 any YAML value
    if not hasattr(configuration, name):
        known = [key for key in configuration.to_dict() if not key.startswith("_")]
        raise RecipeError(
            f"`model.config_overrides`: a {configuration.model_type} configuration has no `{name}`",
            suggest(name, known, kind="keys"),
        )
    inner = getattr(configuration, name)
    if isinstance(value, dict) and hasattr(inner, "to_dict"):
        for key, one in value.items():
            _override(inner, key, one)
        return
    setattr(configuration, name, value)
