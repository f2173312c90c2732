"""A run of packs with images, read from its shards: arrays, loaders, and what a check of a shard says."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from octomed import _octomed
from octomed.errors import DataError, StorageError
from octomed.mds import MDSWriter
from octomed.stream import Collator, PackedDataset
from streaming import StreamingDataLoader, StreamingDataset
from torch.utils.data import DataLoader

from .image_packs import IMAGE, RECORDS, Document, encoded, pack_of, stored
from .ranks import in_ranks
from .reading import drain

ROOT = Path(__file__).parents[2]
STREAM = "len-00512"
VISION = RECORDS["qwen2.5-vl"]
RULES = (IMAGE, 2)


def packs() -> list[dict[str, Any]]:
    """Packs of one image, of several, and every third of none."""
    made = []
    for number in range(12):
        text: Any = ([number, 7, 8], False)
        answer: Any = ([number, 9], True)
        parts = [[text, answer], [text, encoded(60 + 5 * number, 80), text, answer]]
        if number % 3 == 1:
            parts.append([encoded(60 + 5 * number, 80), encoded(56, 56, 1), answer])
        documents = [
            Document(some, 10 * number + at) for at, some in enumerate(parts if number % 3 else parts[:1])
        ]
        made.append(pack_of(documents, VISION))
    return made


def write_run(folder: Path, rows: list[dict[str, Any]], **keys: Any) -> Path:
    """Write a run as `octomed pack` does, but for what a reader does not need."""
    folder.mkdir()
    columns = dict(_octomed.COLUMNS)
    with MDSWriter(folder / STREAM, columns=columns, size_limit=40_000) as writer:
        for row in rows:
            writer.write(stored(row))
    content = {"format": 1, "streams": {STREAM: {"packs": len(rows)}}, **keys}
    (folder / "octomed.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("images") / "run", packs(), vision=VISION)


def test_rows_give_image_columns_as_arrays(folder):
    with PackedDataset(folder, batch_size=1, shuffle=False, num_canonical_nodes=1, quiet=True) as dataset:
        rows = [dataset[number] for number in range(len(packs()))]
    for row, pack in zip(rows, packs(), strict=True):
        assert row.keys() == pack.keys()
        for name, expected in pack.items():
            if isinstance(expected, bytes):
                assert row[name] == expected
            else:
                assert row[name].dtype == expected.dtype, name
                assert row[name].shape == expected.shape, name
                assert np.array_equal(row[name], expected), name


def test_the_run_says_how_its_images_are_prepared(folder, packed):
    from transformers import Qwen2_5_VLConfig, Qwen3VLConfig

    with PackedDataset(folder, batch_size=1, quiet=True) as dataset:
        assert dataset.vision is not None
        assert dataset.vision.items() >= {name: VISION[name] for name in ("mean", "family")}.items()
        dataset.check_model(Qwen2_5_VLConfig(image_token_id=IMAGE))
        with pytest.raises(DataError, match="a model of `qwen3_vl` takes a grid of 32"):
            dataset.check_model(Qwen3VLConfig(image_token_id=IMAGE))
        batch = Collator(vision=dataset.vision)([dataset[1]])
    assert batch["packs"][0, 2:].tolist() == [2, 3]
    with PackedDataset(packed, batch_size=1, quiet=True) as text:
        assert text.vision is None
        text.check_model(Qwen3VLConfig())


def test_the_documents_example_runs(folder, tmp_path, monkeypatch):
    sys.path.insert(0, str(ROOT / "examples"))
    import hugging_face_trainer as example

    text = (ROOT / "docs/stream.md").read_text(encoding="utf-8")
    code = text.split("## Images")[1].split("```python\n")[1].split("```")[0]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/images").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {"model": example.tiny_vision_model(4095, VISION)}
    exec(compile(code, "docs/stream.md", "exec"), found)
    assert found["pixels"].shape == (len(found["patches"]), 2 * 588)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_loaders_give_the_batches_that_the_collator_makes(folder, workers):
    collator = Collator(vision=VISION)
    with PackedDataset(folder, batch_size=3, shuffle=False, num_canonical_nodes=1, quiet=True) as dataset:
        found = list(StreamingDataLoader(dataset, batch_size=3, num_workers=workers, collate_fn=collator))
    rows = packs()
    assert len(found) == 4
    starts = {int(batch["trace_ids"][0]) // 10 for batch in found}
    assert starts == {0, 3, 6, 9}
    for batch in found:
        first = int(batch["trace_ids"][0]) // 10
        expected = collator(rows[first : first + 3])
        assert list(batch) == list(expected)
        for name, value in expected.items():
            assert torch.equal(torch.as_tensor(batch[name]), torch.as_tensor(value)), name


def batches_of(place: Path | str, cache: Path) -> list[dict[str, Any]]:
    """The batches of a rank, by a loader with a worker, over a cache that all ranks share."""
    with PackedDataset(place, global_batch_size=4, quiet=True, cache=cache, predownload=2) as dataset:
        loader = StreamingDataLoader(
            dataset,
            batch_size=dataset.batch_size,
            num_workers=1,
            collate_fn=Collator(vision=dataset.vision),
        )
        return [{name: np.asarray(value) for name, value in batch.items()} for batch in loader]


def test_images_of_a_run_in_a_store_are_those_on_the_disk(folder, store, tmp_path):
    """On two ranks, where one request in ten fails."""
    local = in_ranks(2, batches_of, folder, tmp_path / "local")
    address = store.upload(folder, "images")
    store.failing = 0.1
    remote = in_ranks(2, batches_of, address, tmp_path / "remote")
    assert store.refused
    assert sum(len(batch["image_patches"]) for rank in local for batch in rank)
    for expected, found in zip(local, remote, strict=True):
        assert len(expected) == len(found) == 3
        for one, other in zip(expected, found, strict=True):
            assert one.keys() == other.keys()
            assert all(np.array_equal(one[name], other[name]) for name in one)


def shared_bytes(processes: list[int]) -> int:
    """Shared memory of PyTorch's that processes have open or mapped: what they share counts once."""
    sizes: dict[int, int] = {}
    for process in processes:
        folder = Path("/proc", str(process))
        for line in (folder / "maps").read_text().splitlines():
            if "/dev/shm/torch_" in line or "/torch_" in line:
                begin, end = (int(one, 16) for one in line.split()[0].split("-"))
                sizes[int(line.split()[4])] = end - begin
        for file in (folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if "/torch_" in str(file.readlink()):
                    sizes[file.stat().st_ino] = file.stat().st_size
    return sum(sizes.values())


@pytest.mark.alone
@pytest.mark.parametrize(("workers", "ahead"), [(1, 2), (2, 3)])
def test_what_is_read_ahead_of_images_has_a_bound(tmp_path, workers, ahead):
    """A loader holds `num_workers` x `prefetch_factor` batches, beside the one that is trained on."""
    picture = [encoded(300, 300)]
    rows = [pack_of([Document([([1, 2], False), *picture, ([7, 9], True)], n)], VISION) for n in range(16)]
    run = write_run(tmp_path / "run", rows, vision=VISION)
    patches = int(rows[0]["image_grid_thw"].prod())
    found = []
    with PackedDataset(run, batch_size=1, num_canonical_nodes=1, quiet=True) as dataset:
        loader = StreamingDataLoader(
            dataset,
            batch_size=1,
            num_workers=workers,
            prefetch_factor=ahead,
            collate_fn=Collator(vision=dataset.vision),
        )
        for batch in loader:
            assert batch["image_patches"].shape == (patches, 588)
            time.sleep(0.05)  # a step
            found.append(shared_bytes([os.getpid(), *(one.pid for one in psutil.Process().children())]))
    bound = (workers * ahead + 1) * patches * 588
    assert 0.6 * bound <= max(found) <= bound


def test_rows_of_a_plain_streaming_dataset_are_taken_too(folder):
    stock = StreamingDataset(local=str(folder / STREAM), batch_size=1)
    collator = Collator(vision=VISION)
    for number, pack in enumerate(packs()):
        found, expected = collator([stock[number]]), collator([pack])
        assert all(
            torch.equal(torch.as_tensor(found[name]), torch.as_tensor(expected[name])) for name in found
        )


def test_images_need_the_record_of_the_run(folder):
    with PackedDataset(folder, batch_size=3, quiet=True) as dataset:
        loader = DataLoader(dataset, batch_size=3, num_workers=1, collate_fn=Collator())
        with pytest.raises(DataError, match="nothing says how they were prepared"):
            drain(loader)


def test_a_column_that_is_cut_is_a_damaged_row(tmp_path):
    row = packs()[1]
    row["image_grid_thw"] = row["image_grid_thw"].reshape(-1)[:4]
    run = write_run(tmp_path / "run", [row])
    with (
        PackedDataset(run, batch_size=1, quiet=True) as dataset,
        pytest.raises(StorageError, match="`image_grid_thw` has 16 bytes, which are not entries of 12 bytes"),
    ):
        dataset[0]


def faults(folder: Path, rules: tuple[int, int] | None) -> list[tuple[int, str]]:
    shards = len(list((folder / STREAM).glob("*.mds")))
    checks = [_octomed.check_shard(str(folder / STREAM), shard, 5000, 4096, rules) for shard in range(shards)]
    return [fault for check in checks for fault in check.faults]


def test_a_check_of_a_shard_knows_images(folder, tmp_path):
    assert faults(folder, RULES) == []
    unknown = {words for _, words in faults(folder, None)}
    assert unknown == {"it has images, and nothing says how they were prepared"}
    row = packs()[1]
    spans = [[3, 5], [8, 12], [len(row["input_ids"]) - 1, len(row["input_ids"])]]
    learned = row | {"loss_spans": np.array(spans, np.uint32)}
    cases = {
        "`image_offsets` do not cut": row | {"images": row["images"] + b"?"},
        "`image_refs` has 11 bytes": row
        | {"image_refs": np.frombuffer(row["image_refs"].tobytes()[:-1], "u1")},
        "placeholder 0 shows image 9 of 2": row | {"image_refs": np.array([9, 0, 1], np.uint32)},
        "is supervised": learned,
    }
    for number, (words, bad) in enumerate(cases.items()):
        found = faults(write_run(tmp_path / str(number), [bad]), RULES)
        assert any(words in said for _, said in found), (words, found)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_does_not_decode_is_told_by_shard_pack_and_repair(tmp_path, workers):
    """Its shard has no hashes, or it was packed so."""
    rows = packs()[:5]
    broken = bytearray(rows[4]["images"])
    begin, end = (int(offset) for offset in rows[4]["image_offsets"][1:3])
    broken[begin:end] = bytes(end - begin)
    rows[4]["images"] = bytes(broken)
    run = write_run(tmp_path / "run", rows, vision=VISION)
    with PackedDataset(run, batch_size=5, shuffle=False, num_canonical_nodes=1, quiet=True) as dataset:
        shard, row = dataset.spanner[4]
        loader = DataLoader(
            dataset, batch_size=5, num_workers=workers, collate_fn=Collator(vision=dataset.vision)
        )
        with pytest.raises(DataError) as told:
            drain(loader)
        assert pickle.loads(pickle.dumps(dataset[4])).place == dataset[4].place
    words = f"image 1 of pack {row} of `{run / STREAM}/shard.{shard:05}.mds`: "
    assert words in str(told.value)
    assert "delete that shard and run `octomed pack RECIPE`" in f"{told.value}{told.value.hint}"
