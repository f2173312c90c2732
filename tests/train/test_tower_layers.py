"""The tower's layers computed twice or compiled: the same gradients, and once for images of any number."""

from __future__ import annotations

import random

import pytest
import torch

from . import towers

pytest.importorskip("composer")

import torch._dynamo.utils
from octomed.train.layers import compile_layers, recompute_layers
from octomed.train.model import OctomedModel
from octomed.train.tower import Tower

FAMILIES = list(towers.FAMILIES)


def batch_with(tower, family, count, seed):
    """A batch of so many small images; of none, what stands in for them."""
    units = random.Random(seed).choices([(1, 1), (1, 3), (2, 2), (5, 4), (3, 7)], k=count)
    return (
        towers.batch_of(tower.tables, family, towers.grids_of(units), seed)
        if count
        else tower.smallest("cpu")
    )


def gradients_of(model, tower, batch):
    merged, deep = tower(batch)
    model.zero_grad()
    torch.cat([merged, *deep]).square().sum().backward()
    names = (
        name.replace("_checkpoint_wrapped_module.", "") for name, _ in model.model.visual.named_parameters()
    )
    gradients = [one.grad.clone() for one in model.model.visual.parameters()]
    return merged.detach(), dict(zip(names, gradients, strict=True))


def wrapped(layers):
    return [hasattr(layer, "_checkpoint_wrapped_module") for layer in layers]


@pytest.mark.parametrize(("share", "twice"), [(0.5, [False, True] * 2), (1.0, [True] * 4)])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_trained_tower_s_layers_are_computed_twice_with_the_same_gradients(family, share, twice):
    model = towers.fresh(family)
    tower = Tower(model, towers.vision(family))
    batch = batch_with(tower, family, 5, 1)
    once = gradients_of(model, tower, batch)
    calls: list[int] = []
    for number, layer in enumerate(model.model.visual.blocks):
        layer.mlp.register_forward_pre_hook(lambda *_, number=number: calls.append(number))
    recompute_layers(OctomedModel(model), model, share)
    assert wrapped(model.model.visual.blocks) == twice
    again = gradients_of(model, tower, batch)
    assert [calls.count(number) for number in range(4)] == [1 + one for one in twice]
    assert torch.equal(once[0], again[0])
    assert once[1].keys() == again[1].keys()
    assert all(torch.equal(again[1][name], one) for name, one in once[1].items())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_frozen_tower_s_layers_are_left_as_they_are(family):
    model = towers.fresh(family)
    model.model.visual.requires_grad_(requires_grad=False)
    model.model.visual.merger.requires_grad_(requires_grad=True)
    recompute_layers(OctomedModel(model), model, 1.0)
    assert wrapped(model.model.visual.blocks) == [False] * 4
    assert wrapped(model.model.language_model.layers) == [True] * 2


@pytest.mark.parametrize("freeze", [False, True], ids=["trained", "frozen"])
@pytest.mark.parametrize("family", FAMILIES)
def test_after_warm_up_no_number_of_images_windows_or_patches_is_compiled_for(family, freeze):
    model = towers.fresh(family)
    model.model.visual.requires_grad_(requires_grad=not freeze)
    tower = Tower(model, towers.vision(family))
    counts = [3, 0, 1, 2, 40, *random.Random(2).choices(range(13), k=45)]
    batches = [batch_with(tower, family, count, seed) for seed, count in enumerate(counts)]
    expected = [tower(batch).merged.detach() for batch in batches[:5]]
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compile_layers(model, backend="eager")
    if not freeze:
        recompute_layers(OctomedModel(model), model, 0.5)

    def step(batch):
        merged = tower(batch).merged
        if merged.requires_grad:
            merged.sum().backward()
        return merged.detach()

    found = [step(batch) for batch in batches[:5]]
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert 2 <= graphs <= 4, "one compilation serves all layers"
    for one, same in zip(found, expected, strict=True):
        assert torch.allclose(one, same, atol=1e-5)
    for batch in batches[5:]:
        step(batch)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    assert not torch._dynamo.utils.counters["recompile_limit"]
    breaks = torch._dynamo.utils.counters["graph_break"]
    assert len(breaks) <= 1, "at the attention alone"


def test_compiled_layers_of_the_tower_give_the_same_gradients():
    family = "qwen2_5_vl"
    model = towers.fresh(family, depth=2)
    tower = Tower(model, towers.vision(family))
    batches = [batch_with(tower, family, count, count) for count in (4, 0)]
    plain = [gradients_of(model, tower, batch) for batch in batches]
    torch._dynamo.reset()
    compile_layers(model, backend="aot_eager")
    for batch, (merged, gradients) in zip(batches, plain, strict=True):
        found, others = gradients_of(model, tower, batch)
        assert torch.allclose(found, merged, rtol=1e-4, atol=1e-5)
        for name, one in gradients.items():
            assert (others[name] - one).norm() <= 1e-4 * one.norm() + 1e-6, name
