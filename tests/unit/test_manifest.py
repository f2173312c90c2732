"""How often a run notes the shards that stand."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from octomed.mds_index import FileInfo, ShardInfo
from octomed.pipeline.output import manifest as module
from octomed.pipeline.output.manifest import Manifest
from octomed.pipeline.output.manifest_file import NAME, ShardRecord
from octomed.pipeline.output.uploads import Uploads


def shard(number):
    name = f"shard.0000{number}.mds"
    info = ShardInfo((), (), (), None, "mds", (), FileInfo(name, 1, {}), 1, None, 2, None)
    return f"len-00064/{name}", ShardRecord(info, "0" * 16)


@pytest.mark.parametrize(("takes", "between"), [(0.0, 0.25), (0.001, 0.25), (0.01, 0.5), (0.5, 25.0)])
def test_a_note_waits_for_fifty_times_what_the_last_one_took(tmp_path, monkeypatch, takes, between):
    now, write = [100.0], module.write_json

    def slow(path, value, mode):
        now[0] += takes
        write(path, value, mode=mode)

    monkeypatch.setattr(module, "write_json", slow)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    manifest = Manifest(tmp_path, "key")

    def noted():
        return len(json.loads((tmp_path / NAME).read_text())["shards"])

    manifest.add_shard(*shard(0))
    assert noted() == 1
    now[0] += between * 0.9
    manifest.add_shard(*shard(1))
    assert noted() == 1
    now[0] += between * 0.2
    manifest.add_shard(*shard(2))
    assert noted() == 3


@pytest.mark.parametrize(
    ("waiting", "size", "full"),
    [
        ([], 2**40, False),
        ([1] * 7, 1, False),
        ([1] * 8, 1, True),
        ([2**29], 2**29, False),
        ([2**29], 2**29 + 1, True),
        ([2**40], 1, True),
    ],
)
def test_uploads_are_bounded_by_files_and_by_bytes(tmp_path, waiting, size, full):
    uploads = Uploads(tmp_path, [], keeps=False)
    uploads._open.update({str(number): one for number, one in enumerate(waiting)})
    assert uploads._is_full(size) is full
