"""A step on packs with pictures is a step on the same traces one by one through the stock model."""

from __future__ import annotations

from functools import cache

import pytest

pytest.importorskip("composer")

from . import image_tiny
from .one_step import difference

DOCUMENTS = image_tiny.documents(9)
PACKS = [DOCUMENTS[:4], DOCUMENTS[4:5], DOCUMENTS[5:]]
"""The second shows no picture."""
LIMITS = {"float64": 1e-9, "float32": 1e-4}


@pytest.fixture(scope="module", autouse=True)
def _without_rounding():
    with image_tiny.without_rounding():
        yield


@cache
def stock(family: str, dtype: str, frozen: str = "nothing", weighting: str = "token"):
    return image_tiny.stock_gradients(family, DOCUMENTS, dtype, frozen, weighting)


def assert_equal(found, expected, dtype):
    assert difference(found, expected) <= LIMITS[dtype]
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)


def test_the_documents_are_of_every_kind():
    counts = [len(document.images) for document in DOCUMENTS]
    assert set(counts) == {0, 1, 2}
    for pack in (PACKS[0], PACKS[2]):
        shown = [image for document in pack for image in document.images]
        assert len(set(shown)) < len(shown)
    assert not PACKS[1][0].images
    batch = image_tiny.batch_of("qwen2_5_vl", PACKS)
    assert int((batch["supervised_tokens"] == 0).sum()) == 1
    assert int(batch["image_counts"][:, 2].max()) > 1


@pytest.mark.parametrize(
    ("family", "dtype", "frozen", "microbatch", "weighting"),
    [
        ("qwen2_5_vl", "float64", "nothing", 1, "token"),
        ("qwen2_5_vl", "float32", "vision", 3, "trace"),
        ("qwen2_5_vl", "float64", "both", 3, "token"),
        ("qwen2_5_vl", "float32", "projector", 1, "token"),
        ("qwen3_vl", "float64", "nothing", 3, "trace"),
        ("qwen3_vl", "float32", "nothing", 1, "token"),
        ("qwen3_vl", "float64", "vision", 1, "token"),
        ("qwen3_vl", "float32", "both", 3, "trace"),
    ],
)
def test_a_rank_s_step(family, dtype, frozen, microbatch, weighting):
    model = image_tiny.fresh_model(family, dtype, frozen, weighting=weighting, tokens_at_once=16)
    found = image_tiny.packed_gradients(model, family, PACKS, microbatch, weighting)
    assert_equal(found, stock(family, dtype, frozen, weighting), dtype)
