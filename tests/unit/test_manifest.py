"""How often a run notes the shards that stand."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from octomed.pipeline import manifest as module
from octomed.pipeline.manifest import NAME, Manifest

INFO = {"zip_data": None, "raw_data": {"bytes": 1}}


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

    manifest.add_shard("a", INFO)
    assert noted() == 1
    now[0] += between * 0.9
    manifest.add_shard("b", INFO)
    assert noted() == 1
    now[0] += between * 0.2
    manifest.add_shard("c", INFO)
    assert noted() == 3
