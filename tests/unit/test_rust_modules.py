"""No circles among the files of a Rust crate: each can be read after those that it uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

RUST = Path(__file__).parents[2] / "rust"
CRATES = sorted(path.parent.name for path in RUST.glob("*/src") if path.is_dir())

Module = tuple[str, ...]
Name = tuple[str, tuple[str, ...]]

_USE = re.compile(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
_PATH = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")
_TEXTS = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_TESTS = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod \w+ \{.*", re.DOTALL)


def module_of(file: Path, root: Path) -> Module:
    """The path of the module that a file holds."""
    parts = file.relative_to(root).with_suffix("").parts
    return parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts


def leaves(tree: str) -> Iterator[Name]:
    """Every name of a `use` tree: what it is called here, and its path."""
    tree = tree.strip()
    if "{" in tree:
        before, inside = tree.split("{", 1)
        inside = inside[: inside.rindex("}")]
        depth, start = 0, 0
        for at, character in enumerate(inside + ","):
            depth += {"{": 1, "}": -1}.get(character, 0)
            if character == "," and depth == 0:
                if inside[start:at].strip():
                    yield from leaves(before + inside[start:at].strip())
                start = at + 1
        return
    path, _, name = tree.partition(" as ")
    parts = tuple(part.strip() for part in path.split("::"))
    if parts[-1] == "self":
        parts = parts[:-1]
    yield name.strip() or parts[-1], parts


class Crate:
    """The modules of a crate, what each imports, and the paths that it names."""

    def __init__(self, root: Path) -> None:
        self.imports: dict[Module, dict[str, tuple[str, ...]]] = {}
        self.used: dict[Module, list[tuple[str, ...]]] = {}
        self.files: dict[Module, str] = {}
        for file in sorted(root.rglob("*.rs")):
            if "tests" in file.relative_to(root).parts or file.name == "tests.rs":
                continue
            self.add(module_of(file, root), file.relative_to(root).as_posix(), file.read_text("utf-8"))

    def add(self, module: Module, name: str, text: str) -> None:
        """Reads one file."""
        text = _TESTS.sub("", _TEXTS.sub("", text))
        imports: dict[str, tuple[str, ...]] = {}
        used: list[tuple[str, ...]] = []
        for public, tree in _USE.findall(text):
            for called, path in leaves(tree):
                imports[called] = path
                if not public:
                    used.append(path)
        used += [tuple(path.split("::")) for path in _PATH.findall(_USE.sub("", text))]
        self.files[module], self.imports[module], self.used[module] = name, imports, used

    def target(self, module: Module, path: tuple[str, ...], depth: int = 0) -> Module | None:
        """The module that defines what a path names, if it is one of this crate."""
        first, rest = path[0], path[1:]
        if first == "crate":
            here: Module = ()
        elif first == "self":
            here = module
        elif first == "super":
            here = module[:-1]
            while rest and rest[0] == "super":
                here, rest = here[:-1], rest[1:]
        elif (*module, first) in self.files:
            here, rest = module, path
        else:
            return None
        while rest and (*here, rest[0]) in self.files:
            here, rest = (*here, rest[0]), rest[1:]
        if rest and depth < 8:
            imported = self.imports.get(here, {}).get(rest[0])
            if imported is not None:
                return self.target(here, (*imported, *rest[1:]), depth + 1)
        return here if here in self.files else None

    def edges(self) -> dict[str, set[str]]:
        """For each file the files that it uses. What a module only passes on with `pub use` is no use."""
        edges: dict[str, set[str]] = {}
        for module, paths in self.used.items():
            targets = {self.target(module, path) for path in paths}
            edges[self.files[module]] = {
                self.files[target] for target in targets if target not in (None, module)
            }
        return edges


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one file."""
    reach = {file: reached(edges, file) for file in edges}
    found: list[set[str]] = []
    for file in edges:
        circle = {other for other in reach[file] if file in reach.get(other, set())}
        if circle and circle not in found:
            found.append(circle)
    return found


def reached(edges: dict[str, set[str]], start: str) -> set[str]:
    """The files that a file uses, and that those use."""
    seen: set[str] = set()
    left = [start]
    while left:
        for file in edges.get(left.pop(), set()) - seen:
            seen.add(file)
            left.append(file)
    return seen


@pytest.mark.parametrize("crate", CRATES)
def test_no_circles_among_files(crate: str) -> None:
    assert circles(Crate(RUST / crate / "src").edges()) == []


def test_circles_are_found(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "lib.rs").write_text("mod a;\nmod part;\npub use a::A;\n")
    (tmp_path / "a.rs").write_text('use crate::part::{self, B as C}; // "super::x"\npub struct A(C);\n')
    (tmp_path / "part" / "mod.rs").write_text("mod b;\npub(crate) use b::B;\n")
    (tmp_path / "part" / "b.rs").write_text("pub struct B(Option<Box<crate::A>>);\n")
    assert circles(Crate(tmp_path).edges()) == [{"a.rs", "part/b.rs"}]
    (tmp_path / "part" / "b.rs").write_text("#[cfg(test)]\nmod tests {\n    use crate::A;\n}\n")
    assert circles(Crate(tmp_path).edges()) == []
