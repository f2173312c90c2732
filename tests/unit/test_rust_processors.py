"""Code of one processor stands under its condition, so that the crates build on any other.

`make check-aarch64` compiles it for another, where that one's standard library is installed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONDITION = re.compile(r'^\s*#\[cfg\(target_arch = "x86_64"\)\]$')
OF_X86 = re.compile(r"\barch::x86|is_x86_feature_detected!|#\[target_feature\b|\basm!")


def unguarded(text):
    """Return the numbers of lines with code of x86-64 that no condition covers.

    A condition covers what follows it: to the brace that closes that, or to a semicolon or comma before any.
    """
    found: list[int] = []
    depth = parentheses = 0
    waiting, covered_to = False, None
    for number, line in enumerate(text.split("\n"), 1):
        code = re.sub(r"//.*|\"(?:\\.|[^\"\\])*\"|'\\?.'", "", line)
        if covered_to is None and CONDITION.match(line):
            waiting, parentheses = True, 0
        if OF_X86.search(code) and not waiting and covered_to is None:
            found.append(number)
        if waiting:
            parentheses += code.count("(") - code.count(")")
            opens = code.count("{") > code.count("}")
            covered_to = depth if opens else None
            waiting = not opens and not (parentheses == 0 and re.search(r"[;,}]\s*$", code))
        depth += code.count("{") - code.count("}")
        if covered_to is not None and depth <= covered_to:
            covered_to = None
    return found


def sources():
    return [
        path
        for path in [*ROOT.glob("rust/*/**/*.rs"), *ROOT.glob("bench/**/*.rs")]
        if "/target/" not in str(path)
    ]


def test_code_of_a_processor_stands_under_its_condition():
    lines = {str(path.relative_to(ROOT)): unguarded(path.read_text(encoding="utf-8")) for path in sources()}
    assert {path: numbers for path, numbers in lines.items() if numbers} == {}


def test_there_is_such_code():
    assert any(OF_X86.search(path.read_text(encoding="utf-8")) for path in sources())


GUARDED = """
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn fast(
    text: &[u8],
) -> u32 {
    use std::arch::x86_64::_mm_movemask_epi8;
    if true { 1 } else { 2 }
}
"""


ON_X86, ELSEWHERE = '#[cfg(target_arch = "x86_64")]', '#[cfg(not(target_arch = "x86_64"))]'


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (GUARDED, []),
        (f"{GUARDED}use std::arch::x86_64::__m128i;", [10]),
        (f"{ON_X86}\nuse std::arch::x86_64::__m128i;\nfn f() {{}}", []),
        (f"{ON_X86}\nuse a;\nuse std::arch::x86_64::__m128i;", [3]),
        ('fn f() -> bool {\n    is_x86_feature_detected!("avx2")\n}', [2]),
        (f'{ELSEWHERE}\nfn f() -> bool {{\n    is_x86_feature_detected!("avx2")\n}}', [3]),
        (f"{ON_X86}\nuse std::arch::x86_64::{{\n    __m128i,\n}};\nuse std::arch::x86_64::__m256i;", [5]),
    ],
)
def test_what_stands_outside_is_found(text, lines):
    assert unguarded(text) == lines
