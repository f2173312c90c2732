"""A step on packs with pictures is a step on the same traces one by one through the stock model."""

from __future__ import annotations

from functools import cache

import pytest
import torch

pytest.importorskip("composer")

from . import image_ranks, image_tiny
from .one_step import difference
from .ranks import run_ranks

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


TEXT = image_tiny.of_text(5)
RANK_1_ALONE = [TEXT[:2], TEXT[2:3], DOCUMENTS[:4], DOCUMENTS[5:]]
NOBODY = [TEXT[:1], TEXT[1:3], TEXT[3:4], TEXT[4:]]
STEPS = [RANK_1_ALONE, NOBODY, [*PACKS, TEXT[:1]]]
CASES = {
    "ddp qwen2.5": {"family": "qwen2_5_vl"},
    "fsdp qwen3": {"family": "qwen3_vl", "fsdp": True, "checkpointing": True},
    "fsdp qwen2.5 frozen": {"family": "qwen2_5_vl", "dtype": "float32", "frozen": "vision", "fsdp": True},
    "ddp qwen3 frozen": {"family": "qwen3_vl", "frozen": "both", "microbatch": 2},
    "fsdp qwen3 frozen": {"family": "qwen3_vl", "frozen": "both", "microbatch": 2, "fsdp": True},
    "ddp qwen3": {"family": "qwen3_vl", "dtype": "float32", "microbatch": 2, "checkpointing": True},
}


@pytest.fixture(scope="module")
def by_two_ranks():
    """What both ranks have after three steps: rank 1 alone has pictures, nobody has, both have."""
    return run_ranks(2, image_ranks.all_steps, {name: (STEPS, case) for name, case in CASES.items()})


@pytest.mark.parametrize("name", CASES)
def test_a_step_where_one_rank_alone_has_pictures(by_two_ranks, name):
    case = CASES[name]
    some, dtype = [one for pack in RANK_1_ALONE for one in pack], case.get("dtype", "float64")
    expected = image_tiny.stock_gradients(case["family"], some, dtype, case.get("frozen", "nothing"))
    for rank in by_two_ranks:
        assert_equal(rank[name]["gradients"][0], expected, dtype)
        assert rank[name]["evaluated"] == pytest.approx(expected["loss"], rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_step_without_a_picture_leaves_the_tower_as_it_is(by_two_ranks, name):
    """Bit for bit, though it decays and has momentum."""
    for rank in by_two_ranks:
        before, after = rank[name]["weights"][:2]
        gradients = rank[name]["gradients"]
        tower = [key for key in before if ".visual." in key]
        assert bool(tower) == (CASES[name].get("frozen") != "both")
        assert all(torch.equal(before[key], after[key]) for key in tower)
        assert all(gradients[1][key] is None for key in tower)
        for step in (0, 2):
            assert all(gradients[step][key] is not None for key in tower)
            assert all(float(gradients[step][key].abs().max()) > 0 for key in tower if "weight" in key)
        moved = [key for key in before if "language_model.layers" in key and key.endswith("proj.weight")]
        assert moved
        assert not any(torch.equal(before[key], after[key]) for key in moved)


@pytest.mark.parametrize("name", CASES)
def test_three_steps_on_two_ranks_are_three_steps_on_one(by_two_ranks, name):
    case = dict(CASES[name])
    family, dtype = case["family"], case.get("dtype", "float64")
    model = image_tiny.fresh_model(family, dtype, case.get("frozen", "nothing"), tokens_at_once=16)
    trained = {key: one for key, one in model.named_parameters() if one.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=image_ranks.RATE, weight_decay=image_ranks.DECAY)
    for number, packs in enumerate(STEPS):
        image_tiny.packed_gradients(model, family, packs, 4)
        if number == 1:
            for one in model.language_model.model.visual.parameters():
                one.grad = None
        optimizer.step()
        optimizer.zero_grad()
    found = by_two_ranks[0][name]["weights"][-1]
    expected = {key: one.detach() for key, one in trained.items()}
    assert difference(found, expected) <= {"float64": 1e-8, "float32": 1e-3}[dtype]


def test_position_embeddings_are_interpolated_in_float32_under_fsdp():
    """Of embeddings in bfloat16, rounded once: weights in bfloat16 would give others."""
    [made] = run_ranks(1, image_ranks.interpolations, "qwen3_vl", PACKS)
    embedded = made["table"].bfloat16()[made["image_corner_indices"].long()].float()
    weights = made["image_corner_weights"]
    assert weights.dtype == torch.float32
    expected = (embedded * weights[:, :, None]).sum(1).bfloat16()
    rounded = (embedded * weights.bfloat16()[:, :, None].float()).sum(1).bfloat16()
    assert len(made["found"]) == 3
    for found in made["found"]:
        assert found.dtype == torch.bfloat16
        assert (found != expected).float().mean() < 0.01  # of another order of sums
        assert (found != rounded).float().mean() > 0.05
