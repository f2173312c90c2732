"""Writes the same rows with `streaming` and with this package, and compares what came out."""

from __future__ import annotations

import json
import time

import streaming
import streaming.base.format.base.writer as streaming_writer
from octomed.mds import MDSWriter, verify
from streaming.base.compression import decompress

# The oracle waits whole seconds for a queue that is empty in milliseconds.
streaming_writer.sleep = lambda _: time.sleep(0.001)


def write_theirs(out, columns, rows, settings):
    with streaming.MDSWriter(out=str(out), columns=columns, **settings) as writer:
        for row in rows:
            writer.write(row)


def write_ours(out, columns, rows, settings, workers=2):
    with MDSWriter(out, columns, workers=workers, **settings) as writer:
        for row in rows:
            writer.write(row)


def raw_shards(folder):
    """Raw bytes of every shard in the index, and the index without what compression may change."""
    index = json.loads((folder / "index.json").read_bytes())
    raw = []
    for shard in index["shards"]:
        packed = shard["zip_data"]
        data = (folder / (packed or shard["raw_data"])["basename"]).read_bytes()
        raw.append(decompress(shard["compression"], data))
        if packed:
            assert packed["bytes"] == len(data)
            packed["bytes"] = packed["hashes"] = None
    return raw, index


def assert_identical(ours, theirs, *, compressed):
    assert raw_shards(ours) == raw_shards(theirs)
    assert {file.name for file in ours.iterdir()} == {file.name for file in theirs.iterdir()}
    if not compressed:
        assert (ours / "index.json").read_bytes() == (theirs / "index.json").read_bytes()
    assert verify(ours) == []
    assert verify(theirs) == []
