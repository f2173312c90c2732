"""Runs with several targets: the same bytes in each, whichever fails, and no row read again for one more."""

from __future__ import annotations

import json
import shutil

import octomed
import pytest
from octomed.errors import RecipeError, StorageError
from octomed.pipeline.output.targets import FolderStore

from . import runs
from .test_output_at_address import at, contents, download, local, long, small, staged

__all__ = ["local", "small"]


def with_copies(small, *copies):
    recipe = runs.values()
    recipe["output"]["copies"] = list(copies)
    return runs.write_recipe(small.parent, recipe)


def fail(patch, folder, files):
    """Have a folder refuse files once it has so many."""
    put, done = FolderStore.put_file, []

    def put_file(self, name, path):
        if self.folder.name == folder:
            done.append(name)
            if len(done) > files:
                raise StorageError(f"cannot write `{self.folder / name}`: the quota is used up")
        return put(self, name, path)

    patch.setattr(FolderStore, "put_file", put_file)


def test_copies_are_the_same_run(small, s3, tmp_path, local):
    recipe = with_copies(small, "copy", "more/copies", s3.address("copy"))
    summary = runs.pack(recipe)
    for folder in ("out", "copy", "more/copies"):
        assert contents(small.parent / folder) == local
        assert octomed.verify(small.parent / folder).findings == ()
    assert contents(download(s3, tmp_path / "got", "copy")) == local
    assert len(summary.uploads["targets"]) == 3
    assert runs.pack(recipe).already_done


@pytest.mark.parametrize("files", [long(0), 9, long(36)])
def test_a_copy_that_fails_is_named_and_completed_later(small, s3, tmp_path, local, files):
    recipe = with_copies(small, "copy")
    with pytest.MonkeyPatch.context() as patch:
        fail(patch, "copy", files)
        with pytest.raises(
            StorageError, match=r"is whole in `s3://.*/run`, and not in `.*/copy`: .*quota"
        ) as raised:
            runs.pack(recipe, at(s3))
    assert "the same command completes it" in raised.value.hint
    assert contents(download(s3, tmp_path / "got")) == local
    copy = small.parent / "copy"
    assert not (copy / "octomed.json").exists()
    assert not list(copy.glob("*/index.json")) or files == 36
    shutil.rmtree(small.parent / "store/blocks")
    summary = runs.pack(recipe, at(s3))
    assert summary.already_done  # no row was read
    assert contents(copy) == local
    assert staged(small) == []


def test_the_output_fails_and_its_copy_does_not(small, s3, local):
    with_copies(small, "copy")
    from octomed.stores.client import ObjectStore

    with pytest.MonkeyPatch.context() as patch:

        def refuse(*_):
            raise StorageError("cannot write to the bucket")

        patch.setattr(ObjectStore, "put_file", refuse)
        with pytest.raises(
            StorageError, match=r"is whole in `.*/copy`, and not in `s3://.*/run`: cannot write"
        ):
            runs.pack(small, at(s3))
    assert contents(small.parent / "copy") == local
    assert runs.pack(small, at(s3)).already_done
    assert len(s3.keys("run/")) == len(local) + 1 + 2  # the pages, and the lease or manifest


def test_a_copy_more_of_a_finished_run_reads_no_row(small, s3, tmp_path, local):
    runs.pack(small)
    shutil.rmtree(small.parent / "store/blocks")
    summary = runs.pack(with_copies(small, "copy", s3.address("copy")))
    assert summary.already_done
    assert summary.uploads["files"] == 2 * (len(local) - 4)
    assert contents(small.parent / "copy") == local
    assert contents(download(s3, tmp_path / "got", "copy")) == local


def test_a_damaged_file_is_not_copied(small, s3):
    runs.pack(small)
    shard = next((small.parent / "out").glob("*/shard.*"))
    runs.damage(shard)
    with pytest.raises(StorageError, match=f"`{shard.parent.name}/{shard.name}` is damaged"):
        runs.pack(with_copies(small, s3.address("copy")))
    assert not s3.keys("copy/octomed.json")


def test_a_copy_that_holds_something_else_is_refused_before_anything_is_written(small, s3):
    (small.parent / "copy").mkdir()
    (small.parent / "copy/notes.txt").write_text("mine")
    recipe = with_copies(small, "copy")
    with pytest.raises(RecipeError, match=r"copy` already holds `notes.txt`"):
        runs.pack(recipe, at(s3))
    assert s3.keys() == []


def test_a_copy_that_holds_another_run_is_replaced_when_asked(small, local):
    runs.pack(small, "output.path=copy", "pack.seed=99")
    recipe = with_copies(small, "copy")
    with pytest.raises(RecipeError, match=r"copy` holds a run of another recipe: `pack.seed` 99 → 3"):
        runs.pack(recipe)
    runs.pack(recipe, replace=True)
    assert contents(small.parent / "copy") == local


def test_octomed_json_of_a_local_run_says_nothing_of_targets(small):
    runs.pack(small)
    run = json.loads((small.parent / "out/octomed.json").read_text())
    assert "copies" not in run["recipe"]["output"]
    assert run["run"]["uploads"] is None
