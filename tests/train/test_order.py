"""The order of packs, and of several runs: settled before training, kept by checkpoints, and traced back."""

from __future__ import annotations

import json

import octomed
import pytest

pytest.importorskip("composer")

from octomed.errors import RecipeError
from octomed.stream import Collator, PackedDataset
from octomed.stream.batching import canonical_nodes_for
from octomed.stream.mixing import open_runs
from octomed.stream.run_numbers import WithRuns
from octomed.train import checkpoints, order
from octomed.train.journal import read_journal
from octomed.train.lookup import look_at_step
from octomed.train.prepare import prepare
from octomed.train.recipe import load_train_recipe
from streaming import StreamingDataLoader

from .ranks import run_ranks
from .sessions import train, write_recipe

STEP = 4


@pytest.fixture(scope="module")
def other(packed, tmp_path_factory):
    """The sample once more, packed otherwise: its traces have the ids of those in the first run."""
    folder = tmp_path_factory.mktemp("other")
    recipe = dict(open_runs(packed)[0].content.recipe)
    recipe["pack"] = recipe["pack"] | {"seed": 5}
    recipe["output"] = recipe["output"] | {"path": str(folder / "run")}
    recipe["work"] = recipe["work"] | {"path": str(folder / "work")}
    octomed.pack(recipe, workers=2)
    return folder / "run"


def recipe_of(folder, packed, *words, **dataset):
    loader = {"dataset": {"remote": str(packed), "local": str(folder / "cache"), **dataset}, "num_workers": 1}
    return load_train_recipe(write_recipe(folder, packed, train_loader=loader), list(words))


def nodes_of(recipe):
    return prepare(recipe).recipe.train_loader.dataset.num_canonical_nodes


def test_what_is_left_out_is_settled_by_the_packs(packed, tmp_path):
    recipe = recipe_of(tmp_path, packed)
    packs = sum(stream.packs for stream in open_runs(packed)[0].content.streams.values())
    assert nodes_of(recipe) == canonical_nodes_for(packs)
    assert nodes_of(recipe_of(tmp_path, packed, num_canonical_nodes=7)) == 7


def sign(recipe, data):
    """Checkpoints of a folder that say this of their data."""
    meaning = checkpoints.meaning_of(recipe, "one", STEP)
    checkpoints.write_meaning(recipe.save_folder, meaning | {"data": meaning["data"] | data})


def small_stream(packed):
    """One whose default is not 24, as it was, and its packs."""
    packs = {name: stream.packs for name, stream in open_runs(packed)[0].content.streams.items()}
    return next((name, count) for name, count in packs.items() if canonical_nodes_for(count) < 24 < count)


@pytest.mark.parametrize(("recorded", "kept"), [(24, 24), (1, 1), (None, 24)])
def test_checkpoints_keep_the_order_that_they_were_made_with(packed, tmp_path, recorded, kept):
    """Those of earlier versions say none, and had 24 for all but a few packs."""
    stream, count = small_stream(packed)
    recipe = recipe_of(tmp_path, packed, streams=[stream])
    sign(recipe, {"num_canonical_nodes": recorded})
    assert nodes_of(recipe) == canonical_nodes_for(count)  # there is no checkpoint yet
    (tmp_path / "checkpoints/ep0-ba2-rank0.pt").write_bytes(b"")
    assert nodes_of(recipe) == kept
    meaning = checkpoints.meaning_of(prepare(recipe).recipe, "one", STEP)
    checkpoints.check_meaning(recipe.save_folder, meaning)


def order_packs(packed):
    return sum(stream.packs for stream in open_runs(packed)[0].content.streams.values())


@pytest.mark.parametrize("recorded", [24, None])
def test_another_order_than_that_of_checkpoints_is_refused(packed, tmp_path, recorded):
    recipe = recipe_of(tmp_path, packed, num_canonical_nodes=2)
    sign(recipe, {"num_canonical_nodes": recorded})
    (tmp_path / "checkpoints/ep0-ba2-rank0.pt").write_bytes(b"")
    with pytest.raises(RecipeError, match=r"another recipe: `data\.num_canonical_nodes` differ"):
        checkpoints.check_meaning(
            recipe.save_folder, checkpoints.meaning_of(prepare(recipe).recipe, "one", STEP)
        )


def test_a_checkpoint_to_begin_from_keeps_its_order(packed, tmp_path):
    """A whole one at `load_path`, whose folder says it; of its weights alone nothing is kept."""
    stream, count = small_stream(packed)
    default = canonical_nodes_for(count)
    began = recipe_of(tmp_path / "first", packed, streams=[stream])
    words = [f"load_path={began.save_folder}/ep0-ba2-rank0.pt", "autoresume=false"]

    def found(*more, **dataset):
        return nodes_of(recipe_of(tmp_path / "second", packed, *words, *more, streams=[stream], **dataset))

    assert found() == default  # nothing says it
    sign(began, {"num_canonical_nodes": 24})
    assert found() == 24
    assert found("load_weights_only=true") == default
    sign(began, {"num_canonical_nodes": None})  # of a version that did not say it, and had 24
    assert found() == 24
    with pytest.raises(RecipeError, match=f"the checkpoints in `{began.save_folder}` are of another recipe"):
        found(num_canonical_nodes=7)


