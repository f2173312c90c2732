"""No input takes more memory than docs/performance.md says: the worst cases, small ones and all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from octomed import _octomed
from octomed.mds import MDSReader

from bench.worst import allowed_mb, run
from bench.worst_images import CASES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.alone  # the most memory that a run takes

BASE_MB = 700
"""What a small case may take: an interpreter, Arrow, a vocabulary, and the blocks of two workers."""

SMALL = {
    "ones_gz": (0.05, {"not_an_object": 1_000_000}),
    "responses": (0.1, {}),
    "list_bomb": (0.3, {"row_too_large": 1}),
    "tiny_batches": (0.03, {}),
    "values": (0.1, {"row_too_large": 4}),
    "bomb_cmyk": (0.1, {}),
    "images_a_row": (0.2, {}),
    "images_times_responses": (0.05, {}),
    "image_lines": (0.1, {"image_shape": 8}),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_cases_stay_within_their_bound(name: str, tmp_path: Path) -> None:
    scale, refused = SMALL[name]
    found = run(name, tmp_path / "run", scale)
    assert found["exit"] == CASES[name].ends, found["said"]
    assert found["rows_refused"] == refused
    assert found["peak_mb"] <= BASE_MB


def test_a_billion_unreadable_rows_end_as_soon_as_too_many_are_certain(tmp_path: Path) -> None:
    found = run("billion_gz", tmp_path / "run", 0.1)
    assert found["exit"] == 3
    assert "of the first" in found["said"]
    assert found["peak_mb"] <= BASE_MB


@pytest.mark.parametrize("name", ["large_page", "zstd_window"])
def test_what_is_too_large_is_refused_before_it_is_read(name: str, tmp_path: Path) -> None:
    found = run(name, tmp_path / "run", 0.45)
    assert found["exit"] == 3
    assert found["peak_mb"] <= BASE_MB / 2


def test_a_pack_is_closed_before_its_images_take_too_much(tmp_path: Path) -> None:
    # 50 images of six megabytes, of which one pack has the tokens for all.
    found = run("image_packs_of_60_mb", tmp_path / "run", 0.1)
    assert (found["exit"], found["traces"]) == (0, 50), found["said"]
    bytes_of_packs = [len(row["images"]) for row in _packs(tmp_path / "run/out")]
    assert len(bytes_of_packs) == 2
    assert max(bytes_of_packs) <= 256 * 2**20


def _packs(folder: Path) -> list[dict[str, Any]]:
    return [row for stream in sorted(folder.glob("len-*")) for row in MDSReader(stream)]


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_no_case_takes_more_than_is_promised(name: str, tmp_path: Path) -> None:
    found = run(name, tmp_path / "run")
    assert found["exit"] == CASES[name].ends, found["said"]
    assert found["peak_mb"] <= allowed_mb(found["traces"])


def test_a_block_of_several_parts_stands_only_whole(tmp_path: Path) -> None:
    found = run("long_prompt", tmp_path / "run", 0.1)
    assert (found["exit"], found["traces"]) == (0, 11)
    blocks = sorted(path.name for path in (tmp_path / "run/store").glob("blocks/*/*.index"))
    assert blocks == ["0-1.index", "0.index"]
    (last,) = (tmp_path / "run/store").glob("blocks/*/0-1.index")
    stem = str(last.with_name("0"))
    parts = _octomed.read_parts(stem)
    assert parts is not None
    assert [part.traces for part in parts] == [6, 5]
    last.unlink()
    assert _octomed.read_parts(stem) is None
