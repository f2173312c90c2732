"""Accuracy of answers with images and with images swapped: which token is the answer, which image it gets."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("composer")

from octomed.train.image_ablation import AnswerAccuracy, answer_positions, swapped

IMAGE = 7
DOCUMENTS = (
    ([3, IMAGE, IMAGE, 4, 5, 9], [-100, -100, -100, 4, 5, 9]),  # answer 5
    ([6, 5, 8, 9], [-100, 5, 8, 9]),  # no image
    ([IMAGE, 2, 9, 3, 4, 9, 1], [-100, 2, 9, -100, 4, 9, -100]),  # two turns: the last answer, 4
    ([IMAGE, 9], [-100, 9]),  # nothing before the end of the turn
    ([IMAGE, 3, 3], [-100, -100, -100]),  # nothing to learn
    ([IMAGE, 8, 9], [-100, 8, 9]),  # answer 8
)


SIZES = ((1, 4, 4), (1, 4, 4), (1, 2, 2), (1, 4, 4), (1, 2, 2))


def batch_of(documents):
    lengths = [len(ids) for ids, _ in documents]
    units = [ids.count(IMAGE) for ids, _ in documents if IMAGE in ids]
    return {
        "input_ids": torch.tensor([[one for ids, _ in documents for one in ids]]),
        "labels": torch.tensor([[one for _, labels in documents for one in labels]]),
        "cu_seqlens": torch.tensor([0, *lengths]).cumsum(0).to(torch.int32),
        "image_refs": torch.arange(len(units)),
        "image_counts": torch.tensor([[16, one, 1] for one in units]).view(-1, 3),
        "image_sizes": SIZES[: len(units)],
    }


def slow(documents):
    """The last supervised token but one of each document that shows an image."""
    found, first = [], 0
    for ids, labels in documents:
        learned = [at for at, one in enumerate(labels) if one != -100]
        if IMAGE in ids and len(learned) > 1:
            found.append(first + learned[-2])
        first += len(ids)
    return found


@pytest.mark.parametrize("count", range(1, len(DOCUMENTS) + 1))
def test_the_answer_is_the_last_token_before_the_end_of_the_turn(count):
    documents = DOCUMENTS[-count:]
    assert answer_positions(batch_of(documents), IMAGE).tolist() == slow(documents)
    assert answer_positions(batch_of(documents[::-1]), IMAGE).tolist() == slow(documents[::-1])


def test_images_are_swapped_among_those_of_one_size():
    refs = swapped(batch_of(DOCUMENTS))["image_refs"].tolist()
    assert refs == [3, 0, 4, 1, 2]


def test_an_answer_counts_only_where_its_images_can_be_swapped():
    """The last image is the only one of its size now, and so is the third."""
    batch = batch_of(DOCUMENTS)
    batch["image_sizes"] = ((1, 4, 4), (1, 4, 4), (1, 2, 2), (1, 4, 4), (1, 8, 2))
    asked = []

    def logits(_, *, positions):
        asked.append(positions.tolist())
        return torch.zeros(len(positions), 10)

    metric = AnswerAccuracy(IMAGE, swap=True)
    metric.update(batch, logits)
    assert asked == [[one - 1 for one in slow(DOCUMENTS)[:2]]]
    assert not torch.isnan(metric.compute())
    assert (metric.of, metric.left_out) == (2, 1)


def test_a_batch_of_text_has_nothing_to_swap():
    batch = {"input_ids": torch.tensor([[1]])}
    assert swapped(batch) == batch


def test_right_answers_are_counted_over_batches():
    batch = batch_of(DOCUMENTS)
    asked = []

    def logits(given, *, positions):
        asked.append((given["image_refs"].tolist(), positions.tolist()))
        return torch.eye(10)[torch.tensor([5, 4, 0])[: len(positions)]]  # the third answer is wrong

    accuracy, ablated = AnswerAccuracy(IMAGE, swap=False), AnswerAccuracy(IMAGE, swap=True)
    for metric in (accuracy, ablated):
        metric.update(batch, logits)
        metric.update(batch_of(DOCUMENTS[1:2]), logits)
    assert float(accuracy.compute()) == pytest.approx(2 / 3)
    at = [one - 1 for one in slow(DOCUMENTS)]
    assert asked == [
        ([0, 1, 2, 3, 4], at),
        ([], []),
        ([3, 0, 4, 1, 2], at),
        ([], []),
    ]
