"""The tables of the documents that the package carries: what each says of a reason or a key."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

PAGES = ("recipe", "curation", "images", "bad-input")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes
    ----------
    page, heading
        Where it stands.
    cells
        Its cells, without links.
    """

    page: str
    heading: str
    cells: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """What stands as code in its first cell."""
        return tuple(_CODE.findall(self.cells[0]))

    def names(self, word: str) -> bool:
        """Tell whether a word stands in it as code."""
        return any(word in _CODE.findall(cell) for cell in self.cells)

    def text(self) -> str:
        """Return it in a line."""
        return " — ".join(cell.replace("**", "") for cell in self.cells if cell)


@functools.cache
def rows() -> tuple[Row, ...]:
    """Return the rows of all tables, but for their heads."""
    return tuple(row for page in PAGES for row in _rows_of(page))


def _rows_of(page: str) -> list[Row]:
    text = (resources.files("octomed.starter") / "pages" / f"{page}.md").read_text(encoding="utf-8")
    found, heading, is_head = [], "", True
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            is_head = True
            continue
        cells = [_LINK.sub(r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not is_head and not set(line) <= set("|- :"):
            found.append(Row(page, heading, tuple(cell.replace("\\|", "|") for cell in cells)))
        is_head = False
    return found
