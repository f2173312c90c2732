"""The ComposerModel: loss, evaluation metric and floating-point operations of a batch of packs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from composer.models import ComposerModel
from torchmetrics import Metric

from octomed.train.adapters import number_of_weights
from octomed.train.build import text_configuration
from octomed.train.image_ablation import AnswerAccuracy, Asked, accuracies
from octomed.train.network import PackedNetwork, decoder, loss_units
from octomed.train.tower import unrounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedModel

    from octomed.stream.images import Vision
    from octomed.train.network import Weighting


class MeanLoss(Metric):
    """Mean evaluation loss over all ranks' supervised tokens, or traces."""

    full_state_update = False
    total: torch.Tensor
    units: torch.Tensor

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 those of torchmetrics
        super().__init__(**settings)
        self.add_state("total", default=torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("units", default=torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, mean: torch.Tensor, units: int) -> None:
        """Count a microbatch's mean loss over so many tokens or traces."""
        self.total += mean.to(self.total) * units
        self.units += units

    def compute(self) -> torch.Tensor:
        """Return the mean."""
        return self.total / self.units.clamp(min=1)


class OctomedModel(ComposerModel):
    """A packed network for Composer's `Trainer`.

    Parameters
    ----------
    language_model
        Made by `octomed.train.build.build_model`.
    weighting
        What the loss is a mean over: ``token`` or ``trace``.
    vision
        How the run's images are prepared; ``None`` for a run of text.
    swap_images
        Evaluate answers too, with their images and with images swapped; not for a run of text.
    **loss
        Further settings of `PackedNetwork`.
    """

    def __init__(
        self,
        language_model: PreTrainedModel,
        *,
        weighting: Weighting = "token",
        vision: Vision | None = None,
        swap_images: bool = False,
        **loss: Any,  # noqa: ANN401 those of the network
    ) -> None:
        super().__init__()
        self.network = PackedNetwork(language_model, weighting=weighting, vision=vision, **loss)
        self.swap_images = swap_images
        self._asked: Asked | None = None
        self._work = _Work(language_model)

    @property
    def language_model(self) -> PreTrainedModel:
        """The model of `transformers` inside."""
        return self.network.language_model

    def __call__(self, batch: Mapping[str, Any]) -> Any:  # noqa: ANN401 of `forward`
        """Run `forward`, before which FSDP2 casts what it finds in the batch."""
        return super().__call__(unrounded(batch))

    def forward(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Return the microbatch's mean loss."""
        return self.network(batch)

    def loss(self, outputs: torch.Tensor, batch: Mapping[str, Any], *_: object, **__: object) -> Any:  # noqa: ANN401 Composer takes a mapping too
        """Pass the loss on under a name with which Composer does not turn it into float32."""
        del batch
        return {"total": outputs}

    def eval_forward(self, batch: Mapping[str, Any], outputs: torch.Tensor | None = None) -> torch.Tensor:
        """Return the evaluation loss of a batch."""
        return self.forward(batch) if outputs is None else outputs

    def update_metric(self, batch: Mapping[str, Any], outputs: torch.Tensor, metric: Metric) -> None:
        """Add a batch's evaluation loss to the mean, or its answers to those that are right."""
        if isinstance(metric, AnswerAccuracy):
            if self._asked is None or not self._asked.is_of(batch):  # both metrics are given each batch
                self._asked = Asked.of(batch, metric.image_token)
            return metric.update(batch, partial(self.network, want="logits"), self._asked)
        return metric.update(outputs.detach(), loss_units(batch, self.network.weighting))

    def get_metrics(self, is_train: bool) -> dict[str, Metric]:
        """Return the metrics of evaluation; the training loss is logged by Composer itself."""
        if is_train:
            return {}
        vision = self.network.vision
        answers = accuracies(vision.image_token_id) if self.swap_images and vision is not None else {}
        return {"loss": MeanLoss(), **answers}

    def flops_per_batch(self, batch: Mapping[str, Any]) -> float:
        """Return the floating-point operations of a training step on a batch, recomputation not counted.

        Six a parameter of a matrix and token (PaLM, arXiv 2204.02311, appendix B), four where it is frozen,
        and the causal attention that documents really have: the sum of their squared lengths, halved. And
        those of `vision_operations`.
        """
        return self._work.operations(batch) + self.vision_operations(batch)

    def vision_operations(self, batch: Mapping[str, Any]) -> float:
        """Return those of them that the vision tower has, on each image once; a dummy counts nowhere."""
        return self._tower_operations(batch, [1] * len(batch.get("image_sizes", ())))

    def operations_saved(self, batch: Mapping[str, Any]) -> float:
        """Return how many more the tower would have if it ran for each placeholder of an image."""
        shown = [-1] * len(batch.get("image_sizes", ()))
        for image in batch["image_refs"].tolist() if shown else ():
            shown[image] += 1
        return self._tower_operations(batch, shown)

    def _tower_operations(self, batch: Mapping[str, Any], times: Sequence[int]) -> float:
        tower = self.network.tower
        if tower is None or not times:
            return 0.0
        repeated = [
            size for size, number in zip(batch["image_sizes"], times, strict=True) for _ in range(number)
        ]
        return float(tower.operations({"image_sizes": repeated}))


class _Work:
    """Counts of a model that its floating-point operations follow from, taken before it is sharded."""

    def __init__(self, language_model: PreTrainedModel) -> None:
        text = text_configuration(language_model.config)
        heads = text.num_attention_heads
        width = getattr(text, "head_dim", None) or text.hidden_size // heads
        self.attention = 6.0 * text.num_hidden_layers * heads * width
        layers = decoder(language_model).layers.parameters()
        self.matrices = sum(_operations_a_token(one) for one in layers if one.ndim > 1)
        self.head = _operations_a_token(language_model.lm_head.weight)

    def operations(self, batch: Mapping[str, Any]) -> float:
        tokens = batch["input_ids"].shape[1]
        supervised = float(batch["supervised_tokens"].sum())
        squared = float(torch.diff(batch["cu_seqlens"].double()).square().sum())
        return self.matrices * tokens + self.head * supervised + self.attention * squared


def _operations_a_token(matrix: torch.nn.Parameter) -> float:
    """Return two a parameter for the forward pass, two for the gradient of what goes in, two for its own."""
    return (6.0 if matrix.requires_grad else 4.0) * number_of_weights(matrix)
