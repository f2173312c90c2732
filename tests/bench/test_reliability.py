"""The reliability campaign sees what it should: its power cuts lose what was not synced, its cases run."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import octomed
import pytest

from bench.reliability.cases import GOOD
from bench.reliability.power import Disk, cut_power

TOP = Path(__file__).parents[2]


def lost(folder: Path, calls: list[str], seed: int) -> dict[str, bytes]:
    """What is in a folder after calls and a power cut."""
    disk = Disk()
    for call in calls:
        disk.take(*call.replace("DIR", str(folder)).split(" "))
    cut_power(disk, random.Random(seed))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_power_cut_loses_bytes_that_were_not_synced_and_no_others(tmp_path: Path) -> None:
    states = set()
    for seed in range(40):
        for name in ("synced", "unsynced"):
            (tmp_path / name).write_bytes(b"1234")
        calls = ["create DIR/synced", "write DIR/synced", "create DIR/unsynced", "write DIR/unsynced"]
        found = lost(tmp_path, [*calls, "sync DIR/synced", "sync DIR"], seed)
        assert found["synced"] == b"1234"
        states.add(found["unsynced"])
    assert {b"", b"1234"} < states
    assert any(b"\0" in state for state in states)


def test_a_rename_counts_once_its_folder_is_synced(tmp_path: Path) -> None:
    kept = tmp_path / "attic"
    kept.write_bytes(b"old")
    folder = tmp_path / "folder"
    folder.mkdir()
    rename = f"rename DIR/.tmp DIR/file {kept}"
    states = set()
    for seed in range(20):
        (folder / "file").write_bytes(b"new")
        assert lost(folder, [rename, "sync DIR"], seed) == {"file": b"new"}
        states.add(lost(folder, [rename], seed)["file"])
    assert states == {b"old", b"new"}


@pytest.mark.skipif(shutil.which("cc") is None, reason="the layer of faults wants a C compiler")
@pytest.mark.parametrize(
    "names",
    [
        ("kill:1", "fault:0", "store_fault:1", "store_fault:8"),
        pytest.param(
            ("power:1", "flip:13", "flip:19", "store_kill:1", "store_flip:0"), marks=pytest.mark.long
        ),
    ],
)
def test_cases_end_well(tmp_path: Path, names: tuple[str, ...]) -> None:
    out = tmp_path / "out.json"
    cases = [word for name in names for word in ("--case", name)]
    options = ["--seed", "5", "--out", str(out), "--workers", "1"]
    folders = [str(Path(octomed.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    ended = subprocess.run(
        [sys.executable, "-m", "bench.reliability", *options, *cases],
        cwd=TOP,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    outcomes = {case["case"]: case["outcome"] for case in json.loads(out.read_text())["cases"]}
    assert set(outcomes) == set(names)
    assert set(outcomes.values()) <= set(GOOD)
