"""What a network does with images: each once, at its places, dummies for nothing, and what it all costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from octomed.errors import DataError
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

pytest.importorskip("composer")

from tests.stream import image_packs as by_hand

from . import image_tiny, tiny
from .image_tiny import FAMILIES
from .one_step import difference

DOCUMENTS = image_tiny.documents(9)


class Repeating(by_hand.Builder):
    """Puts an image into a pack for each placeholder."""

    def add(self, document):
        known, refs = self.images, self.refs
        self.images, self.refs = [], []
        for part in document.parts:
            if isinstance(part, bytes):
                known = [*known, part]
                refs = [*refs, len(known) - 1]
        super().add(document)
        self.images, self.refs = known, refs


def repeated_batch(family, packs):
    made = []
    for pack in packs:
        builder = Repeating(image_tiny.RECORDS[family])
        for document in pack:
            builder.add(document)
        made.append(builder.pack())
    return image_tiny.collator(family)(made)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_once_is_an_image_at_each_of_its_places(family, dtype):
    packs = [DOCUMENTS[:5], DOCUMENTS[5:]]
    once, often = image_tiny.batch_of(family, packs), repeated_batch(family, packs)
    assert len(once["image_sizes"]) < len(often["image_sizes"]) == len(once["image_refs"])
    found = []
    with image_tiny.without_rounding():
        model = image_tiny.fresh_model(family, dtype, tokens_at_once=16)
        for batch in (once, often):
            hidden = model.network(batch, want="hidden").detach()
            loss = model(batch)
            loss.backward()
            found.append((hidden, {name: one.grad.clone() for name, one in model.named_parameters()}))
            model.zero_grad()
    states = [hidden for hidden, _ in found]
    if dtype == "float32":
        assert torch.equal(*states)
    else:  # products of another number of rows round otherwise in the last digit
        assert float((states[0] - states[1]).abs().max()) <= 1e-13 * float(states[1].abs().max())
    assert difference(found[0][1], found[1][1]) <= {"float64": 1e-9, "float32": 1e-6}[dtype]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_of_text_is_what_it_is_to_a_model_of_text(family):
    """Loss and gradients, and zeros where a dummy went through the tower."""
    batch = image_tiny.batch_of(family, [image_tiny.of_text(4), DOCUMENTS[:1]])
    assert batch["image_sizes"] == ()
    plain = {name: value for name, value in batch.items() if not name.startswith("image_")}
    model = image_tiny.fresh_model(family, tokens_at_once=16)
    loss = model(batch)
    loss.backward()
    gradients = {name: one.grad for name, one in model.named_parameters()}
    assert all(one is not None for one in gradients.values()), "DDP would wait for it"
    assert not any(float(one.abs().max()) for name, one in gradients.items() if ".visual." in name)
    from octomed.train.model import OctomedModel

    of_text = OctomedModel(model.language_model, tokens_at_once=16)
    model.zero_grad()
    alone = of_text(plain)
    alone.backward()
    assert torch.equal(loss, alone)
    for name, one in of_text.named_parameters():
        if ".visual." not in name:
            assert torch.equal(one.grad, gradients[name]), name


@pytest.mark.parametrize("frozen", ["vision", "both"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_tower_is_entered_once_a_microbatch_frozen_or_not(family, frozen):
    from octomed.train.batches import split_batch

    model = image_tiny.fresh_model(family, frozen=frozen)
    entered = []
    for block in model.language_model.model.visual.blocks:
        block.register_forward_hook(lambda *_: entered.append(1))
    parts = split_batch(image_tiny.batch_of(family, [DOCUMENTS[:3], image_tiny.of_text(2), DOCUMENTS[3:]]), 1)
    for part in parts:
        before = len(entered)
        model(part).backward()
        with torch.no_grad():
            model.eval_forward(part)
        assert len(entered) - before == 2 * 2  # blocks, and passes


def test_a_dummy_counts_nowhere():
    from octomed.train.batches import number_of_packs, numbers_of_tokens

    batch = image_tiny.batch_of("qwen2_5_vl", [image_tiny.of_text(4)])
    plain = {name: value for name, value in batch.items() if not name.startswith("image_")}
    model = image_tiny.fresh_model("qwen2_5_vl")
    before = {name: value.clone() for name, value in batch.items() if isinstance(value, torch.Tensor)}
    model(batch)
    assert all(torch.equal(batch[name], value) for name, value in before.items())
    assert numbers_of_tokens(batch) == numbers_of_tokens(plain)
    assert number_of_packs(batch) == 1
    assert model.vision_operations(batch) == model.operations_saved(batch) == 0
    assert model.flops_per_batch(batch) == model.flops_per_batch(plain)


@pytest.mark.parametrize("frozen", ["nothing", "both"])
@pytest.mark.parametrize("family", FAMILIES)
def test_operations_are_those_that_torch_counts(family, frozen):
    """Forward, which is all of it where the tower is frozen, and a third where it is trained."""
    model = image_tiny.fresh_model(family, frozen=frozen)
    batch = image_tiny.batch_of(family, [DOCUMENTS[2:5], DOCUMENTS[5:]])
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model.network._features(batch)
    forward = counter.get_total_flops()
    share = model.vision_operations(batch) / forward
    assert share == pytest.approx(1.0 if frozen == "both" else 3.0, rel=0.01)
    text = {name: value for name, value in batch.items() if not name.startswith("image_")}
    assert model.flops_per_batch(batch) == model.flops_per_batch(text) + model.vision_operations(batch)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_reuse_saves_is_what_the_tower_would_do_for_each_place(family):
    packs = [DOCUMENTS[:5], DOCUMENTS[5:]]
    model = image_tiny.fresh_model(family)
    once, often = image_tiny.batch_of(family, packs), repeated_batch(family, packs)
    assert model.operations_saved(often) == 0
    saved = model.vision_operations(often) - model.vision_operations(once)
    assert model.operations_saved(once) == pytest.approx(saved)
    assert saved > 0


def test_a_frozen_matrix_costs_four_operations_and_a_trained_one_six():
    from octomed.train.model import OctomedModel

    inner = tiny.language_model("qwen2")
    batch = tiny.batch_of([tiny.traces(4)], 1)
    whole = OctomedModel(inner).flops_per_batch(batch)
    for parameter in inner.model.layers.parameters():
        parameter.requires_grad_(False)
    try:
        matrices = sum(one.numel() for one in inner.model.layers.parameters() if one.ndim > 1)
        less = OctomedModel(inner).flops_per_batch(batch)
    finally:
        inner.requires_grad_(True)
    assert whole - less == 2 * matrices * batch["input_ids"].shape[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_asks_the_device_for_numbers(family, monkeypatch):
    """A number that is read waits until the device has done all before it."""
    batch = image_tiny.batch_of(family, [DOCUMENTS[:5]])
    text = image_tiny.batch_of(family, [image_tiny.of_text(2)])
    network = image_tiny.fresh_model(family).network
    network.tower.smallest("cpu")

    def asked(*_, **__):
        raise AssertionError("a number was read from the device")

    for name in (
        "item",
        "tolist",
        "cpu",
        "numpy",
        "nonzero",
        "__int__",
        "__bool__",
        "__index__",
        "__float__",
    ):
        monkeypatch.setattr(torch.Tensor, name, asked)
    monkeypatch.setattr(torch, "nonzero", asked)
    for one in (batch, text):
        network.decoder_inputs(one)


@pytest.mark.parametrize("name", ["image_tokens", "image_sizes", "image_patches", "image_refs"])
def test_a_batch_without_what_training_needs_is_refused_by_name(name):
    network = image_tiny.fresh_model("qwen2_5_vl").network
    batch = image_tiny.batch_of("qwen2_5_vl", [DOCUMENTS[:3]])
    with pytest.raises(DataError, match=f"the batch has no `{name}`"):
        network({key: value for key, value in batch.items() if key != name})
    with pytest.raises(DataError, match="has `pixel_values`, which training does not take"):
        network(batch | {"pixel_values": torch.zeros(4, 2)})
    with pytest.raises(DataError, match="does not know `reward`"):
        network(batch | {"reward": torch.zeros(4, 2)})


def test_a_model_of_text_refuses_images():
    from octomed.train.model import OctomedModel

    model = OctomedModel(image_tiny.language_model("qwen2_5_vl"))
    with pytest.raises(DataError, match="and the model was made for text alone"):
        model(image_tiny.batch_of("qwen2_5_vl", [DOCUMENTS[:3]]))


def test_more_patches_than_memory_is_a_sentence(monkeypatch):
    network = image_tiny.fresh_model("qwen2_5_vl").network
    batch = image_tiny.batch_of("qwen2_5_vl", [DOCUMENTS[2:3]])
    patches = len(batch["image_patches"])

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(network.language_model.model.visual.blocks[0], "forward", full)
    with pytest.raises(DataError, match=f"ran out of memory on {patches:,} patches of 2 images") as told:
        network(batch)
    assert f"pack.max_patches={patches // 2}" in told.value.hint
    assert "CUDA" not in told.value.message


def test_images_of_packs_go_with_their_packs():
    """Microbatches are what the packs alone give: numbers of images, tokens, units begin anew."""
    from octomed.train.batches import split_batch

    packs = [DOCUMENTS[:3], image_tiny.of_text(2), DOCUMENTS[3:]]
    for family in FAMILIES:
        parts = split_batch(image_tiny.batch_of(family, packs), 1)
        for part, pack in zip(parts, packs, strict=True):
            alone = image_tiny.batch_of(family, [pack])
            assert list(part) == list(alone)
            for name, value in alone.items():
                same = torch.equal(torch.as_tensor(part[name]), torch.as_tensor(value))
                assert same, name
            assert part["image_tokens"] == (int((part["input_ids"] == image_tiny.IMAGE).sum()),)
            assert np.prod(part["image_sizes"], axis=-1).sum() == len(part["image_patches"]) or not len(
                part["image_sizes"]
            )


@pytest.mark.parametrize("decoupled", [False, True])
def test_an_optimizer_has_state_for_a_tower_that_no_image_has_moved_yet(decoupled):
    """Else a sharded checkpoint of such a step would not load; and its first step is a first step."""
    from composer.optim import DecoupledAdamW
    from octomed.train.vision_gradients import make_state

    found = []
    for early in (True, False):
        draw = torch.Generator().manual_seed(3)
        used, unused = (torch.nn.Parameter(torch.randn(4, 3, generator=draw)) for _ in range(2))
        before = unused.detach().clone()
        kind = DecoupledAdamW if decoupled else torch.optim.AdamW
        optimizer = kind([used, unused], lr=0.1, weight_decay=0.5)
        used.grad = torch.randn(4, 3, generator=draw)
        if early:
            gradient = used.grad
            make_state(optimizer)
            assert used.grad is gradient
            assert unused.grad is None
            assert set(optimizer.state) == {unused}
        optimizer.step()
        assert torch.equal(unused, before)
        assert len(optimizer.state) == 1 + early
        unused.grad = used.grad * 2
        optimizer.step()
        found.append([used.detach(), unused.detach()])
    assert all(map(torch.equal, *found))
