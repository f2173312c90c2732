"""What every store of files has to do: a class of tests for each of the two protocols of `octomed.store`.

A test class that inherits one of them has a fixture `stored`, an empty store whose folder does not exist yet.
"""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from octomed.errors import RecipeError, StorageError
from octomed.store import StoredFile

ODD = ["a b/c.d", "ünïcode/数据.bin", "a+b%20c&d=e#f", "..leading", "trailing.", "-rf", "*?[x]", "a.tmp-1"]
REFUSED = ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\0b", "a\nb", "a\\b", f"{'n' * 256}/a"]


class FilesConformance:
    """Of `octomed.store.Files`."""

    def test_an_empty_one_has_no_names(self, stored):
        assert stored.names() == []
        assert stored.names("a/b") == []

    @pytest.mark.parametrize("name", ODD)
    def test_odd_names_stay_as_they_are(self, stored, name):
        stored.put(name, name.encode())
        assert stored.names() == [name]
        assert stored.names(name[:2]) == [name]
        assert stored.read(name) == name.encode()
        assert stored.size(name) == len(name.encode())

    def test_names_are_listed_by_prefix_and_in_order(self, stored):
        for name in ("b", "a/2", "a/1", "ab/3", "a/deep/4"):
            stored.put(name, b"")
        assert stored.names() == ["a/1", "a/2", "a/deep/4", "ab/3", "b"]
        assert stored.names("a/") == ["a/1", "a/2", "a/deep/4"]
        assert stored.names("a") == ["a/1", "a/2", "a/deep/4", "ab/3"]
        assert stored.names("a/d") == ["a/deep/4"]
        assert stored.names("c/") == []

    @pytest.mark.parametrize("prefix", ["/", "/a", "../", "a/../", "./", "a//", "a\n/"])
    def test_no_name_begins_with_what_is_none(self, stored, prefix):
        stored.put("a/b", b"")
        assert stored.names(prefix) == []

    def test_what_is_missing(self, stored):
        stored.put("file", b"")
        for name in ("missing", "no/folder", "file/below"):
            assert stored.size(name) is None
            with pytest.raises(FileNotFoundError):
                stored.read(name)

    def test_a_put_replaces_what_was_there(self, stored):
        for data in (b"long before", b"new", b""):
            stored.put("a/b", data)
            assert stored.read("a/b") == data
            assert stored.size("a/b") == len(data)
        assert stored.names() == ["a/b"]

    def test_every_byte_comes_back(self, stored):
        data = bytes(range(256)) * 4097
        stored.put("all", data)
        assert stored.read("all") == data


