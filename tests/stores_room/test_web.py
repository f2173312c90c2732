"""Files of web servers and of the hub."""

from __future__ import annotations

import http.server
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import obstore
import pytest
from octomed.errors import RecipeError, StorageError
from octomed.stores.address import Address
from octomed.stores.buckets import pinned
from octomed.stores.client import open_store
from octomed.stores.connecting import connect_web
from octomed.stores.objects import ChangedObject
from octomed.stores.options import StoreOptions, configure

from tests.servers import credentials

DATA = bytes(range(256)) * 100
ODD = ["a b/c.d", "ünïcode/数据.bin", "a+b%20c&d=e", "100%.txt", "x;y,z", "(1) [2] {3}", "~home"]
pytestmark = pytest.mark.usefixtures("quick")


def at(served, name):
    """Return the store of a file's folder and its name."""
    address = Address.parse(served.put(name, DATA))
    return open_store(address.parent), address.name


@pytest.mark.parametrize("ranges", [True, False])
def test_files_of_the_web_are_read_by_ranges_or_whole(web, ranges, tmp_path):
    configure([StoreOptions(timeout=0.5)], tmp_path)
    store, name = at(web, "a/b.bin")
    web.set(ranges=ranges)
    found = store.head(name)
    assert found.size == store.size(name) == len(DATA)
    assert store.read(name) == DATA
    for start, length in ((0, 1), (1000, 300), (len(DATA) - 5, 100), (len(DATA), 5), (7, 0)):
        assert store.read_range(name, start, length, found.version) == DATA[start : start + length]
    before = web.counts()["get"]
    for start in range(5):
        assert store.read_range(name, start, 10) == DATA[start : start + 10]
    assert web.counts()["get"] - before == (5 if ranges else 0)
    assert os.listdir(tmp_path) == []  # a copy has no name


def test_what_is_not_on_the_web(web):
    store, _ = at(web, "a/b.bin")
    assert store.head("c.bin") is None
    for call in (store.read, lambda name: store.read_range(name, 0, 1)):
        with pytest.raises(FileNotFoundError):
            call("c.bin")
    with pytest.raises(RecipeError, match="a web server lists no folder"):
        store.names()
    with pytest.raises(StorageError, match="is only read"):
        store.put("c.bin", b"")


def test_an_empty_file_of_the_web(web):
    web.put("empty", b"")
    store = open_store(f"{web.root}")
    assert store.head("empty").size == 0
    assert store.read("empty") == store.read_range("empty", 0, 10) == b""


@pytest.mark.parametrize("name", ODD)
def test_odd_names_on_the_web(web, name):
    from urllib.parse import quote

    web.put(name, DATA)
    address = Address.parse(f"{web.root}/{quote(name)}")
    assert Address.parse(str(address)) == address
    assert open_store(address.parent).read(address.name) == DATA


def test_a_file_of_the_web_that_was_replaced(web):
    store, name = at(web, "a/b.bin")
    version = store.head(name).version
    web.put("a/b.bin", DATA[::-1])
    with pytest.raises(ChangedObject):
        store.read_range(name, 0, 10, version)


def test_the_query_of_a_signed_address_is_sent_and_never_shown(web):
    web.put("signed.bin", DATA)
    web.set(anonymous=False, keys=["planted-signature"])
    address = Address.parse(f"{web.root}/signed.bin?sig=planted-signature")
    store = open_store(address.parent)
    assert store.head("signed.bin").size == len(DATA)
    assert store.read_range("signed.bin", 3, 4) == DATA[3:7]
    assert "planted" not in f"{address!r} {address} {store!r} {store.__dict__} {store.bucket!r}"
    web.set(keys=["another"])
    with pytest.raises(StorageError, match="refuses access") as caught:
        store.read("signed.bin")
    assert "planted" not in f"{caught.value!r} {caught.value.hint}"


def test_the_user_of_an_address_is_sent_and_never_shown(web):
    web.put("a.bin", DATA)
    address = Address.parse(f"{web.root}/a.bin".replace("://", "://me:planted-password@"))
    store = open_store(address.parent)
    assert store.read("a.bin") == DATA
    assert web.heads()[-1]["authorization"] == "Basic bWU6cGxhbnRlZC1wYXNzd29yZA=="
    assert "planted" not in f"{address!r} {address} {store!r} {store.bucket!r}"


def test_faults_of_the_web(web):
    store, name = at(web, "a/b.bin")
    web.set(
        rate=0.3, hang=0.7, kinds=["error_500", "reset", "short_body", "html", "wrong_length", "long_body"]
    )
    for start in range(0, len(DATA), 1000):
        assert store.read_range(name, start, 1000) == DATA[start : start + 1000]
    assert web.counts()["faults"] > 0


