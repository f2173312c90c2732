"""The layer that drops what was not synced: it drops that, and nothing else."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from .power_cut import PowerCut, build

MAKE = """
import os, sys
def put(name, data, sync):
    file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(file, data)
    if sync: os.fsync(file)
    os.close(file)
def settle(name):
    folder = os.open(name, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
os.chdir(sys.argv[1])
"""


@pytest.fixture
def cut(tmp_path):
    library = build(tmp_path)
    (tmp_path / "disk").mkdir()
    return PowerCut(tmp_path / "disk", tmp_path / "scratch", library)


def run(cut, program):
    environment = os.environ | cut.environment
    subprocess.run([sys.executable, "-c", MAKE + program, str(cut.root)], check=True, env=environment)


def names(cut, program, seeds=40):
    """States that cuts after the program leave: names with the length of each file."""
    seen = set()
    for seed in range(seeds):
        run(cut, program)
        cut.strike(random.Random(seed))
        found = {
            str(path.relative_to(cut.root)): len(path.read_bytes().rstrip(b"\0"))
            for path in cut.root.rglob("*")
            if path.is_file()
        }
        seen.add(tuple(sorted(found.items())))
        for path in sorted(cut.root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        cut.begin()
    return seen


def test_what_was_synced_stays(cut):
    program = "put('a', b'x' * 9, True); os.rename('a', 'b'); settle('.')"
    assert names(cut, program, 10) == {(("b", 9),)}


def test_bytes_that_were_not_synced_may_go_and_the_name_stay(cut):
    seen = names(cut, "put('a', b'x' * 9, False); os.rename('a', 'b'); settle('.')")
    assert {state[0][0] for state in seen} == {"b"}
    assert {0, 9} < {state[0][1] for state in seen}


def test_names_that_were_not_synced_may_go_and_the_old_ones_come_back(cut):
    before = "put('b', b'old', True); settle('.')\n"
    seen = names(cut, before + "put('a', b'x' * 9, True); os.rename('a', 'b')")
    assert seen == {(("b", 3),), (("a", 9), ("b", 3)), (("b", 9),)}
    assert names(cut, before + "os.unlink('b')") == {(), (("b", 3),)}
    assert names(cut, "os.mkdir('f'); put('f/a', b'x', True); settle('f')") == {(), (("f/a", 1),)}
