"""The full-size run: no more traces than the disk holds, and figures that agree with one another."""

from __future__ import annotations

from types import SimpleNamespace

from bench import full


def test_no_more_traces_than_the_disk_holds(monkeypatch, tmp_path):
    a_trace = sum(full.BYTES_A_TRACE.values())
    monkeypatch.setattr(full.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000 * a_trace))
    assert full.fitting(100, tmp_path) == 100
    assert 950 < full.fitting(full.PAPER, tmp_path) < 1_000


def test_a_small_run_is_measured_and_leaves_nothing(tmp_path):
    run = full.once(300, tmp_path)
    figures = run["figures"]
    assert figures["traces"] == 300
    assert figures["traces_a_second"] == 300 / run["wall_seconds"]
    assert figures["out_mb"] > figures["written_mb"] > 0.1
    assert "300 traces: " in full.told(run)
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.yaml", "octomed.log"}
