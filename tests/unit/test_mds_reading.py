"""Shards read back: by stock `StreamingDataset`, by this package, and after damage."""

from __future__ import annotations

import json

import numpy as np
import pytest
from octomed.errors import DataError, StorageError
from octomed.mds import Finding, MDSReader, verify
from streaming import StreamingDataset

from tests.unit.mds_oracle import write_ours, write_theirs

COLUMNS = {
    "input_ids": "ndarray:uint32",
    "lengths": "ndarray:uint32",
    "loss_spans": "ndarray:uint32",
    "trace_ids": "ndarray:uint64",
    "images": "bytes",
    "note": "str",
}


def packs(count):
    """Rows as the engine writes them."""
    rng = np.random.default_rng(17)
    for row in range(count):
        tokens = int(rng.integers(2, 900))
        yield {
            "input_ids": rng.integers(0, 151_936, tokens, dtype=np.uint32),
            "lengths": np.array([1, tokens - 1], np.uint32),
            "loss_spans": np.array([[1, tokens]], np.uint32),
            "trace_ids": rng.integers(0, 2**64, 2, dtype=np.uint64),
            "images": b"",
            "note": f"row {row}: 发热",
        }


def assert_rows_equal(found, expected):
    assert len(found) == len(expected)
    for row, original in zip(found, expected, strict=True):
        for name, value in original.items():
            assert np.array_equal(row[name], value), name
            assert getattr(row[name], "dtype", None) == getattr(value, "dtype", None)


@pytest.mark.parametrize("compression", [None, "zstd:1", "br:1", "gz", "bz2", "snappy"])
def test_stock_streaming_dataset_reads_ours(tmp_path, compression):
    rows = list(packs(50))
    options = {"compression": compression, "hashes": ["xxh3_64"], "size_limit": 1 << 15}
    write_ours(tmp_path, COLUMNS, rows, options)
    before = sorted(file.name for file in tmp_path.iterdir())
    assert_rows_equal(MDSReader(tmp_path), rows)
    assert sorted(file.name for file in tmp_path.iterdir()) == before
    dataset = StreamingDataset(local=str(tmp_path), batch_size=1, shuffle=False, validate_hash="xxh3_64")
    assert_rows_equal([dataset[row] for row in range(len(dataset))], rows)
    # Streaming leaves raw shards beside the compressed ones; both are checked then.
    assert verify(tmp_path) == []


@pytest.mark.parametrize("compression", [None, "zstd:1"])
def test_any_row_of_theirs_is_found(tmp_path, compression):
    rows = list(packs(40))
    write_theirs(tmp_path, COLUMNS, rows, {"compression": compression, "size_limit": 1 << 14})
    reader = MDSReader(tmp_path)
    order = np.random.default_rng(3).permutation(40)
    assert_rows_equal([reader[int(row)] for row in order], [rows[row] for row in order])
    assert reader[-1]["note"] == rows[-1]["note"]
    counts = [samples for _, samples in reader.shards]
    places = [(shard, row) for shard, samples in enumerate(counts) for row in range(samples)]
    assert [reader.locate(row) for row in range(40)] == places
    for outside in (40, -41):
        with pytest.raises(IndexError):
            reader[outside]


def dataset(folder, *, compression=None, hashes=()):
    write_ours(folder, COLUMNS, list(packs(30)), {"compression": compression, "hashes": list(hashes)})
    assert verify(folder) == []
    return next(file for file in folder.iterdir() if file.name.startswith("shard.00000."))


def whats(folder):
    findings = verify(folder)
    assert findings == MDSReader(folder).verify(workers=1)
    return [finding.what for finding in findings]


@pytest.mark.parametrize("compression", [None, "zstd:3"])
def test_a_changed_byte_is_found_by_its_digest(tmp_path, compression):
    file = dataset(tmp_path, compression=compression, hashes=["sha256", "xxh3_64"])
    data = bytearray(file.read_bytes())
    for place in np.random.default_rng(5).integers(0, len(data), 20):
        changed = data.copy()
        changed[place] ^= 1 << (int(place) % 8)
        file.write_bytes(changed)
        assert whats(tmp_path)[:2] == [
            "its sha256 is not the one in the index",
            "its xxh3_64 is not the one in the index",
        ]


