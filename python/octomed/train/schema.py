"""The training recipe: every key, its type and its default, in the shape that users of llm-foundry know."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from octomed.recipe.explain import show
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part
from octomed.train.schema_monitoring import Callbacks, Loggers
from octomed.urls import CHECKPOINTS, READ, scheme_of

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
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]


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
    """Leave the vision tower as it is; by default when the data has no images."""
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


class Tokenizer(Part):
    """The tokenizer that the model will be used with; compared with that of the packed run."""

    name: Text
    """Built-in vocabulary, folder with a `tokenizer.json`, or hub id, as in a packing recipe's `model`."""


class Loss(Part):
    """What is minimized."""

    weight: Literal["token", "trace"] = "token"
    """What weighs the same: every supervised token, or every trace, over all ranks."""
    tokens_at_once: Positive = 1024
    """Tokens whose logits exist at the same time; bounds memory, and changes nothing else."""
    implementation: Literal["auto", "torch", "liger"] = "auto"
    """Liger's kernel on a GPU where it is installed, else torch."""


class Dataset(Part):
    """A packed run, or one of its streams."""

    remote: Text
    """Output folder of `octomed pack`, local or `s3://`, `gs://`, `az://`."""
    local: Text | None = None
    """Folder for fetched shards; one of its own below it a run."""
    split: Literal["train", "validation"] = "train"
    """The streams to train on, or the one to evaluate on."""
    streams: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """Names of the streams to read; all of the split if left out."""
    shuffle: bool = True
    """Shuffle packs every epoch."""
    shuffle_seed: Annotated[int, Field(ge=0)] = 17
    """Seed of that."""
    num_canonical_nodes: Positive | None = None
    """Global batches are the same for every number of ranks that divides it; 24, or fewer for few packs."""
    batching_method: Literal["random", "per_stream"] = "random"
    """Buckets mixed in a batch, or one bucket a batch."""
    cache_limit: Text | None = None
    """Most that the cache folder holds, `100gb`."""
    download_retry: Positive = 5
    """How often a shard is asked for."""
    download_timeout: Annotated[float, Field(gt=0, strict=False)] = 60.0
    """Seconds that a shard may take."""


class Loader(Part):
    """How packs become batches."""

    dataset: Dataset
    """Which packs."""
    num_workers: Annotated[int, Field(ge=0)] = 2
    """Processes that read and collate, a rank."""
    prefetch_factor: Positive = 2
    """Batches that each keeps ready."""


class Optimizer(Part):
    """AdamW in torch's form, or with the weight decay decoupled from the learning rate."""

    name: Literal["adamw", "decoupled_adamw"] = "adamw"
    """Which one."""
    lr: Annotated[float, Field(gt=0, strict=False)]
    """Learning rate at the end of the warm-up."""
    betas: Annotated[tuple[Share, Share], Field(strict=False)] = (0.9, 0.95)
    """Decay of the moments."""
    eps: Annotated[float, Field(gt=0, strict=False)] = 1e-8
    """Added to the root of the second moment."""
    weight_decay: Annotated[float, Field(ge=0, strict=False)] = 0.0
    """Of matrices; biases and norms are left alone."""
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
    """How long it rises; `0.1dur` is a tenth of the run."""
    alpha_f: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.0
    """Where it ends, as a share of `lr`."""


class Fsdp(Part):
    """FSDP2: parameters, gradients and optimizer state are sharded over the ranks. Without it, DDP."""

    reshard_after_forward: bool = True
    """Free a layer's whole parameters between forward and backward: less memory, more traffic."""
    state_dict_type: Literal["full", "sharded"] = "full"
    """One checkpoint file, or one a rank."""
    mixed_precision: Literal["DEFAULT", "PURE", "FULL"] = "DEFAULT"
    """Types of communication, as Composer names them."""
    load_monolith_rank0_only: bool = False
    """Read a full checkpoint on the first rank only, and send it to the others."""


class GradientClipping(Part):
    """Bound the gradient."""

    clipping_type: Literal["norm", "value"] = "norm"
    """Its norm over all parameters, or each value."""
    clipping_threshold: Annotated[float, Field(gt=0, strict=False)] = 1.0
    """Where."""


class Algorithms(Part):
    """What is done to gradients."""

    gradient_clipping: GradientClipping | None = None
    """Bound the gradient; not at all if left out."""


