"""Loss on the validation stream, where a run has one."""

from __future__ import annotations

import json
import shutil

import octomed
import pytest
from octomed.mds import MDSWriter

pytest.importorskip("composer")

from tests import state_files

from .ranks import run_ranks
from .sessions import traces_of_steps, train, write_recipe


@pytest.fixture
def with_validation(packed, tmp_path):
    """The packed run, and four of its packs as a validation stream: as many a rank, none twice."""
    folder = tmp_path / "packed"
    shutil.copytree(packed, folder)
    run = json.loads((folder / "octomed.json").read_text())
    some = [row for row, _ in zip(octomed.MDSReader(packed / "len-00256"), range(4), strict=False)]
    with MDSWriter(folder / "validation", run["columns"], hashes=["xxh3_64"]) as writer:
        for row in some:
            writer.write(row)
    run["streams"]["validation"] = {
        "packs": len(some),
        "traces": sum(len(row["lengths"]) for row in some),
        "tokens": sum(len(row["input_ids"]) for row in some),
        "shards": 1,
        "longest_trace": 256,
    }
    state_files.write(folder / "octomed.json", run)
    return folder, some


@pytest.mark.parametrize(("weight", "ranks"), [("token", 1), ("trace", 2), ("token", 2)])
def test_it_is_the_mean_over_the_stream(with_validation, tmp_path, weight, ranks):
    """At learning rate zero the weights are those of the seed, so the loss can be computed by hand."""
    import torch
    from octomed.stream import Collator
    from octomed.train.build import build_model, read_configuration
    from octomed.train.network import PackedNetwork, loss_units
    from octomed.train.recipe import load_train_recipe

    folder, some = with_validation
    path = write_recipe(
        tmp_path / "run",
        folder,
        max_duration="1ba",
        eval_interval="1ba",
        save_folder=None,
        autoresume=False,
        optimizer={"lr": 1e-30},
        loss={"weight": weight},
    )
    run_ranks(ranks, train, path)
    entries = [json.loads(line) for line in (tmp_path / "run/run/metrics.jsonl").read_text().splitlines()]
    found = [entry["metrics/validation/loss"] for entry in entries if "metrics/validation/loss" in entry]
    recipe = load_train_recipe(path)
    model = build_model(read_configuration(None, recipe.model.config), seed=recipe.seed)
    network, total, units = PackedNetwork(model, weighting=weight), 0.0, 0
    for row in some:
        batch = Collator()([row])
        with torch.no_grad():
            total += float(network(batch)) * loss_units(batch, weight)
        units += loss_units(batch, weight)
    assert found == [pytest.approx(total / units, rel=1e-5)]


@pytest.mark.parametrize("weight", ["token", "trace"])
def test_the_first_step_s_loss_is_the_mean_over_all_ranks(packed, tmp_path, weight):
    """Over all tokens, or traces, and not over ranks' or packs' means; by hand with the seed's weights."""
    import torch
    from octomed.stream import Collator
    from octomed.train.build import build_model, read_configuration
    from octomed.train.network import PackedNetwork, loss_units
    from octomed.train.recipe import load_train_recipe

    path = write_recipe(
        tmp_path, packed, max_duration="1ba", save_folder=None, autoresume=False, loss={"weight": weight}
    )
    run_ranks(2, train, path)
    found = json.loads((tmp_path / "run/metrics.jsonl").read_text())["loss/train/total"]
    ids = set(traces_of_steps(tmp_path / "run")[1])
    streams = (octomed.MDSReader(folder) for folder in packed.glob("len-*"))
    some = [row for stream in streams for row in stream if int(row["trace_ids"][0]) in ids]
    assert len(some) == 4
    recipe = load_train_recipe(path)
    network = PackedNetwork(
        build_model(read_configuration(None, recipe.model.config), seed=recipe.seed), weighting=weight
    )
    batches = [Collator()([row]) for row in some]
    units = [loss_units(batch, weight) for batch in batches]
    assert len(set(units)) > 1
    with torch.no_grad():
        total = sum(float(network(batch)) * count for batch, count in zip(batches, units, strict=True))
    assert found == pytest.approx(total / sum(units), rel=1e-5)
