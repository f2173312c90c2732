"""Layers computed twice or compiled train as they would have without."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from . import tiny

pytest.importorskip("composer")

import torch._dynamo.utils
from octomed.train.build import read_configuration
from octomed.train.isolation import check_isolation
from octomed.train.layers import chosen_layers, compile_layers, recompute_layers
from octomed.train.network import decoder
from octomed.train.prepare import Prepared
from octomed.train.recipe import load_train_recipe
from octomed.train.run import make_model

from .sessions import write_recipe


@pytest.mark.parametrize("layers", [1, 2, 7, 28, 36])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.4, 0.5, 0.9, 1.0])
def test_a_share_of_the_layers_is_spread_over_the_depth(layers, share):
    chosen = chosen_layers(layers, share)
    assert len(chosen) == int(layers * share + 1e-9)
    assert set(chosen) <= set(range(layers))
    gaps = {after - before for before, after in itertools.pairwise(chosen)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


def gradients_of(model, batch):
    model.zero_grad()
    loss = model(batch)
    loss.backward()
    return loss.detach(), [one.grad.clone() for one in model.parameters() if one.requires_grad]


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_layers_computed_twice_give_the_same_gradients(share):
    batch = tiny.batch_of([tiny.traces(5), tiny.traces(3, seed=8)], tiny.rows_of("qwen2_5_vl"))
    model = tiny.fresh_model("qwen2_5_vl").train()
    once = gradients_of(model, batch)
    recompute_layers(model, model.language_model, share)
    wrapped = [type(layer).__name__ == "CheckpointWrapper" for layer in decoder(model.language_model).layers]
    assert wrapped == [number in chosen_layers(2, share) for number in range(2)]
    twice = gradients_of(model, batch)
    assert torch.equal(once[0], twice[0])
    assert all(torch.equal(*pair) for pair in zip(once[1], twice[1], strict=True))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("share", "twice"), [("false", []), ("0.5", [1]), ("true", [0, 1])])
def test_a_recipe_s_layers_are_computed_twice_and_compiled(tmp_path, share, twice, compiled):
    words = [f"model.activation_checkpointing={share}", f"model.compile_layers={str(compiled).lower()}"]
    recipe = load_train_recipe(write_recipe(tmp_path, tmp_path), words)
    configuration = read_configuration(None, recipe.model.config)
    text: Any = SimpleNamespace(vision=None)
    made = make_model(Prepared(recipe, text, configuration, None, tmp_path))
    layers = list(decoder(made.language_model).layers)
    wrapped = [getattr(layer, "_checkpoint_wrapped_module", None) for layer in layers]
    assert [number for number, inner in enumerate(wrapped) if inner is not None] == twice
    inside = [inner or layer for inner, layer in zip(wrapped, layers, strict=True)]
    assert ["forward" in vars(layer) for layer in inside] == [compiled] * 2


def forget_compiled():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_compiled_layers_give_the_same_gradients_for_packs_of_any_length(family):
    """Without code for a processor: whether all of a layer can be captured, beside recomputation too."""
    forget_compiled()
    model = tiny.fresh_model(family).train()
    batches = [tiny.batch_of([tiny.traces(count)], tiny.rows_of(family)) for count in (5, 3, 8)]
    plain = [gradients_of(model, batch) for batch in batches]
    names = [name for name, _ in model.named_parameters()]
    compile_layers(model.language_model, backend="aot_eager")
    recompute_layers(model, model.language_model, 0.5)
    compiled = [gradients_of(model, batch) for batch in batches]
    for (loss, gradients), (other, others) in zip(plain, compiled, strict=True):
        assert torch.allclose(loss, other, rtol=1e-6)
        for one, same in zip(gradients, others, strict=True):
            assert (one - same).norm() <= 1e-5 * one.norm()
    assert [name.replace("_checkpoint_wrapped_module.", "") for name, _ in model.named_parameters()] == names
    counted = torch._dynamo.utils.counters["stats"]
    assert 2 <= counted["unique_graphs"] <= 4, "one compilation serves all layers and lengths"


@pytest.mark.gpu
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_compiled_layers_keep_documents_apart_on_a_gpu(family):
    forget_compiled()
    model = tiny.fresh_model(family, dtype="bfloat16").cuda()
    batch = tiny.batch_of([tiny.traces(5)], tiny.rows_of(family))
    batch = {name: one.cuda() if isinstance(one, torch.Tensor) else one for name, one in batch.items()}
    plain = gradients_of(model, batch)
    compile_layers(model.language_model)
    compiled = gradients_of(model, batch)
    assert torch.allclose(plain[0], compiled[0], rtol=2e-2)
    for one, same in zip(plain[1], compiled[1], strict=True):
        assert (one - same).norm() <= 5e-2 * one.norm()

    @torch.no_grad()
    def forward(batch):
        return model.network(batch, want="logits")

    model.eval()
    rows = tiny.rows_of(family)
    assert check_isolation(forward, vocabulary=tiny.VOCABULARY, rows=rows, device="cuda") <= 2e-2
