"""The tower beside the stock one: features and gradients, images apart, one call a layer, work as counted."""

from __future__ import annotations

import copy
import itertools
import random
from typing import Any

import pytest
import torch
from octomed.errors import DataError, InternalError, RecipeError
from torch.utils._python_dispatch import TorchDispatchMode

from . import tiny, towers

pytest.importorskip("composer")

from octomed.train import tower_attention
from octomed.train.tower import Tower
from octomed.train.tower_attention import take_over

FAMILIES = list(towers.FAMILIES)


def tower_of(family: str, dtype: str = "float32") -> tuple[Any, Tower]:
    model = towers.model(family, dtype)
    return model, Tower(model, towers.vision(family))


def some_grids(count: int, seed: int) -> list[tuple[int, int, int]]:
    return towers.grids_of(random.Random(seed).choices(towers.HOSTILE, k=count))


def features_and_gradients(model, features):
    """Features, and gradients of a sum that every value of them weighs otherwise in."""
    draw = torch.Generator().manual_seed(1)
    total = sum((one * torch.randn(one.shape, generator=draw).to(one)).sum() for one in features)
    tower = model.model.visual
    tower.zero_grad()
    total.backward()
    gradients = {name: one.grad.clone() for name, one in tower.named_parameters()}
    return [one.detach() for one in features], gradients


def distance(found, expected):
    found, expected = found.detach().double(), expected.detach().double()
    return float((found - expected).norm() / expected.norm())


BOUNDS = {"float64": (1e-13, 1e-12), "float32": (1e-6, 1e-5), "bfloat16": (2e-2, 6e-2)}
"""Of features and gradients, relative. Rotations are in float32 in every type, in the stock towers, too."""


