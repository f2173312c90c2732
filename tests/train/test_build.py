"""Weights of a local folder, and of a hub id as a hub's cache has it: nothing here asks a network."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from octomed.errors import RecipeError

from . import image_tiny, tiny

pytest.importorskip("composer")

from octomed.train.build import build_model, read_configuration
from octomed.train.isolation import check_isolation
from octomed.train.network import PackedNetwork


@pytest.fixture(params=tiny.FAMILIES)
def saved(request, tmp_path):
    """A model of another seed than a fresh one has, as `save_pretrained` writes it."""
    made = build_model(read_configuration(None, tiny.configuration(request.param)), seed=5)
    made.save_pretrained(tmp_path / "model")
    return made, tmp_path / "model"


def test_weights_of_a_folder_are_read_and_documents_kept_apart(saved):
    made, folder = saved
    rows = tiny.rows_of(made.config.model_type)
    read = build_model(read_configuration(str(folder)), str(folder))
    assert read.state_dict().keys() == made.state_dict().keys()
    assert all(torch.equal(value, made.state_dict()[name]) for name, value in read.state_dict().items())
    network = PackedNetwork(read).eval()
    with torch.no_grad():
        check_isolation(lambda batch: network(batch, want="hidden"), vocabulary=tiny.VOCABULARY, rows=rows)


def test_a_configuration_alone_draws_random_weights_of_the_seed(saved):
    made, folder = saved
    configuration = str(folder)
    one, same, other = (build_model(read_configuration(configuration), seed=seed) for seed in (5, 5, 6))
    weights = [next(iter(model.state_dict().values())) for model in (made, one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])
    assert not torch.equal(weights[2], weights[3])


def test_weights_have_the_type_of_the_recipe(saved):
    _, folder = saved
    read = build_model(read_configuration(str(folder)), str(folder), dtype="bfloat16")
    assert {parameter.dtype for parameter in read.parameters()} == {torch.bfloat16}


def test_overrides_go_over_a_folder_s_configuration(saved):
    made, folder = saved
    inner = {"max_position_embeddings": 77}
    overrides = {"text_config": inner} if made.config.model_type.endswith("_vl") else inner
    found = read_configuration(str(folder), None, overrides)
    assert found.get_text_config().max_position_embeddings == 77
    assert found.get_text_config().hidden_size == 64


def test_weights_that_are_cut_off_are_told(tmp_path):
    made = build_model(read_configuration(None, tiny.configuration("qwen2")))
    made.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(RecipeError, match=f"the weights of `{tmp_path}` cannot be read") as found:
        build_model(read_configuration(str(tmp_path)), str(tmp_path))
    assert found.value.hint


MORE_LAYERS = {"num_hidden_layers": 3, "layer_types": ["full_attention"] * 3}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [(MORE_LAYERS, r"lacks 12 of the model's weights, `model\.layers\.2\."), ({"hidden_size": 32}, "size")],
)
def test_weights_of_another_size_are_not_filled_in_at_random(tmp_path, overrides, words):
    made = build_model(read_configuration(None, tiny.configuration("qwen2")))
    made.save_pretrained(tmp_path)
    with pytest.raises(RecipeError, match=words) as found:
        build_model(read_configuration(str(tmp_path), None, overrides), str(tmp_path))
    assert found.value.hint


READ = """
import sys
from octomed.errors import RecipeError
from octomed.train.build import build_model, read_configuration
model = build_model(read_configuration("octomed/tiny"), "octomed/tiny")
print(float(model.lm_head.weight.double().sum()))
try:
    read_configuration("octomed/unknown")
except RecipeError as error:
    print(error.message)
    print(error.hint)
"""


def test_weights_of_a_hub_id_are_read_from_the_hub_s_cache(tmp_path):
    """In a process of its own: transformers takes the cache's place when it is imported."""
    made = build_model(read_configuration(None, tiny.configuration("qwen2")), seed=5)
    cached = tmp_path / "hub/models--octomed--tiny"
    made.save_pretrained(cached / "snapshots/1")
    (cached / "refs").mkdir()
    Path(cached, "refs/main").write_text("1")
    done = subprocess.run(
        [sys.executable, "-c", READ],
        env=os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    total, message, hint = done.stdout.splitlines()
    assert float(total) == float(made.lm_head.weight.double().sum())
    assert message.startswith("the configuration of `octomed/unknown` cannot be read: ")
    assert "a hub id that this machine can reach" in hint


@pytest.mark.parametrize("family", image_tiny.FAMILIES)
def test_a_recipe_s_configuration_is_left_as_it_is(family):
    """Checkpoints are compared by it; transformers 5 adds to the mappings inside of it."""
    values = image_tiny.configuration(family)
    before = copy.deepcopy(values)
    read_configuration(None, values)
    assert values == before
