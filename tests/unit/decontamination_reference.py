"""Decontamination in plain Python, slow and without a hash: the procedure of s1, and what is added to it."""

from __future__ import annotations

import string
from collections import Counter

LEAST = 5
"""Different stems that make an n-gram a template."""


def normalised(text: str) -> str:
    """Lower-case, white space collapsed, as s1's `normalize_string`."""
    return " ".join(text.lower().strip().split())


def ngrams(text: str, n: int) -> set[str]:
    """Return a text's n-grams of words, as s1's `word_ngrams` makes them."""
    words = normalised(text).split()
    return {" ".join(words[place : place + n]) for place in range(len(words) - n + 1)}


def s1(evaluation: list[str], training: list[str], n: int) -> list[bool]:
    """Tell which training questions share an n-gram with an evaluation question."""
    held = set().union(*(ngrams(stem, n) for stem in evaluation))
    return [not held.isdisjoint(ngrams(stem, n)) for stem in training]


def are_near(one: str, other: str) -> bool:
    """Tell whether two stems share four fifths of their words, marks around these left out."""
    bags = [
        Counter(bare for word in stem.split(" ") if (bare := word.strip(string.punctuation)))
        for stem in (one, other)
    ]
    shared = (bags[0] & bags[1]).total()
    return shared * 5 >= (bags[0].total() + bags[1].total() - shared) * 4


def templates(evaluation: list[str], n: int) -> set[str]:
    """Return the n-grams of at least five different stems, nearly equal ones counting as one."""
    holders: dict[str, set[str]] = {}
    for stem in map(normalised, evaluation):
        for ngram in ngrams(stem, n):
            holders.setdefault(ngram, set()).add(stem)
    found = set()
    for ngram, stems in holders.items():
        counted: list[str] = []
        for stem in sorted(stems, key=str.encode):
            if not any(are_near(stem, other) for other in counted):
                counted.append(stem)
        if len(counted) >= LEAST:
            found.add(ngram)
    return found


def ignoring_templates(evaluation: list[str], training: list[str], n: int) -> list[bool]:
    """Tell which training questions share an n-gram that is no template, or are an evaluation question."""
    held = set().union(*(ngrams(stem, n) for stem in evaluation)) - templates(evaluation, n)
    whole = set(map(normalised, evaluation)) - {""}
    return [not held.isdisjoint(ngrams(stem, n)) or normalised(stem) in whole for stem in training]
