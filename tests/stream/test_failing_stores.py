"""Runs in stores that fail, streamed: every batch once and in order, or an end that goes on later."""

from __future__ import annotations

import time
from itertools import islice

import pytest
from octomed.errors import RecipeError, StorageError
from octomed.stream import open_run, source

from tests.servers.fixtures import in_environment

from .reading import epoch, global_batches, loader, packs_of

KINDS = ["s3", "gcs", "azure", "hub"]
FEW = ["s3", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("gcs", "azure")), "hub"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses of milliseconds, in workers too; boto3 makes a request once."""
    monkeypatch.setattr(source, "FIRST_PAUSE", 0.005)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture
def stored(served, packed, monkeypatch):
    """A server of a kind that holds the run, and the run's address."""

    def start(kind):
        server = served(kind)
        in_environment(monkeypatch, server.environment)
        return server, server.upload(packed, "run")

    return start


@pytest.fixture(scope="module")
def whole(packed, tmp_path_factory):
    """The batches of an epoch of the run in its folder."""
    return global_batches([epoch(packed, 4, 0, {"cache": tmp_path_factory.mktemp("whole")})])


@pytest.mark.parametrize("kind", KINDS)
def test_a_fifth_of_all_requests_fails(kind, stored, whole, tmp_path):
    server, address = stored(kind)
    server.set(rate=0.2, hang=0.05, seed=5)
    settings = {"cache": tmp_path / "cache", "download_retry": 12, "download_timeout": 2.0}
    assert global_batches([epoch(address, 4, 1, settings)]) == whole
    assert server.counts()["faults"] > 5


@pytest.mark.parametrize("kind", FEW)
def test_a_store_that_goes_away_ends_the_epoch_and_it_goes_on_later(kind, stored, whole, tmp_path):
    server, address = stored(kind)
    settings = {"predownload": 4, "cache_limit": "200kb", "download_retry": 2, "download_timeout": 2.0}
    batches = loader(address, 4, 0, cache=tmp_path / "a", **settings)
    seen: list[list[int]] = []

    def read_while_the_store_goes_away() -> None:
        for batch in batches:
            seen.append(sorted(packs_of(batch)))
            if len(seen) == 2:
                server.set(rate=1.0, kinds=["reset"])

    with pytest.raises(StorageError, match=f"cannot read `{address}/.* after 2 attempts") as caught:
        read_while_the_store_goes_away()
    assert "it resumes from the last checkpoint" in (caught.value.hint or "")
    assert 2 <= len(seen) < len(whole)
    state = batches.state_dict()
    server.set(rate=0.0)
    onward = loader(address, 4, 0, cache=tmp_path / "b")
    onward.load_state_dict(state)
    assert seen + [sorted(packs_of(batch)) for batch in onward] == whole


@pytest.mark.parametrize("kind", FEW)
def test_pages_of_html_and_wrong_bytes_are_no_shards(kind, stored, whole, tmp_path):
    server, address = stored(kind)
    shards = "(shard|%2Fshard|cdn/).*"
    server.set(
        rate=1.0, only=f"GET .*{shards}", kinds=["html", "wrong_length", "short_body"], in_a_row=2, most=8
    )
    settings = {"cache": tmp_path / "a", "download_timeout": 2.0}
    assert global_batches([epoch(address, 4, 0, settings)]) == whole
    server.set(rate=1.0, only=f"GET .*{shards}", kinds=["html"], in_a_row=None, most=None)
    with pytest.raises(StorageError, match=r"HTML|attempts") as caught:
        epoch(address, 4, 0, {"cache": tmp_path / "b", "download_retry": 3})
    assert address in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused_is_refused_at_once(kind, stored):
    server, address = stored(kind)
    server.set(keys=["somebody-else"], anonymous=False)
    begin = time.monotonic()
    with pytest.raises(StorageError, match="the store refuses access") as caught:
        open_run(address)
    assert "credentials" in (caught.value.hint or "")
    assert "planted" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("kind", ["s3", *(pytest.param(kind, marks=pytest.mark.long) for kind in KINDS[1:])])
def test_a_cache_that_is_bounded(kind, stored, tmp_path):
    _, address = stored(kind)
    cache = tmp_path / "cache"
    sizes = []
    batches = loader(address, 4, 0, cache=cache, cache_limit="100kb", predownload=4)
    for batch in islice(batches, 12):
        found = [path.stat().st_size for path in cache.rglob("*.mds") if path.exists()]
        sizes.append(sum(found))
        assert packs_of(batch)
    assert 0 < max(sizes) <= 100 * 1024


def test_a_run_on_the_hub_stays_at_its_commit(hub, packed, whole, tmp_path):
    address = hub.upload(packed, "run")
    run = open_run(address)
    hub.put("run/octomed.json", b"{}")
    assert list(run.source.commits) == ["octomed/data@main"]
    assert run.source.read("octomed.json") == (packed / "octomed.json").read_bytes()
    commit = run.source.commits["octomed/data@main"]
    at_commit = address.replace("/data/", f"/data@{commit}/")
    assert global_batches([epoch(at_commit, 4, 0, {"cache": tmp_path / "a"})]) == whole
    pairs = zip(hub.asked(), hub.heads(), strict=True)
    assert {"cdn/" in asked: "authorization" in head for asked, head in pairs} == {False: True, True: False}
    with pytest.raises(RecipeError, match="holds no finished run"):
        open_run(f"{address}/nothing")
