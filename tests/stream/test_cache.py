"""What the cache promises: whatever becomes of its files, batches are those of the sound run, or an error."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from octomed import _octomed
from octomed.errors import StorageError
from octomed.stream import Collator, PackedDataset
from octomed.stream.digests import digest_in_index, keep_digest, kept_digest
from torch.utils.data import DataLoader

from tests.end_to_end import runs
from tests.state_files import change

from .ranks import in_ranks
from .reading import drain, epoch

if TYPE_CHECKING:
    from collections.abc import Callable

FLIPS = 20


def batches(path: Path, workers: int = 0) -> list[bytes]:
    """All that a training learns from, in its order."""
    dataset = PackedDataset(path, batch_size=4, quiet=True)
    loader = DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=Collator())
    return [
        b"".join(batch[key].numpy().tobytes() for key in ("input_ids", "labels", "cu_seqlens", "trace_ids"))
        for batch in drain(loader)
    ]


def flip(path: Path, place: int) -> None:
    """Flip a bit as a failing disk does: size and times stay."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def without_hashes(run: Path, *, raw: bool) -> Path:
    """Take the digests of raw shards, or all, out of a run's indexes."""
    for index in run.glob("*/index.json"):
        content = json.loads(index.read_text())
        for shard in content["shards"]:
            shard["raw_data"]["hashes"] = {}
            shard["zip_data"]["hashes"] = shard["zip_data"]["hashes"] if raw else {}
        write_index(index, content)
    return run


def write_index(index: Path, content: dict[str, Any]) -> None:
    """Write an index, and its digest into the run's file."""
    index.write_text(json.dumps(content))
    digest = _octomed.digest(index.read_bytes())
    change(
        index.parent.parent / "octomed.json",
        lambda run: run["streams"][index.parent.name].update(index=digest),
    )


