"""Objects of a store while requests fail: the same bytes, or a sentence with address, reason and hint."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

pytest.importorskip("obstore")
from octomed.errors import StorageError
from octomed.stores import attempts, connecting, uploading
from octomed.stores.client import open_store
from octomed.stores.objects import ChangedObject
from octomed.stores.options import StoreOptions, configure
from octomed.stores.traffic import traffic

from tests.servers.credentials import SECRET
from tests.servers.faults import AFTER, ALL, BEFORE
from tests.servers.fixtures import in_environment

KINDS = ["s3", "gcs", "azure"]
PART = 50_000
DATA = bytes(range(256)) * (2 * PART // 256) + b"end" * 100


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Short pauses, and small parts."""
    monkeypatch.setattr(attempts, "_FIRST_PAUSE", 0.002)
    quick = {"init_backoff": timedelta(seconds=0.01), "max_backoff": timedelta(seconds=0.1), "base": 2}
    monkeypatch.setattr(
        connecting, "retry_config", lambda retries: {"max_retries": retries, "backoff": quick}
    )
    monkeypatch.setattr(uploading, "WHOLE", PART)
    monkeypatch.setattr(uploading, "PART", PART)


@pytest.fixture
def of_kind(served, monkeypatch):
    """A server of a kind, and the store at its root."""

    def start(kind):
        server = served(kind)
        server.set(least_part=PART)
        in_environment(monkeypatch, server.environment)
        configure([StoreOptions(timeout=0.5)])
        return server, open_store(server.root)

    return start


@pytest.mark.parametrize("kind", KINDS)
def test_a_fifth_of_all_requests_fails(of_kind, kind, tmp_path):
    server, store = of_kind(kind)
    server.set(rate=0.2, hang=0.05, page=5, seed=7, kinds=[*BEFORE, *AFTER, "short_body", "stall"])
    before = traffic().get(server.root)
    for number in range(20):
        store.put(f"folder/{number:02}", b"%d" % number * 100)
    (tmp_path / "large").write_bytes(DATA)
    assert store.put_file("large", tmp_path / "large").size == len(DATA)
    assert store.names("folder/") == [f"folder/{number:02}" for number in range(20)]
    for number in range(20):
        assert store.read(f"folder/{number:02}") == b"%d" % number * 100
        assert store.read_range(f"folder/{number:02}", 3, 30) == (b"%d" % number * 100)[3:33]
    assert store.put_new("lock", b"mine")
    assert not store.put_new("lock", b"theirs")
    assert server.get("large") == DATA
    for name in store.names():
        store.delete(name)
    assert server.names() == []
    counts = server.counts()
    now = traffic()[server.root] if before is None else traffic()[server.root] - before
    assert counts["faults"] > 15
    assert 0 < now.retries <= counts["faults"]
    assert counts["uploads"] == 0 or kind == "azure"


