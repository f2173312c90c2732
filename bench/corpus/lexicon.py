"""Pieces: every way in which a unit of text can be written, as one Arrow array to gather from.

A *unit* is a word, a collocation, a number or an opener. Its *form* says what stands before it (a space,
a capital, a bullet), its *ending* what follows (a comma, a full stop, a new paragraph). The piece of
(unit, form, ending) has the number ``SPECIALS + (unit * FORMS + form) * ENDINGS + ending``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from bench.corpus import words

LOWER, UPPER, START, BULLET = range(4)
FORMS = 4
ENGLISH_ENDINGS = ["", ",", ".", ".\n", ".\n\n", "?", ":\n", ";", ")", "**"]
CHINESE_ENDINGS = ["", "，", "。", "。\n", "。\n\n", "？", "：\n", "；", "）", "、"]
NONE, STOP, QUESTION, COLON = 0, 2, 5, 6
ENDINGS = len(ENGLISH_ENDINGS)
ENDING_SHARES = [0.795, 0.075, 0.078, 0.008, 0.02, 0.006, 0.006, 0.003, 0.004, 0.005]
NEXT_FORM = np.array([LOWER, LOWER, UPPER, START, START, UPPER, BULLET, LOWER, LOWER, LOWER], dtype=np.uint32)

LETTERS = "ABCDEFGHIJ"
THINK, THOUGHT = 0, 1
ANSWER, OPTION = 2, 2 + len(LETTERS)
SPECIALS = 2 + 2 * len(LETTERS)
COLLOCATIONS = 60_000
TABLE_BITS = 22


@dataclass(frozen=True)
class Lexicon:
    """What a chunk is drawn from."""

    pieces: pa.StringArray
    english: npt.NDArray[np.uint32]
    """Unit by draw, 2**22 entries: each unit as often as its weight says."""
    chinese: npt.NDArray[np.uint32]
    openers: npt.NDArray[np.uint32]
    endings: npt.NDArray[np.uint8]
    """Ending by draw, 2**16 entries."""


def table(groups: list[tuple[int, npt.NDArray[np.float64], float]], bits: int) -> npt.NDArray[np.uint32]:
    """A lookup table in which the units of each (first unit, weights, share) stand as often as they weigh."""
    size = 1 << bits
    units = np.concatenate([first + np.arange(len(weights)) for first, weights, _ in groups])
    weights = np.concatenate([weights * share for _, weights, share in groups])
    edges = np.round(np.cumsum(weights) / weights.sum() * size).astype(np.int64)
    return np.repeat(units, np.diff(edges, prepend=0)).astype(np.uint32)


def forms(units: pa.StringArray, *, spaced: bool) -> list[pa.StringArray]:
    """The four forms of each unit; Chinese units have neither spaces nor capitals."""
    first, rest = pc.utf8_slice_codeunits(units, 0, 1), pc.utf8_slice_codeunits(units, 1)
    capital = pc.binary_join_element_wise(pc.utf8_upper(first), rest, "")
    space = " " if spaced else ""
    before = [(space, units), (space, capital), ("", capital), ("- ", capital)]
    return [pc.binary_join_element_wise(pa.scalar(text), form, "") for text, form in before]


def surfaces(units: list[str], endings: list[str], *, spaced: bool) -> pa.StringArray:
    """All pieces of `units`, in the order of their numbers."""
    written = forms(pa.array(units, pa.string()), spaced=spaced)
    columns = [pc.binary_join_element_wise(form, pa.scalar(end), "") for form in written for end in endings]
    count = len(units)
    order = (np.arange(count)[:, None] + np.arange(len(columns))[None, :] * count).ravel()
    return pa.concat_arrays(columns).take(pa.array(order))


def build() -> Lexicon:
    """The lexicon; the same in every process and for every corpus."""
    generator = np.random.Generator(np.random.PCG64(words.SEED))
    vocabulary = words.vocabulary(generator)
    weights = words.zipf(len(vocabulary), bend=1_000, tail=2.2)
    groups = {
        "words": vocabulary,
        "collocations": words.collocations(vocabulary, weights, COLLOCATIONS, generator),
        "numbers": words.numbers(generator, 6_000),
        "openers": words.openers(),
    }
    chinese = words.read("chinese.txt")
    first, start = {}, 0
    for name, units in groups.items():
        first[name], start = start, start + len(units)
    specials = ["<think>\n", "\n</think>\n\n"]
    specials += [f"\n\n<answer>{letter}</answer>" for letter in LETTERS] + [
        f"{letter}: " for letter in LETTERS
    ]
    english_units = [unit for units in groups.values() for unit in units]
    english = [
        (first["words"], weights, 0.66),
        (first["numbers"], words.zipf(len(groups["numbers"]), 0.6), 0.03),
        (first["collocations"], words.zipf(COLLOCATIONS, 0.9), 0.31),
    ]
    return Lexicon(
        pieces=pa.concat_arrays(
            [
                pa.array(specials, pa.string()),
                surfaces(english_units, ENGLISH_ENDINGS, spaced=True),
                surfaces(chinese, CHINESE_ENDINGS, spaced=False),
            ]
        ),
        english=table(english, TABLE_BITS),
        chinese=table(
            [
                (start, words.zipf(len(chinese), 0.8), 0.93),
                (first["words"] + 150, words.zipf(2_000), 0.05),
                (first["numbers"], words.zipf(500), 0.02),
            ],
            TABLE_BITS,
        ),
        openers=table([(first["openers"], words.zipf(len(groups["openers"]), 0.7), 1.0)], 16),
        endings=table([(0, np.array(ENDING_SHARES), 1.0)], 16).astype(np.uint8),
    )
