"""Cross entropy on hidden states, a stretch of tokens at a time, so that all logits never exist at once.

Logits of a vocabulary of 152k over 32k tokens take 10 to 20 GB. Here a stretch's logits become its loss and
its gradients at once and are forgotten, as in Liger's fused kernel (arXiv 2410.10989), in plain torch; and
each token has a weight of its own. Unsupervised tokens get no logits.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any, Literal

import torch

from octomed.errors import RecipeError

Implementation = Literal["auto", "torch", "liger"]

IGNORED = -100
"""Label of a token that is not learned."""
LIGER = (0, 6, 2)
"""The first version whose kernel adds gradients up in float32 where it is asked to."""


def weighted_cross_entropy(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    targets: torch.Tensor,
    token_weights: torch.Tensor,
    *,
    tokens_at_once: int = 1024,
) -> torch.Tensor:
    """Return the sum of each token's cross entropy times its weight.

    Parameters
    ----------
    hidden
        [N, width], any floating type.
    weight
        [vocabulary, width]: the output layer.
    targets
        [N], int64.
    token_weights
        [N], the type that the loss is summed in.
    tokens_at_once
        Length of a stretch; its logits, one a token and entry of the vocabulary, and a copy of them are the
        most that exists at a time.

    Returns
    -------
    Tensor
        A number, float32 or, for float64 inputs, float64.

    Examples
    --------
    Of states that are all zero every token of the vocabulary is as likely: log(4) for each of two tokens.

    >>> hidden, weight = torch.zeros(2, 3), torch.zeros(4, 3)
    >>> loss = weighted_cross_entropy(hidden, weight, torch.tensor([0, 3]), torch.tensor([1.0, 1.0]))
    >>> round(float(loss), 4)
    2.7726
    """
    kind = _matmul_type(hidden)
    apply: Any = _WeightedCrossEntropy.apply
    return apply(hidden, weight, targets, token_weights, tokens_at_once, kind)


def choose_implementation(wanted: Implementation, device: str, weighting: str) -> Literal["torch", "liger"]:
    """Return what computes the loss.

    Parameters
    ----------
    wanted
        Of the recipe.
    device
        `cpu` or `cuda`.
    weighting
        `token` or `trace`; Liger's kernel knows no weights of tokens.

    Raises
    ------
    RecipeError
        When Liger is asked for where it cannot run.

    Examples
    --------
    >>> choose_implementation("auto", "cpu", "token")
    'torch'
    """
    lacks = []
    if device != "cuda":
        lacks.append("a GPU")
    if not _liger_is_installed():
        lacks.append(f"the package `liger-kernel` {'.'.join(map(str, LIGER))} or later")
    if weighting != "token":
        lacks.append("`loss.weight: token`")
    if wanted == "liger" and lacks:
        raise RecipeError(
            f"`loss.implementation: liger` needs {' and '.join(lacks)}", "write `auto`, or `torch`"
        )
    return "torch" if wanted == "torch" or lacks else "liger"


def liger_cross_entropy(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the sum of each token's cross entropy by Liger's fused kernel.

    Liger goes through the tokens in dozens of stretches; left to itself it would add their gradients of the
    output layer up in bfloat16, each sum rounded.

    Parameters
    ----------
    hidden, weight, targets
        As for `weighted_cross_entropy`, on a GPU.
    """
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss  # noqa: PLC0415 an extra of GPU machines

    kind = _matmul_type(hidden)
    fused = LigerFusedLinearCrossEntropyLoss(reduction="sum", accum_dtype=torch.float32)
    return fused(weight.to(kind), hidden.to(kind), targets)


def _liger_is_installed() -> bool:
    try:
        installed = importlib.metadata.version("liger-kernel").split(".")
    except importlib.metadata.PackageNotFoundError:
        return False
    return tuple(int(part) for part in installed[:3] if part.isdigit()) >= LIGER


def _matmul_type(hidden: torch.Tensor) -> torch.dtype:
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype


class _WeightedCrossEntropy(torch.autograd.Function):
    """Gradients are made in the forward pass; the backward pass scales them."""

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917 the arguments of `weighted_cross_entropy`
        ctx: Any,  # noqa: ANN401 as torch gives it
        hidden: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        token_weights: torch.Tensor,
        tokens_at_once: int,
        kind: torch.dtype,
    ) -> torch.Tensor:
        exact = torch.float64 if hidden.dtype == torch.float64 else torch.float32
        to_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        to_weight = torch.zeros_like(weight, dtype=exact) if ctx.needs_input_grad[1] else None
        total = torch.zeros((), dtype=exact, device=hidden.device)
        with torch.autocast(hidden.device.type, enabled=False):
            matrix = weight.to(kind)
            for begin in range(0, len(hidden), tokens_at_once):
                part = slice(begin, begin + tokens_at_once)
                rows = hidden[part].to(kind)
                loss, gradient = _stretch((rows @ matrix.T).to(exact), targets[part], token_weights[part])
                total += loss
                if to_hidden is not None:
                    to_hidden[part] = gradient.to(kind) @ matrix
                if to_weight is not None:
                    to_weight += gradient.to(kind).T @ rows
        ctx.save_for_backward(to_hidden, to_weight.to(weight.dtype) if to_weight is not None else None)
        return total

    @staticmethod
    def backward(ctx: Any, factor: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401 as torch gives it
        gradients = (
            saved * factor.to(saved.dtype) if saved is not None else None for saved in ctx.saved_tensors
        )
        return (*gradients, None, None, None, None)


def _stretch(
    logits: torch.Tensor, targets: torch.Tensor, token_weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weighted loss of a stretch and its gradient to the logits, in the logits' memory."""
    rows = torch.arange(len(targets), device=targets.device)
    token_weights = token_weights.to(logits.dtype)
    logits.sub_(logits.amax(dim=-1, keepdim=True))  # the difference below keeps its digits for large logits
    normalizer = logits.exp().sum(dim=-1).log()
    loss = ((normalizer - logits[rows, targets]) * token_weights).sum()
    gradient = logits.sub_(normalizer[:, None]).exp_()
    gradient[rows, targets] -= 1
    return loss, gradient.mul_(token_weights[:, None])
