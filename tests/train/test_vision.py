"""A vision tower and no images: frozen by default; trained, it stays as it is, bit for bit."""

from __future__ import annotations

import pytest

pytest.importorskip("composer")

from .ranks import run_ranks
from .sessions import train, write_recipe


@pytest.mark.parametrize("sharding", [None, {}], ids=["ddp", "fsdp"])
def test_an_unfrozen_tower_without_images_keeps_its_weights(packed, tmp_path, sharding):
    """Weight decay would shrink what gets a gradient of zeros; what gets none is left alone."""
    import torch
    from octomed.train.build import build_model, read_configuration
    from octomed.train.recipe import load_train_recipe

    path = write_recipe(
        tmp_path,
        packed,
        max_duration="3ba",
        scheduler={"name": "constant_with_warmup", "t_warmup": "0ba"},
        fsdp_config=sharding,
        optimizer={"lr": 1e-2, "weight_decay": 0.5},
        save_folder=None,
        autoresume=False,
    )
    words = ["model.freeze_vision=false"]
    found = run_ranks(2, train, path, words)[0]["weights"]
    recipe = load_train_recipe(path)
    fresh = build_model(read_configuration(None, recipe.model.config), seed=recipe.seed).state_dict()
    names = {name.removeprefix("network.language_model."): value for name, value in found.items()}
    tower = [name for name in fresh if ".visual." in name]
    assert tower
    assert all(torch.equal(names[name], fresh[name]) for name in tower)
    moved = [name for name in fresh if "mlp" in name and name not in tower]
    assert moved
    assert not any(torch.equal(names[name], fresh[name]) for name in moved)
