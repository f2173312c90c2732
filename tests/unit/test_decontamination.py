"""Shared n-grams of words against a slow reading of the same rules."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octomed import _octomed

from . import decontamination_reference as reference

WORDS = ["a", "B", "a,", "é", "ΟΔΟΣ", "İ", "ß", "c.", "d"]
SPACES = [" ", "  ", "\n", "\u00a0", "\u3000", "\x1f", "\u2028"]
STEMS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), max_size=12).map(
    lambda pieces: "".join(word + space for word, space in pieces)
)
# Characters that this Python's tables do not have yet may have another case in newer ones.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=40)


def check(evaluation: list[str], training: list[str], n: int) -> None:
    found = _octomed.contaminated_questions(evaluation, training, n)
    expected = zip(
        reference.ignoring_templates(evaluation, training, n),
        reference.s1(evaluation, training, n),
        strict=True,
    )
    assert found == list(expected)


@given(st.lists(STEMS, max_size=20), st.lists(STEMS, max_size=6), st.integers(1, 5))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_stems_leave_as_the_slow_reading_says(evaluation, training, n):
    check(evaluation, [*training, *evaluation[:3]], n)


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4), st.integers(1, 3))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_texts_of_any_characters_are_normalised_as_python_does(evaluation, training, n):
    check(evaluation, [*training, *(text.upper() for text in evaluation)], n)


def test_a_template_is_ignored_and_its_count_is_that_of_s1():
    template = (
        "read the following case of a patient of this hospital and then choose the best answer of these"
    )
    cases = [f"{template} {' '.join(f'w{number}x{word}' for word in range(9))}" for number in range(5)]
    training = [f"{template} for a case of another kind altogether", cases[2].upper(), cases[3][:200]]
    check(cases, training, 16)
    assert _octomed.contaminated_questions(cases, training, 16)[0] == (False, True)
    assert _octomed.contaminated_questions(cases[:4], training, 16)[0] == (True, True)
