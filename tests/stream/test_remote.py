"""Runs in an object store: read whole, with failing requests, and when the store goes away."""

from __future__ import annotations

import time

import pytest
from octomed import urls
from octomed.errors import RecipeError, StorageError
from octomed.stream import PackedDataset, open_run
from octomed.stream.source import Source

from .conftest import change_run_file
from .ranks import in_ranks
from .reading import all_packs, epoch, global_batches, loader, packs_of


@pytest.mark.parametrize("failing", [0.0, 0.1])
def test_a_run_in_a_store_is_the_run_on_the_disk(packed, store, failing, tmp_path):
    address = store.upload(packed, f"whole-{failing}")
    local = global_batches(in_ranks(1, epoch, packed, 8, 0, {"cache": tmp_path / "local"}))
    store.failing = failing
    remote = global_batches(in_ranks(2, epoch, address, 8, 1, {"cache": tmp_path / "remote"}))
    assert remote == local
    assert (store.refused > 5) == (failing > 0)


def test_a_missing_object_is_named_and_not_asked_for_again(packed, store):
    address = store.upload(packed, "missing")
    store.delete(f"{address}/len-00330/shard.00003.mds.zstd")
    begin = time.perf_counter()
    with pytest.raises(
        StorageError, match=f"shard `{address}/len-00330/shard.00003.mds.zstd` is missing"
    ) as caught:
        epoch(address, 8, 0, {})
    assert "octomed pack" in (caught.value.hint or "")
    assert time.perf_counter() - begin < 20
    with pytest.raises(RecipeError, match=f"`{address}/nothing` holds no finished run"):
        open_run(f"{address}/nothing")


def test_a_store_that_goes_away_ends_the_epoch_and_it_goes_on_later(packed, store, tmp_path):
    address = store.upload(packed, "away")
    whole = global_batches(in_ranks(1, epoch, packed, 4, 0, {}))
    batches = loader(address, 4, 0, download_retry=2, predownload=4, cache=tmp_path / "a")
    seen: list[list[int]] = []

    def read_while_the_store_goes_away() -> None:
        for batch in batches:
            seen.append(sorted(packs_of(batch)))
            if len(seen) == 2:
                store.switch_off()

    with pytest.raises(StorageError, match=f"cannot read `{address}/len-.* after 2 attempts") as caught:
        read_while_the_store_goes_away()
    assert "it resumes from the last checkpoint" in (caught.value.hint or "")
    assert 2 <= len(seen) < len(whole)
    state = batches.state_dict()
    with pytest.raises(StorageError, match=r"octomed\.json` after 1 attempts"):
        open_run(address, attempts=1)
    store.switch_on()
    onward = loader(address, 4, 0, cache=tmp_path / "b")
    onward.load_state_dict(state)
    assert seen + [sorted(packs_of(batch)) for batch in onward] == whole


def test_the_run_may_be_replaced_while_nobody_reads(packed, copied, store):
    address = store.upload(packed, "replaced")
    assert set(all_packs(packed)) == {pack for (pack,) in epoch(address, 1, 0, {})}
    (copied / "len-00330").rename(copied / "validation")
    run = open_run(copied)
    change_run_file(
        copied,
        streams={{"len-00330": "validation"}.get(name, name): one for name, one in run.streams.items()},
    )
    store.upload(copied, "replaced")
    assert set(all_packs(packed, "len-00240", "len-00512")) == {pack for (pack,) in epoch(address, 1, 0, {})}


class _Answer(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


def _failing_client(error: Exception, calls: list[int]):
    class Client:
        def download(self, *_: object) -> None:
            calls.append(1)
            raise error

    return Client()


NotFound = type("NotFound", (Exception,), {})
ResourceNotFoundError = type("ResourceNotFoundError", (Exception,), {})
NoCredentialsError = type("NoCredentialsError", (Exception,), {})


@pytest.mark.parametrize(("error", "becomes", "attempts"), [
    (_Answer("404"), (FileNotFoundError, "gs://bucket/run/x"), 1),
    (NotFound(), (FileNotFoundError, "gs://bucket/run/x"), 1),
    (ResourceNotFoundError(), (FileNotFoundError, "gs://bucket/run/x"), 1),
    (_Answer("403"), (StorageError, r"the store refuses access \(403\)"), 1),
    (NoCredentialsError(), (StorageError, r"the store refuses access \(NoCredentialsError\)"), 1),
    (_Answer("SlowDown"), (StorageError, "cannot read `gs://bucket/run/x` after 3 attempts: SlowDown"), 3),
    (TimeoutError("late"), (StorageError, "after 3 attempts: late"), 3),
])  # fmt: skip
def test_what_a_store_answers_decides_whether_it_is_asked_again(
    error, becomes, attempts, tmp_path, monkeypatch
):
    kind, words = becomes
    calls: list[int] = []
    monkeypatch.setattr(Source, "_client", lambda _: _failing_client(error, calls))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(kind, match=words):
        Source("gs://bucket/run", attempts=3).fetch("x", tmp_path / "x")
    assert len(calls) == attempts


@pytest.mark.parametrize(("location", "streaming"), [
    ("s3://bucket/run", "s3://bucket/run"),
    ("GS://bucket/run/", "gs://bucket/run/"),
    ("az://account/container/a/b", "azure://account.blob.core.windows.net/container/a/b"),
])  # fmt: skip
def test_addresses_are_spelled_as_streaming_spells_them(location, streaming):
    assert urls.is_url(location)
    assert urls.streaming_url(location) == streaming


def test_addresses_that_are_none():
    assert not urls.is_url("/a/b")
    assert not urls.is_url("a:b/c")
    with pytest.raises(RecipeError, match="names no container"):
        urls.streaming_url("az://account/")
    with pytest.raises(RecipeError, match="has the scheme `http`"):
        urls.is_url("http://host/run")


@pytest.mark.parametrize("kind", ["google_store", "azure_store"])
def test_a_run_in_a_store_of_another_kind(kind, packed, tmp_path, request):
    """By Google's own client against an emulator, and by Azure's against a server of the tests."""
    address = request.getfixturevalue(kind).upload(packed, "run")
    local = global_batches(in_ranks(1, epoch, packed, 8, 0, {"cache": tmp_path / "local"}))
    remote = global_batches(in_ranks(2, epoch, address, 8, 1, {"cache": tmp_path / "remote"}))
    assert remote == local
    with pytest.raises(RecipeError, match=f"`{address}/nothing` holds no finished run"):
        open_run(f"{address}/nothing")


def test_azure_s_store_refuses_access(packed, azure_store):
    address = azure_store.upload(packed, "run")
    open_run(address)
    azure_store.refuse()
    with pytest.raises(StorageError, match=r"the store refuses access \(ClientAuthenticationError\)"):
        open_run(address)


@pytest.mark.cloud
@pytest.mark.skip(reason="no account of these stores is at hand: nothing was read over the internet")
@pytest.mark.parametrize("location", ["gs://bucket/run", "az://account/container/run"])
def test_a_run_in_other_stores(location):
    assert PackedDataset(location, batch_size=1).counts.packs