@pytest.mark.parametrize("hashes", ["all", "of packed shards", "none"])
def test_flipped_bits_in_cached_shards_change_no_batch(copied, cache, hashes, caplog):
    if hashes != "all":
        without_hashes(copied, raw=hashes == "of packed shards")
    sound = batches(copied)
    shards = sorted(cache.glob("*/*/*.mds"))
    chance = random.Random(13)
    for _ in range(FLIPS // 5):
        flipped = chance.sample(shards, 5)
        for path in flipped:
            flip(path, chance.randrange(path.stat().st_size * 8))
        with caplog.at_level(logging.WARNING):
            assert batches(copied) == sound
        for path in flipped:
            assert f"`{path}` is damaged in the cache: it is fetched again" in caplog.text
        caplog.clear()


def test_workers_and_ranks_find_flipped_bits_too(copied, cache):
    sound = batches(copied)
    chance = random.Random(14)
    for path in sorted(cache.glob("*/*/*.mds")):
        flip(path, chance.randrange(path.stat().st_size * 8))
    assert batches(copied, workers=2) == sound
    seen = in_ranks(2, epoch, copied, 8, 2, {})
    for path in sorted(cache.glob("*/*/*.mds")):
        flip(path, chance.randrange(path.stat().st_size * 8))
    assert in_ranks(2, epoch, copied, 8, 2, {}) == seen


def test_a_file_that_changes_while_it_is_read_is_checked_again(copied, cache):
    dataset = PackedDataset(copied, batch_size=1, quiet=True)
    sound = [dataset[number]["input_ids"].tobytes() for number in range(dataset.num_samples)]
    for path in cache.glob("*/*/*.mds"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert [dataset[number]["input_ids"].tobytes() for number in range(dataset.num_samples)] == sound


SPOILED: dict[str, Callable[[Path], object]] = {
    "cut to nothing": lambda path: path.write_bytes(b""),
    "cut by a byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another": lambda path: shutil.copy(path.with_name("shard.00000.mds"), path),
    "gone": Path.unlink,
    "without digest": lambda path: Path(f"{path}.digest").unlink(missing_ok=True),
}


@pytest.mark.parametrize("hashes", ["all", "none"])
@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_file_is_fetched_again(copied, cache, case, hashes):
    if hashes == "none":
        without_hashes(copied, raw=False)
    sound = batches(copied)
    SPOILED[case](max(cache.glob("*/*/*.mds")))
    assert batches(copied) == sound


def test_a_flip_in_the_cached_index_or_in_a_kept_digest_changes_no_batch(copied, cache):
    without_hashes(copied, raw=False)
    sound = batches(copied)
    chance = random.Random(15)
    for _ in range(6):
        for pattern in ("*/*/*.digest", "*/*/index.json"):
            path = chance.choice(sorted(cache.glob(pattern)))
            flip(path, chance.randrange(path.stat().st_size * 8))
        assert batches(copied) == sound


@pytest.mark.parametrize("name", ["shard.00000.mds", "shard.00000.mds.digest", "index.json"])
def test_links_in_a_cache_are_not_followed(copied, cache, tmp_path, name):
    without_hashes(copied, raw=False)
    sound = batches(copied)
    elsewhere = tmp_path / "elsewhere"
    for path in sorted(cache.glob(f"*/*/{name}")):
        shutil.copy(path, elsewhere)
        before = elsewhere.read_bytes()
        path.unlink()
        path.symlink_to(elsewhere)
        assert batches(copied) == sound
        assert not path.is_symlink()
        assert elsewhere.read_bytes() == before


@pytest.mark.parametrize("level", ["*", "*/*"])
def test_a_folder_that_is_a_link_is_made_anew(copied, cache, tmp_path, level, caplog):
    sound = batches(copied)
    folder = min(cache.glob(level))
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    flip(min(elsewhere.rglob("*.mds")), 4_321)
    folder.symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    assert batches(copied) == sound
    assert not folder.is_symlink()
    assert {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()} == before
    assert f"`{folder}` is a link in the cache: it is removed" in caplog.text


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_an_index_that_is_no_file_is_fetched_again(copied, cache, tmp_path, kind, caplog):
    sound = batches(copied)
    path = min(cache.glob("*/*/index.json"))
    path.unlink()
    make = {"folder": path.mkdir, "link": lambda: path.symlink_to(tmp_path), "pipe": lambda: os.mkfifo(path)}
    make[kind]()
    if kind == "folder":
        (path / "x").write_text("x")
    assert batches(copied) == sound
    assert path.is_file()
    assert f"`{path}` is damaged in the cache: it is fetched again" in caplog.text


def test_an_emptied_shard_is_told_of(copied, cache, caplog):
    sound = batches(copied)
    path = min(cache.glob("*/*/*.mds"))
    path.write_bytes(b"")
    assert batches(copied) == sound
    assert f"`{path}` is damaged in the cache: it is fetched again" in caplog.text


def test_a_folder_in_the_place_of_a_shard_is_an_error(copied, cache):
    batches(copied)
    path = min(cache.glob("*/*/*.mds"))
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match=f"`{path}`"):
        batches(copied)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A run of raw shards, which its cache only links."""
    runs.make_inputs(tmp_path, rows=60)
    recipe = runs.values()
    recipe["output"] |= {"compression": None}
    recipe["pack"] |= {"capacity": 512, "buckets": [240, 330]}
    runs.pack(runs.write_recipe(tmp_path, recipe))
    return tmp_path / "out"


def test_a_run_read_in_place_is_checked(raw):
    sound = batches(raw)
    assert batches(raw) == sound
    path = min(raw.glob("*/*.mds"))
    flip(path, 12_345)
    with pytest.raises(StorageError, match=f"shard `{path}` is damaged: its xxh3_64 is not") as caught:
        batches(raw)
    assert "octomed pack" in (caught.value.hint or str(caught.value))


def test_a_run_without_hashes_read_in_place_is_compared_with_what_it_was(raw):
    for index in raw.glob("*/index.json"):
        content = json.loads(index.read_text())
        for shard in content["shards"]:
            shard["raw_data"]["hashes"] = {}
        write_index(index, content)
    batches(raw)
    path = min(raw.glob("*/*.mds"))
    flip(path, 12_345)
    with pytest.raises(StorageError, match=f"shard `{path}` is damaged: it is not what was fetched before"):
        batches(raw)


def test_a_run_of_links_is_read(raw, tmp_path, cache):
    """As hubs keep what is downloaded: links out of the folder, to a store of theirs."""
    sound = batches(raw)
    linked = tmp_path / "linked"
    shutil.copytree(raw, linked, copy_function=os.symlink)
    shutil.rmtree(cache)
    assert batches(linked) == sound
    assert not any(path.is_symlink() for path in cache.rglob("*"))


def test_what_is_unpacked_is_compared_with_the_index(copied):
    for index in copied.glob("*/index.json"):
        index.write_text(index.read_text().replace('"xxh3_64":"', '"xxh3_64":"', 1))
        content = json.loads(index.read_text())
        content["shards"][0]["raw_data"]["hashes"] = {"xxh3_64": "0" * 16}
        write_index(index, content)
    with pytest.raises(StorageError, match="of what it unpacks to is not 0000"):
        batches(copied)


def test_a_kept_digest_is_of_its_own_file(tmp_path):
    path = str(tmp_path / "a.mds")
    keep_digest(path, ("xxh3_128", "ab"))
    assert kept_digest(path) == ("xxh3_128", "ab")
    shutil.copy(f"{path}.digest", tmp_path / "b.mds.digest")
    assert kept_digest(str(tmp_path / "b.mds")) is None
    assert digest_in_index({"sha256": "x"}) is None
    assert digest_in_index({"xxh64": "x", "md5": "y"}) == ("xxh64", "x")


def test_stamps_of_one_start_are_not_those_of_the_next(copied, cache):
    """A flip that leaves size and times alone is found when the next process begins."""
    first = PackedDataset(copied, batch_size=1, quiet=True)
    sound = [first[number]["input_ids"].tobytes() for number in range(first.num_samples)]
    assert np.count_nonzero(first._checked.numpy()) == len(first.shards)
    for path in cache.glob("*/*/*.mds"):
        flip(path, 4_321)
    second = PackedDataset(copied, batch_size=1, quiet=True)
    assert [second[number]["input_ids"].tobytes() for number in range(second.num_samples)] == sound
