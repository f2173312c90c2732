"""A flipped bit in any kind of file that OctoMed writes: found before it reaches an output, or by `verify`.

The runs are those of the samples: text and images, near duplicates and measures, evaluation sets. `make
test-long` flips a hundred bits of each kind; `OCTOMED_CASES` sets how many.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import octomed
import pytest
from octomed.file_names import PAGES

from . import runs

RECIPES = Path(__file__).parents[2] / "recipes"
NAMES = ["quickstart", "quickstart-images", "quickstart-curation", "quickstart-held-out"]
CASES = int(os.environ.get("OCTOMED_CASES", "100"))
HARMLESS = {
    ".ids": "of a trace that is not packed",
    ".images": "of an image that is read from another block",
    ".json": "of the registry, which is written again",
}


def pack(folder, name, output="out"):
    settings = [f"output.path={folder}/{output}", f"work.path={folder}/store"]
    return octomed.pack(RECIPES / f"{name}.yaml", overrides=settings, workers=2)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A finished run of each recipe, packed when it is first asked for."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            pack(made[name], name)
        return made[name]

    return of


def kind_of(path):
    return path.suffix if path.name not in {"task.json", "octomed.json", "index.json"} else path.name


def by_kind(folder):
    """Files by kind: their endings, and the names of state files."""
    kinds = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size and path.name not in {".octomed.lock", *PAGES}:
            kinds.setdefault(kind_of(path), []).append(path)
    return kinds


def flip(path, draw):
    """Flip one bit as a disk does, and leave the times; returns which."""
    status, data = path.stat(), bytearray(path.read_bytes())
    bit = draw.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return bit


def flip_in_store(folder, name, path, draw):
    """Pack over a store with a flipped bit: the same bytes, and a note, unless nobody reads that bit."""
    whole, bit = path.read_bytes(), flip(path, draw)
    summary = pack(folder, name, "other")
    try:
        found, expected = (runs.contents(folder / one) for one in ("other", "out"))
        differing = {one for one in expected if found.get(one) != expected[one]}
        assert differing <= {"octomed.json"}, f"bit {bit} of {path}"  # its recipe names another output
        assert found.keys() == expected.keys()
        noted = any("again" in note for note in summary.notes)
        assert noted or kind_of(path) in HARMLESS, f"bit {bit} of {path}"
    finally:
        shutil.rmtree(folder / "other")
        if path.exists() and path.suffix in HARMLESS:
            path.write_bytes(whole)


def flip_in_output(folder, path, draw):
    """`verify` names the file, and `--repair` makes it what it was."""
    out = folder / "out"
    whole, bit = path.read_bytes(), flip(path, draw)
    verified = octomed.verify(out, repair=True)
    assert verified.findings == (), f"bit {bit} of {path}"
    assert verified.repaired.rebuilt == (str(path.relative_to(out)),), f"bit {bit} of {path}"
    if path.name == "octomed.json":  # it is of another time
        path.write_bytes(whole)
    assert path.read_bytes() == whole, f"bit {bit} of {path}"


def flip_each(folder, name, draw, cases):
    for paths in by_kind(folder / "store").values():
        for _ in range(cases):
            flip_in_store(folder, name, draw.choice(paths), draw)
    for paths in by_kind(folder / "out").values():
        for _ in range(cases):
            flip_in_output(folder, draw.choice(paths), draw)


@pytest.mark.parametrize("name", ["quickstart-images", "quickstart-curation"])
def test_a_flipped_bit_of_each_kind_of_file(packed, name):
    flip_each(packed(name), name, random.Random(f"{name} 18"), 1)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_many_flipped_bits_of_each_kind_of_file(packed, name):
    flip_each(packed(name), name, random.Random(f"{name} 19"), CASES)
