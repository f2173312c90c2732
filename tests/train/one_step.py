"""One step of Composer's Trainer on given packs, and its gradients: what ranks run."""

from __future__ import annotations

from typing import Any

from . import tiny


def gradients(  # noqa: PLR0913 what is compared
    packs: list[list[dict[str, Any]]],
    *,
    family: str = "qwen2_5_vl",
    dtype: str = "float64",
    microbatch: int = 1,
    weighting: str = "token",
    fsdp: bool = False,
    checkpointing: bool = False,
    precision: str = "fp32",
) -> dict[str, Any]:
    """Share the packs out over ranks, take one step, and return whole gradients by name, and the loss."""
    import torch
    from composer import Trainer
    from composer.core import Callback
    from composer.utils import dist
    from composer.utils.parallelism import FSDP2Config
    from octomed.train.batches import data_spec
    from octomed.train.reduction import MeanGradients
    from torch.distributed.tensor import DTensor

    kept: dict[str, Any] = {}

    class Keep(Callback):
        def after_train_batch(self, state, logger):
            del logger
            model = getattr(state.model, "module", state.model)
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    gradient = parameter.grad
                    whole = gradient.full_tensor() if isinstance(gradient, DTensor) else gradient
                    kept[name.replace("_checkpoint_wrapped_module.", "")] = whole.clone()

        def batch_end(self, state, logger):
            del logger
            kept["loss"] = dict(state.total_loss_dict)["loss/train/total"]

    dist.initialize_dist("cpu")
    rank, ranks = dist.get_global_rank(), dist.get_world_size()
    share = -(-len(packs) // ranks)
    mine = packs[rank * share : (rank + 1) * share]
    model = tiny.fresh_model(family, dtype, weighting=weighting, tokens_at_once=16)
    if checkpointing:
        from octomed.train.layers import recompute_layers

        recompute_layers(model, model.language_model, 1.0)
    trainer = Trainer(
        model=model,
        train_dataloader=data_spec([tiny.batch_of(mine, tiny.rows_of(family))], weighting=weighting),
        optimizers=torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.1),
        max_duration="1ba",
        algorithms=[MeanGradients()] if fsdp else None,
        callbacks=[Keep()],
        precision=precision,
        device_train_microbatch_size=microbatch,
        accumulate_train_batch_on_tokens=True,
        parallelism_config={"fsdp": FSDP2Config()} if fsdp else None,
        progress_bar=False,
        seed=17,
    )
    trainer.fit()
    return kept


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Norm of the difference of all gradients, over the norm of the second."""
    import torch

    names = sorted(set(other) - {"loss"})
    assert sorted(set(one) - {"loss"}) == names
    flat = [torch.cat([given[name].double().flatten() for name in names]) for given in (one, other)]
    return float((flat[0] - flat[1]).norm() / flat[1].norm())
