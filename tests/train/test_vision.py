"""A vision tower and no images: frozen by default; trained, it stays as it is, bit for bit."""

from __future__ import annotations

import pytest

pytest.importorskip("composer")

from .ranks import run_ranks
from .sessions import train, write_recipe


def names_trained(path, freeze):
    """Names of a recipe's parameters, and of those that its optimizer moves."""
    from octomed.train.optim import make_optimizer
    from octomed.train.prepare import prepare
    from octomed.train.recipe import load_train_recipe
    from octomed.train.run import make_model

    recipe = load_train_recipe(path, [f"model.freeze_vision={freeze}"])
    model = make_model(prepare(recipe))
    moved = {
        id(one) for group in make_optimizer(model, recipe.optimizer).param_groups for one in group["params"]
    }
    names = {name: id(parameter) for name, parameter in model.named_parameters()}
    return set(names), {name for name, number in names.items() if number in moved}


@pytest.mark.parametrize(("freeze", "frozen"), [("null", True), ("true", True), ("false", False)])
def test_with_text_only_the_tower_is_frozen_unless_the_recipe_says_otherwise(
    packed, tmp_path, freeze, frozen
):
    names, trained = run_ranks(1, names_trained, write_recipe(tmp_path, packed), freeze)[0]
    tower = {name for name in names if ".visual." in name}
    assert tower
    assert trained == (names - tower if frozen else names)


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
