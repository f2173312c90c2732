"""Steps of Composer's Trainer on packs with pictures, and what they leave: what ranks run."""

from __future__ import annotations

from typing import Any

from . import image_tiny

RATE, DECAY = 1e-2, 0.5


def all_steps(cases: dict[str, tuple[list[Any], dict[str, Any]]]) -> dict[str, Any]:
    """Run `steps` for each case, one after another in the same ranks."""
    with image_tiny.without_rounding():
        return {name: steps(packs, **settings) for name, (packs, settings) in cases.items()}


def steps(  # noqa: PLR0913 what is compared
    packs: list[list[list[Any]]],
    *,
    family: str,
    dtype: str = "float64",
    frozen: str = "nothing",
    microbatch: int = 1,
    fsdp: bool = False,
    checkpointing: bool = False,
) -> dict[str, Any]:
    """Take a step on each list of packs, shared out over ranks, after the self-test and an evaluation.

    Returns the gradients of each step by name, None where there is none; the whole weights after each; the
    evaluation loss.
    """
    import torch
    from composer import Evaluator, Trainer
    from composer.core import Callback
    from composer.utils import dist
    from composer.utils.parallelism import FSDP2Config
    from octomed.train.batches import data_spec
    from octomed.train.isolation import IsolationTest
    from octomed.train.layers import recompute_layers
    from octomed.train.reduction import MeanGradients
    from octomed.train.vision_gradients import NoGradientsFromDummies
    from torch.distributed.tensor import DTensor

    def whole(value):
        if value is None:
            return None
        return (value.full_tensor() if isinstance(value, DTensor) else value).detach().clone()

    gradients: list[dict[str, Any]] = []
    weights: list[dict[str, Any]] = []

    class Keep(Callback):
        def after_train_batch(self, state, logger):
            del logger
            gradients.append({name: whole(one.grad) for name, one in trained(state)})

        def batch_end(self, state, logger):
            del logger
            gradients[-1]["loss"] = dict(state.total_loss_dict)["loss/train/total"]
            weights.append({name: whole(one) for name, one in trained(state)})

    def trained(state):
        model = getattr(state.model, "module", state.model)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                yield name.replace("_checkpoint_wrapped_module.", ""), parameter

    dist.initialize_dist("cpu")
    rank, ranks = dist.get_global_rank(), dist.get_world_size()
    batches = []
    for step in packs:
        share = -(-len(step) // ranks)
        batches.append(image_tiny.batch_of(family, step[rank * share : (rank + 1) * share]))
    model = image_tiny.fresh_model(family, dtype, frozen, tokens_at_once=16)
    mixed = "FULL" if dtype == "float64" else "DEFAULT"  # which would round weights to float32
    configuration, vision = model.language_model.config, model.network.vision
    if checkpointing:
        recompute_layers(model, model.language_model, 1.0)
    trainer = Trainer(
        model=model,
        train_dataloader=data_spec(batches),
        eval_dataloader=Evaluator(
            label="eval",
            dataloader=data_spec(batches[:1]),
            metric_names=["loss"],
            device_eval_microbatch_size=microbatch,
        ),
        optimizers=torch.optim.AdamW(
            [one for one in model.parameters() if one.requires_grad], lr=RATE, weight_decay=DECAY
        ),
        max_duration=f"{len(batches)}ba",
        algorithms=[*([MeanGradients(mixed)] if fsdp else []), NoGradientsFromDummies()],
        callbacks=[IsolationTest.of(configuration, 4, vision), Keep()],
        precision="fp32",
        device_train_microbatch_size=microbatch,
        accumulate_train_batch_on_tokens=True,
        parallelism_config={"fsdp": FSDP2Config(mixed_precision=mixed)} if fsdp else None,
        progress_bar=False,
        seed=17,
    )
    trainer.eval()
    loss = float(trainer.state.eval_metrics["eval"]["loss"].compute())
    trainer.fit()
    return {"gradients": gradients, "weights": weights, "evaluated": loss}


def interpolations(family: str, packs: list[Any]) -> dict[str, Any]:
    """Position embeddings of patches under FSDP2 that computes in bfloat16, by way into the model.

    Returns the embeddings of each corner and their weights beside them, both as the batch has them.
    """
    import torch
    from composer.core import Precision
    from composer.distributed.fsdp2 import prepare_fully_shard
    from composer.distributed.fsdp2_utils import generate_composer_model_policy
    from composer.utils import dist
    from composer.utils.parallelism import FSDP2Config
    from octomed.train import tower

    dist.initialize_dist("cpu")
    model = image_tiny.fresh_model(family)
    table = model.language_model.model.visual.pos_embed.weight.detach().clone()
    config = FSDP2Config(mixed_precision="DEFAULT")
    prepare_fully_shard(model, config, Precision.AMP_BF16, generate_composer_model_policy(model))
    batch = image_tiny.batch_of(family, packs)
    found: list[Any] = []
    whole = tower._interpolated

    def keep(embeddings, batch):
        made = whole(embeddings, batch)
        found.append(made.detach().clone())
        return made

    tower._interpolated = keep
    with torch.no_grad():
        model(batch)
        model.network(batch, want="hidden")
        model.eval_forward(batch)
    names = "image_corner_indices", "image_corner_weights"
    return {"found": found, "table": table, **{name: batch[name] for name in names}}
