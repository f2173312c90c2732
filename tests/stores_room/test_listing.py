"""Listings: hostile names, folders that are objects, pages that fail, and a hundred thousand objects."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from octomed.errors import StorageError
from octomed.plain_names import fault_of
from octomed.stores.client import open_store

parts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
names = st.lists(parts, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize(
    "last", ["0", "a0", " ", "a ", "a/ ", "\x80", "!", ".a", "a/.", "\ue000", "z/0", "00"]
)
def test_the_last_name_of_a_listing_is_found_again(fast_s3, last):
    store = open_store(fast_s3.root)
    if fault_of(last) is None:
        store.put(last, b"1")
        assert store.names() == [last]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(names, min_size=1, max_size=6), st.sampled_from(["s3", "gcs", "azure"]))
@example({"a b", "a%20b", "a+b", "a&b=c?d#e", "ü/数据", "x" * 255, "~", "a.b", "a/b"}, "s3")
@example({"a", "a!", "a/b", "a0", "a\U0010fffd", "a\ud7ff", "\ue000", "\U00010000"}, "gcs")
def test_what_is_put_is_listed_and_read_or_refused(served, monkeypatch, found, kind):
    server = served(kind)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    store = open_store(f"{server.root}/run")
    kept = set()
    for name in sorted(found):
        if fault_of(name) is not None:
            with pytest.raises(StorageError, match="the name"):
                store.put(name, b"")
            continue
        try:
            store.put(name, name.encode())
        except StorageError as error:
            assert "control character" in str(error)  # noqa: PT017 of a name that no store takes
            continue
        kept.add(name)
    assert store.names() == sorted(kept)
    for name in kept:
        assert store.read(name) == name.encode()
        assert store.read_range(name, 0, 3) == name.encode()[:3]
        assert name in store.names(name[: len(name) // 2])
    assert set(server.names("run/")) == {f"run/{name}" for name in kept}


@pytest.mark.usefixtures("quick")
def test_folders_that_are_objects_are_no_files(fast_s3):
    for key in ("run/", "run/a/", "run/a/b", "run/a-1", "run/empty", "run/c/", "run/d/"):
        fast_s3.put(key, b"" if key.endswith(("/", "empty")) else b"1")
    store = open_store(f"{fast_s3.root}/run")
    assert store.names() == ["a-1", "a/b", "empty"]
    assert store.size("a") is None
    fast_s3.put("run/d", b"")
    assert store.names() == ["a-1", "a/b", "d", "empty"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("key", ["run/a//b", "run/../b", "run/./b"])
def test_a_key_that_nobody_can_ask_for_is_an_error_with_a_hint(fast_s3, key):
    fast_s3.put("run/a", b"1")
    fast_s3.put(key, b"1")
    with pytest.raises(
        StorageError, match="cannot list `s3://octomed/run`: a name has an empty part"
    ) as caught:
        open_store(f"{fast_s3.root}/run").names()
    assert caught.value.hint == "rename the object"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("server", ["fast_s3", "gcs", "azure"])
def test_a_long_listing_with_pages_that_fail(request, server):
    served = request.getfixturevalue(server)
    served.many("data/part-{:06}.jsonl", 5000, "x")
    served.set(rate=0.3, kinds=["error_500", "reset", "short_body", "html"], page=500)
    store = open_store(f"{served.root}/data")
    assert store.names() == [f"part-{number:06}.jsonl" for number in range(5000)]
    assert store.names("part-0012") == [f"part-{number:06}.jsonl" for number in range(1200, 1300)]
    assert served.counts()["faults"] > 0


@pytest.mark.long
@pytest.mark.usefixtures("quick")
def test_a_hundred_thousand_objects_in_bounded_memory(fast_s3):
    fast_s3.many("data/part-{:06}.jsonl", 100_000, "x")
    fast_s3.set(rate=0.1, kinds=["error_500", "reset", "short_body"])
    tracemalloc.start()
    count = sum(1 for _ in open_store(f"{fast_s3.root}/data").listed())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert most < 8 * 2**20
