"""Flipped bits over files of many writers: no abort, no hang, no exit 70, no row more or less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import octomed
import pytest

ROOT = Path(__file__).parents[2]


def campaign(flips: int, seed: int) -> str:
    """Run the campaign in a process of its own: what dies there is a failure, and not the tests' end."""
    path = [str(Path(octomed.__file__).parents[1]), str(ROOT)]
    start = f"import sys; sys.path[:0] = {path!r}; from tests.foreign.flips import main; main()"
    words = [sys.executable, "-c", start, "--flips", str(flips), "--seed", str(seed)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_thousand_flipped_bits():
    said = campaign(1000, 13)
    assert "'same'" in said
    assert "'exit 3'" in said


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_flipped_bits(seed):
    campaign(10_000, 100 + seed)
