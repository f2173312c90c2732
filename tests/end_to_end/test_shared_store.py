"""Several runs over one store: what one removes when it ends, no other is reading or meant to keep."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from . import runs
from .test_resume import Held


def blocks(folder):
    return sorted((folder / "store/blocks").glob("*/*.index"))


@pytest.fixture
def expected(small):
    runs.pack(small, "output.path=expected", "work.path=other-store")
    return runs.contents(small.parent / "expected")


def shards(contents):
    return {name: digest for name, digest in contents.items() if name != "octomed.json"}


def test_a_run_that_keeps_nothing_leaves_no_block(small):
    runs.pack(small, "work.keep=false")
    assert blocks(small.parent) == []


def test_blocks_that_a_run_at_work_may_read_stay_and_it_is_said(small, expected):
    held = Held()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(runs.pack, small, "output.path=other", progress=held)
        try:
            assert held.there.wait(600)
            notes = runs.pack(small, "work.keep=false").notes
            assert blocks(small.parent)
        finally:
            held.go.set()
        other.result()
    assert "another run is using" in "".join(notes)
    assert "`octomed clean` removes them" in "".join(notes)
    for output in ("out", "other"):
        assert shards(runs.contents(small.parent / output)) == shards(expected)


def test_two_runs_that_keep_nothing_end_well_whichever_is_first(small, expected):
    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            both = [
                pool.submit(runs.pack, small, f"output.path={name}", "work.keep=false") for name in ("a", "b")
            ]
            for one in both:
                one.result()
        for name in ("a", "b"):
            assert shards(runs.contents(small.parent / name)) == shards(expected)


def test_blocks_of_another_output_that_is_to_keep_them_stay(small):
    first = runs.pack(small, "output.path=first")
    runs.pack(small, "work.keep=false")
    again = runs.pack(small, "output.path=second", "pack.seed=9")
    assert again.blocks_reused == first.blocks_scanned


def test_after_the_other_output_is_gone_they_go(small):
    runs.pack(small, "output.path=first")
    shutil.rmtree(small.parent / "first")
    runs.pack(small, "work.keep=false")
    assert blocks(small.parent) == []