class StoreConformance(FilesConformance):
    """Of `octomed.store.Store`."""

    def test_ranges(self, stored):
        stored.put("a", b"0123456789")
        assert stored.read_range("a", 0, 3) == b"012"
        assert stored.read_range("a", 7, 3) == b"789"
        assert stored.read_range("a", 7, 30) == b"789"
        assert stored.read_range("a", 3, 0) == b""
        assert stored.read_range("a", 10, 1) == stored.read_range("a", 99, 1) == b""
        for name in ("missing", "a/below"):
            with pytest.raises(FileNotFoundError):
                stored.read_range(name, 0, 1)

    def test_a_file_that_is_written_in_pieces_is_there_at_the_end(self, stored):
        with stored.writing("a/b") as file:
            file.write(b"one ")
            assert stored.names() == []
            assert stored.size("a/b") is None
            file.write(b"two")
        assert stored.read("a/b") == b"one two"

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
    def test_an_interrupted_put_leaves_what_was_there(self, stored, error):
        def interrupted(name):
            with stored.writing(name) as file:
                file.write(b"half")
                file.flush()
                raise error

        with pytest.raises(error):
            interrupted("new")
        assert stored.names() == []
        stored.put("old", b"whole")
        with pytest.raises(error):
            interrupted("old")
        assert stored.read("old") == b"whole"
        assert stored.names() == ["old"]

    def test_a_killed_writer_leaves_what_was_there(self, stored):
        stored.put("a", b"whole")
        lines = ("file.write(b'half')", "file.flush()", "os.kill(os.getpid(), 9)")
        for name in ("a", "b"):
            process = _start(stored, f"writing({name!r}) as file", *lines)
            assert process.wait() == -9
        assert stored.names() == ["a"]
        assert stored.read("a") == b"whole"

    def test_readers_see_the_old_or_the_new_and_nothing_between(self, stored):
        sizes = (10, 300_000)
        stored.put("a", b"x" * sizes[0])
        seen = set()
        done = threading.Event()

        def look():
            while not done.is_set():
                seen.add(len(stored.read("a")))

        reader = threading.Thread(target=look)
        reader.start()
        for number in range(20):
            stored.put("a", b"x" * sizes[number % 2])
        done.set()
        reader.join()
        assert seen <= set(sizes)

    def test_what_is_deleted_is_gone_and_may_be_deleted_again(self, stored):
        stored.delete("never/there")
        stored.put("a/b", b"1")
        stored.put("a/c", b"2")
        for _ in range(2):
            stored.delete("a/b")
            assert stored.names() == ["a/c"]
        stored.delete("a/c/below")
        assert stored.read("a/c") == b"2"
        stored.put("a/b", b"3")
        assert stored.read("a/b") == b"3"

    @pytest.mark.parametrize("name", REFUSED)
    def test_names_that_are_none_are_refused_before_anything_is_touched(self, stored, name):
        for call in (
            lambda: stored.put(name, b""),
            lambda: stored.delete(name),
            lambda: stored.read(name),
            lambda: stored.read_range(name, 0, 1),
            lambda: stored.size(name),
        ):
            with pytest.raises(StorageError, match="the name"):
                call()
        assert stored.names() == []

    def test_another_process_s_lock_keeps_out(self, stored):
        stored.put("a", b"")
        with _Held(stored), pytest.raises(RecipeError, match="it is busy"), _locked(stored):
            pass
        with _locked(stored):
            assert stored.names() == ["a"]

    def test_shared_locks_stand_beside_each_other(self, stored):
        stored.put("a", b"")
        shared = stored.lock(exclusive=False, busy="it is busy")
        with shared, stored.lock(exclusive=False, busy="it is busy"):
            with pytest.raises(RecipeError, match="it is busy"), _locked(stored):
                pass
            assert stored.names() == ["a"]

    def test_a_file_is_read_in_any_order(self, stored):
        stored.put("a", b"0123456789")
        with StoredFile(stored, "a") as file:
            assert file.seek(-4, 2) == 6
            assert file.read(2) == b"67"
            assert file.read() == b"89"
            assert file.read() == b""
            assert file.seek(2) == 2
            assert file.seek(3, 1) == 5
            assert file.read(2) == b"56"
            assert file.seek(50) == 50
            assert file.read(1) == b""
        with pytest.raises(FileNotFoundError):
            StoredFile(stored, "missing")


def _locked(stored):
    return stored.lock(exclusive=True, busy="it is busy")


def _start(stored, held, *lines):
    """Start a process of its own that does something in a context of the same store."""
    head = ["import os, sys", "from pathlib import PosixPath", "from octomed.store import *"]
    head.append("from octomed.stores.client import open_store")
    script = "\n".join([*head, f"with {stored!r}.{held}:", *(f"    {line}" for line in lines)])
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class _Held:
    """A process that holds a store's lock."""

    def __init__(self, stored):
        self.stored = stored

    def __enter__(self):
        lines = ("print('held', flush=True)", "sys.stdin.read()")
        self.process = _start(self.stored, "lock(exclusive=True, busy='')", *lines)
        assert self.process.stdout.readline() == b"held\n"

    def __exit__(self, *_):
        self.process.communicate()
