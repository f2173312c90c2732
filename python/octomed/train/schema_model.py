"""The part of the training recipe that says what is trained, and how it moves."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from octomed.pipeline.models.families import INTERNVL, is_internvl
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part
from octomed.recipe.problems import show

Positive = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
_DURATION = re.compile(r"\d+(\.\d+)?(ep|ba|sp|tok|dur|sec)")


def _duration(value: Any) -> Any:  # noqa: ANN401 what YAML gave
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        hint = "write `3ep` (epochs), `100ba` (steps), `2000000tok` (tokens) or `0.1dur` (a share of the run)"
        raise invalid(f"{show(value)} is not a duration", hint)
    return value


Duration = Annotated[str, BeforeValidator(_duration)]


class Lora(Part):
    """Low-rank adapters: the weights stay as they are, and two small matrices a linear layer are trained."""

    r: Positive = 16
    """Rank: the width between the two matrices."""
    alpha: Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)] = 32.0
    """What they add is multiplied by `alpha / r`."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0, strict=False)] = 0.0
    """Share of an adapter's inputs that a step leaves out."""
    targets: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """Names of the linear layers to adapt, `q_proj`; all of the decoder's layers if left out."""
    vision: bool = False
    """Adapt the vision tower's blocks, too."""
    quantize: Literal["4bit"] | None = None
    """Keep the weights that are adapted in 4 bits (QLoRA); without FSDP2."""


class Model(Part):
    """The model to train."""

    pretrained_model_name_or_path: Text | None = None
    """Folder that `save_pretrained` wrote, or a hub id."""
    pretrained: bool = True
    """Read the weights; `false` takes the configuration alone, and draws random weights."""
    config: dict[str, Any] | None = None
    """A whole configuration, `model_type` included, for random weights of a given size."""
    config_overrides: dict[str, Any] = Field(default={})
    """Values put over the configuration."""
    dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    """Type of weights and optimizer state."""
    freeze_vision: bool | None = None
    """Leave the vision tower as it is; by default when the data has no images, and with `lora`."""
    freeze_projector: bool | None = None
    """Leave the mergers as they are, which turn the tower's features into tokens; by default as the tower."""
    freeze_language: bool | None = None
    """Leave decoder, embeddings and output layer as they are; by default with `lora` only."""
    lora: Lora | None = None
    """Train low-rank adapters instead of weights."""
    activation_checkpointing: bool | Annotated[float, Field(gt=0.0, lt=1.0)] = False
    """Compute the decoder's layers again in the backward pass, instead of keeping their activations: all, or
    a share of them."""
    compile_layers: bool = False
    """Fuse what lies between a layer's matrix products with `torch.compile`."""

    @model_validator(mode="after")
    def _one_source(self) -> Model:
        if (self.pretrained_model_name_or_path is None) == (self.config is None):
            raise invalid(
                "give either `pretrained_model_name_or_path` or `config`",
                "a whole `config` draws random weights",
            )
        return self

    @model_validator(mode="after")
    def _is_known(self) -> Model:
        name, config = self.pretrained_model_name_or_path, self.config or {}
        if is_internvl(name):
            raise invalid(*INTERNVL, at=("pretrained_model_name_or_path",))
        if is_internvl(config.get("model_type")):
            raise invalid(*INTERNVL, at=("config", "model_type"))
        return self

    @model_validator(mode="after")
    def _trains_something(self) -> Model:
        if self.freeze_vision and self.freeze_projector and self.freeze_language:
            raise invalid("all parts are frozen: nothing would be trained", "leave one of `freeze_*` out")
        if self.lora is not None and self.freeze_language is False:
            raise invalid(
                "`lora` leaves the decoder's weights as they are, and `freeze_language: false` trains them",
                "leave one of the two out",
                at=("freeze_language",),
            )
        if self.lora is not None and self.lora.vision and self.freeze_vision is not None:
            raise invalid(
                "`lora.vision` adapts the tower and leaves its weights as they are",
                "leave `freeze_vision` out",
                at=("freeze_vision",),
            )
        return self


class Group(Part):
    """What one part of the model is moved with."""

    lr: Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)] | None = None
    """Learning rate at the end of the warm-up; `optimizer.lr` if left out."""
    weight_decay: Annotated[float, Field(ge=0, strict=False)] | None = None
    """Of matrices; `optimizer.weight_decay` if left out."""

    @model_validator(mode="after")
    def _says_something(self) -> Group:
        if self.lr is None and self.weight_decay is None:
            raise invalid("this group says nothing", "give it `lr`, `weight_decay` or both, or leave it out")
        return self


class Groups(Part):
    """Parts of the model that are moved with a learning rate or a weight decay of their own."""

    vision: Group | None = None
    """The tower without its mergers."""
    projector: Group | None = None
    """The mergers."""
    language: Group | None = None
    """Decoder, embeddings, output layer."""


class Optimizer(Part):
    """AdamW in torch's form, with weight decay decoupled from the learning rate, or with states of 8 bits."""

    name: Literal["adamw", "decoupled_adamw", "adamw8bit"] = "adamw"
    """Which one; `adamw8bit` is that of bitsandbytes, without FSDP2."""
    lr: Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)]
    """Learning rate at the end of the warm-up."""
    betas: Annotated[tuple[Share, Share], Field(strict=False)] = (0.9, 0.95)
    """Decay of the moments."""
    eps: Annotated[float, Field(gt=0, strict=False)] = 1e-8
    """Added to the root of the second moment."""
    weight_decay: Annotated[float, Field(ge=0, strict=False)] = 0.0
    """Of matrices; biases and norms are left alone."""
    groups: Groups | None = None
    """A learning rate and a weight decay a part of the model."""
    fused: bool | None = None
    """Move all parameters in one kernel, which keeps no copies of them; by default `adamw` on a GPU does."""

    @model_validator(mode="after")
    def _has_a_kernel(self) -> Optimizer:
        if self.fused and self.name != "adamw":
            raise invalid(
                f"`{self.name}` cannot be fused", "take `adamw`, or leave `fused` out", at=("fused",)
            )
        return self


class Scheduler(Part):
    """The learning rate over the run."""

    name: Literal["cosine_with_warmup", "linear_decay_with_warmup", "constant_with_warmup"] = (
        "cosine_with_warmup"
    )
    """Its shape."""
    t_warmup: Duration = "0.1dur"
    """How long it rises, to `lr` in its last step; `0.1dur` is a tenth of the run."""
    alpha_f: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.0
    """Where it ends, as a share of `lr`."""