@pytest.fixture
def repository(hub):
    hub.put("data/a.jsonl", b"small")
    hub.put("data/large.parquet", DATA)
    hub.put("README.md", b"---\n---\n")
    return hub


def test_a_dataset_of_the_hub(repository):
    pytest.importorskip("huggingface_hub")
    store = open_store(repository.root)
    assert store.names() == ["README.md", "data/a.jsonl", "data/large.parquet"]
    assert store.names("data/l") == ["data/large.parquet"]
    assert store.names("none/") == []
    large = open_store(f"{repository.root}/data").head("large.parquet")
    assert (large.size, len(large.version)) == (len(DATA), 64)
    assert {one.name: one.version for one in store.listed()}["data/large.parquet"] == large.version
    assert store.head("data") is None
    assert store.read("data/a.jsonl") == b"small"
    assert store.read_range("data/large.parquet", 500, 20, large.version) == DATA[500:520]
    assert store.read("data/large.parquet") == DATA
    with pytest.raises(StorageError, match="is only read"):
        store.delete("README.md")


@pytest.mark.parametrize("first", ["head", "read"])
def test_many_threads_ask_the_hub_first(repository, first):
    pytest.importorskip("huggingface_hub")
    configure([StoreOptions(connections=1)])
    store = open_store(repository.root)
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda _: getattr(store, first)("data/a.jsonl"), range(6)))
    assert found == found[:1] * 6
    assert found[0] is not None


def test_the_hub_s_token_goes_to_the_hub_alone(repository, web):
    pytest.importorskip("huggingface_hub")
    store = open_store(repository.root)
    assert store.read("data/large.parquet") == DATA
    heads = dict(zip(repository.asked(), repository.heads(), strict=True))
    assert any(credentials.TOKEN in head.get("authorization", "") for head in heads.values())
    assert credentials.TOKEN not in f"{store!r} {store.bucket.__dict__!r}"
    assert web.counts()["requests"] == 0


def test_the_token_is_not_sent_where_the_hub_redirects_to(web):
    web.put("a", DATA)

    class Redirecting(http.server.BaseHTTPRequestHandler):
        asked: ClassVar = []

        def do_GET(self):
            self.asked.append(self.headers["Authorization"])
            self.send_response(302)
            self.send_header("Location", f"{web.root}/a?X-Amz-Signature=1")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        client = connect_web(url, StoreOptions(), {"authorization": f"Bearer {credentials.TOKEN}"})
        assert bytes(obstore.get_range(client, "x", start=5, length=6)) == DATA[5:11]
        server.shutdown()
    assert Redirecting.asked == [f"Bearer {credentials.TOKEN}"]
    assert "authorization" not in web.heads()[-1]


def test_a_branch_is_resolved_to_a_commit_once(repository):
    pytest.importorskip("huggingface_hub")
    address = pinned(Address.parse(f"{repository.root}/data"))
    assert len(address.root.partition("@")[2]) == 40
    store = open_store(repository.root)
    repository.put("data/b.jsonl", b"new")
    assert store.names("data/") == ["data/a.jsonl", "data/large.parquet"]
    assert open_store(address).names() == ["a.jsonl", "large.parquet"]
    assert pinned(address) == address
    assert pinned(Address.parse("s3://bucket/a")) == Address.parse("s3://bucket/a")


@pytest.mark.parametrize("address", ["hf://datasets/no/body", "hf://datasets/octomed/data@none"])
@pytest.mark.usefixtures("repository")
def test_what_is_not_on_the_hub(address):
    pytest.importorskip("huggingface_hub")
    with pytest.raises(StorageError, match="no such dataset or revision") as caught:
        open_store(address).names()
    assert "HF_TOKEN" in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_hub_that_hangs_is_not_waited_for(repository):
    pytest.importorskip("huggingface_hub")
    repository.set(rate=1, hang=20, kinds=["timeout"])
    configure([StoreOptions(timeout=0.3, attempts=2)])
    begin = time.monotonic()
    with pytest.raises(StorageError, match="it does not answer in time") as caught:
        open_store(repository.root).names()
    assert caught.value.exit_code == 4
    assert time.monotonic() - begin < 10


def test_faults_of_the_hub(repository):
    pytest.importorskip("huggingface_hub")
    repository.set(rate=0.2, hang=0.7, kinds=["error_500", "reset", "short_body"])
    store = open_store(repository.root)
    assert store.names() == ["README.md", "data/a.jsonl", "data/large.parquet"]
    for start in range(0, len(DATA), 2000):
        assert store.read_range("data/large.parquet", start, 2000) == DATA[start : start + 2000]
