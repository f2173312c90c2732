"""The table of verbs: it names them all, says what they say of themselves, and loads none."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import octomed.cli
import pytest
from octomed.cli.verbs import VERBS

LINE = 84
"""What a line of the list has room for beside the longest name, in 100 columns."""
HEAVY = ("numpy", "pyarrow", "ruamel", "rich", "torch", "matplotlib", "obstore", "octomed._octomed")
"""What takes long to load, and what no `--help` needs."""

LOADED = """
import sys
from octomed.cli.app import run
for words in {words}:
    assert run(words) == 0
print("loaded:", *sorted(name for name in sys.modules if name.startswith(("octomed", *{heavy}))))
"""


def loaded_by(*commands):
    """Return which modules of ours, and which heavy ones, a process has after commands."""
    program = LOADED.format(words=[list(words) for words in commands], heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_every_verb_stands_in_the_table():
    folder = Path(octomed.cli.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if "\ndef command(" in path.read_text("utf-8")}
    assert {name.replace("-", "_") for name in VERBS} == files


@pytest.mark.parametrize("name", VERBS)
def test_the_table_says_what_the_verb_does(name):
    said = inspect.getdoc(importlib.import_module(f"octomed.cli.{name.replace('-', '_')}").command)
    line = VERBS[name]
    assert " ".join(said.split()).startswith(line)
    assert line.endswith(".")
    assert len(line) <= LINE


def test_the_list_of_verbs_loads_none():
    loaded = loaded_by([], ["--help"])
    assert loaded & {f"octomed.cli.{name.replace('-', '_')}" for name in VERBS} == set()
    assert {name for name in loaded if not name.startswith("octomed.")} == {"octomed"}


def test_no_help_loads_what_the_work_needs():
    loaded = loaded_by(*([name, "--help"] for name in VERBS))
    assert {name for name in loaded if name.startswith(HEAVY)} == set()
    rooms = {name.split(".")[1] for name in loaded if name.count(".") >= 2}
    assert rooms == {"cli"}
