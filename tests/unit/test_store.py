"""A folder as a store."""

from __future__ import annotations

import os

import pytest
from octomed.errors import StorageError
from octomed.store import LocalStore

from tests.stores import StoreConformance


class TestLocalStore(StoreConformance):
    @pytest.fixture
    def stored(self, tmp_path):
        return LocalStore(tmp_path / "not/there/yet")

    def test_names_of_any_bytes(self, stored):
        name = os.fsdecode(b"\xff\xfe/\xe9.parquet")
        stored.put(name, b"1")
        assert stored.names() == stored.names(os.fsdecode(b"\xff\xfe/")) == [name]
        assert stored.read(name) == b"1"
        stored.delete(name)
        assert stored.names() == []

    @pytest.mark.parametrize(
        ("mode", "of_folders", "of_files"), [("owner", 0o700, 0o600), ("group", 0o750, 0o640)]
    )
    def test_modes(self, tmp_path, mode, of_folders, of_files):
        stored = LocalStore(tmp_path / "out", mode)
        stored.put("a/b/c", b"")
        with stored.lock(exclusive=True, busy=""):
            pass
        for folder in ("", "a", "a/b"):
            assert (tmp_path / "out" / folder).stat().st_mode & 0o777 == of_folders
        for file in ("a/b/c", ".octomed.lock"):
            assert (tmp_path / "out" / file).stat().st_mode & 0o777 == of_files

    def test_nothing_is_written_through_a_link(self, stored, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "file").write_bytes(b"theirs")
        stored.put("a", b"")
        (stored.folder / "folder").symlink_to(elsewhere)
        (stored.folder / "link").symlink_to(elsewhere / "file")
        (stored.folder / ".octomed.lock").symlink_to(elsewhere / "file")
        with pytest.raises(StorageError, match="a link"):
            stored.put("folder/new", b"ours")
        with pytest.raises(StorageError, match="a link"):
            stored.put("link", b"ours")
        with pytest.raises(StorageError, match="a link"), stored.lock(exclusive=True, busy=""):
            pass
        stored.delete("folder/file")
        stored.delete("link")
        assert [path.name for path in elsewhere.iterdir()] == ["file"]
        assert (elsewhere / "file").read_bytes() == b"theirs"
        assert not os.path.lexists(stored.folder / "link")

    def test_links_that_lead_out_are_read_where_that_is_asked_for(self, stored, tmp_path):
        (tmp_path / "file").write_bytes(b"theirs")
        stored.put("a", b"ours")
        (stored.folder / "link").symlink_to(tmp_path / "file")
        (stored.folder / "inside").symlink_to(stored.folder / "a")
        assert stored.names() == ["a", "inside", "link"]
        for call in (stored.read, stored.size):
            with pytest.raises(StorageError, match="leads out"):
                call("link")
        assert stored.read("inside") == b"ours"
        assert LocalStore(stored.folder, through_links=True).read("link") == b"theirs"
        assert LocalStore(stored.folder, through_links=True).size("link") == 6

    def test_what_is_no_file(self, stored):
        stored.put("folder/file", b"")
        os.mkfifo(stored.folder / "pipe")
        assert stored.size("folder") is None
        with pytest.raises(StorageError, match="cannot read"):
            stored.read("folder")
        with pytest.raises(StorageError, match="is not a file"):
            stored.read("pipe")
        with pytest.raises(StorageError, match="cannot write"):
            stored.put("folder", b"")
        with pytest.raises(StorageError, match="is a file, not a folder"):
            stored.put("folder/file/below", b"")
        assert stored.read("folder/file") == b""

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
    def test_what_may_not_be_looked_at_is_an_error_and_not_missing(self, stored):
        stored.put("closed/file", b"")
        (stored.folder / "closed").chmod(0)
        try:
            for call in (stored.read, stored.size, stored.names):
                with pytest.raises(StorageError, match="cannot read"):
                    call("closed/file")
        finally:
            (stored.folder / "closed").chmod(0o700)
