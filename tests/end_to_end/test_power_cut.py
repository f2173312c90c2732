"""Power cuts: what was not synced is dropped, during a run and after it."""

from __future__ import annotations

import os
import random
import shutil
import time

import octomed
import pytest

from tests.faults.power_cut import PowerCut, build

from . import runs

SEED = int(os.environ.get("OCTOMED_SEED", "17"))
CASES = int(os.environ.get("OCTOMED_CASES", "20"))
PATHS = ["output.path=disk/out", "work.path=disk/store"]
OPTIONS = [word for path in PATHS for word in ("--set", path)]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("layer"))


@pytest.fixture
def expected(small):
    runs.pack(small, *PATHS)
    found = runs.contents(small.parent / "disk/out")
    shutil.rmtree(small.parent / "disk")
    return found


def new_disk(small, library):
    shutil.rmtree(small.parent / "disk", ignore_errors=True)
    (small.parent / "disk").mkdir()
    return PowerCut(small.parent / "disk", small.parent / "scratch", library)


@pytest.mark.parametrize("cuts", [3, pytest.param(CASES, marks=pytest.mark.long)])
def test_after_a_run_that_ended_nothing_is_lost(small, library, expected, cuts):
    draw = random.Random(SEED)
    for _ in range(cuts):
        cut = new_disk(small, library)
        process = runs.start(small, *OPTIONS, env=cut.environment, pause=0)
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said
        lost = cut.strike(draw)
        assert runs.contents(small.parent / "disk/out") == expected, lost
        assert octomed.verify(small.parent / "disk/out").findings == ()
        again = runs.pack(small, *PATHS)
        assert again.already_done
        assert again.notes == []
        other = runs.pack(small, *PATHS, "pack.seed=5", "output.path=disk/other")
        assert (other.blocks_scanned, other.notes) == (0, []), lost


@pytest.mark.parametrize("cuts", [6, pytest.param(CASES, marks=pytest.mark.long)])
def test_a_run_that_is_cut_goes_on_to_the_same_bytes(small, library, expected, cuts):
    """The same command, again and again until no cut comes."""
    draw = random.Random(SEED)
    begin = time.monotonic()
    whole = runs.start(small, *OPTIONS, env=new_disk(small, library).environment)
    whole.communicate(timeout=600)
    takes = time.monotonic() - begin
    left = cuts
    while left:
        cut = new_disk(small, library)
        for _ in range(min(left, draw.randint(1, 3))):
            process = runs.start(small, *OPTIONS, env=cut.environment)
            time.sleep(takes * (0.3 + 0.7 * draw.random()))
            process.kill()
            process.communicate()
            cut.strike(draw)
            left -= 1
        summary = runs.pack(small, *PATHS)
        assert runs.contents(small.parent / "disk/out") == expected
        assert octomed.verify(small.parent / "disk/out").findings == ()
        assert summary.sums_agree
        left_over = [path.name for path in (small.parent / "disk").rglob("*") if ".tmp" in path.name]
        assert left_over == []
