"""Several runs as one data set: which go together, what an epoch has of each, and which run a trace is of."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octomed.errors import DataError, RecipeError
from octomed.stream import Collator, PackedDataset, open_run
from octomed.stream.mixing import apportioned, mix
from octomed.stream.run_numbers import WithRuns
from streaming import StreamingDataLoader

from tests.end_to_end import runs

from .conftest import change_run_file
from .image_packs import record
from .ranks import in_ranks
from .reading import packs_of

BATCH = 8


@pytest.fixture(scope="module")
def other(packed, tmp_path_factory):
    """A run of other rows under the same names, so that its traces have ids of the first run's traces."""
    folder = tmp_path_factory.mktemp("other")
    runs.write_lines(folder / "data/questions/a.jsonl", runs.question_rows(9, 60))
    recipe = runs.values()
    recipe["sources"] = recipe["sources"][:1]
    recipe["pack"] |= {"capacity": 512, "buckets": [240]}
    recipe["model"] = str(packed.parent / "model")
    runs.pack(runs.write_recipe(folder, recipe))
    return folder / "out"


def numbered(places, batch, workers, options, epochs=1):
    """For each batch of this rank the packs, as their run and first trace."""
    dataset = PackedDataset(places, global_batch_size=batch, quiet=True, **options)
    collate = WithRuns(Collator("text"))
    loader = StreamingDataLoader(
        dataset, batch_size=dataset.batch_size, num_workers=workers, collate_fn=collate
    )
    return [
        list(zip(one["runs"].tolist(), packs_of(one), strict=True)) for _ in range(epochs) for one in loader
    ]


def steps(ranks):
    return [sorted(pack for part in parts for pack in part) for parts in zip(*ranks, strict=True)]


def first_traces(path):
    with PackedDataset(path, batch_size=1, shuffle=False, num_canonical_nodes=1, quiet=True) as dataset:
        return {int(dataset[number]["trace_ids"].astype("int64")[0]) for number in range(dataset.size)}


def test_an_epoch_without_shares_has_every_pack_of_each(packed, other):
    places = [packed, other]
    seen = Counter(pack for step in numbered(places, BATCH, 0, {}) for pack in step)
    expected = {(number, pack) for number, place in enumerate(places) for pack in first_traces(place)}
    assert {(run, pack) for run, pack in seen} == expected
    counts = PackedDataset(places, batch_size=1, quiet=True).counts
    assert (counts.packs, counts.left_out) == (len(expected), 0)
    assert seen.total() - len(seen) == counts.repeats <= counts.packs / 100


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("method", ["random", "per_stream"])
def test_shares_are_those_of_an_epoch(packed, other, workers, method, monkeypatch):
    monkeypatch.setattr("octomed.stream.batching.MOST_LEFT_OUT", 0.05)
    options = {"shares": [0.25, 0.75], "batching_method": method, "num_canonical_nodes": 1}
    epochs = numbered([packed, other], BATCH, workers, options, 2)
    half = len(epochs) // 2
    dataset = PackedDataset([packed, other], global_batch_size=BATCH, quiet=True, **options)
    total = sum(dataset.mix.packs for _ in (0,))
    for part in (epochs[:half], epochs[half:]):
        seen = Counter(run for step in part for run, _ in step)
        assert seen.total() == dataset.counts.slots == len(dataset)
        if method == "random":
            assert seen == {0: round(total / 4), 1: total - round(total / 4)}
        else:
            assert abs(seen[0] / seen.total() - 0.25) < 0.02
    distinct = {pack for step in epochs[:half] for pack in step}
    assert dataset.counts.left_out == total - len(distinct)
    assert dataset.counts.repeats == dataset.counts.slots - len(distinct)
    assert epochs[:half] != epochs[half:]
    left_out_first = first_traces(packed) - {pack for run, pack in distinct if run == 0}
    assert left_out_first & {pack for step in epochs[half:] for run, pack in step if run == 0}


