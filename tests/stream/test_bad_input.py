"""Each kind of bad input has a stated result: an error that says what, where and why, and what to do."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from octomed.cli.app import run as command_line
from octomed.errors import OctomedError, RecipeError, StorageError
from octomed.stream import Collator, PackedDataset, open_run
from octomed.strict_json import plain
from torch.utils.data import DataLoader

from tests.end_to_end import runs

from .conftest import change_index, change_run_file
from .ranks import in_ranks
from .reading import all_packs, drain, epoch

STREAM = "len-00330"


def read(path: Path, workers: int = 0, **options: object) -> list[object]:
    """All batches of an epoch."""
    dataset = PackedDataset(path, batch_size=4, quiet=True, **options)
    return drain(DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=Collator()))


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


SHARD = "shard.00003.mds.zstd"
SPOILED_SHARDS = {
    "missing": (Path.unlink, "is missing"),
    "damaged": (damage, "is damaged: its xxh3_64 is not "),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-7]), r"is damaged: it has \d+ bytes, not \d+"),
    "emptied": (lambda path: path.write_bytes(b""), "is damaged: it has 0 bytes"),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("case", SPOILED_SHARDS)
def test_a_spoiled_shard_is_named_with_the_command_that_writes_it_again(copied, packed, case, workers):
    spoil, words = SPOILED_SHARDS[case]
    path = copied / STREAM / SHARD
    spoil(path)
    with pytest.raises(StorageError, match=words) as caught:
        read(copied, workers)
    assert f"shard `{path}`" in str(caught.value)
    command = f"octomed pack {packed.parent / 'recipe.yaml'}"
    hint = f"run `{command}`: only what is missing is written again"
    said = caught.value.hint or str(caught.value)
    assert hint in said
    assert (f"delete it and {hint}" in said) == (case != "missing")


def test_the_command_of_the_hint_mends_the_run(tmp_path):
    runs.make_inputs(tmp_path, rows=60)
    recipe = runs.write_recipe(tmp_path, runs.values())
    overrides = ["output.path=other", "pack.buckets=[256, 300]"]
    runs.pack(recipe, *overrides)
    run = tmp_path / "other"
    path = next(run.glob("len-*/shard.00001.mds.zstd"))
    damage(path)
    with pytest.raises(StorageError) as caught:
        read(run)
    path.unlink()
    command = f"octomed pack {recipe} --set output.path=other --set 'pack.buckets=[256, 300]'"
    assert f"delete it and run `{command}`: " in (caught.value.hint or "")
    assert command_line(shlex.split(command)[1:]) == 0
    assert read(run)


def test_a_failure_does_not_end_the_epoch_early_nor_hang_other_ranks(copied, monkeypatch):
    """Stock Streaming ends the epoch without a word, and leaves the other ranks waiting.

    For a shard, too, that a worker was fetching when its own rank failed and ended it.
    """
    monkeypatch.setattr(PackedDataset, "patience", 1.0)
    (copied / STREAM / SHARD).unlink()
    with pytest.raises(StorageError, match=SHARD):
        in_ranks(2, epoch, copied, 8, 2, {})


def test_damage_that_no_hash_tells_is_told_by_the_unpacker(copied):
    index = copied / STREAM / "index.json"
    content = json.loads(index.read_text())
    for shard in content["shards"]:
        shard["zip_data"]["hashes"] = {}
    change_index(copied, STREAM, content)
    damage(copied / STREAM / SHARD)
    with pytest.raises(StorageError, match=f"{SHARD}` is damaged: "):
        read(copied)


def test_raw_shards_are_checked_too(copied, cache):
    raw = copied.parent / "raw"
    read(copied)
    shutil.copytree(copied, raw)
    for stream in open_run(raw).streams:
        index = raw / stream / "index.json"
        content = json.loads(index.read_text())
        for shard in content["shards"]:
            shard["compression"], shard["zip_data"] = None, None
            found = next(cache.glob(f"*/{stream}/{shard['raw_data']['basename']}"))
            shutil.copyfile(found, raw / stream / found.name)
        change_index(raw, stream, content)
    change_run_file(raw, versions={"octomed": "another"})
    assert len(read(raw)) == len(read(copied))
    change_run_file(raw, versions={"octomed": "a third"})
    path = raw / STREAM / "shard.00003.mds"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match=r"shard.00003.mds` is damaged: it has \d+ bytes"):
        read(raw)


def test_nothing_is_written_into_the_output(copied):
    before = runs.contents(copied)
    read(copied)
    assert runs.contents(copied) == before


def test_a_run_replaced_at_the_same_place_is_read_anew(tmp_path, cache):
    runs.make_inputs(tmp_path, rows=60)
    recipe = runs.write_recipe(tmp_path, runs.values())
    runs.pack(recipe)
    run = tmp_path / "out"
    old = all_packs(run)
    assert {pack for (pack,) in epoch(run, 1, 0, {})} == set(old)
    runs.pack(recipe, "pack.seed=99", "pack.capacity=2048", replace=True)
    new = all_packs(run)
    assert set(new) != set(old)
    assert {pack for (pack,) in epoch(run, 1, 0, {})} == set(new)
    assert len(list(cache.iterdir())) == 2


def test_a_run_s_key_is_of_what_was_written_and_not_of_its_address(copied, packed):
    run = open_run(packed)
    assert open_run(copied).key == run.key
    content = plain(run.content)
    written = content["run"] | {"write_key": "another"}
    for other in ({"run": written}, {"versions": {"octomed": "another"}}, {"streams": {}}):
        change_run_file(copied, **(content | other))
        assert open_run(copied).key != run.key, other


def test_a_cache_that_was_cut_or_deleted_is_made_whole_again(copied, cache):
    whole = len(read(copied))
    shards = sorted(cache.glob(f"*/{STREAM}/*.mds"))
    shards[0].write_bytes(b"cut")
    shards[1].unlink()
    assert len(read(copied)) == whole
    assert len(list(cache.glob("*/*/*.part*"))) == 0


def replace_in(path, old, new):
    """Put other text in the place of the first that is found."""
    path.write_text(path.read_text().replace(old, new, 1))


def one_byte(run):
    """Change a digit of a digest in an index, which is an index still."""
    path = run / STREAM / "index.json"
    content = json.loads(path.read_text())
    hashes = content["shards"][0]["raw_data"]["hashes"]
    hashes["xxh3_64"] = hashes["xxh3_64"][::-1]
    path.write_text(json.dumps(content))


def named(name):
    """Make an index name a file elsewhere."""

    def spoil(run):
        path = run / STREAM / "index.json"
        content = json.loads(path.read_text())
        content["shards"][0]["zip_data"]["basename"] = name
        change_index(run, STREAM, content)

    return spoil


WRONG_RUNS = {
    "a changed count": (
        lambda run: replace_in(run / "octomed.json", "1", "2"),
        StorageError,
        r"octomed.json` is damaged",
    ),
    "a changed index": (one_byte, StorageError, r"index.json` is damaged: its digest"),
    "an index that leads out": (named("../../x"), StorageError, r"index.json` is damaged: the name"),
    "an absolute name": (named("/etc/passwd"), StorageError, r"index.json` is damaged: the name"),
    "no run": (lambda run: (run / "octomed.json").unlink(), RecipeError, "holds no finished run: it has no"),
    "cut": (lambda run: (run / "octomed.json").write_text("{"), StorageError, "octomed.json` is damaged"),
    "a list": (lambda run: (run / "octomed.json").write_text("[1]"), RecipeError, "is not what"),
    "newer": (lambda run: change_run_file(run, format=3), RecipeError, "has format 3, and this version"),
    "empty stream": (
        lambda run: (run / STREAM / "index.json").write_text('{"version": 2, "shards": []}'),
        RecipeError,
        f"stream `{STREAM}` of .* holds no pack",
    ),
    "no index": (lambda run: (run / STREAM / "index.json").unlink(), StorageError, "index.json` is missing"),
    "a bad index": (
        lambda run: (run / STREAM / "index.json").write_text('{"shards": 3}'),
        StorageError,
        "index.json` is damaged",
    ),
    "another index": (
        lambda run: shutil.copy(run / "len-00240/index.json", run / STREAM / "index.json"),
        StorageError,
        r"index.json` has \d+ packs, and `octomed.json` says \d+",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_RUNS)
def test_a_run_that_is_none(copied, case):
    spoil, kind, words = WRONG_RUNS[case]
    spoil(copied)
    with pytest.raises(kind, match=words) as caught:
        PackedDataset(copied, batch_size=1)
    assert caught.value.hint


WRONG_CALLS = {
    "no folder": (lambda run: PackedDataset(run / "x", batch_size=1), "holds no finished run"),
    "no batch size": (PackedDataset, "give either `batch_size`"),
    "two batch sizes": (lambda run: PackedDataset(run, batch_size=1, global_batch_size=1), "give either"),
    "an empty batch": (lambda run: PackedDataset(run, batch_size=0), "a batch of 0 packs is empty"),
    "an unknown stream": (lambda run: PackedDataset(run, batch_size=1, streams=["a"]), "no train stream `a`"),
    "no stream": (lambda run: PackedDataset(run, batch_size=1, streams=[]), "names no stream"),
    "an unknown split": (lambda run: PackedDataset(run, batch_size=1, split="test"), "unknown split `test`"),
    "no validation": (
        lambda run: PackedDataset(run, batch_size=1, split="validation"),
        "has no validation stream",
    ),
    "an unknown method": (
        lambda run: PackedDataset(run, batch_size=1, batching_method="any"),
        "unknown batching method `any`",
    ),
    "too many canonical nodes": (
        lambda run: PackedDataset(run, batch_size=1, num_canonical_nodes=2000),
        "packs are fewer than `num_canonical_nodes`, 2000",
    ),
    "a cache in the run": (
        lambda run: PackedDataset(run, batch_size=1, cache=run / "a/b"),
        "is inside the run",
    ),
    "the run as its cache": (lambda run: PackedDataset(run, batch_size=1, cache=run), "is inside the run"),
    "an unknown store": (lambda run: PackedDataset(f"ftp://{run}", batch_size=1), "has the scheme `ftp`"),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_a_call_that_cannot_be_served(packed, case):
    call, words = WRONG_CALLS[case]
    with pytest.raises(RecipeError, match=words):
        call(packed)


def _make(path: Path, batch: int) -> str:
    try:
        PackedDataset(path, global_batch_size=batch, quiet=True)
    except OctomedError as error:
        return f"{error.message}; {error.hint}"
    return "made"


def test_a_batch_that_the_ranks_cannot_share(packed):
    said = "a global batch of 9 packs is not divisible by 2 ranks; take 8 or 10"
    assert in_ranks(2, _make, packed, 9) == [said, said]
    assert in_ranks(2, _make, packed, 10) == ["made", "made"]


def test_validation_is_read_by_its_name_and_never_trained_on(copied):
    (copied / STREAM).rename(copied / "validation")
    streams = open_run(copied).streams
    change_run_file(
        copied, streams={"validation" if name == STREAM else name: streams[name] for name in streams}
    )
    held_out = PackedDataset(copied, batch_size=2, split="validation", quiet=True)
    assert (held_out.counts.packs, held_out.counts.repeats) == (streams[STREAM]["packs"], 0)
    training = PackedDataset(copied, batch_size=2, quiet=True)
    assert training.counts.packs == sum(one["packs"] for name, one in streams.items() if name != STREAM)
    trained, held = ({trace for row in split for trace in row["trace_ids"]} for split in (training, held_out))
    assert trained
    assert held
    assert not trained & held


def test_a_few_packs_lower_the_canonical_nodes(tmp_path):
    runs.write_lines(tmp_path / "data/few.jsonl", runs.question_rows(5, 40))
    recipe = runs.one_source("data/few.jsonl")
    recipe["pack"] = {"capacity": 2048, "seed": 1}
    runs.pack(runs.write_recipe(tmp_path, recipe))
    packs = all_packs(tmp_path / "out")
    assert 1 < len(packs) < 24
    seen = [
        pack for ranks in in_ranks(2, epoch, tmp_path / "out", 2, 0, {}) for batch in ranks for pack in batch
    ]
    assert set(seen) == set(packs)
