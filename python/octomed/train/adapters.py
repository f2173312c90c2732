"""Low-rank adapters (LoRA, arXiv 2106.09685) of a model's linear layers, by `peft`.

The tower has linear layers of the same names as the decoder, so adapters are placed by whole names.
"""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from octomed.errors import RecipeError
from octomed.recipe.problems import suggest
from octomed.train.build import part_of
from octomed.train.digests import digest_of
from octomed.train.quantized import quantize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transformers import PreTrainedModel

    from octomed.train.schema_model import Lora

NAME = "default"
"""What `peft` calls an adapter that has no other name."""

_LAYER = re.compile(r"model\.(?:language_model\.)?layers\.\d+\.(.+)")
_BLOCK = re.compile(r"model\.visual\.blocks\.\d+\.(.+)")
_PARTS_OF_NAMES = re.compile(r"\b\d+\b")


@dataclass(frozen=True)
class Adapted:
    """The adapters of a model.

    Attributes
    ----------
    modules
        Whole names of the linear layers that have one.
    r, alpha
        Rank and scale, as the recipe has them.
    base
        Digest of the model's weights before.
    quantized
        Whether their weights are kept in 4 bits.
    """

    modules: tuple[str, ...]
    r: int
    alpha: float
    base: str = ""
    quantized: bool = False

    def lines(self) -> list[str]:
        """Say which modules are adapted, layers of one name together.

        Examples
        --------
        >>> Adapted(("model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"), 8, 16.0).lines()
        ['LoRA: rank 8, alpha 16, 2 linear layers adapted:', '  2 x model.layers.*.mlp.up_proj']
        """
        kept = ", their weights in 4 bits" if self.quantized else ""
        counts = Counter(_PARTS_OF_NAMES.sub("*", name) for name in self.modules)
        first = f"LoRA: rank {self.r}, alpha {self.alpha:g}, {len(self.modules)} linear layers adapted{kept}:"
        return [first, *(f"  {count} x {name}" for name, count in counts.items())]


def add_adapters(language_model: PreTrainedModel, settings: Lora, *, seed: int, sharded: bool) -> Adapted:
    """Add an adapter to each linear layer that the settings name; what the model computes stays the same.

    Parameters
    ----------
    language_model
        Changed in place: an adapted layer holds the one that was there as `base_layer`.
    settings
        The recipe's `model.lora`.
    seed
        Of the first matrices; the second ones begin at zero.
    sharded
        Whether FSDP2 will shard the model. If not, adapters of weights in bfloat16 are float32: their steps
        are small.

    Raises
    ------
    RecipeError
        When a target names no linear layer, or a package is missing.
    """
    peft = _peft()
    modules = chosen_modules(language_model, settings.targets, vision=settings.vision)
    base = digest_of(language_model)
    if settings.quantize is not None:
        quantize(language_model, modules)
    configuration = peft.LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=expression_of(modules),
        task_type="CAUSAL_LM",
    )
    trained = {name for name, one in language_model.named_parameters() if one.requires_grad}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        peft.inject_adapter_in_model(configuration, language_model)
    for name, parameter in language_model.named_parameters():
        # peft freezes all else; a part that the recipe trains whole stays trained.
        parameter.requires_grad = "lora_" in name or name in trained
        if "lora_" in name and not sharded and parameter.dtype is torch.bfloat16:
            parameter.data = parameter.data.float()
    found = tuple(name for name, module in language_model.named_modules() if hasattr(module, "lora_A"))
    assert found == modules, "peft adapts other layers than it was asked to"
    return Adapted(modules, settings.r, settings.alpha, base, settings.quantize is not None)


def chosen_modules(model: PreTrainedModel, targets: Sequence[str] | None, *, vision: bool) -> tuple[str, ...]:
    """Return the whole names of the linear layers that adapters are for.

    Parameters
    ----------
    model
        The model.
    targets
        Ends of names below a layer: ``q_proj``, ``mlp.up_proj``; None stands for all linear layers there.
    vision
        Whether the tower's blocks are meant, too. Mergers, embeddings and output layer never are.

    Raises
    ------
    RecipeError
        When a target names nothing, or the tower was meant and has nothing of these names.
    """
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    places = [_LAYER, _BLOCK] if vision else [_LAYER]
    below = {name: found[1] for name in linear for place in places if (found := place.fullmatch(name))}
    for target in targets or ():
        if not any(_ends_in(end, target) for end in below.values()):
            raise _unknown(target, linear, below.values())
    chosen = tuple(
        name for name, end in below.items() if targets is None or any(_ends_in(end, one) for one in targets)
    )
    if vision and not any(part_of(name) == "vision" for name in chosen):
        names = ", ".join(sorted({f"`{end}`" for name, end in below.items() if _BLOCK.fullmatch(name)}))
        raise RecipeError(
            "`model.lora.vision` adapts nothing: no target names a linear layer of the tower",
            f"those are {names}",
        )
    return chosen


def _ends_in(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def _unknown(target: str, linear: Iterable[str], below: Iterable[str]) -> RecipeError:
    known = sorted({part for name in below for part in (name, name.rpartition(".")[2])})
    hint = suggest(target, known, kind="linear layers")
    if any((found := _BLOCK.fullmatch(name)) and _ends_in(found[1], target) for name in linear):
        hint = "the vision tower has it: `model.lora.vision: true` adapts that, too"
    elif any(_ends_in(name, target) for name in linear):
        hint = "it is no part of a layer, and is left as it is"
    return RecipeError(f"`model.lora.targets`: no linear layer of the decoder is called `{target}`", hint)


def expression_of(modules: Sequence[str]) -> str:
    """Return an expression for exactly these names, layers of one name together.

    Examples
    --------
    >>> expression = expression_of(["model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"])
    >>> re.fullmatch(expression, "model.layers.1.mlp.up_proj") is not None
    True
    >>> re.fullmatch(expression, "model.visual.blocks.1.mlp.up_proj") is None
    True
    """
    shapes = dict.fromkeys(
        r"\d+".join(re.escape(piece) for piece in _PARTS_OF_NAMES.split(name)) for name in modules
    )
    return "|".join(shapes)


def number_of_weights(parameter: torch.nn.Parameter) -> int:
    """Return how many weights a parameter stands for; one of 4 bits holds two a byte."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else math.prod(state.shape)


def _peft() -> Any:  # noqa: ANN401 a package without types
    # bitsandbytes, which peft imports where it is installed, warns of a faster kernel for CPUs.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        import peft  # noqa: PLC0415 an extra
    except ImportError as error:
        message = "`model.lora` needs the package `peft`, which is not installed"
        raise RecipeError(
            message, "`pip install '.[lora]'` in OctoMed's folder, or `pip install peft`"
        ) from error
    return peft