def test_mixed_steps_are_the_same_for_all_ranks_and_resume(packed, other):
    options = {"shares": [0.4, 0.6], "num_canonical_nodes": 4}
    one = steps(in_ranks(1, numbered, [packed, other], BATCH, 0, options))
    assert steps(in_ranks(2, numbered, [packed, other], BATCH, 2, options)) == one
    assert steps(in_ranks(4, numbered, [packed, other], BATCH, 0, options)) == one
    first = in_ranks(2, _until, [packed, other], options, 5)
    rest = in_ranks(4, _onward, [packed, other], options, first[0][1])
    assert steps([seen for seen, _ in first]) + steps(rest) == one


def _loader(places, options):
    dataset = PackedDataset(places, global_batch_size=BATCH, quiet=True, **options)
    return StreamingDataLoader(dataset, batch_size=dataset.batch_size, collate_fn=WithRuns(Collator("text")))


def _until(places, options, stop):
    loader = _loader(places, options)
    seen = [one for _, one in zip(range(stop), loader, strict=False)]
    found = [list(zip(one["runs"].tolist(), packs_of(one), strict=True)) for one in seen]
    return found, loader.state_dict()


def _onward(places, options, state):
    loader = _loader(places, options)
    loader.load_state_dict(state)
    return [list(zip(one["runs"].tolist(), packs_of(one), strict=True)) for one in loader]


def test_what_an_epoch_has_of_each_run_is_told(packed, other, capfd):
    with PackedDataset([packed, other], batch_size=1, shares=[0.25, 0.75]) as dataset:
        lines = capfd.readouterr().err.splitlines()
        parts = [[part for part in dataset.mix.parts if part.run == number] for number in (0, 1)]
    given_out = [sum(part.given for part in of_run) for of_run in parts]
    packs = [sum(part.packs for part in of_run) for of_run in parts]
    assert lines[0].startswith(f"{packed} + {other}: 5 streams, {sum(packs):,} packs, ")
    assert "repeated per epoch" in lines[0]
    assert " left out" in lines[0]
    assert lines[1] == (
        f"  {packed}: {given_out[0]:,} of an epoch's packs (25.0%); it has {packs[0]:,}, "
        f"so each {given_out[0] / packs[0]:.2f} times on average"
    )
    assert lines[2].startswith(
        f"  {other}: {given_out[1]:,} of an epoch's packs (75.0%); it has {packs[1]:,}"
    )


