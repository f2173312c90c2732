"""Requests that fail: made again where that helps, else a sentence."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time

import pytest
from octomed.errors import StorageError
from octomed.stores import uploading
from octomed.stores.buckets import forget_buckets
from octomed.stores.client import open_store
from octomed.stores.objects import ChangedObject
from octomed.stores.options import StoreOptions, configure
from octomed.stores.traffic import traffic

from tests.servers import credentials, faults

pytestmark = pytest.mark.usefixtures("quick")
SECRETS = (credentials.SECRET, credentials.KEY, credentials.TOKEN)


@pytest.mark.parametrize("kind", [one for one in faults.ALL if one != "timeout"])
def test_a_third_of_all_requests_fails_and_nothing_is_seen_of_it(fast_s3, kind):
    stored = open_store(f"{fast_s3.root}/run")
    before = traffic().get(fast_s3.root)
    fast_s3.set(rate=0.1 if kind == "stall" else 0.3, kinds=[kind], hang=0.7)
    for number in range(4):
        stored.put(f"a/{number}", bytes([number]) * 1000)
    assert stored.names() == [f"a/{number}" for number in range(4)]
    for number in range(4):
        assert stored.read(f"a/{number}") == bytes([number]) * 1000
        assert stored.read_range(f"a/{number}", 990, 50) == bytes([number]) * 10
        assert stored.size(f"a/{number}") == 1000
    assert stored.put_new("b", b"1")
    assert not stored.put_new("b", b"2")
    version = stored.head("b").version
    assert stored.replace_if("b", b"3", version)
    assert stored.replace_if("b", b"4", version) is None
    assert stored.read("b") == b"3"
    assert stored.read_range("b", 1, 5) == b""
    stored.delete("b")
    assert stored.size("b") is None
    counted, counts = traffic()[fast_s3.root], fast_s3.counts()
    counted = counted - before if before else counted
    assert counted.requests == counts["requests"]
    assert counts["faults"] > 0
    assert 0 < counted.retries <= counts["faults"]
    assert counted.seconds_waited > 0


@pytest.mark.parametrize("server", ["gcs", "azure"])
def test_the_other_stores_pass_all_faults_at_once(request, server):
    served = request.getfixturevalue(server)
    stored = open_store(f"{served.root}/run")
    served.set(rate=0.2, kinds=[one for one in faults.ALL if one != "timeout"], hang=0.7)
    for number in range(6):
        stored.put(f"a/{number}", bytes([number]) * 1000)
    assert stored.names() == [f"a/{number}" for number in range(6)]
    assert [stored.read(f"a/{number}")[0] for number in range(6)] == list(range(6))
    assert stored.put_new("b", b"1")
    assert not stored.put_new("b", b"2")
    assert stored.replace_if("b", b"3", stored.head("b").version)
    assert stored.read("b") == b"3"
    assert served.counts()["faults"] > 0


def test_attempts_are_bounded(fast_s3):
    configure([StoreOptions(attempts=5, timeout=0.5)])
    stored = open_store(fast_s3.root)
    stored.put("a", b"1")
    fast_s3.set(rate=1.0, kinds=["error_500"])
    before = fast_s3.counts()["requests"]
    with pytest.raises(
        StorageError, match="cannot read `s3://octomed/a` after 5 attempts: the store fails"
    ) as caught:
        stored.read("a")
    assert fast_s3.counts()["requests"] - before == 5
    assert caught.value.exit_code == 4
    assert "run the same command again" in caught.value.hint


def test_a_server_that_is_silent_is_left_after_its_time(fast_s3):
    configure([StoreOptions(timeout=0.3, attempts=2)])
    stored = open_store(fast_s3.root)
    stored.put("a", b"1")
    fast_s3.set(rate=1.0, kinds=["timeout"], hang=2.0)
    with pytest.raises(StorageError, match="after 2 attempts: no answer comes in time"):
        stored.read("a")


@pytest.mark.usefixtures("s3")
def test_what_never_answered_is_tried_less_often(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget_buckets()
    with pytest.raises(StorageError, match="after 4 attempts: nothing answers there") as caught:
        open_store("s3://bucket/run").put("a", b"")
    assert "endpoint" in caught.value.hint


@pytest.mark.parametrize("server", ["fast_s3", "gcs", "azure"])
def test_an_object_that_was_replaced_is_found(request, server):
    served = request.getfixturevalue(server)
    stored = open_store(served.root)
    stored.put("a", b"0123456789")
    version = stored.head("a").version
    assert stored.read_range("a", 2, 3, version) == b"234"
    stored.put("a", b"9876543210")
    assert stored.read_range("a", 2, 3) == b"765"
    with pytest.raises(ChangedObject, match=f"`{served.root}/a` has changed") as caught:
        stored.read_range("a", 2, 3, version)
    assert caught.value.exit_code == 4
    assert pickle.loads(pickle.dumps(caught.value)).address == f"{served.root}/a"
    stored.delete("a")
    with pytest.raises(ChangedObject):
        stored.read_range("a", 2, 3, version)


REFUSALS = {
    "wrong": (
        {"keys": ["another"]},
        "does not accept the credentials|refuses access",
        "correct them|permissions",
    ),
    "read-only": ({"readonly": True}, "refuses access", "permissions"),
    "full": ({"quota": 10}, "full, or a quota", "free some space"),
    "skewed": ({"clock": 5000}, "clock of this machine|does not accept", "set it|correct them"),
    "expired": ({"expire_after": 0}, "expired|does not accept", "renew"),
}


@pytest.mark.parametrize("what", REFUSALS)
@pytest.mark.parametrize("server", ["fast_s3", "azure"])
def test_what_is_refused_ends_in_a_sentence(request, server, what):
    served = request.getfixturevalue(server)
    rules, reason, hint = REFUSALS[what]
    stored = open_store(f"{served.root}/run")
    served.set(**rules)
    before = served.counts()["requests"]
    with pytest.raises(StorageError, match=reason) as caught:
        stored.put("a", b"x" * 100)
    assert f"`{served.root}/run/a`" in str(caught.value)
    assert caught.value.exit_code == 4
    assert any(one in caught.value.hint for one in hint.split("|"))
    assert not any(secret in f"{caught.value!r} {caught.value.hint}" for secret in SECRETS)
    assert caught.value.__cause__ is None
    assert served.counts()["requests"] - before <= 3


@pytest.mark.parametrize("address", ["s3://octomed-none", "az://octomedaccount/none", "gs://octomed-none"])
@pytest.mark.usefixtures("fast_s3", "azure", "gcs")
def test_a_bucket_that_is_not_there(address):
    with pytest.raises(StorageError, match=r"no such bucket|no such object") as caught:
        open_store(f"{address}/run").put("a", b"")
    assert f"{address}/run/a" in str(caught.value)


@pytest.mark.usefixtures("fast_s3")
def test_a_listing_of_a_bucket_that_is_not_there():
    with pytest.raises(StorageError, match="cannot list `s3://octomed-none`: there is no such bucket"):
        open_store("s3://octomed-none").names()


@pytest.mark.parametrize("address", ["s3://octomed-none", "az://octomedaccount/none", "gs://octomed-none"])
@pytest.mark.usefixtures("fast_s3", "azure", "gcs")
def test_what_is_asked_of_a_bucket_that_is_not_there(address):
    for call in (lambda store: store.size("a"), lambda store: store.head("a")):
        with pytest.raises(StorageError, match="there is no such bucket"):
            call(open_store(address))


def test_a_bucket_is_looked_for_once(fast_s3):
    store = open_store(f"{fast_s3.root}/run")
    assert store.size("a") is None
    before = fast_s3.counts()["requests"]
    assert store.size("a") is None
    assert fast_s3.counts()["requests"] == before + 1


def test_ctrl_c_is_heeded_while_a_server_is_silent(fast_s3):
    configure([StoreOptions(timeout=30)])
    store = open_store(fast_s3.root)
    store.put("a", b"1")
    fast_s3.set(rate=1.0, kinds=["timeout"], hang=3.0)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        store.read("a")
    assert time.monotonic() - begin < 2


def test_no_credentials(s3, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    forget_buckets()
    with pytest.raises(StorageError, match="there are no credentials") as caught:
        open_store(s3.address("run")).read("a")
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


@pytest.mark.parametrize("kind", ["error_500", "reset", "late_reset", "html", "short_body"])
def test_an_upload_in_parts_is_broken_at_any_part(fast_s3, monkeypatch, tmp_path, kind):
    monkeypatch.setattr(uploading, "WHOLE", 2**20)
    monkeypatch.setattr(uploading, "PART", 5 * 2**20)
    monkeypatch.setattr("octomed.stores.connecting.FIRST_PAUSE", 0.002)
    data = bytes(range(256)) * (4096 * 13)
    (tmp_path / "file").write_bytes(data)
    stored = open_store(f"{fast_s3.root}/run")
    counts = [fast_s3.counts()["requests"], stored.bucket.counter.snapshot().requests]
    stored.put_file("large", tmp_path / "file")
    assert (
        fast_s3.counts()["requests"] - counts[0] == stored.bucket.counter.snapshot().requests - counts[1] == 5
    )
    fast_s3.set(
        rate=0.1 if kind == "html" else 0.3, kinds=[kind]
    )  # of a page no part is sent again by itself
    said = stored.put_file("large", tmp_path / "file")
    assert said.size == len(data)
    fast_s3.set(rate=0.0)
    assert fast_s3.get("run/large") == data
    assert stored.head("large") == said


def test_what_was_not_written_as_it_was_sent_is_written_again(fast_s3, monkeypatch):
    wrong = iter(["0" * 32])
    monkeypatch.setattr(uploading, "tag_of", lambda data, real=uploading.tag_of: next(wrong, real(data)))
    stored = open_store(fast_s3.root)
    stored.put("a", b"1")  # the digest is of something else, yet the bytes are these
    assert not stored.bucket.digests
    assert stored.read("a") == b"1"
