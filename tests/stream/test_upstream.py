"""What is changed in packages of others: a test fails when upstream has mended it. Then the change goes."""

from __future__ import annotations

import gc
import importlib.metadata
import inspect
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streaming
import tomllib
from octomed.errors import RecipeError
from octomed.stream import PackedDataset, upstream, versions
from octomed.stream.upstream import MendedDataset, ShardState
from streaming import MDSWriter, StreamingDataset
from streaming.base.dataset import _Iterator
from streaming.base.partition import get_partitions
from streaming.base.shared import SharedMemory

from .reading import loader, packs_of

pytestmark = pytest.mark.alone  # it counts segments that any process may have made

ROOT = Path(__file__).parents[2]
NAME = f"octomed-test-{os.getpid()}"


def test_installed_versions_are_within_the_bounds_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [one for one in project["optional-dependencies"]["train"] if one.startswith("mosaicml")]
    said = {
        name: f"{name}>={'.'.join(map(str, first))},<{'.'.join(map(str, end))}"
        for name, (first, end) in versions.BOUNDS.items()
    }
    assert sorted(wanted) == sorted(said.values())
    for name in versions.BOUNDS:
        versions.check_installed(name)


@pytest.mark.parametrize("version", ["0.12.9", "0.14.0", "1.13.0", "0.14.0rc1", "0.14"])
def test_another_version_is_refused_by_name(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    with pytest.raises(RecipeError) as caught:
        versions.check_installed("mosaicml-streaming")
    assert f"`mosaicml-streaming` {version} is installed" in caught.value.message
    assert caught.value.hint == "`pip install 'mosaicml-streaming>=0.13,<0.14'`"


@pytest.mark.parametrize("version", ["0.13.0", "0.13", "0.13.7.dev1", "0.13.1rc2"])
def test_a_version_within_the_bounds_is_taken(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    versions.check_installed("mosaicml-streaming")


def a_data_set(**values):
    """As much of a data set as its threads look at: one sample in one shard."""
    standing = {
        "predownload": None,
        "spanner": [(0, 0)],
        "_event": threading.Event(),
        "_shard_states": np.array([ShardState.REMOTE], np.uint8),
        "patience": 0.2,
        "prepare_shard": lambda *_, **__: None,
    }
    return SimpleNamespace(**(standing | values))


def fail(*_, **__):
    raise OSError("out of reach")


def test_upstream_counts_a_thread_that_failed_as_running():
    told = []
    for owner in (StreamingDataset, MendedDataset):
        it = _Iterator(np.array([0]))
        mended = MendedDataset.__new__(MendedDataset)
        mended.__dict__.update(a_data_set(prepare_shard=fail).__dict__)
        with pytest.raises(OSError, match="out of reach"):
            owner._prepare_thread(mended, it)
        told.append(it._num_exited)
    assert told == [0, 1]


def test_upstream_waits_for_ever_for_a_worker_that_died_and_hands_out_what_failed():
    states = np.array([ShardState.PREPARING], np.uint8)
    waiting, it = a_data_set(_shard_states=states), _Iterator(np.array([0]))
    thread = threading.Thread(target=StreamingDataset._ready_thread, args=(waiting, it), daemon=True)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    waiting._event.set()
    thread.join(5)
    assert it.ready_index == 1, "what failed counts as ready"

    mended, it = MendedDataset.__new__(MendedDataset), _Iterator(np.array([0]))
    mended.__dict__.update(a_data_set(_shard_states=states).__dict__)

    def bring(*_, **__):
        states[0] = ShardState.LOCAL

    mended.__dict__["prepare_shard"] = bring
    states[0] = ShardState.PREPARING
    mended._ready_thread(it)
    assert (it.ready_index, it._num_exited) == (1, 1)


def test_upstream_ends_an_epoch_whose_thread_failed_without_a_word():
    event = threading.Event()
    event.set()
    assert list(StreamingDataset._each_sample_id(a_data_set(_event=event), _Iterator(np.array([0])))) == []


def test_upstream_raises_a_thread_s_error_where_nobody_catches_it():
    failed = SimpleNamespace(exception=lambda: OSError("out of reach"))
    with pytest.raises(OSError, match="out of reach"):
        StreamingDataset.on_exception(a_data_set(), failed)
    kept = a_data_set(_failure=None)
    MendedDataset.on_exception(kept, failed)
    assert str(kept._failure) == "out of reach"
    assert kept._event.is_set()


def test_upstream_leaves_a_shard_that_failed_as_one_in_preparation(packed, monkeypatch):
    dataset = PackedDataset(packed, batch_size=1, quiet=True)
    monkeypatch.setattr(dataset.streams[0], "prepare_shard", fail)
    for method, left in [
        (StreamingDataset.prepare_shard, ShardState.PREPARING),
        (MendedDataset.prepare_shard, ShardState.REMOTE),
    ]:
        dataset._shard_states[0] = ShardState.REMOTE
        with pytest.raises(OSError, match="out of reach"):
            method(dataset, 0)
        assert dataset._shard_states[0] == left


@pytest.fixture
def plain(tmp_path):
    """A stock data set of four samples."""
    with MDSWriter(out=str(tmp_path / "plain"), columns={"number": "int"}) as writer:
        for number in range(4):
            writer.write({"number": number})
    return StreamingDataset(local=str(tmp_path / "plain"), batch_size=1)


def ends_in_a_fork(function, seconds):
    """Whether a forked process comes to the end of a function."""
    process = os.fork()
    if not process:
        signal.alarm(60)
        threading.Thread(target=lambda: (function(), os._exit(0)), daemon=True).start()
        time.sleep(seconds)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def test_upstream_cannot_be_forked_once_it_was_iterated(plain, packed):
    assert len(list(plain)) == 4
    assert not ends_in_a_fork(lambda: list(plain), 2)
    mended = PackedDataset(packed, batch_size=1, quiet=True)
    list(mended)
    assert ends_in_a_fork(lambda: list(mended), 30)


def test_upstream_refuses_to_resume_among_repeated_packs():
    given = ("orig", 10, 4, 1, 1, 1, 1, 12)
    with pytest.raises(ValueError, match="Resuming further into the dataset"):
        get_partitions(*given)
    assert upstream._partitions(*given).size == 0
    for method in (upstream.random, upstream.per_stream):
        assert method.get_partitions is upstream._partitions


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_upstream_keeps_shared_memory_to_the_end_of_the_process():
    before = descriptors()
    kept = SharedMemory.__new__(SharedMemory)
    upstream._begin_segment_upstream(kept, NAME, True, 8)
    created = kept.created_shms
    del kept
    assert descriptors() > before
    for memory in created:
        memory.close()
        memory.unlink()
    assert descriptors() == before
    mended = SharedMemory(NAME, True, 8)
    opened = SharedMemory(NAME, False)
    assert descriptors() > before
    del opened
    assert Path("/dev/shm", NAME).exists()
    del mended
    assert descriptors() == before
    assert not Path("/dev/shm", NAME).exists()


def test_a_fork_leaves_the_memory_of_its_parent():
    memory = [SharedMemory(NAME, True, 8)]
    assert ends_in_a_fork(lambda: (memory.clear(), gc.collect()), 30)
    assert Path("/dev/shm", NAME).exists()
    memory.clear()
    assert not Path("/dev/shm", NAME).exists()


def test_composer_still_calls_what_newer_wandb_has_not():
    logger = pytest.importorskip("composer.loggers.wandb_logger")
    assert ".get_url()" in inspect.getsource(logger)
    wandb = pytest.importorskip("wandb")
    assert upstream.give_wandb_runs_their_url() is None
    assert wandb.sdk.wandb_run.Run.get_url.__module__ == upstream.__name__


def test_what_is_used_of_the_inside_is_there(packed):
    dataset = PackedDataset(packed, batch_size=1, quiet=True)
    assert dataset.shared_memory_number == dataset._shm_prefix_int
    assert {segment.shm.name for segment in dataset._segments()} == {
        path.name for path in Path("/dev/shm").glob(f"{dataset.shared_memory_number:06}_*")
    } - {f"{dataset.shared_memory_number:06}_octomed"}
    assert streaming.__version__.startswith("0.13")


@pytest.mark.parametrize("ways", ["closed", "garbage"])
@pytest.mark.parametrize("workers", [0, 1])
def test_data_sets_that_are_read_and_gone_keep_no_descriptor(packed, ways, workers):
    def read(end):
        batches = loader(packed, 4, workers)
        iterator = iter(batches)
        packs_of(next(iterator))
        for _ in iterator if end else ():
            pass
        del iterator
        if ways == "closed":
            batches.dataset.close()

    read(end=True)
    before, threads = descriptors(), threading.active_count()
    segments = sorted(os.listdir("/dev/shm"))
    for number in range(6):
        read(end=number % 2)
    for _ in range(200):
        if descriptors() <= before:
            break
        time.sleep(0.02)
    assert descriptors() <= before
    assert threading.active_count() <= threads
    assert sorted(os.listdir("/dev/shm")) == segments


def test_an_iteration_that_is_broken_off_ends_its_own_threads_alone(packed):
    dataset = PackedDataset(packed, batch_size=1, quiet=True)
    first = iter(dataset)
    next(first)
    second = iter(dataset)
    seen = [next(second)]
    first.close()
    seen += second
    assert len(seen) == len(dataset)
    third = iter(dataset)
    next(third)
    third.close()
    for _ in range(500):
        if dataset._iterator._num_exited == 2:
            break
        time.sleep(0.01)
    assert dataset._iterator._num_exited == 2


def test_a_closed_data_set_is_read_no_more(packed):
    with PackedDataset(packed, batch_size=1, quiet=True) as dataset:
        assert dataset[0]["input_ids"].size
    for read in (lambda: dataset[0], lambda: next(iter(dataset))):
        with pytest.raises(RecipeError, match="this data set was closed"):
            read()
    dataset.close()
    assert PackedDataset(packed, batch_size=1, quiet=True)[0]["input_ids"].size
