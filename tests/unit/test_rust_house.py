"""Rules for the Rust sources that no lint of clippy has."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONVERSION = re.compile(r"\btry_(?:from|into)\s*\(")
DEFAULT = re.compile(r"\s*(?:\.ok\(\))?\s*\.(?:unwrap_or(?:_default|_else)?|map_or(?:_else)?)\s*\(")


def _end_of_call(text: str, start: int) -> int:
    """Return where the parentheses that open just before `start` are closed."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    return len(text)


def _defaulted(text: str) -> Iterator[int]:
    """Yield the line numbers of checked conversions whose failure becomes a number."""
    for found in CONVERSION.finditer(text):
        if DEFAULT.match(text, _end_of_call(text, found.end())):
            yield text.count("\n", 0, found.start()) + 1


def test_a_conversion_that_fails_never_becomes_another_number() -> None:
    """An overflow is an error, or a cast whose `#[expect]` says why there is none."""
    files = [path for part in ("rust", "bench") for path in (ROOT / part).rglob("*.rs")]
    files = [path for path in files if "target" not in path.parts]
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in files for line in _defaulted(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("u32::try_from(self.open).unwrap_or(u32::MAX)", True),
        ("u32::try_from(a(b) + (c))\n    .unwrap_or_default()", True),
        ("let n: u32 = x.try_into().ok().unwrap_or(0);", True),
        ("usize::try_from(rows).map_or(0, |rows| rows + 1)", True),
        ("u8::try_from(known.unwrap_or(0)).unwrap()", False),
        ("u32::try_from(rows).map_err(|_| too_many())?", False),
    ],
)
def test_the_rule_sees_what_it_is_for(code: str, is_found: bool) -> None:
    """The pattern spans lines and parentheses, and leaves errors alone."""
    assert bool(list(_defaulted(code))) == is_found