@pytest.mark.parametrize("asked", [None, 3])
def test_machines_that_cannot_share_a_checkpoint_s_order_are_told_the_way_out(
    packed, tmp_path, monkeypatch, asked
):
    recipe = recipe_of(tmp_path, packed, num_canonical_nodes=asked)
    sign(recipe, {"num_canonical_nodes": 3})
    (tmp_path / "checkpoints/ep0-ba2-rank0.pt").write_bytes(b"")
    assert nodes_of(recipe) == 3
    monkeypatch.setattr(order.dist, "get_world_size", lambda: 4)
    monkeypatch.setattr(order.dist, "get_local_world_size", lambda: 2)
    with pytest.raises(RecipeError, match="cannot be resumed on 2 machines") as told:
        order.settled(recipe, open_runs(packed), checkpoints.Recorded("there", {"num_canonical_nodes": 3}))
    assert "resume on a number of machines that divides 3" in told.value.hint
    assert "`load_weights_only=true`" in told.value.hint


def test_runs_and_shares_are_part_of_what_checkpoints_are(packed, other, tmp_path):
    def meaning(places, shares):
        made = prepare(recipe_of(tmp_path, packed, remote=[str(one) for one in places], shares=shares))
        return checkpoints.meaning_of(made.recipe, made.key, STEP)

    checkpoints.write_meaning(str(tmp_path), meaning([packed, other], [0.4, 0.6]))
    checkpoints.check_meaning(str(tmp_path), meaning([packed, other], [0.4, 0.6]))
    for places, shares, key in (
        ([other, packed], [0.4, 0.6], r"data\.run"),
        ([packed, other], [0.5, 0.5], r"data\.shares"),
        ([packed, other], None, r"data\.shares"),
        ([packed], None, r"data\.run`, `data\.shares"),
    ):
        with pytest.raises(RecipeError, match=rf"`{key}` differ"):
            checkpoints.check_meaning(str(tmp_path), meaning(places, shares))


def test_paths_of_a_list_start_at_the_recipe(packed, tmp_path, monkeypatch):
    monkeypatch.setenv("DATA", "/data")
    recipe = recipe_of(tmp_path, packed, remote=["a/run", "$DATA/run", "s3://bucket/run"])
    assert recipe.train_loader.dataset.remote == (str(tmp_path / "a/run"), "/data/run", "s3://bucket/run")


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ({"remote": []}, "remote"),
        ({"remote": ["a", 3]}, "remote"),
        ({"remote": ["a", "b"], "shares": [1.0]}, "1 shares of 2 runs"),
        ({"remote": "a", "shares": [1.0]}, "1 shares of 1 run"),
        ({"remote": ["a", "b"], "shares": [0.5, 0.4]}, "the shares add up to 0.9"),
        ({"remote": ["a", "b"], "shares": [1.5, -0.5]}, "shares"),
        ({"remote": ["a", "b"], "shares": "half"}, "shares"),
        ({"remote": ["a", "$NOWHERE"]}, r"the variable `\$NOWHERE` is not set"),
        ({"balance": "always"}, "balance"),
        ({"split": "validation", "remote": ["a", "b"], "shares": [0.5, 0.5]}, "each pack of them once"),
    ],
)
def test_wrong_shares_are_told_with_their_place(packed, tmp_path, dataset, said):
    with pytest.raises(RecipeError, match=said) as caught:
        recipe_of(tmp_path, packed, **dataset)
    assert "train.yaml" in str(caught.value)


def test_traces_a_step_are_those_of_the_shares(packed, other, tmp_path):
    recipe = recipe_of(tmp_path, packed, remote=[str(packed), str(other)], shares=[0.25, 0.75])
    chosen, made = recipe.train_loader.dataset, open_runs([packed, other])
    counts = order.traces_of_epoch(chosen, made)
    assert len(counts) == order.mix_of(chosen, made).packs
    means = [
        sum(one.traces for one in run.content.streams.values()) / order_packs(run.location) for run in made
    ]
    assert sum(counts) / len(counts) == pytest.approx(0.25 * means[0] + 0.75 * means[1], rel=0.02)


def expected(places, shares, folder, steps):
    """Of each step, the run and id of each trace: by a data set of our own."""
    dataset = PackedDataset(
        places, shares=shares, batch_size=STEP, shuffle_seed=17, cache=folder / "cache", quiet=True
    )
    loader = StreamingDataLoader(dataset, batch_size=STEP, collate_fn=WithRuns(Collator("text")))
    found = []
    for _, batch in zip(range(steps), loader, strict=False):
        numbers = batch["runs"].repeat_interleave(batch["packs"][:, 1]).tolist()
        found.append(list(zip(numbers, (one % 2**64 for one in batch["trace_ids"].tolist()), strict=True)))
    return found


def test_a_mixed_training_leads_back_to_the_right_run(packed, other, tmp_path):
    """Trained, resumed and looked at: the traces of both runs have the same ids."""
    places, shares = [str(packed), str(other)], [0.4, 0.6]
    loader = {
        "dataset": {"remote": places, "shares": shares, "local": str(tmp_path / "cache")},
        "num_workers": 1,
    }
    path = write_recipe(tmp_path, packed, train_loader=loader)
    for until in (2, 4):
        run_ranks(1, train, path, [f"max_duration={until}ba"])
    logged = {
        entry["step"]: list(zip(entry["runs"], entry["trace_ids"], strict=True))
        for entry in read_journal(tmp_path / "run/traces-rank0.jsonl")
    }
    assert logged == dict(enumerate(expected(places, shares, tmp_path, 4), 1))
    assert {run for run, _ in logged[3]} == {0, 1}
    view = look_at_step(tmp_path / "run", 3)
    assert [(places.index(one.run), one.trace_id) for one in view.traces] == logged[3]
    for place in places:
        traces = [one for one in view.traces if one.run == place]
        streams = {one.stream: list(octomed.MDSReader(f"{place}/{one.stream}")) for one in traces}
        for one in traces:
            assert int(streams[one.stream][one.pack]["trace_ids"][one.document]) == one.trace_id
    assert json.loads((tmp_path / "run/train.json").read_text())["runs"] == places