@pytest.mark.parametrize("compression", [None, "zstd:3", "gz:1", "bz2:1", "br:1", "snappy"])
@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_shard_is_found(tmp_path, compression, keep):
    file = dataset(tmp_path, compression=compression)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    assert whats(tmp_path)[0].endswith(f"bytes, and the index says {len(data)}")
    assert len(whats(tmp_path)) > 1
    with pytest.raises((DataError, StorageError)):
        MDSReader(tmp_path)[29]


def test_wrong_offsets_are_found(tmp_path):
    file = dataset(tmp_path)
    original = file.read_bytes()

    def damage(word, value):
        words = np.frombuffer(original[: len(original) // 4 * 4], np.uint32).copy()
        words[word] = value
        file.write_bytes(words.tobytes() + original[len(words) * 4 :])
        return whats(tmp_path)

    start, end = np.frombuffer(original, np.uint32, 2, 4)
    assert damage(0, 29)[0] == "it has 29 rows, and the index says 30"
    assert damage(0, 2**32 - 1)[1] == "its offsets are cut off"
    assert damage(1, start + 4)[0] == "its first row does not follow its head"
    assert damage(31, len(original) - 1)[0] == "its last row does not end where the file ends"
    assert damage(2, end - 1)[0].startswith("row 0: column")
    assert damage(2, start - 1)[0].startswith(f"row 0: it goes from byte {start} to byte {start - 1}")
    assert damage(2, 2**31)[0].startswith(f"row 0: it goes from byte {start} to byte {2**31}")


def test_broken_values_are_found_without_digests(tmp_path):
    rows = [{"a": np.arange(3, dtype=np.uint32), "t": "abc"} for _ in range(30)]
    write_ours(tmp_path, {"a": "ndarray:uint32", "t": "str"}, rows, {})
    file = tmp_path / "shard.00000.mds"
    data = bytearray(file.read_bytes())
    head = int(np.frombuffer(data, np.uint32, 1, 4)[0])
    data[head + 9] = 4
    data[-1] = 0xFF
    data[40] ^= 1
    file.write_bytes(data)
    found = whats(tmp_path)
    assert "row 0: column `a`: 12 bytes hold no uint32 array of shape [4]" in found
    assert any(what.startswith("row 29: column `t`: invalid utf-8") for what in found)


def test_a_changed_configuration_is_found(tmp_path):
    file = dataset(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"compression": null', b'"compression": NULL'))
    assert whats(tmp_path) == ["its configuration is not the one in the index"]


def test_many_broken_rows_are_counted(tmp_path):
    rows = [{"t": "abc"}] * 50
    write_ours(tmp_path, {"t": "str"}, rows, {})
    file = tmp_path / "shard.00000.mds"
    file.write_bytes(file.read_bytes().replace(b"abc", b"ab\xff"))
    found = whats(tmp_path)
    assert len(found) == 21
    assert found[-1] == "and 30 more broken rows"


def test_missing_and_unknown_files_are_found(tmp_path):
    file = dataset(tmp_path, compression="zstd:1")
    file.rename(tmp_path / "shard.00007.mds.zstd")
    missing, stray = verify(tmp_path)
    assert (missing.shard, missing.file) == (0, "shard.00000.mds.zstd")
    assert "No such file" in missing.what
    assert stray == Finding(None, "shard.00007.mds.zstd", "the index does not list it")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("version", 1, "version 1"),
        ("format", "csv", "csv"),
        ("column_names", ["a"], "differ in number"),
        ("compression", "zstd:1", "contradict"),
        ("raw_data", {"basename": "../secret", "bytes": 1, "hashes": {}}, r"\.\./secret"),
        ("samples", -1, "-1"),
        ("samples", None, "null"),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path, key, value, message):
    dataset(tmp_path)
    index = json.loads((tmp_path / "index.json").read_bytes())
    index["shards"][0][key] = value
    (tmp_path / "index.json").write_text(json.dumps(index))
    for read in (MDSReader, verify):
        with pytest.raises(DataError, match=message):
            read(tmp_path)


def test_an_index_cut_off_is_refused(tmp_path):
    dataset(tmp_path)
    index = (tmp_path / "index.json").read_bytes()
    (tmp_path / "index.json").write_bytes(index[:-2])
    with pytest.raises(DataError, match="not an index"):
        verify(tmp_path)


def test_unknown_encodings_in_an_index_are_findings(tmp_path):
    dataset(tmp_path)
    text = (tmp_path / "index.json").read_text().replace("ndarray:uint64", "ndarray:uint65")
    (tmp_path / "index.json").write_text(text)
    assert "ndarray:uint65" in whats(tmp_path)[0]