PLACES = {
    "s3": [r"POST .*uploads", *(rf"PUT .*partNumber={part}\b" for part in (1, 2, 3)), r"POST .*uploadId"],
    "gcs": [r"POST .*uploads", *(rf"PUT .*partNumber={part}\b" for part in (1, 2, 3)), r"POST .*uploadId"],
    "azure": [r"PUT .*comp=block&", r"PUT .*comp=blocklist"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_that_breaks_at_any_part(of_kind, kind, tmp_path):
    server, store = of_kind(kind)
    (tmp_path / "large").write_bytes(DATA)
    for place in PLACES[kind]:
        for fault in ("error_500", "reset", "html", "late_500", "late_reset"):
            server.forget()
            server.set(least_part=PART, rate=1.0, only=place, kinds=[fault], most=1)
            store.put_file("large", tmp_path / "large")
            assert server.get("large") == DATA, (place, fault)
            assert server.counts()["faults"] == 1, (place, fault)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ALL)
def test_a_lost_answer_does_not_change_who_was_first(of_kind, kind, fault):
    server, store = of_kind(kind)
    server.set(rate=1.0, only="PUT .*lock", kinds=[fault], most=1, hang=0.05)
    assert store.put_new("lock", b"mine")
    assert server.get("lock") == b"mine"
    assert not store.put_new("lock", b"theirs")
    assert server.get("lock") == b"mine"


REFUSALS = {
    "wrong": (
        {"keys": ["other"]},
        "read",
        {"s3": "does not accept the credentials", "azure": "does not accept"},
    ),
    "expired": ({"expire_after": 0}, "read", {"s3": "have expired", "azure": "does not accept"}),
    "skewed": ({"clock": 3600}, "read", {"s3": "clock of this machine", "azure": "does not accept"}),
    "readonly": ({"readonly": True}, "write", dict.fromkeys(KINDS, "refuses access")),
    "full": ({"quota": 5}, "write", dict.fromkeys(KINDS, "full, or a quota is reached")),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_store_refuses(of_kind, case):
    rules, action, reasons = REFUSALS[case]
    for kind, reason in reasons.items():
        server, store = of_kind(kind)
        server.put("a", b"1")
        server.set(**rules)
        begin = time.monotonic()
        with pytest.raises(StorageError, match=reason) as caught:
            store.read("a") if action == "read" else store.put("b", b"0123456789")
        message = f"{caught.value} {caught.value.hint}"
        assert f"cannot {action} `{server.root}/{'a' if action == 'read' else 'b'}`" in message
        assert caught.value.hint
        assert caught.value.exit_code == 4
        assert SECRET not in message
        assert "octomed-key" not in message
        assert time.monotonic() - begin < 5


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_that_expire_in_the_middle_are_looked_up_anew(of_kind, kind):
    """They have not changed here: the store says so, and is not asked for ever."""
    server, store = of_kind(kind)
    server.put("a", b"1")
    if kind == "gcs":
        pytest.skip("the emulator's variable asks for no credentials")
    server.set(expire_after=3)
    assert [store.read("a") for _ in range(3)] == [b"1"] * 3
    with pytest.raises(StorageError, match=r"expired|does not accept"):
        store.read("a")
    server.set(expire_after=None)
    assert store.read("a") == b"1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_of_html_is_no_object(of_kind, kind, tmp_path):
    server, store = of_kind(kind)
    server.put("a", b"1")
    (tmp_path / "large").write_bytes(DATA)
    server.set(rate=1.0, kinds=["html"])
    for call in (
        lambda: store.read("a"),
        lambda: store.put("b", b"1"),
        lambda: store.put_file("b", tmp_path / "large"),
        lambda: store.put_new("b", b"1"),
        store.names,
    ):
        with pytest.raises(StorageError, match=rf"`{server.root}.*` after . attempts: ") as caught:
            call()
        assert "HTML" in str(caught.value) or "the answer is not a store's" in str(caught.value)
    assert server.names() == ["a"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_bucket_and_nobody_there(of_kind, kind, monkeypatch):
    server, _ = of_kind(kind)
    root = server.root.removesuffix("octomed") + "nothing-here"
    with pytest.raises(StorageError, match="there is no such bucket"):
        open_store(root).put("a", b"1")
    with pytest.raises(StorageError, match="there is no such bucket"):
        open_store(root).names()
    nobody = {name: value.replace(str(server.port), "9") for name, value in server.environment.items()}
    in_environment(monkeypatch, nobody)
    with pytest.raises(StorageError, match=r"the store cannot be reached|nothing answers there") as caught:
        open_store(server.root).read("a")
    assert "check the network" in (caught.value.hint or "")


@pytest.mark.alone
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_never_comes(of_kind, kind):
    server, store = of_kind(kind)
    server.put("a", b"0123456789" * 1000)
    server.set(rate=1.0, kinds=["timeout", "stall"], hang=60, most=2)
    begin = time.monotonic()
    assert store.read("a") == b"0123456789" * 1000
    assert time.monotonic() - begin < 4


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_is_replaced(of_kind, kind):
    server, store = of_kind(kind)
    server.put("a", b"0123456789")
    version = store.head("a").version
    server.replace("a", b"9876543210", after=1)
    assert store.read_range("a", 0, 5, version) == b"01234"
    with pytest.raises(ChangedObject, match=f"{server.root}/a"):
        store.read_range("a", 5, 5, version)


@pytest.mark.parametrize("count", [5000, pytest.param(100_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_long_listing_with_pages_that_fail(of_kind, kind, count):
    server, store = of_kind(kind)
    configure([StoreOptions(timeout=30)])
    store = open_store(server.root)
    server.many("deep/folder/{:06}.jsonl", count, "{}")
    server.set(rate=0.2, hang=0.05, page=1000)
    names = store.names("deep/folder/")
    assert names == [f"deep/folder/{number:06}.jsonl" for number in range(count)]
    assert server.counts()["faults"] > 1
