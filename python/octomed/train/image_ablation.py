"""Whether a model looks: the accuracy of its answers with their images, and with images swapped.

A model can learn the answers of a set from their questions alone. Then it is as accurate when each question
shows another question's image; a model that looks is not.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from composer.core import Callback
from torchmetrics import Metric

from octomed.train.log import log_rank0
from octomed.train.loss import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from composer.core import State
    from composer.loggers import Logger


NAMES = ("answer_accuracy", "answer_accuracy_images_swapped")


class AnswerAccuracy(Metric):
    """Share of answers whose last token is the likeliest one, over all ranks; teacher-forced.

    Parameters
    ----------
    image_token
        Id of the tokens that images take the place of: only documents that have it count.
    swap
        Whether each image is swapped for another one of the batch.
    """

    full_state_update = False
    right: torch.Tensor
    answers: torch.Tensor
    alone: torch.Tensor

    def __init__(self, image_token: int, *, swap: bool) -> None:
        super().__init__()
        self.image_token, self.swap, self.of, self.left_out = image_token, swap, 0, 0
        self.add_state("right", default=torch.tensor(0, dtype=torch.int64), dist_reduce_fx="sum")
        for name in ("answers", "alone"):
            self.add_state(name, default=torch.tensor(0, dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, batch: Mapping[str, Any], logits: Callable[..., torch.Tensor], asked: Asked | None = None
    ) -> None:
        """Count the answers of a batch, of documents all of whose images can be swapped.

        Parameters
        ----------
        batch
            The batch contract of `octomed.stream`.
        logits
            From a batch and `positions` [N] of its tokens to logits [N, vocabulary]. It is called once a
            batch, also for one without an answer, because sharded ranks compute together.
        asked
            What is asked of the batch, if that is known already.
        """
        asked = asked or Asked.of(batch, self.image_token)
        shown = {**batch, **asked.other} if self.swap else batch
        predicted = logits(shown, positions=asked.positions - 1).argmax(-1)
        self.right += (predicted == batch["labels"][0, asked.positions]).sum()
        self.answers += len(asked.positions)
        self.alone += asked.left_out

    def compute(self) -> torch.Tensor:
        """Return the share; not a number where there is no answer."""
        self.of, self.left_out = int(self.answers), int(self.alone)  # of all ranks, which they are only here
        return self.right / self.answers


class Asked(NamedTuple):
    """What is asked of a batch, with its images and with images swapped.

    Attributes
    ----------
    positions
        Of the answers of documents all of whose images can be swapped, [N].
    left_out
        Answers of other documents.
    other
        What the batch has else where its images are swapped.
    batch
        The value by which the batch is known again.
    """

    positions: torch.Tensor
    left_out: int
    other: dict[str, Any]
    batch: object

    @classmethod
    def of(cls, batch: Mapping[str, Any], image_token: int) -> Asked:
        """Find it out.

        Parameters
        ----------
        batch
            The batch contract of `octomed.stream`.
        image_token
            Id of the tokens that images take the place of.
        """
        other = swapped(batch)
        every = answer_positions(batch, image_token)
        positions = every[~keeps_an_image(batch, other, image_token)[every]]
        changed = {name: value for name, value in other.items() if value is not batch[name]}
        return cls(positions, len(every) - len(positions), changed, batch["cu_seqlens"])

    def is_of(self, batch: Mapping[str, Any]) -> bool:
        """Tell whether it is asked of this batch."""
        return self.batch is batch["cu_seqlens"]


class ImageAblation(Callback):
    """Print how many answers are right after an evaluation."""

    def eval_end(self, state: State, logger: Logger) -> None:
        """Print it; every rank asks, for the counts are added up over all."""
        del logger
        metrics: dict[str, Any] = state.eval_metrics[state.dataloader_label or ""]
        right, ablated = (float(metrics[name].compute()) for name in NAMES)
        answers, left_out = metrics[NAMES[0]].of, metrics[NAMES[0]].left_out
        more = f"; {left_out:,} more have an image without another of its size" if left_out else ""
        if answers:
            log_rank0(f"answers: {right:.0%} of {answers:,} right, {ablated:.0%} with images swapped{more}")
        else:
            log_rank0(f"answers: no image can be swapped{more}: raise `device_eval_batch_size`")


def accuracies(image_token: int) -> dict[str, AnswerAccuracy]:
    """Return the two measures by their names in logs."""
    return {
        name: AnswerAccuracy(image_token, swap=swap) for name, swap in zip(NAMES, (False, True), strict=True)
    }


def answer_positions(batch: Mapping[str, Any], image_token: int) -> torch.Tensor:
    """Return where the answers of the documents that show images end.

    Parameters
    ----------
    batch
        The batch contract of `octomed.stream`.
    image_token
        Id of the tokens that images take the place of.

    Returns
    -------
    Tensor
        Positions of tokens, int64 [answers]: of each document, its last supervised token but the one that
        ends the turn.

    Examples
    --------
    Two documents, the first of which shows an image.

    >>> batch = {
    ...     "input_ids": torch.tensor([[3, 7, 4, 9, 6, 5, 9]]),
    ...     "labels": torch.tensor([[-100, -100, 4, 9, -100, 5, 9]]),
    ...     "cu_seqlens": torch.tensor([0, 4, 7]),
    ... }
    >>> answer_positions(batch, image_token=7)
    tensor([2])
    """
    labels, ids = batch["labels"][0], batch["input_ids"][0]
    documents, shows = _documents(batch)
    shows[documents[ids == image_token]] = True
    learned = torch.nonzero(labels != IGNORED)[:, 0]
    of = documents[learned]
    # The last but one of each document: the entry after it is the document's last.
    answer = (of[:-2] == of[1:-1]) & (of[1:-1] != of[2:])
    answer = torch.cat([answer, (of[-2:-1] == of[-1:])]) if len(of) > 1 else answer
    return learned[: len(answer)][answer & shows[of[: len(answer)]]]


def keeps_an_image(batch: Mapping[str, Any], other: Mapping[str, Any], image_token: int) -> torch.Tensor:
    """Tell of each token whether its document shows an image that is the same in another batch.

    Parameters
    ----------
    batch, other
        The batch contract of `octomed.stream`, with other `image_refs`.
    image_token
        Id of the tokens that images take the place of.

    Returns
    -------
    Tensor
        Truth values, [tokens].
    """
    documents, keeps = _documents(batch)
    if len(batch.get("image_sizes", ())):
        refs = batch["image_refs"]
        units = batch["image_counts"][:, 1][refs]
        kept = (refs == other["image_refs"]).repeat_interleave(units)
        keeps[documents[batch["input_ids"][0] == image_token][kept]] = True
    return keeps[documents]


def _documents(batch: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the document of each token, [tokens], and a false for each document, to be set."""
    lengths = torch.diff(batch["cu_seqlens"].long())
    documents = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    return documents, torch.zeros(len(lengths), dtype=torch.bool, device=lengths.device)


def swapped(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch whose placeholders show each other's images, among those of one size.

    Parameters
    ----------
    batch
        The batch contract of `octomed.stream`.

    Examples
    --------
    >>> grids = ((1, 4, 4), (1, 4, 4), (1, 8, 4))
    >>> swapped({"image_refs": torch.tensor([0, 1, 2]), "image_sizes": grids})["image_refs"]
    tensor([1, 0, 2])
    """
    by_size: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for image, size in enumerate(batch.get("image_sizes", ())):
        by_size[tuple(size)].append(image)
    other = {one: images[at - 1] for images in by_size.values() for at, one in enumerate(images)}
    if not other:
        return dict(batch)
    table = torch.tensor([other[image] for image in range(len(other))], device=batch["image_refs"].device)
    return {**batch, "image_refs": table[batch["image_refs"]]}