class TrainRecipe(Part):
    """A whole training recipe."""

    version: Literal[1] = 1
    """Version of the recipe's language."""
    run_name: Text
    """Name of the run."""
    run_folder: Text = "runs/{run_name}"
    """Logs, trace ids and report; `{run_name}` is filled in."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 17
    """Of random weights and of everything random in training."""
    threads_per_rank: Positive | None = None
    """Threads that a rank computes with; `OMP_NUM_THREADS`, or its share of the cores, if left out."""
    max_seq_len: Positive | None = None
    """Longest pack that is expected; a run of a larger capacity is refused."""
    model: Model
    """What is trained."""
    tokenizer: Tokenizer | None = None
    """Compared with that of the packed run."""
    loss: Loss = Loss()
    """What is minimized."""
    train_loader: Loader
    """What it is trained on."""
    eval_loader: Loader | None = None
    """What it is evaluated on; the run's `validation` stream if left out and there is one."""
    optimizer: Optimizer
    """How parameters move."""
    scheduler: Scheduler = Scheduler()
    """How fast."""
    algorithms: Algorithms = Algorithms()
    """What is done to gradients."""
    max_duration: Duration
    """`3ep`, `1000ba` (steps), `2000000tok`."""
    global_train_batch_size: Positive | None = None
    """Packs a step, over all ranks."""
    global_train_batch_samples: Positive | None = None
    """Traces a step, over all ranks: packs a step follow from the mean number of traces a pack."""
    device_train_microbatch_size: Positive = 1
    """Packs that go through the model at once."""
    device_eval_batch_size: Positive = 1
    """The same for evaluation."""
    eval_interval: Duration = "1ep"
    """How often it is evaluated."""
    eval_first: bool = False
    """Evaluate before the first step."""
    precision: Literal["fp32", "amp_bf16"] | None = None
    """Type of matrix products; bfloat16 on a GPU and float32 elsewhere if left out."""
    fsdp_config: Fsdp | None = None
    """Shard over ranks; DDP if left out."""
    callbacks: Callbacks = Callbacks()
    """What is measured."""
    loggers: Loggers = Loggers()
    """Where that goes."""
    progress_bar: bool = False
    """Composer's progress bar, instead of a line every `console_log_interval`."""
    console_log_interval: Duration = "1ba"
    """How often a line is printed."""
    save_folder: Text | None = None
    """Folder or `s3://`, `gs://` URL of checkpoints; `{run_name}` is filled in."""
    save_interval: Duration = "1ep"
    """How often one is saved."""
    save_num_checkpoints_to_keep: Annotated[int, Field(ge=-1)] = -1
    """How many stay; -1 keeps all."""
    save_weights_only: bool = False
    """Leave the optimizer out: such a checkpoint cannot be resumed from."""
    load_path: Text | None = None
    """Checkpoint to begin from."""
    load_weights_only: bool = False
    """Take the weights of it, and begin the data again."""
    autoresume: bool = False
    """Go on from the newest whole checkpoint in `save_folder`, if there is one."""
    export_folder: Text | None = None
    """Where the trained model is written as `save_pretrained` does, at the end."""

    @model_validator(mode="after")
    def _agrees(self) -> TrainRecipe:
        if (self.global_train_batch_size is None) == (self.global_train_batch_samples is None):
            raise invalid(
                "give either `global_train_batch_size` (packs) or `global_train_batch_samples` (traces)",
                "512 traces is the effective batch of the OctoMed paper",
            )
        if self.autoresume and self.save_folder is None:
            raise invalid("`autoresume` needs a `save_folder`", "add `save_folder: …`", at=("autoresume",))
        if self.autoresume and self.load_path is not None:
            raise invalid(
                "`autoresume` and `load_path` exclude each other", "leave one out", at=("load_path",)
            )
        if self.autoresume and self.save_weights_only:
            raise invalid(
                "`autoresume` cannot resume from weights alone",
                "leave one of the two out: resuming needs the optimizer state and the position in the data",
                at=("save_weights_only",),
            )
        return self

    @model_validator(mode="after")
    def _can_be_written(self) -> TrainRecipe:
        for name in ("run_folder", "export_folder"):
            if scheme_of(getattr(self, name) or ""):
                message = "this is a folder of this machine; only checkpoints go to an object store"
                raise invalid(message, "write a path, and copy the folder when the run has ended", at=(name,))
        for name in ("save_folder", "load_path"):
            scheme = scheme_of(getattr(self, name) or "")
            if scheme is not None and scheme not in CHECKPOINTS:
                hint = f"write a path, or {' or '.join(f'`{one}://`' for one in CHECKPOINTS)}"
                if scheme in READ:
                    message = f"Composer knows no checkpoints in `{scheme}://`"
                    raise invalid(message, f"{hint}; shards may be in `{scheme}://`", at=(name,))
                raise invalid(f"checkpoints in `{scheme}://` are not supported yet", hint, at=(name,))
        return self
