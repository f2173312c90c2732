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
from octomed.stream.tower_tables import TowerTables
from octomed.train.build import text_configuration
from octomed.train.isolation_sample import LENGTHS, Images, Sample, text_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from composer.core import State
    from composer.loggers import Logger
    from transformers import PretrainedConfig

    from octomed.stream.images import Vision

from composer.core import Callback

__all__ = ["LENGTHS", "Images", "IsolationTest", "check_isolation", "text_batch", "tolerance_of"]

TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 2e-2}
"""Largest relative difference from documents on their own, of a model of two layers. Matrix products of
another number of rows may round otherwise, so this one is not exact; the comparison of packs is."""
TF32_TOLERANCE = 5e-3
"""Instead, of float32 where a GPU multiplies in TensorFloat-32."""

_OF_IMAGES = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
"""Tokens, by their names in a configuration, that a model takes for images or for what is around them."""


def check_isolation(  # noqa: PLR0913 keyword-only settings
    forward: Callable[[dict[str, Any]], torch.Tensor],
    *,
    vocabulary: int,
    rows: int,
    device: torch.device | str = "cpu",
    limit: float | None = None,
    reserved: Collection[int] = (),
    images: Images | None = None,
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
    reserved
        Ids that no text has, because they stand for images.
    images
        How the model takes images; ``None`` for a test of text alone.

    Returns
    -------
    float
        The largest relative difference between packed and separate documents.

    Raises
    ------
    InternalError
        When a change of a document's tokens or pixels reaches another, when its own change has no effect, or
        when a packed document differs from the same one alone.

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
    sample = Sample.draw(vocabulary, rows, reserved, images)
    packed = forward(sample.batch(device))
    _check_ids(forward, sample, packed)
    _check_pixels(forward, sample, packed)
    alone = torch.cat([forward(document.batch(device)) for document in sample.alone()])
    return _closeness(packed, alone, limit or tolerance_of(packed.dtype, 2))


def _check_ids(
    forward: Callable[[dict[str, Any]], torch.Tensor], sample: Sample, packed: torch.Tensor
) -> None:
    """Change the text of each document in turn."""
    text = sample.is_text().to(packed.device)
    for document, (begin, end) in enumerate(itertools.pairwise(sample.edges())):
        other = forward(sample.with_other_ids(document).batch(packed.device))
        same = (packed == other).all(dim=-1)
        if not bool(same[:begin].all() and same[end:].all()):
            raise _leak(f"changing document {document} of a pack changed another document's states")
        if bool((same & text)[begin:end].any()):
            raise _leak(f"changing document {document} of a pack did not change its own states")


def _check_pixels(
    forward: Callable[[dict[str, Any]], torch.Tensor], sample: Sample, packed: torch.Tensor
) -> None:
    """Change the pixels of each image in turn: it may be in several documents."""
    edges = list(itertools.pairwise(sample.edges()))
    for image in range(len(sample.patches)):
        other = forward(sample.with_other_pixels(image).batch(packed.device))
        same = (packed == other).all(dim=-1)
        for document, (begin, end) in enumerate(edges):
            if image not in sample.shown[document] and not bool(same[begin:end].all()):
                raise _leak(
                    f"changing the pixels of image {image} of a pack changed the states of document "
                    f"{document}, which does not show it"
                )
        if bool(same[sample.places(image).to(packed.device)].any()):
            raise _leak(
                f"changing the pixels of image {image} of a pack did not change the states of its tokens"
            )


def tolerance_of(kind: torch.dtype, layers: int, *, tf32: bool = False) -> float:
    """Return how much a document in a pack may differ from the same one alone, relative to the largest value.

    Every layer rounds again and independently of those before, so differences grow with the root of their
    number: Qwen2.5-VL-7B with its 28 layers and random weights differs by 3.3e-2 in bfloat16 on an H200.

    Parameters
    ----------
    kind
        Of the matrix products: under autocast the states themselves may be float32.
    layers
        Of the decoder, and of the vision tower where it is tested, too.
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


class IsolationTest(Callback):
    """Refuse to train a model whose documents are not kept apart.

    Parameters
    ----------
    vocabulary
        Number of token ids of the model.
    rows
        Rows of `position_ids`.
    layers
        Of its decoder; with images those of its vision tower, too.
    reserved
        Ids that stand for images.
    images
        How the model takes images; ``None`` for a run of text.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        rows: int,
        layers: int,
        reserved: Collection[int] = (),
        images: Images | None = None,
    ) -> None:
        self.vocabulary, self.rows, self.layers = vocabulary, rows, layers
        self.reserved, self.images = reserved, images
        self.passed = False

    @classmethod
    def of(cls, configuration: PretrainedConfig, rows: int, vision: Vision | None) -> IsolationTest:
        """Return the test of a model.

        Parameters
        ----------
        configuration
            Of the model.
        rows
            Rows of `position_ids`.
        vision
            How the run's images are prepared; ``None`` for a run of text.
        """
        text = text_configuration(configuration)
        ids = [getattr(configuration, name, None) for name in _OF_IMAGES]
        layers, images = text.num_hidden_layers, None
        if vision is not None:
            layers += configuration.vision_config.depth
            images = Images(vision, TowerTables.of(configuration))
        return cls(
            vocabulary=text.vocab_size,
            rows=rows,
            layers=layers,
            reserved=frozenset(one for one in ids if one is not None),
            images=images,
        )

    def limit(self, model: torch.nn.Module, device: str) -> float:
        """Return the tolerance for a model in the present precision."""
        autocast = torch.is_autocast_enabled(device)
        kind = torch.get_autocast_dtype(device) if autocast else next(model.parameters()).dtype
        tf32 = device == "cuda" and torch.backends.cuda.matmul.allow_tf32
        return tolerance_of(kind, self.layers, tf32=tf32)

    def eval_standalone_start(self, state: State, logger: Logger) -> None:
        """Run the test before an evaluation that comes first: its loss would be a leaking model's."""
        self.fit_start(state, logger)

    def fit_start(self, state: State, logger: Logger) -> None:
        """Run the test, once, on the model as it will be trained."""
        if self.passed:
            return
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
                reserved=self.reserved,
                images=self.images,
            )
        self.passed = True
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
