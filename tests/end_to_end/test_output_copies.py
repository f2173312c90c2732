"""Runs with several targets: the same bytes in each, whichever fails, and no row read again for one more."""

from __future__ import annotations

import json
import shutil

import octomed
import pytest
from octomed.errors import RecipeError, StorageError
from octomed.pipeline import targets
from octomed.recipe import load_recipe

from . import runs


def folders_at(folder):
    """Have addresses be folders: `s3://bucket/run` is `<folder>/bucket/run`."""

    def target_at(location, mode):
        if location.startswith("s3://"):
            return targets.Target(location, targets.FolderStore(folder / location[5:], mode))
        return targets.Target(location, targets.FolderStore(targets.Path(location), mode))

    return target_at


def with_output(small, **output):
    recipe = runs.values()
    recipe["output"] |= output
    return runs.write_recipe(small.parent, recipe)


def test_a_copy_is_the_same_run(small):
    recipe = with_output(small, copies=["copy", "more/copies"])
    runs.pack(recipe)
    expected = runs.contents(small.parent / "out")
    for name in ("copy", "more/copies"):
        assert runs.contents(small.parent / name) == expected
        assert octomed.verify(small.parent / name).findings == ()
    assert runs.pack(recipe).already_done
