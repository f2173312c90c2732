"""The rooms are as ARCHITECTURE.md says: who imports whom, no circles, short chains. Sizes are reported."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

from tests.unit.imports import Package, against_order, circles, levels_of, longest_chain

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
LONGEST_CHAIN = 8


def stated(title):
    """Return the levels that the text states after a title."""
    found = re.search(rf"^{title}: ([^.]*)\.", TEXT, re.MULTILINE)
    assert found is not None, f"ARCHITECTURE.md has no line `{title}: … ← ….`"
    return levels_of(found[1].replace("\n", " "))


@pytest.fixture(scope="module")
def octomed():
    return Package(ROOT / "python" / "octomed")


# Rust


def crates():
    """Return which crate of the workspace needs which, apart from tests."""
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    found = {}
    for file in sorted((ROOT / "rust").glob("*/Cargo.toml")):
        if file.parent.name == "fuzz":  # a workspace of its own, which nothing needs
            continue
        needs = tomllib.loads(file.read_text(encoding="utf-8")).get("dependencies", {})
        ours = {name[8:].replace("-", "_") for name in needs if name.startswith("octomed-")}
        found[file.parent.name] = ours
    return found


def test_crates_need_only_those_below():
    assert against_order(crates(), stated("Crates")) == []


def test_only_one_crate_knows_python():
    files = (ROOT / "rust").glob("*/Cargo.toml")
    knowing = {
        file.parent.name for file in files if re.search(r"^pyo3\b(?!-)", file.read_text(), re.MULTILINE)
    }
    assert knowing == {"python"}


# Python


def test_rooms_import_only_those_below(octomed):
    assert against_order(octomed.rooms(), stated("Python rooms")) == []


def test_rooms_of_the_pipeline_import_only_those_below(octomed):
    assert against_order(octomed.within("pipeline"), stated("Rooms of `pipeline`")) == []


def test_no_file_imports_in_a_circle(octomed):
    assert circles(octomed.any) == []


def test_no_folder_imports_in_a_circle(octomed):
    assert circles(octomed.rooms()) == []
    assert circles(octomed.within("pipeline")) == []


def test_chains_of_imports_are_short(octomed):
    chain = longest_chain(octomed.loading)
    assert len(chain) <= LONGEST_CHAIN, " → ".join(chain)


# The checker itself, on packages with a fault each


def package(folder, **files):
    for name, text in files.items():
        path = folder / "made" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for inner in [folder / "made", *(one for one in (folder / "made").iterdir() if one.is_dir())]:
        (inner / "__init__.py").touch()
    return Package(folder / "made")


@pytest.mark.parametrize(
    "back",
    [
        "import made.a",
        "from made import a",
        "from made.a import thing",
        "from . import a",
        "from .a import thing",
        "def f():\n    from made.a import thing",
        "f = lambda: __import__('made.a')\nclass C:\n    def g(self):\n        import made.a as x",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made.a import thing",
        "import typing\nif typing.TYPE_CHECKING:\n    import made.a",
        "try:\n    import made.a\nexcept ImportError:\n    pass",
    ],
)
def test_a_circle_is_found(tmp_path, back):
    assert circles(package(tmp_path, a="from made.b import x", b="x = 1").any) == []
    assert circles(package(tmp_path, a="from made.b import x", b=back).any) == [["made.a", "made.b"]]


def test_a_circle_of_three_and_one_of_folders_are_found(tmp_path):
    made = package(
        tmp_path,
        one__a="import made.two.b",
        two__b="import made.two.c",
        two__c="import made.one.d",
        one__d="",
    )
    assert circles(made.any) == []
    assert circles(made.rooms()) == [["one", "two"]]
    made = package(tmp_path, one__d="import made.one.a")
    assert circles(made.any) == [["made.one.a", "made.one.d", "made.two.b", "made.two.c"]]


def test_a_room_above_and_an_unknown_room_are_found(tmp_path):
    made = package(tmp_path, low__a="from made.high.b import x", high__b="import made.base", base="")
    levels = levels_of("(base) ← low ← {high, (door)}")
    assert against_order(made.rooms(), levels) == ["`low` imports `high`"]
    assert against_order(made.rooms(), levels_of("(base) ← {low, (door)}")) == ["`high` stands on no level"]


def test_folders_of_a_room_have_an_order_too(tmp_path):
    made = package(tmp_path, room__top="", room__low__a="", room__high__b="", base="")
    made = package(tmp_path, room__low__a="from made.room.high import b\nimport made.base")
    assert made.within("room") == {"room": set(), "low": {"high"}, "high": set()}
    assert against_order(made.within("room"), levels_of("low ← high ← room")) == ["`low` imports `high`"]


def test_the_longest_chain_is_of_what_loads(tmp_path):
    made = package(tmp_path, a="import made.b", b="import made.c\ndef f():\n    import made.d", c="", d="")
    assert longest_chain(made.loading) == ("made.a", "made.b", "made.c")


# Sizes: reported, for whoever looks (`pytest -s`)


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            head = ast.get_docstring(node, clean=False)
            words = 0 if head is None else head.count("\n") + 1
            yield (node.end_lineno or 0) - node.lineno + 1 - words


def spread(title, sizes):
    ordered = sorted(sizes)
    tenth = ordered[len(ordered) * 9 // 10]
    return f"{title}: median {statistics.median(ordered):.0f}, 90 % {tenth}, longest {ordered[-1]} lines"


def test_sizes_are_reported(octomed, capsys):
    files = list(octomed.files.values())
    rust = [path for path in (ROOT / "rust").glob("*/src/**/*.rs") if "tests" not in path.name]
    lines = [
        spread("Python functions", [size for path in files for size in functions(path)]),
        spread("Python files", [len(path.read_text().splitlines()) for path in files]),
        spread("Rust files", [len(path.read_text().splitlines()) for path in rust]),
        "longest import chain: " + " → ".join(longest_chain(octomed.loading)),
    ]
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201 that is the report
    assert files
