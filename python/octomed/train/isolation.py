"""The start-up self-test: no token of one document may reach another's.

Packing that leaks trains without a complaint and with a plausible loss. So the very model that is about to be
trained, on its device and as it is sharded, is fed a pack twice, one document changed in between.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import torch

from octomed.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from composer.core import State
    from composer.loggers import Logger

from composer.core import Callback

LENGTHS = (5, 17, 9, 2)
TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 2e-2}
"""Largest relative difference from documents on their own, of a model of two layers. Matrix products of
another number of rows may round otherwise, so this one is not exact; the comparison of packs is."""
TF32_TOLERANCE = 5e-3
"""Instead, of float32 where a GPU multiplies in TensorFloat-32."""

Forward = "Callable[[dict[str, Any]], torch.Tensor]"


def check_isolation(
    forward: Callable[[dict[str, Any]], torch.Tensor],
    *,
    vocabulary: int,
    rows: int,
    device: torch.device | str = "cpu",
    limit: float | None = None,
) -> float:
    """Feed packs to a model, and compare what must not differ.

    Parameters
    ----------
    forward
        From a batch to hidden states or logits, [T, width].
    vocabulary
        Number of token ids.
    rows
        Rows of `position_ids`: 4 for vision-language models, 1 for text.
    device
        Where the batches go.
    limit
        See `tolerance_of`; that of the states' own type and of two layers if left out.

    Returns
    -------
    float
        The largest relative difference between packed and separate documents.

    Raises
    ------
    InternalError
        When a document's change reaches another, when a document's own change has no effect, or when a packed
        document differs from the same one alone.

    Examples
    --------
    A model that looks at each token alone keeps documents apart; one that adds a mean over the pack
    does not.

    >>> table = torch.eye(8)
    >>> check_isolation(lambda batch: table[batch["input_ids"][0]], vocabulary=8, rows=1)
    0.0
    >>> def leaks(batch):
    ...     return table[batch["input_ids"][0]] + table[batch["input_ids"][0]].mean(0)
    >>> check_isolation(leaks, vocabulary=8, rows=1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    octomed.errors.InternalError: ...changing document 0 of a pack changed another document's states...
    """
    ids = torch.randint(0, vocabulary, (sum(LENGTHS),), generator=torch.Generator().manual_seed(17))
    edges = torch.tensor([0, *LENGTHS]).cumsum(0).tolist()
    packed = forward(text_batch(ids, LENGTHS, rows=rows, device=device))
    for document, (begin, end) in enumerate(itertools.pairwise(edges)):
        changed = ids.clone()
        changed[begin:end] = (changed[begin:end] + 1) % vocabulary
        other = forward(text_batch(changed, LENGTHS, rows=rows, device=device))
        same = (packed == other).all(dim=-1)
        if not bool(same[:begin].all() and same[end:].all()):
            raise _leak(f"changing document {document} of a pack changed another document's states")
        if bool(same[begin:end].any()):
            raise _leak(f"changing document {document} of a pack did not change its own states")
    alone = [
        forward(text_batch(ids[begin:end], (end - begin,), rows=rows, device=device))
        for begin, end in itertools.pairwise(edges)
    ]
    return _closeness(packed, torch.cat(alone), limit or tolerance_of(packed.dtype, 2))


def tolerance_of(kind: torch.dtype, layers: int, *, tf32: bool = False) -> float:
    """Return how much a document in a pack may differ from the same one alone, relative to the largest value.

    Every layer rounds again and independently of those before, so differences grow with the root of their
    number: Qwen2.5-VL-7B with its 28 layers and random weights differs by 3.3e-2 in bfloat16 on an H200.

    Parameters
    ----------
    kind
        Of the matrix products: under autocast the states themselves may be float32.
    layers
        Of the decoder.
    tf32
        Whether float32 is multiplied in TensorFloat-32.

    Examples
    --------
    >>> tolerance_of(torch.float32, 2)
    0.0001
    >>> tolerance_of(torch.bfloat16, 8)
    0.04
    """
    of_two = TF32_TOLERANCE if tf32 and kind == torch.float32 else TOLERANCES.get(kind, 2e-2)
    return of_two * math.sqrt(max(layers, 2) / 2)


def text_batch(
    ids: torch.Tensor, lengths: Sequence[int], *, rows: int, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """Return a batch of one pack of text documents, every token supervised.

    Parameters
    ----------
    ids
        [T], int64.
    lengths
        Tokens a document.
    rows
        Rows of `position_ids`.
    device
        Where its tensors are.

    Examples
    --------
    >>> batch = text_batch(torch.tensor([5, 6, 7, 8, 9]), (3, 2), rows=1)
    >>> batch["labels"]
    tensor([[-100,    6,    7, -100,    9]])
    >>> batch["cu_seqlens"]
    tensor([0, 3, 5], dtype=torch.int32)
    """
    edges = torch.tensor([0, *lengths]).cumsum(0)
    positions = torch.cat([torch.arange(length) for length in lengths])
    labels = ids.clone()
    labels[edges[:-1]] = -100
    batch = {
        "packs": torch.tensor([[len(ids), len(lengths)]]),
        "input_ids": ids[None],
        "labels": labels[None],
        "position_ids": positions.expand(rows, 1, -1) if rows > 1 else positions[None],
        "cu_seqlens": edges.to(torch.int32),
        "max_length": max(lengths),
        "trace_ids": torch.arange(len(lengths)),
        "supervised_tokens": torch.tensor(lengths) - 1,
    }
    return {
        name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()
    }


class IsolationTest(Callback):
    """Refuse to train a model whose documents are not kept apart.

    Parameters
    ----------
    vocabulary
        Number of token ids of the model.
    rows
        Rows of `position_ids`.
    layers
        Of its decoder.
    """

    def __init__(self, *, vocabulary: int, rows: int, layers: int) -> None:
        self.vocabulary, self.rows, self.layers = vocabulary, rows, layers

    def limit(self, model: torch.nn.Module, device: str) -> float:
        """Return the tolerance for a model in the present precision."""
        autocast = torch.is_autocast_enabled(device)
        kind = torch.get_autocast_dtype(device) if autocast else next(model.parameters()).dtype
        tf32 = device == "cuda" and torch.backends.cuda.matmul.allow_tf32
        return tolerance_of(kind, self.layers, tf32=tf32)

    def fit_start(self, state: State, logger: Logger) -> None:
        """Run the test on the model as it will be trained."""
        from composer.core import get_precision_context  # noqa: PLC0415
        from composer.utils import get_device, model_eval_mode  # noqa: PLC0415 only where Composer runs it

        model: Any = getattr(state.model, "module", state.model)
        device = get_device(None).name
        where = "cuda" if device == "gpu" else device

        def forward(batch: dict[str, Any]) -> torch.Tensor:
            return model.network(batch, want="hidden")

        precision = get_precision_context(state.precision, state.precision_config)
        with torch.no_grad(), model_eval_mode(model), precision:
            difference = check_isolation(
                forward,
                vocabulary=self.vocabulary,
                rows=self.rows,
                device=where,
                limit=self.limit(model, where),
            )
        logger.log_metrics({"isolation/relative_difference": difference})


def _closeness(packed: torch.Tensor, alone: torch.Tensor, limit: float) -> float:
    difference = float((packed - alone).abs().max() / alone.abs().max().clamp(min=1e-30))
    if not difference <= limit:
        raise _leak(
            f"a document in a pack differs from the same one alone by {difference:.1e}, more than {limit:.0e}"
        )
    return difference


def _leak(what: str) -> InternalError:
    return InternalError(
        f"the start-up self-test of packing failed: {what}",
        "training would learn across documents; report this with the versions of torch and transformers",
    )
