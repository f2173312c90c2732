"""What an MDS writer refuses, and what is left when it does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import streaming
from octomed.errors import DataError, RecipeError, StorageError
from octomed.mds import MDSReader, MDSWriter, verify
from streaming.base.format.mds.encodings import get_mds_encodings
from streaming.base.util import bytes_to_int


@pytest.mark.parametrize(
    ("encoding", "value"),
    [
        ("ndarray", np.zeros((0,), np.uint32)),
        ("ndarray:uint32", np.zeros((2, 0), np.uint32)),
        ("ndarray:uint32", np.zeros((2,), np.int32)),
        ("ndarray:uint32", np.array(3, np.uint32)),
        ("ndarray:uint32:2", np.zeros((3,), np.uint32)),
        ("ndarray:uint32:2", b"1234567"),
        ("ndarray", np.zeros((2,), bool)),
        ("ndarray", np.array(["a"])),
        ("ndarray", np.zeros((2,), np.complex64)),
        ("ndarray", [1, 2]),
        ("str", 3),
        ("str", "\ud800"),
        ("int", "3"),
        ("int", 2**63),
        ("int", b"1234567"),
        ("uint8", 256),
        ("uint8", -1),
        ("uint16", np.zeros(2, np.uint16)),
        ("str_int", 1.5),
        ("str_float", 1),
        ("str_decimal", 1.5),
        ("json", {1, 2}),
        ("bytes", "text"),
        ("jpeg", "text"),
    ],
)
def test_values_that_both_refuse(tmp_path, encoding, value):
    writer = MDSWriter(tmp_path / "ours", {"good": "int", "x": encoding})
    with pytest.raises(DataError, match="`x`"):
        writer.write({"good": 1, "x": value})
    theirs = streaming.MDSWriter(out=str(tmp_path / "theirs"), columns={"x": encoding})
    with pytest.raises((ValueError, AttributeError, KeyError, TypeError, OverflowError)):
        theirs.write({"x": value})


def test_a_refused_row_leaves_no_trace(tmp_path):
    columns = {"a": "ndarray:uint32", "b": "ndarray:uint32"}
    good = {"a": np.arange(3, dtype=np.uint32), "b": np.arange(2, dtype=np.uint32)}
    with MDSWriter(tmp_path, columns) as writer:
        writer.write(good)
        for bad in (good | {"b": np.zeros(0, np.uint32)}, {"a": good["a"]}, good | {"c": 1}, good | {"b": 1}):
            with pytest.raises(DataError):
                writer.write(bad)
        writer.write(good)
    assert verify(tmp_path) == []
    assert [row["a"].tolist() for row in MDSReader(tmp_path)] == [[0, 1, 2], [0, 1, 2]]


def test_big_endian_and_strided_arrays_are_stored_as_their_values(tmp_path):
    array = np.arange(12, dtype=">u4").reshape(3, 4)[:, ::2]
    with MDSWriter(tmp_path, {"a": "ndarray"}) as writer:
        writer.write({"a": array})
    found = MDSReader(tmp_path)[0]["a"]
    assert found.dtype == np.uint32
    assert (found == array).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"a": "ndarray:complex64"}}, "`ndarray:complex64`"),
        ({"columns": {"a": "ndarray:uint32:0"}}, "uint32:0"),
        ({"columns": {"a": "int:3"}}, "int:3"),
        ({"columns": {}}, "at least one column"),
        ({"compression": "zstd:23"}, "zstd:23"),
        ({"compression": "gz:-1"}, "gz:-1"),
        ({"compression": "snappy:1"}, "snappy:1"),
        ({"compression": "lz4"}, "lz4"),
        ({"hashes": ["crc32"]}, "crc32"),
        ({"hashes": ["xxh64", "sha1"]}, "sorted"),
        ({"hashes": ["sha1", "sha1"]}, "unique"),
        ({"size_limit": 2**32}, "4294967296"),
        ({"size_limit": -5}, "-5"),
        ({"size_limit": "12 parsecs"}, "parsecs"),
    ],
)
def test_settings_that_mds_does_not_have(tmp_path, change, message):
    with pytest.raises(RecipeError, match=message):
        MDSWriter(tmp_path, **({"columns": {"a": "str"}} | change))


@pytest.mark.parametrize("size", ["1kb", "1.5KB", "1mb", "100", "100b", "2GiB"])
def test_sizes_are_read_as_streaming_reads_them(tmp_path, size):
    with MDSWriter(tmp_path, {"a": "int"}, size_limit=size) as writer:
        writer.write({"a": 1})
    index = json.loads((tmp_path / "index.json").read_bytes())
    assert index["shards"][0]["size_limit"] == bytes_to_int(size.replace("iB", "b"))


def test_encodings_known_to_streaming_are_known(tmp_path):
    columns = {name: name for name in get_mds_encodings()}
    MDSWriter(tmp_path / "all", columns)
    for name in ("", "INT", "ndarray:uint32:2:2", "float128"):
        with pytest.raises(RecipeError):
            MDSWriter(tmp_path / "none", {"a": name})


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="not empty"):
        MDSWriter(tmp_path, {"a": "int"})


def test_an_error_leaves_no_index(tmp_path):
    def give_up():
        with MDSWriter(tmp_path, {"a": "bytes"}, size_limit=500) as writer:
            for _ in range(9):
                writer.write({"a": bytes(200)})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()
    assert not (tmp_path / "index.json").exists()
    with pytest.raises(StorageError):
        MDSReader(tmp_path)


def test_a_folder_that_vanishes_is_an_error(tmp_path):
    writer = MDSWriter(tmp_path / "gone", {"a": "bytes"}, size_limit=500)
    writer.write({"a": bytes(100)})
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(StorageError, match=r"shard\.00000\.mds"):
        writer.finish()


def test_a_full_disk_leaves_no_half_file(tmp_path):
    """A limit on file sizes stands for the full disk: the write begins, and fails in the middle."""
    script = f"""
import resource
from octomed.errors import StorageError
from octomed.mds import MDSWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with MDSWriter({str(tmp_path)!r}, {{"a": "bytes"}}, size_limit=100_000) as writer:
        writer.write({{"a": bytes(40_000)}})
        writer.write({{"a": bytes(80_000)}})
except StorageError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "shard.00001.mds" in run.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["shard.00000.mds"]
