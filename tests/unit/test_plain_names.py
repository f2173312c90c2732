"""Names out of files that came from elsewhere stay below their folder, when they are read and deleted."""

from __future__ import annotations

import json
import os

import octomed
import pytest
from octomed import _octomed
from octomed.errors import OctomedError, StorageError
from octomed.mds_index import read_index
from octomed.plain_names import (
    check_basename,
    delete_below,
    delete_empty_parent,
    fault_of,
    leads_out,
    path_below,
)

OUTSIDE = [
    "", "/", "/any/file", "//x", "../x", "a/../x", "a/..", "..", ".", "./a", "a//b", "a/", "a/./b",
    "..\\x", "a\\b",
    "C:\\x", "a\0b", "a\nb", "a\x1b[2Jb", "a\x7f", "a\x9b", "a\u2028b", "\ud83d", "x" * 256, "é" * 128,
]  # fmt: skip
INSIDE = ["a", "a/b", "len-00512/shard.00000.mds.zstd", "...", "a..b", "..a", "心", "\udcff", "x" * 255]


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_leads_out_is_no_name(tmp_path, name):
    assert fault_of(name)
    with pytest.raises(ValueError, match="name"):
        check_basename(name)
    with pytest.raises(ValueError, match="name"):
        delete_below(tmp_path, name)
    with pytest.raises(StorageError, match="name"):
        path_below(tmp_path, name)


@pytest.mark.parametrize("name", INSIDE)
def test_a_plain_name_is_one(tmp_path, name):
    assert fault_of(name) is None
    path = tmp_path / "folder" / name
    path.parent.mkdir(parents=True)
    path.write_text("ours")
    (tmp_path / "folder/other").write_text("mine")
    assert path_below(tmp_path / "folder", name) == path
    delete_below(tmp_path / "folder", name)
    assert not path.exists()
    delete_below(tmp_path / "folder", name)
    delete_empty_parent(tmp_path / "folder", name)
    assert [one.name for one in (tmp_path / "folder").iterdir()] == ["other"]


@pytest.fixture
def folder(tmp_path):
    """A folder, and outside of it a file and a folder of a file."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("mine")
    (tmp_path / "folder/below").mkdir(parents=True)
    return tmp_path / "folder"


def test_nothing_is_deleted_or_read_through_a_link(folder):
    outside = folder.parent / "outside"
    for at, to in (("link", outside), ("below/link", outside), ("loop", folder / "loop")):
        os.symlink(to, folder / at)
    os.symlink(outside / "secret", folder / "file")
    for name in ("link/secret", "below/link/secret", "file", "loop/x"):
        assert leads_out(folder, name)
        with pytest.raises(StorageError, match="is a link that leads out of"):
            path_below(folder, name)
    for name in ("link/secret", "below/link/secret"):
        delete_below(folder, name)
        delete_empty_parent(folder, name)
    delete_below(folder, "file")  # the link goes, and what it leads to stays
    assert not (folder / "file").is_symlink()
    assert (folder / "link").is_symlink()
    assert (outside / "secret").read_text() == "mine"


def test_a_link_that_stays_below_the_folder_is_read(folder):
    (folder / "below/file").write_text("ours")
    os.symlink("below/file", folder / "link")
    assert path_below(folder, "link").read_text() == "ours"
    os.symlink(folder, folder.parent / "elsewhere")
    assert path_below(folder.parent / "elsewhere", "link").read_text() == "ours"


@pytest.fixture
def index(tmp_path):
    """The index of a data set of one shard."""
    with octomed.MDSWriter(tmp_path / "set", {"x": "bytes"}) as writer:
        writer.write({"x": b"1"})
    return tmp_path / "set/index.json"


@pytest.mark.parametrize("name", [*OUTSIDE, "a/b"])
def test_python_and_rust_refuse_the_same_names_of_shards(index, name):
    value = json.loads(index.read_text())
    value["shards"][0]["raw_data"]["basename"] = name
    index.write_text(json.dumps(value))
    with pytest.raises(ValueError, match=r"name|surrogate"):
        read_index(index.read_bytes())
    with pytest.raises(OctomedError):
        _octomed.MdsReader(str(index.parent))


@pytest.mark.parametrize("name", [name for name in INSIDE if "/" not in name and name.isascii()])
def test_python_and_rust_take_the_same_names_of_shards(index, name):
    value = json.loads(index.read_text())
    value["shards"][0]["raw_data"]["basename"] = name
    index.write_text(json.dumps(value))
    assert read_index(index.read_bytes()).shards[0].file.basename == name
    assert _octomed.MdsReader(str(index.parent)).shards == [(name, 1)]
