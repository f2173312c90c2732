"""Which module of a package imports which, and what is wrong with that."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Graph = dict[str, set[str]]


class Package:
    """The modules of a package, by dotted name, and their imports of one another.

    Attributes
    ----------
    any
        Every import: those inside functions and those for types alone, too.
    loading
        Those that run when a module is loaded.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = {_name(root, path): path for path in sorted(root.rglob("*.py"))}
        self.any: Graph = {name: set() for name in self.files}
        self.loading: Graph = {name: set() for name in self.files}
        for name, path in self.files.items():
            for node, loads in _statements(ast.parse(path.read_text(encoding="utf-8")), loads=True):
                for target in self._targets(name, node):
                    self.any[name].add(target)
                    if loads:
                        self.loading[name].add(target)

    def _targets(self, name: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        else:
            parts = name.split(".")
            parts = parts if self.files[name].name == "__init__.py" else parts[:-1]
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            found = []
            for alias in node.names:
                below = f"{module}.{alias.name}"
                # What a package has no file for is its extension module, not its `__init__`.
                if below in self.files:
                    found.append(below)
                elif not alias.name.startswith("_"):
                    found.append(module)
        yield from (one for one in found if one in self.files and one != name)

    def room(self, name: str) -> str:
        """Return the folder of a module: `(door)` for the package itself, `(base)` for the files in it."""
        parts = name.split(".")
        if len(parts) == 1 or parts[1] == "__main__":
            return "(door)"
        return parts[1] if (self.root / parts[1]).is_dir() else "(base)"

    def within(self, room: str) -> Graph:
        """Return which folder of a room imports which; files that lie in none go by the room's name."""
        start = f"{self.root.name}.{room}"
        found: Graph = {}
        for name, targets in self.any.items():
            if f"{name}.".startswith(f"{start}."):
                inner = self._inner(name, room)
                ours = {self._inner(one, room) for one in targets if f"{one}.".startswith(f"{start}.")}
                found.setdefault(inner, set()).update(ours - {inner})
        return found

    def _inner(self, name: str, room: str) -> str:
        parts = name.split(".")
        return parts[2] if len(parts) > 2 and (self.root / room / parts[2]).is_dir() else room

    def rooms(self) -> Graph:
        """Return which folder imports which."""
        found: Graph = {self.room(name): set() for name in self.files}
        for name, targets in self.any.items():
            found[self.room(name)] |= {self.room(target) for target in targets} - {self.room(name)}
        return found


def _name(root: Path, path: Path) -> str:
    parts = (root.name, *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _statements(node: ast.AST, *, loads: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield the imports below a node, and whether they run when the module is loaded."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, loads
            continue
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _statements(child, loads=loads and not inside and not for_types)


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of nodes that lead to one another (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_nodes: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        open_nodes.append(node)
        for target in sorted(graph[node]):
            if target not in order:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in open_nodes:
                lowest[node] = min(lowest[node], order[target])
        if lowest[node] == order[node]:
            group = open_nodes[open_nodes.index(node) :]
            del open_nodes[-len(group) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def longest_chain(graph: Graph) -> tuple[str, ...]:
    """Return the nodes of the longest way through a graph without circles."""

    @cache
    def longest(node: str) -> tuple[str, ...]:
        return (node, *max((longest(target) for target in sorted(graph[node])), key=len, default=()))

    return max(map(longest, graph), key=len, default=())


def against_order(graph: Graph, levels: list[set[str]]) -> list[str]:
    """Return what stands on no level, and what imports from its own level or one above it."""
    level = {name: number for number, names in enumerate(levels) for name in names}
    unknown = [f"`{name}` stands on no level" for name in sorted(set(graph) - set(level))]
    wrong = [
        f"`{name}` imports `{target}`"
        for name, targets in sorted(graph.items())
        for target in sorted(targets)
        if name in level and target in level and level[target] >= level[name]
    ]
    return unknown + wrong


def levels_of(text: str) -> list[set[str]]:
    """Read `{a, b} ← c`: what is on the left may be imported by what is right of it."""
    return [{name.strip(" `") for name in level.strip(" {}").split(",")} for level in text.split("←")]