@pytest.mark.parametrize(
    ("dtype", "count"), [("float32", 1), ("float32", 5), ("float32", 40), ("float64", 7), ("bfloat16", 6)]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_features_and_gradients_are_those_of_the_stock_tower(family, dtype, count):
    model, tower = tower_of(family, dtype)
    batch = towers.batch_of(tower.tables, family, some_grids(count, count), count)
    merged, deep = tower(batch)
    ours = features_and_gradients(model, [merged, *deep])
    stock = features_and_gradients(model, towers.stock(model, family, batch))
    assert len(deep) == (2 if family == "qwen3_vl" else 0)
    assert len(merged) == tower.units(batch)
    of_features, of_gradients = BOUNDS[dtype]
    for found, expected in zip(ours[0], stock[0], strict=True):
        assert found.dtype == expected.dtype
        assert distance(found, expected) <= of_features
    for name, expected in stock[1].items():
        assert distance(ours[1][name], expected) <= of_gradients, name


@pytest.mark.parametrize("family", FAMILIES)
def test_every_size_by_itself_is_as_in_the_stock_tower(family):
    model, tower = tower_of(family)
    with torch.no_grad():
        for grid in towers.grids_of(towers.HOSTILE):
            batch = towers.batch_of(tower.tables, family, [grid])
            merged, deep = tower(batch)
            for found, expected in zip([merged, *deep], towers.stock(model, family, batch), strict=True):
                assert distance(found, expected) <= 1e-6


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_leaves_the_others_as_they_are_bit_for_bit(family):
    _, tower = tower_of(family)
    grids = towers.grids_of(towers.HOSTILE)
    batch = towers.batch_of(tower.tables, family, grids)
    sizes = batch["image_counts"][:, 1].tolist()
    merged, deep = tower(batch)
    before = [one.split(sizes) for one in (merged, *deep)]
    begins = batch["image_counts"][:, 0].cumsum(0) - batch["image_counts"][:, 0]
    for image, begin in enumerate(begins.tolist()):
        patches = batch["image_patches"].clone()
        patches[begin] = 255 - patches[begin]  # one patch of it
        merged, deep = tower(batch | {"image_patches": patches})
        for one, same in zip([merged, *deep], before, strict=True):
            changed = [not torch.equal(*pair) for pair in zip(one.split(sizes), same, strict=True)]
            assert changed == [number == image for number in range(len(grids))]


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_an_image_among_others_is_as_by_itself(family):
    _, tower = tower_of(family, "float64")
    grids = towers.grids_of(towers.HOSTILE)
    batch = towers.batch_of(tower.tables, family, grids)
    among = tower(batch)
    sizes = batch["image_counts"][:, 1].tolist()
    patches = batch["image_patches"].split(batch["image_counts"][:, 0].tolist())
    for image, grid in enumerate(grids):
        alone = towers.batch_of(tower.tables, family, [grid]) | {"image_patches": patches[image]}
        assert distance(among.merged.split(sizes)[image], tower(alone).merged) <= 1e-12


def slow_varlen(query, key, value, stretches, scaling, *, causal):  # noqa: PLR0913 as the kernels
    """A kernel of variable lengths as a GPU has them, written the slow way; it sees edges alone."""
    assert not causal
    assert stretches.cu_seqlens.dtype == torch.int32
    edges = stretches.cu_seqlens.tolist()
    assert edges[0] == 0
    assert edges[-1] == len(query)
    assert max(end - begin for begin, end in itertools.pairwise(edges)) == stretches.longest
    assert len(edges) - 1 == len(stretches.lengths)
    parts = []
    for begin, end in itertools.pairwise(edges):
        of_heads = [part[begin:end].transpose(0, 1) for part in (query, key, value)]
        scores = (of_heads[0] @ of_heads[1].transpose(1, 2) * scaling).softmax(-1)
        parts.append((scores @ of_heads[2]).transpose(0, 1))
    return torch.cat(parts)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_makes_one_call_whatever_the_number_of_images_and_windows(family, monkeypatch):
    _, tower = tower_of(family, "float64")
    grids = some_grids(20, 7)
    batch = towers.batch_of(tower.tables, family, grids)
    expected = tower(batch)
    calls: list[int] = []

    def counted(*parts, causal):
        calls.append(len(parts[3].cu_seqlens) - 1)
        return slow_varlen(*parts, causal=causal)

    monkeypatch.setattr(tower_attention, "varlen_kernel", lambda *_: counted)
    found = tower(batch)
    assert distance(found.merged, expected.merged) <= 1e-12
    windows = int(batch["image_counts"][:, 2].sum())
    assert calls == [windows, 20, windows, 20] if family == "qwen2_5_vl" else [20] * 4
    if family == "qwen2_5_vl":
        assert windows > 2 * len(grids)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_such_a_kernel_stretches_of_one_length_are_one_call(family, monkeypatch):
    _, tower = tower_of(family)
    batch = towers.batch_of(tower.tables, family, towers.grids_of([(8, 8)] * 3 + [(4, 16)] * 2 + [(1, 4)]))
    shapes: list[int] = []
    attend = torch.nn.functional.scaled_dot_product_attention

    def counted(query, *others, **named):
        shapes.append(query.shape[0])
        return attend(query, *others, **named)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    tower(batch)
    full = [1, 5]  # images of 16 and of 256 patches
    windows = [1, 3 * 4 + 2 * 4]  # of 16 and of 64 patches
    assert shapes == (windows + full) * 2 if family == "qwen2_5_vl" else full * 4


class NoWaiting(TorchDispatchMode):
    """Refuses what reads a tensor's values on the host, or depends on them: a device would be waited for."""

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        name = function.name().removeprefix("aten::")
        for waits in ("_local_scalar_dense", "nonzero", "unique", "masked_select", "equal", "is_nonzero"):
            assert not name.startswith(waits), name
        if name.startswith("repeat_interleave"):
            assert (named or {}).get("output_size") is not None
        assert name not in ("_to_copy", "lift_fresh") or "device" not in (named or {})
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_never_waits_for_the_device(family, monkeypatch):
    model, tower = tower_of(family)

    def kernel(query, key, value, *_, causal):
        assert not causal
        return query + key + value

    monkeypatch.setattr(tower_attention, "varlen_kernel", lambda *_: kernel)
    batch = towers.batch_of(tower.tables, family, some_grids(5, 1))
    tower(batch)  # what is made once a device
    with NoWaiting():
        tower(batch).merged.sum().backward()
        tower(tower.smallest("cpu"))
    model.zero_grad()
    with NoWaiting(), pytest.raises(AssertionError, match="_local_scalar_dense"):
        batch["image_grid_thw"][0, 0].item()


def trained(tower, names):
    """What of a tower has parameters that are trained after those that begin with `names` alone are."""
    for name, parameter in tower.named_parameters():
        parameter.requires_grad_(requires_grad=name.startswith(names))


def kept_by(function):
    """Return a result, and the values that autograd keeps for its backward pass."""
    sizes: list[int] = []

    def keep(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function()
    return result, sum(sizes)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_frozen_tower_runs_without_a_graph(family):
    model = towers.fresh(family)
    tower = Tower(model, towers.vision(family))
    batch = towers.batch_of(tower.tables, family, some_grids(3, 1))
    (merged, _), everything = kept_by(lambda: tower(batch))
    assert merged.requires_grad
    trained(model.model.visual, ())
    features, nothing = kept_by(lambda: tower(batch))
    assert not any(one.requires_grad for one in (features.merged, *features.deep))
    assert nothing == 0
    trained(model.model.visual, ("merger", "deepstack"))
    features, mergers = kept_by(lambda: tower(batch))
    assert all(one.requires_grad for one in (features.merged, *features.deep))
    assert 0 < mergers < everything / 3
    features_and_gradients_exist = torch.autograd.grad(
        features.merged.sum(), model.model.visual.merger.parameters()
    )
    assert all(one.norm() > 0 for one in features_and_gradients_exist[-2:])
    assert torch.equal(features.merged, merged)


def test_adapters_in_the_tower_are_trained_and_those_elsewhere_leave_it_without_a_graph():
    model = towers.fresh("qwen2_5_vl").requires_grad_(requires_grad=False)
    tower = Tower(model, towers.vision("qwen2_5_vl"))
    batch = towers.batch_of(tower.tables, "qwen2_5_vl", some_grids(2, 1))
    model.model.language_model.layers[0].mlp.up_proj.weight.requires_grad_()
    assert not tower(batch).merged.requires_grad
    attention = model.model.visual.blocks[2].attn
    plain, adapter = attention.qkv, torch.nn.Linear(32, 96, bias=False)
    attention.qkv = torch.nn.Sequential(plain, torch.nn.Identity())
    assert not tower(batch).merged.requires_grad
    attention.qkv.append(adapter_beside(plain, adapter))
    del attention.qkv[:2]
    merged = tower(batch).merged
    (gradient,) = torch.autograd.grad(merged.sum(), adapter.weight)
    assert gradient.norm() > 0


def adapter_beside(plain, adapter):
    class Beside(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.base_layer, self.adapter = plain, adapter

        def forward(self, rows):
            return self.base_layer(rows) + self.adapter(rows)

    return Beside()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_smallest_image_is_what_the_loader_makes_of_one(family):
    from octomed.stream import Collator

    from tests.stream import image_packs as by_hand

    model, tower = tower_of(family)
    record = by_hand.RECORDS[towers.FAMILIES[family]] | {"min_pixels": 1}
    image = by_hand.encoded(record["patch_size"] * 2, record["patch_size"] * 2)
    pack = by_hand.pack_of([by_hand.Document([image, ([5], True)])], record)
    batch = Collator(vision=record, tower_tables=tower.tables)([pack])
    dummy = tower.smallest("cpu")
    of_placeholders = {"image_refs", "image_tokens"}
    assert dummy.keys() == {name for name in batch if name.startswith("image_")} - of_placeholders
    for name, value in dummy.items():
        if name == "image_sizes":
            assert value == batch[name] == ((1, 2, 2),)
        else:
            assert (value.shape, value.dtype) == (batch[name].shape, batch[name].dtype), name
            assert name == "image_patches" or torch.equal(value, batch[name]), name
    assert tower(dummy).merged.shape == (1, model.config.get_text_config().hidden_size)
    dummy["image_sizes"] = ()  # of this copy
    assert tower.smallest("cpu")["image_sizes"] == ((1, 2, 2),)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_that_lacks_something_is_refused_by_name(family):
    _, tower = tower_of(family)
    batch = towers.batch_of(tower.tables, family, some_grids(2, 1))
    for name in batch:
        with pytest.raises(DataError, match=f"`{name}`"):
            tower({key: value for key, value in batch.items() if key != name})
    with pytest.raises(DataError, match="0 images"):
        tower(towers.batch_of(tower.tables, family, []))
    for name in ("image_patches", "image_positions", "image_grid_thw"):
        with pytest.raises(DataError, match="2 images"):
            tower(batch | {name: batch[name][1:]})


def test_a_model_without_a_tower_is_refused():
    with pytest.raises(RecipeError, match="no vision tower"):
        Tower(tiny.language_model("llama"), towers.vision("qwen3_vl"))
    with pytest.raises(InternalError, match="not as known"):
        take_over(torch.nn.Linear(2, 2))


def test_a_copy_of_the_model_has_a_tower_of_its_own():
    model = towers.fresh("qwen3_vl")
    tower = Tower(model, towers.vision("qwen3_vl"))
    copied = copy.deepcopy(model)
    batch = towers.batch_of(tower.tables, "qwen3_vl", some_grids(2, 1))
    with torch.no_grad():
        before = tower(batch).merged
        for parameter in model.model.visual.blocks.parameters():
            parameter.mul_(0.5)
        assert torch.equal(Tower(copied, towers.vision("qwen3_vl"))(batch).merged, before)
        assert not torch.equal(tower(batch).merged, before)


@pytest.mark.parametrize("family", FAMILIES)
def test_operations_are_those_that_torch_counts(family):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model = towers.fresh(family)
    visual, vision = model.model.visual, towers.vision(family)
    batch = towers.batch_of(Tower(model, vision).tables, family, some_grids(6, 4))

    def counted(names):
        trained(visual, names)
        tower = Tower(model, vision)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            features = tower(batch)
            if features.merged.requires_grad:
                torch.cat([features.merged, *features.deep]).sum().backward()
        return counter.get_total_flops(), tower.operations({"image_sizes": batch["image_sizes"]})

    found, said = counted(())
    assert found == said
    patches = sum(found[1] * found[2] for found in batch["image_sizes"])
    pixels = 2.0 * patches * visual.patch_embed.proj.weight.numel()
    everything, thrice = counted(("",))
    assert thrice == 3 * said
    assert everything == thrice - pixels, "no gradient of pixels is computed"
    mergers, more = counted(("merger", "deepstack"))
    assert said < more < thrice
    assert mergers == more, "frozen layers are run forward alone"


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_gpu_s_features_and_gradients_are_those_of_the_stock_tower(family, dtype):
    model = towers.fresh(family, dtype).cuda()
    tower = Tower(model, towers.vision(family))
    batch = towers.batch_of(tower.tables, family, some_grids(20, 5))
    batch = {name: one.cuda() if isinstance(one, torch.Tensor) else one for name, one in batch.items()}
    tower(batch)
    torch.cuda.set_sync_debug_mode("error" if dtype == "bfloat16" else "default")
    try:
        merged, deep = tower(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    features, gradients = features_and_gradients(model, [merged, *deep])
    expected, others = features_and_gradients(model, towers.stock(model, family, batch))
    bound = 5e-2 if dtype == "bfloat16" else 1e-3
    assert all(distance(*pair) <= bound for pair in zip(features, expected, strict=True))
    assert all(distance(gradients[name], one) <= 2 * bound for name, one in others.items())
    assert tower.smallest("cuda")["image_patches"].device.type == "cuda"
