"""Whole runs with images: killed and resumed they end as unbroken ones; their steps can be looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import octomed
import pytest

pytest.importorskip("composer")

import numpy as np
import pyarrow.parquet as pq
import torch
from octomed import vision
from octomed.cli.app import run as octomed_command
from octomed.errors import StorageError
from octomed.stream import open_run
from octomed.train.build import part_of
from octomed.train.facts import TrainingFacts, write_facts
from octomed.train.journal import Journal, read_journal
from octomed.train.lookup import look_at_step
from octomed.train.step_images import images_of_traces

from .ranks import Ranks, run_ranks
from .sessions import STEPS, equal, farthest, traces_of_steps, train, write_recipe
from .test_resume import killed

OF_A_START = ("isolation/", "time/", "throughput/", "data/wait_share", "data/tokens_per_second")
"""Beginnings of the names of what a clock measures, and of what is measured whenever a run starts."""
WAYS: dict[str, dict[str, Any]] = {"ddp": {}, "fsdp": {"fsdp_config": {}}}


def recipe_of(folder, packed, **changes):
    """All parts are trained; half of the packs are read ahead when the run is killed."""
    speed = {"callbacks": {"report": None, "speed_monitor": {"window_size": 2}}}
    return write_recipe(folder, packed, **speed, **changes)


def measured(folder) -> list[dict[str, float]]:
    """What `metrics.jsonl` has of each step."""
    return [
        {name: value for name, value in entry.items() if not name.startswith(OF_A_START)}
        for entry in read_journal(folder / "run/metrics.jsonl")
    ]


def same(one: Any, other: Any) -> bool:
    """Tell whether two parts of checkpoints are equal, bit for bit."""
    if isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in other)
    if isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(other, torch.Tensor) else bool(one == other)


def assert_same_end(folder, whole) -> None:
    """The last checkpoint, and all measurements."""
    name = f"checkpoints/ep0-ba{STEPS}-rank0.pt"
    one, other = (torch.load(at / name, weights_only=False)["state"] for at in (folder, whole))
    for part in ("model", "optimizers"):
        assert same(one[part], other[part]), part
    assert measured(folder) == measured(whole)


@pytest.fixture(scope="module")
def whole(packed_images, tmp_path_factory):
    """Unbroken runs on two ranks, by way of sharding: weights, and the run's folder."""
    made = {}

    def get(way: str):
        if way not in made:
            folder = tmp_path_factory.mktemp(way)
            weights = run_ranks(2, train, recipe_of(folder, packed_images, **WAYS[way]))[0]
            made[way] = (weights, folder)
        return made[way]

    return get


@pytest.mark.parametrize("way", ["ddp", pytest.param("fsdp", marks=pytest.mark.long)])
def test_a_killed_run_with_images_ends_bit_equal(whole, packed_images, tmp_path, way):
    weights, folder = whole(way)
    steps = measured(folder)
    images = [entry["data/images"] for entry in steps]
    assert len(steps) == STEPS
    assert min(images) >= 0 < max(images)
    assert {part_of(name) for name in weights["weights"]} == {"vision", "projector", "language"}
    recipe = recipe_of(tmp_path, packed_images, **WAYS[way])
    killed(recipe, rank=None, step=5, event="after_forward")
    found = run_ranks(2, train, recipe)
    assert all(equal(one, weights) for one in found)
    assert_same_end(tmp_path, folder)
    assert traces_of_steps(tmp_path / "run") == traces_of_steps(folder / "run")


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_ranks_may_change_with_images(whole, packed_images, tmp_path, way):
    """One rank, two, one: the same images a step, and weights but for the order of sums."""
    weights, folder = whole(way)
    recipe = recipe_of(tmp_path, packed_images, **WAYS[way])
    for ranks, until in ((1, 2), (2, 6), (1, STEPS)):
        found = run_ranks(ranks, train, recipe, [f"max_duration={until}ba"])
    assert farthest(found[0], weights) <= 1e-4
    assert traces_of_steps(tmp_path / "run") == traces_of_steps(folder / "run")
    for one, other in zip(measured(tmp_path), measured(folder), strict=True):
        for name in ("data/images", "data/patches", "data/tokens", "vision/placeholders"):
            assert one[name] == other[name], name


def test_a_step_leads_to_the_images_that_it_showed(whole, packed_images):
    """All of them, counted as the step measured them, out of the packs that provenance names."""
    _, folder = whole("ddp")
    rows = {stream: octomed.MDSReader(stream) for stream in packed_images.glob("len-*")}
    for entry in measured(folder):
        view = look_at_step(folder / "run", int(entry["step"]))
        shown = [(trace, image) for trace in view.traces for image in trace.images]
        assert len(shown) == entry["vision/placeholders"]
        each = {(trace.stream, trace.pack, image.place): image for trace, image in shown}
        assert len(each) == entry["data/images"]
        assert sum(image.grid[0] * image.grid[1] for image in each.values()) == entry["data/patches"]
        for trace, image in shown:
            row = rows[packed_images / trace.stream][trace.pack]
            begin = int(row["lengths"][: trace.document].sum()) + image.at
            ids = row["input_ids"][begin - 1 : begin + image.tokens + 1]
            assert (ids == 4094).tolist() == [False, *[True] * image.tokens, False]
            number = int(image.place.split()[1])
            first, last = np.frombuffer(row["image_offsets"], "<u4")[number : number + 2].tolist()
            assert image.data == row["images"][first:last]
            assert image.hash == vision.content_hash(image.data)
            assert (image.height, image.width) == (image.grid[0] * 14, image.grid[1] * 14)


