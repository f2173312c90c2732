"""What our rule makes of each line of the table in docs/answers-elsewhere.md."""

from __future__ import annotations

import pytest
from octomed.answers import extract
from octomed.evaluate.harnesses import response_for_harness

OPTIONS = {
    "A": "Ampicillin",
    "B": "Ceftriaxone",
    "C": "Nitrofurantoin",
    "D": "Gentamicin",
    "E": "Vancomycin",
}
THOUGHT = "<think>E. coli is likely; Ampicillin fails, so not A.</think>\n\n"


@pytest.mark.parametrize(
    "ending",
    [
        "<answer>C</answer>",
        "So \\boxed{C}",
        "Answer: C",
        "**Answer:** C",
        "The answer is (C).",
        "The answer is **C**.",
        "Nitrofurantoin",
        "<answer>C: Nitrofurantoin</answer>",
        "## Final Response\nThe best choice is nitrofurantoin (option C).",
        "Answer: A\nOn reflection:\nAnswer: C",
        "The answer is not A but C.",
    ],
)
def test_ours_finds_the_answer_and_so_it_does_in_what_other_harnesses_get(ending):
    assert extract(THOUGHT + ending, OPTIONS).labels == ("C",)
    given = response_for_harness(THOUGHT + ending, "C")
    assert given.splitlines()[-2:] == ["The answer is (C).", "ANSWER: C"]
    assert "Ampicillin" not in given
    assert extract(given, OPTIONS).labels == ("C",)


def test_what_is_cut_has_no_answer_anywhere():
    cut = "<think>E. coli is likely; Ampicillin fails, so"
    assert extract(cut, OPTIONS).kind == "cut"
    assert response_for_harness(cut, None) == ""
