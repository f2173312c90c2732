"""Which checkpoint is whole: on a disk, and in a store, where the files of one are uploaded in any order."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("composer")

import torch
from octomed.errors import RecipeError
from octomed.train import checkpoints
from torch.distributed.checkpoint import FileSystemWriter, save

NEWEST, BEFORE = "ep1-ba4", "ep0-ba3"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two sharded checkpoints of two files each, as torch writes them, and a file of no checkpoint."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in (BEFORE, NEWEST):
        state = {f"weight {number}": torch.rand(400) for number in range(4)}
        save(state, storage_writer=FileSystemWriter(folder / name, thread_count=2), no_dist=True)
    assert {path.name for path in (folder / NEWEST).iterdir()} == {
        ".metadata",
        "__0_0.distcp",
        "__0_1.distcp",
    }
    (folder / "ep9-notes.txt").write_text("of somebody")
    return folder


@pytest.fixture(params=["disk", "store", "google_store"])
def put(request, made, tmp_path):
    """Lay a spoiled copy down, and return its address."""

    def lay(spoil):
        folder = Path(shutil.copytree(made, tmp_path / "copy"))
        spoil(folder / NEWEST)
        if request.param == "disk":
            return str(folder)
        return request.getfixturevalue(request.param).upload(folder, "checkpoints")

    return lay


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


SPOILED = {
    "a shard not written": lambda folder: (folder / "__0_1.distcp").unlink(),
    "a shard cut": lambda folder: cut(folder / "__0_0.distcp"),
    "no shard written": lambda folder: [path.unlink() for path in folder.glob("__*")],
    "no metadata": lambda folder: (folder / ".metadata").unlink(),
    "metadata cut": lambda folder: cut(folder / ".metadata"),
    "metadata of something else": lambda folder: (folder / ".metadata").write_bytes(b"N."),
}


def test_the_newest_is_found(put):
    address = put(lambda _: None)
    assert checkpoints.newest_checkpoint(address) == (f"{address}/{NEWEST}", [])


@pytest.mark.parametrize("case", SPOILED)
def test_one_that_lacks_a_part_is_left_aside(put, case):
    address = put(SPOILED[case])
    assert checkpoints.newest_checkpoint(address) == (f"{address}/{BEFORE}", [NEWEST])


def test_steps_are_compared_as_numbers(made, tmp_path):
    for name in ("ep0-ba9", "ep1-ba10"):
        shutil.copytree(made / NEWEST, tmp_path / name)
    assert checkpoints.newest_checkpoint(str(tmp_path)) == (f"{tmp_path}/ep1-ba10", [])


def test_a_file_with_a_wrong_byte_is_left_aside(tmp_path):
    names = ("ep0-ba1-rank0.pt", "ep0-ba2-rank0.pt")
    for name in names:
        torch.save({"weight": torch.rand(400)}, tmp_path / name)
    assert checkpoints.newest_checkpoint(str(tmp_path)) == (f"{tmp_path}/{names[1]}", [])
    data = bytearray((tmp_path / names[1]).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / names[1]).write_bytes(data)
    assert checkpoints.newest_checkpoint(str(tmp_path)) == (f"{tmp_path}/{names[0]}", [names[1]])


def test_a_folder_that_is_not_there_has_none(tmp_path, store):
    for address in (str(tmp_path / "nowhere"), store.upload(tmp_path, "nowhere")):
        assert checkpoints.newest_checkpoint(address) == (None, [])


@pytest.mark.parametrize("place", ["disk", "store", "google_store"])
def test_what_they_were_trained_as_is_kept_beside_them(place, tmp_path, request):
    folder = tmp_path / "empty"
    address = str(folder) if place == "disk" else request.getfixturevalue(place).upload(folder, "checkpoints")
    meaning = {"seed": 1, "optimizer": {"lr": 0.1, "eps": 1.0}}
    checkpoints.check_meaning(address, meaning)
    checkpoints.write_meaning(address, meaning)
    checkpoints.check_meaning(address, meaning)
    with pytest.raises(RecipeError, match=r"of another recipe: `optimizer\.lr`, `seed` differ"):
        checkpoints.check_meaning(address, {"seed": 2, "optimizer": {"lr": 0.2, "eps": 1.0}})


def test_a_damaged_note_of_that_is_told(tmp_path):
    (tmp_path / checkpoints.SIDECAR).write_text('{"seed": ')
    with pytest.raises(RecipeError, match="is damaged") as found:
        checkpoints.check_meaning(str(tmp_path), {"seed": 1})
    assert "delete it" in found.value.hint
