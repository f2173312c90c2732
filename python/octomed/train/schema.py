"""The training recipe: every key, its type and its default, in the shape that users of llm-foundry know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part
from octomed.train.schema_model import Duration, Model, Optimizer, Positive, Scheduler, Text
from octomed.train.schema_monitoring import Callbacks, Loggers
from octomed.urls import CHECKPOINTS, READ, scheme_of

Weight = Annotated[float, Field(gt=0.0, le=1.0, strict=False)]
_NEAR = 1e-6


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
    """A packed run, or several, or some of their streams."""

    remote: Text | Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    """Output folder of `octomed pack`, local or `s3://`, `gs://`, `az://`; or a list of several."""
    shares: Annotated[tuple[Weight, ...], Field(strict=False, min_length=1)] | None = None
    """Share of each of several runs in an epoch's packs, all together 1; every pack once if left out."""
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
    balance: Literal["auto", "off"] = "auto"
    """Share a step's packs out over the ranks of a machine by what they cost, or leave them as they come."""
    cache_limit: Text | None = None
    """Most that the cache folder holds, `100gb`."""
    download_retry: Positive = 5
    """How often a shard is asked for."""
    download_timeout: Annotated[float, Field(gt=0, strict=False)] = 60.0
    """Seconds that a shard may take."""

    @model_validator(mode="after")
    def _shares_of_runs(self) -> Dataset:
        if self.shares is None:
            return self
        if self.split == "validation":
            message = "what is evaluated on has no shares"
            raise invalid(message, "all its runs are read, each pack of them once", at=("shares",))
        if isinstance(self.remote, str) or len(self.remote) != len(self.shares):
            runs = 1 if isinstance(self.remote, str) else len(self.remote)
            message = f"{len(self.shares)} shares of {runs} run{'s' * (runs > 1)}"
            raise invalid(message, "`remote` is a list of runs, and each has a share", at=("shares",))
        if abs(sum(self.shares) - 1) > _NEAR:
            hint = "divide each by their sum"
            raise invalid(f"the shares add up to {sum(self.shares):g}, and not to 1", hint, at=("shares",))
        return self


class Loader(Part):
    """How packs become batches."""

    dataset: Dataset
    """Which packs."""
    num_workers: Annotated[int, Field(ge=0)] = 2
    """Processes that read and collate, a rank."""
    prefetch_factor: Positive = 2
    """Batches that each keeps ready."""


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
    eval_swapped_images: bool = False
    """Evaluate answers too, with their images and with images swapped: a model that looks needs its own."""
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
    export: Literal["merged", "adapter"] | None = None
    """With `model.lora`: the whole model, or the adapter alone as `peft` loads it; merged if left out."""

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
    def _is_possible(self) -> TrainRecipe:
        if self.fsdp_config is not None and self.model.lora is not None and self.model.lora.quantize:
            message = "weights of 4 bits cannot be sharded: FSDP2 takes no part in QLoRA here"
            raise invalid(message, "leave `fsdp_config` out: DDP", at=("model", "lora", "quantize"))
        if self.fsdp_config is not None and self.optimizer.name == "adamw8bit":
            message = "states of 8 bits cannot be sharded: FSDP2 takes no part in `adamw8bit` here"
            raise invalid(message, "leave `fsdp_config` out: DDP, or take `adamw`", at=("optimizer", "name"))
        _check_warmup(self.scheduler.t_warmup, self.max_duration)
        return self

    @model_validator(mode="after")
    def _exports_what_there_is(self) -> TrainRecipe:
        lora = self.model.lora
        if self.export is not None and lora is None:
            raise invalid(
                "`export` chooses what becomes of an adapter, and there is no `model.lora`",
                "leave it out",
                at=("export",),
            )
        if self.export is not None and self.export_folder is None:
            raise invalid("`export` needs an `export_folder`", "add `export_folder: …`", at=("export",))
        whole = [name for name in ("freeze_vision", "freeze_projector") if getattr(self.model, name) is False]
        if self.export == "adapter" and whole:
            message = f"an adapter alone lacks what `model.{whole[0]}: false` trains"
            raise invalid(message, "write `export: merged`", at=("export",))
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


_UNITS = {"ep": "steps", "ba": "steps", "sp": "packs", "tok": "tokens"}
"""What durations count that can be compared: Composer knows the steps of an epoch."""


def _check_warmup(warmup: str, duration: str) -> None:
    """Refuse a run whose length, or whose share of warm-up, is not known while it runs."""
    unit, whole = (one.lstrip("0123456789.") for one in (warmup, duration))
    if whole not in _UNITS:
        message = f"`{duration}` does not say when the learning rate ends"
        raise invalid(
            message, "write epochs, steps or tokens: `3ep`, `100ba`, `2000000tok`", at=("max_duration",)
        )
    if unit != "dur" and _UNITS.get(unit) != _UNITS[whole]:
        message = f"a warm-up of `{warmup}` is no share of a run of `{duration}` that is known beforehand"
        raise invalid(message, "write a share of the run: `0.1dur`", at=("scheduler", "t_warmup"))