BUILT_IN = "built-in qwen2.5"
DIFFERENT = {
    "tokenizer": ({"tokenizer": {"content_hash": "other", "vocabulary_size": 259}}, "the tokenizer differs"),
    "capacity": ({"capacity": 1024}, "the capacity of a pack differs: `512` and `1024`"),
    "columns": ({"columns": {}}, "the column `input_ids` differs: `ndarray:uint32` and none"),
    "model": (
        {"model": {"name": "../qwen3", "template": BUILT_IN}},
        "the model differs: `model` and `qwen3`",
    ),
    "template": (
        {"model": {"name": "/x/model", "template": "my.jinja"}},
        "the chat template differs: `built-in qwen2.5` and `my.jinja`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DIFFERENT)
def test_runs_that_do_not_go_together_are_refused(packed, copied, what):
    changes, said = DIFFERENT[what]
    change_run_file(copied, **changes)
    _rename(copied)
    with pytest.raises(DataError) as caught:
        PackedDataset([packed, copied], batch_size=1)
    assert f"`{packed}` and `{copied}` cannot be mixed: " in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("columns", [True, False], ids=["empty", "missing"])
def test_a_run_of_text_goes_with_one_of_images(packed, copied, tmp_path, columns):
    """Whichever is named first; its rows may lack the columns of images."""
    change_run_file(copied, vision=record("qwen2.5-vl"))
    _rename(copied)
    text = Path(shutil.copytree(packed, tmp_path / "text"))
    if not columns:
        every = json.loads((packed / "octomed.json").read_text())["columns"]
        of_text = {name: kind for name, kind in every.items() if not name.startswith("image")}
        assert 0 < len(of_text) < len(every)
        change_run_file(text, columns=of_text)
    for places in ([text, copied], [copied, text]):
        with PackedDataset(places, batch_size=1, quiet=True) as dataset:
            assert dataset.vision is not None
            assert {dataset[number]["run"] for number in range(dataset.size)} == {0, 1}


def test_images_that_are_prepared_otherwise_are_refused(packed, copied, tmp_path):
    twin = shutil.copytree(copied, tmp_path / "twin")
    change_run_file(copied, vision=record("qwen2.5-vl"))
    change_run_file(twin, vision=record("qwen2.5-vl", max_pixels=65_536))
    _rename(copied)
    _rename(twin, "a third")
    for places in ([copied, twin], [packed, copied, twin]):
        with pytest.raises(DataError, match="`max_pixels` of images differs: `262144` and `65536`") as told:
            PackedDataset(places, batch_size=1)
        assert f"`{copied}` and `{twin}` cannot be mixed" in told.value.message


def _rename(folder, key="another"):
    """Make a copy another run than its original."""
    run = json.loads((folder / "octomed.json").read_text())
    change_run_file(folder, run=run["run"] | {"write_key": key})


WRONG = {
    "none": ([], None, "there is no run to read"),
    "twice": (["packed", "packed"], None, "are the same run"),
    "too few shares": (["packed", "other"], [1.0], "2 runs, and 1 `shares`"),
    "too many shares": (["packed"], [0.5, 0.5], "1 runs, and 2 `shares`"),
    "no share": (["packed", "other"], [1.0, 0.0], "0.0 is no share"),
    "less than none": (["packed", "other"], [1.5, -0.5], "1.5 is no share"),
    "not all": (["packed", "other"], [0.5, 0.4], "the shares add up to 0.9"),
    "too small": (["packed", "other"], [0.99999, 0.00001], "gives none of run 2"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_shares_are_refused(packed, other, what):
    names, shares, said = WRONG[what]
    places = [{"packed": packed, "other": other}[name] for name in names]
    with pytest.raises(RecipeError) as caught:
        PackedDataset(places, shares=shares, batch_size=1)
    assert said in caught.value.message


def test_streams_are_those_that_a_run_has(packed, other):
    with PackedDataset([packed, other], batch_size=1, streams=["len-00330", "len-00240"], quiet=True) as both:
        assert [(part.run, part.name) for part in both.mix.parts] == [
            (0, "len-00330"), (0, "len-00240"), (1, "len-00240"),
        ]  # fmt: skip
    with pytest.raises(RecipeError, match="has no train stream `nowhere`"):
        PackedDataset([packed, other], batch_size=1, streams=["nowhere"])
    with pytest.raises(RecipeError, match="has no validation stream"):
        PackedDataset([packed, other], batch_size=1, split="validation")


def test_a_run_alone_may_have_a_list_of_its_own(packed):
    with PackedDataset([packed], batch_size=1, shares=[1.0], quiet=True) as listed:
        assert listed.counts.left_out == 0
        assert "run" not in listed[0]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(0, 3000))
def test_parts_add_up_and_are_nearest(weights, total):
    parts = apportioned(total, weights)
    assert sum(parts) == total
    assert all(abs(part - total * one / sum(weights)) < 1 for part, one in zip(parts, weights, strict=True))


@given(
    packs=st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=3), min_size=1, max_size=4),
    weights=st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
def test_a_mix_has_the_packs_of_its_runs(packs, weights):
    made = [_run(number, counts) for number, counts in enumerate(packs)]
    weights = weights[: len(made)]
    total = sum(map(sum, packs))
    shares = [weight / sum(weights) for weight in weights]
    try:
        mixed = mix(made, shares, None, "train")
    except RecipeError:
        assert min(apportioned(total, shares)) == 0
        return
    assert sum(part.given for part in mixed.parts) == total
    for number, share in enumerate(shares):
        given_out = sum(part.given for part in mixed.parts if part.run == number)
        assert abs(given_out - total * share) < 1


def _run(number, counts):
    streams = {f"len-{one:05d}": SimpleNamespace(packs=count) for one, count in enumerate(counts)}
    content = SimpleNamespace(streams=streams)
    return SimpleNamespace(
        content=content,
        location=str(number),
        choose=lambda names, _: list(streams if names is None else names),
    )


def test_a_single_run_stays_as_it_was(run, packed):
    assert open_run(packed).key == run.key
    mixed = mix((run,), None, None, "train")
    assert [(part.given, part.packs) for part in mixed.parts] == [(part.packs,) * 2 for part in mixed.parts]
    assert list(mixed.lines()) == []
