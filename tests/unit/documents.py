"""What the documents tell a reader to type: commands, Python, YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "bench").glob("*.md")]
)
WITH_COMMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "recipes").rglob("*.yaml"))
"""Recipes, whose comments name the commands that they are for."""
SHELLS = ("console", "bash", "sh", "shell")


class Snippet(NamedTuple):
    """A fenced block of a document."""

    document: str
    language: str
    text: str

    @property
    def first_line(self) -> str:
        """What a snippet is called by."""
        return self.text.split("\n", 1)[0]


def snippets() -> Iterator[Snippet]:
    """Yield the fenced blocks of all documents; an indented fence counts too."""
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for found in re.finditer(r"^ *(```+|~~~+)([^\n]*)\n(.*?)^ *\1 *$", text, re.MULTILINE | re.DOTALL):
            yield Snippet(document, found[2].strip(), found[3])


def commands() -> Iterator[tuple[str, str]]:
    """Yield every command, with the file that names it: of blocks for a shell, and of recipes' comments.

    A block of `console` shows commands after `$`, and what they print; any other shell's has commands alone.
    """
    for snippet in snippets():
        if snippet.language in SHELLS:
            lines = _joined(snippet.text)
            if snippet.language == "console":
                lines = [line[2:] for line in lines if line.startswith("$ ")]
            yield from ((snippet.document, line) for line in map(_bare, lines) if line)
    for document in WITH_COMMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        comments = "\n".join(line[2:] for line in text.splitlines() if line.startswith("# "))
        for line in _joined(comments):
            if line.startswith("  "):  # a comment's prose is not indented
                yield document, _bare(line)


def inline() -> Iterator[tuple[str, str]]:
    """Yield the commands that stand inside a sentence or a table, with their document."""
    names = "make|octomed|python -m"
    fence = re.compile(r"^ *(```+).*?^ *\1", re.MULTILINE | re.DOTALL)
    for document in DOCUMENTS:
        text = fence.sub("", (ROOT / document).read_text(encoding="utf-8"))
        yield from ((document, found[1]) for found in re.finditer(rf"`((?:{names}) [^`]+)`", text))


def _joined(text: str) -> list[str]:
    """Return the lines, those that end with a backslash joined to the next."""
    return re.sub(r" *\\\n\s*", " ", text).splitlines()


def _bare(line: str) -> str:
    """Return a command without the comment behind it."""
    return re.sub(r"(^|\s+)#\s.*", "", line).strip()
