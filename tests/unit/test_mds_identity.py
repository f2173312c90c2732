"""Shards against `MDSWriter` of mosaicml-streaming: same rows, same raw bytes, same index."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from octomed import _octomed
from octomed.mds import MDSReader
from streaming.base.compression import decompress, get_compressions
from streaming.base.format.mds import MDSReader as TheirReader
from streaming.base.format.mds.encodings import mds_encode
from streaming.base.hashing import get_hashes

from tests.unit.mds_oracle import assert_identical, write_ours, write_theirs

DTYPES = ["uint8", "int8", "uint16", "int16", "float16", "uint32", "int32", "float32", "uint64", "int64"]
FAST = ["zstd:1", "zstd", "gz:1", "bz2:1", "br:0", "snappy"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def arrays(dtype, shape):
    return hnp.arrays(np.dtype(dtype), shape, elements=hnp.from_dtype(np.dtype(dtype)))


SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=5) | st.just((300,)) | st.just((1, 1, 257))
COLUMNS = {
    "bytes": st.binary(max_size=40),
    "jpeg": st.binary(max_size=40),
    "pkl": st.binary(max_size=40),
    "str": TEXT,
    "int": st.integers(-(2**63), 2**63 - 1),
    "str_int": st.integers(),
    "str_float": st.floats(),
    "str_decimal": st.decimals() | st.just(Decimal("1E+400")),
    "json": JSON | arrays("int32", (2, 3)),
    "uint8": st.integers(0, 255),
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int16": st.integers(-(2**15), 2**15 - 1),
    "float16": st.floats(width=16),
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "ndarray": st.sampled_from([*DTYPES, "float64"]).flatmap(lambda dtype: arrays(dtype, SHAPES)),
    "ndarray:": arrays("int64", SHAPES),
    "ndarray:uint32": arrays("uint32", SHAPES)
    | arrays("uint32", SHAPES).map(lambda array: mds_encode("ndarray:uint32", array)),
    "ndarray:float16": arrays("float16", SHAPES),
    "ndarray:uint8:2,3": arrays("uint8", (2, 3)) | st.binary(min_size=6, max_size=6),
    "ndarray:float64:1": arrays("float64", 1),
}


@st.composite
def datasets(draw):
    """Columns, rows and settings."""
    encodings = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=5))
    names = draw(st.lists(TEXT, min_size=len(encodings), max_size=len(encodings), unique=True))
    columns = dict(zip(names, encodings, strict=True))
    rows = draw(
        st.lists(st.fixed_dictionaries({name: COLUMNS[kind] for name, kind in columns.items()}), max_size=12)
    )
    compression = draw(st.none() | st.sampled_from(FAST))
    hashes = sorted(draw(st.sets(st.sampled_from(sorted(get_hashes())), max_size=3)))
    limit = draw(st.none() | st.integers(600, 900) | st.integers(1_000, 4_000))
    return columns, rows, {"compression": compression, "hashes": hashes, "size_limit": limit}


def same(ours, theirs):
    if isinstance(theirs, np.ndarray):
        return (
            ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
        )
    return type(ours) is type(theirs) and repr(ours) == repr(theirs)


def stays_within(columns, rows, settings):
    """Whether the first row fits the limit: where it does not, the two differ on purpose."""
    if settings["size_limit"] is None or not rows:
        return True
    with tempfile.TemporaryDirectory() as scratch:
        write_theirs(Path(scratch) / "first", columns, rows[:1], settings | {"compression": None})
        index = json.loads((Path(scratch) / "first" / "index.json").read_bytes())
    return index["shards"][0]["samples"] > 0


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(datasets())
def test_raw_shards_and_index_equal_mdswriter(dataset):
    columns, rows, options = dataset
    if not stays_within(*dataset):
        options["size_limit"] = None
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs = Path(scratch) / "ours", Path(scratch) / "theirs"
        write_theirs(theirs, columns, rows, options)
        write_ours(ours, columns, rows, options)
        assert_identical(ours, theirs, compressed=options["compression"])
        if options["compression"] in (None, "zstd:1", "zstd"):
            decoded = [streaming_row(theirs, row) for row in range(len(rows))]
            for folder in (ours, theirs):
                reader = MDSReader(folder)
                assert len(reader) == len(rows)
                for row, expected in zip(reader, decoded, strict=True):
                    assert all(same(row[name], value) for name, value in expected.items())


@st.composite
def packs(draw):
    """A pack as a run writes it: of text, or of some images that stand in it several times."""
    images = draw(st.lists(st.binary(min_size=1, max_size=60), max_size=4))
    ends = np.cumsum([0, *map(len, images)], dtype="<u4")
    grids = draw(hnp.arrays("<u4", (len(images), 3), elements=st.integers(1, 64)))
    refs = draw(st.lists(st.integers(0, len(images) - 1), max_size=9)) if images else []
    return {
        "images": b"".join(images),
        "image_offsets": ends.tobytes() if images else b"",
        "image_grid_thw": grids.tobytes(),
        "image_refs": np.array(refs, "<u4").tobytes(),
        "input_ids": draw(arrays("uint32", st.tuples(st.integers(1, 300)))),
        "lengths": draw(arrays("uint32", st.tuples(st.integers(1, 5)))),
        "loss_spans": draw(arrays("uint32", st.tuples(st.integers(1, 5), st.just(2)))),
        "trace_ids": draw(arrays("uint64", st.tuples(st.integers(1, 5)))),
    }


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(packs(), max_size=12), st.sampled_from([None, 2_000, 4_000]), st.sampled_from([None, "zstd:1"])
)
def test_packs_with_images_and_of_text_equal_mdswriter(rows, limit, compression):
    options = {"compression": compression, "hashes": ["xxh3_64"], "size_limit": limit}
    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs = Path(scratch) / "ours", Path(scratch) / "theirs"
        write_theirs(theirs, dict(_octomed.COLUMNS), rows, options)
        write_ours(ours, dict(_octomed.COLUMNS), rows, options)
        assert_identical(ours, theirs, compressed=compression)
        for number, row in enumerate(rows):
            decoded = streaming_row(theirs, number)
            assert {name: decoded[name] for name in row if name.startswith("image")} == {
                name: value for name, value in row.items() if name.startswith("image")
            }


def streaming_row(folder, number):
    """A row as `streaming` decodes it, but for columns that it would execute or open."""
    index = json.loads((folder / "index.json").read_bytes())
    for shard in index["shards"]:
        if number < shard["samples"]:
            break
        number -= shard["samples"]
    raw = folder / shard["raw_data"]["basename"]
    if not raw.exists():
        data = (folder / shard["zip_data"]["basename"]).read_bytes()
        raw.write_bytes(decompress(shard["compression"], data))
    safe = ["bytes" if kind in ("jpeg", "pkl") else kind for kind in shard["column_encodings"]]
    return TheirReader.from_json(str(folder), "", shard | {"column_encodings": safe})[number]


@pytest.mark.parametrize("compression", sorted(get_compressions()))
def test_every_compression_is_read_by_streaming(tmp_path, compression):
    text = "Fever, cough and dyspnoea. 发热、咳嗽。" * 40
    rows = [{"text": f"{text}{row}"} for row in range(3)]
    options = {"compression": compression, "hashes": ["xxh3_64"], "size_limit": 4_000}
    write_ours(tmp_path / "ours", {"text": "str"}, rows, options)
    write_theirs(tmp_path / "theirs", {"text": "str"}, rows, options)
    assert_identical(tmp_path / "ours", tmp_path / "theirs", compressed=True)
    assert list(MDSReader(tmp_path / "theirs")) == rows
    assert list(MDSReader(tmp_path / "ours")) == rows


@pytest.mark.parametrize("algorithm", sorted(get_hashes()))
def test_every_digest_equals_pythons(tmp_path, algorithm):
    rows = [{"data": bytes(range(size % 256)) * 5} for size in (0, 1, 3, 16, 17, 129, 240, 241, 255)]
    options = {"compression": None, "hashes": [algorithm], "size_limit": 600}
    write_ours(tmp_path / "ours", {"data": "bytes"}, rows, options)
    write_theirs(tmp_path / "theirs", {"data": "bytes"}, rows, options)
    assert_identical(tmp_path / "ours", tmp_path / "theirs", compressed=False)


def test_a_shard_closes_exactly_at_the_limit(tmp_path):
    rows = [{"a": bytes(100)} for _ in range(6)]
    for offset in (-1, 0, 1):
        probe = tmp_path / f"probe{offset}"
        options = {"compression": None, "hashes": [], "size_limit": 9_999}
        write_theirs(probe, {"a": "bytes"}, rows[:3], options)
        exact = (probe / "shard.00000.mds").stat().st_size
        options["size_limit"] = exact - len("9999") + len(str(exact)) + offset
        ours, theirs = tmp_path / f"ours{offset}", tmp_path / f"theirs{offset}"
        write_ours(ours, {"a": "bytes"}, rows, options)
        write_theirs(theirs, {"a": "bytes"}, rows, options)
        assert_identical(ours, theirs, compressed=False)
        assert MDSReader(ours).shards[0][1] == (2 if offset < 0 else 3)


def test_bytes_are_the_same_for_any_number_of_workers(tmp_path):
    rng = np.random.default_rng(17)
    rows = [{"ids": rng.integers(0, 9_999, 500, dtype=np.uint32)} for _ in range(60)]
    options = {"compression": "zstd:1", "hashes": ["sha1"], "size_limit": 9_000}
    folders = [tmp_path / str(workers) for workers in (1, 2, 8)]
    for folder in folders:
        write_ours(folder, {"ids": "ndarray:uint32"}, rows, options, workers=int(folder.name))
    files = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]
    assert files[0] == files[1] == files[2]
    assert len(files[0]) == 16


def test_a_first_row_above_the_limit_has_a_shard_of_its_own(tmp_path):
    rows = [{"a": bytes(size)} for size in (5_000, 10, 10, 5_000, 10)]
    write_ours(tmp_path, {"a": "bytes"}, rows, {"size_limit": 1_000})
    assert [samples for _, samples in MDSReader(tmp_path).shards] == [1, 2, 1, 1]
    assert list(MDSReader(tmp_path)) == rows