def step_with_images(folder) -> int:
    return int(next(entry for entry in measured(folder) if entry["data/images"] > 1)["step"])


def test_a_run_of_text_and_one_of_images_are_trained_on_together(packed, packed_images, tmp_path):
    """Text is named first: what a model is given, and exported with, is that of the other."""
    places = [str(packed), str(packed_images)]
    loader = {"dataset": {"remote": places, "local": str(tmp_path / "cache")}, "num_workers": 1}
    tokenizer = {"name": octomed.__path__[0] + "/sample/tokenizer"}
    changes = {"train_loader": loader, "max_duration": "3ba", "global_train_batch_size": 8}
    recipe = recipe_of(
        tmp_path, packed, **changes, tokenizer=tokenizer, export_folder=str(tmp_path / "model")
    )
    ranks = Ranks(1, train, recipe)
    [made] = ranks.results()
    trained = [line for line in ranks.said().splitlines() if line.startswith("parameters trained: ")]
    assert "vision 0" not in trained[0]
    assert {part_of(name) for name in made["weights"]} == {"vision", "projector", "language"}
    steps = measured(tmp_path)
    assert sum(entry["data/images"] for entry in steps)
    for entry in steps:
        view = look_at_step(tmp_path / "run", int(entry["step"]))
        shown = [trace for trace in view.traces for _ in trace.images]
        assert len(shown) == entry["vision/placeholders"]
        assert {trace.run for trace in view.traces} == set(places)
        assert {trace.run for trace in shown} <= {places[1]}
    assert (tmp_path / "model/preprocessor_config.json").exists()


def provenance(packed: Path) -> list[dict[str, Any]]:
    tables = sorted(packed.glob("provenance/*.parquet"))
    return [row for table in tables for row in pq.read_table(table).to_pylist()]


def inspect(capsys, *words: Any) -> tuple[int, str, str]:
    code = octomed_command(["inspect", *map(str, words)])
    return code, *capsys.readouterr()


def test_a_step_s_images_are_told_and_saved(whole, tmp_path, capsys):
    _, folder = whole("ddp")
    step = step_with_images(folder)
    view = look_at_step(folder / "run", step)
    images = {vision.content_hash(image.data): image for trace in view.traces for image in trace.images}
    code, out, said = inspect(capsys, folder / "run", "--step", step, "--save-images", tmp_path / "images")
    assert code == 0
    title, *lines = out.splitlines()
    entry = measured(folder)[step - 1]
    assert title.endswith(f", {entry['data/images']:.0f} images at {entry['vision/placeholders']:.0f} places")
    told = [line for line in lines if line.startswith("          image     ")]
    assert len(told) == entry["vision/placeholders"]
    for one in images.values():
        assert any(f"{one.hash:016x}  {one.width} x {one.height} {one.format}" in line for line in told)
    files = {path.stem: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    assert files == {f"{name:016x}": one.data for name, one in images.items()}
    assert f"{len(images)} images are in" in said
    code, out, _ = inspect(capsys, folder / "run", "--step", step, "--json")
    traces = json.loads(out)["traces"]
    assert sum(len(trace.get("images", ())) for trace in traces) == len(told)
    assert {one["hash"] for trace in traces for one in trace.get("images", ())} == set(files)


def test_images_of_a_run_in_a_store_are_fetched(packed_images, store):
    """Their shards alone; one that is gone is told by its address."""
    rows = provenance(packed_images)
    chosen = [row for row in rows if row["images"]][::5]
    remote = open_run(store.upload(packed_images, "run"))
    expected = images_of_traces(open_run(packed_images), chosen)
    assert set(expected) == {row["trace_id"] for row in chosen}
    assert images_of_traces(remote, chosen) == expected
    gone = next(key for key in sorted(store.keys()) if "/shard.00000." in key)
    store.delete(f"s3://octomed/{gone}")
    with pytest.raises(StorageError, match=f"`s3://octomed/{gone}` is missing"):
        images_of_traces(remote, [row for row in rows if row["images"]])


def test_a_step_of_text_has_no_image_to_save(packed, tmp_path, capsys):
    write_facts(tmp_path, TrainingFacts(str(packed), {}))
    Journal(tmp_path / "traces-rank0.jsonl").write(
        {"step": 1, "trace_ids": [provenance(packed)[0]["trace_id"]]}
    )
    code, out, _ = inspect(capsys, tmp_path, "--step", 1)
    assert (code, out.count("image")) == (0, 0)
    code, _, said = inspect(capsys, tmp_path, "--step", 1, "--save-images", tmp_path / "images")
    assert code == 2
    assert "step 1 showed no image" in said
    assert not (tmp_path / "images").exists()
