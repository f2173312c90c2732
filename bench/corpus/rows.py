"""Rows that were never written before: questions, options, answers and their responses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from bench.corpus import lengths
from bench.corpus import lexicon as lex
from bench.corpus.compose import Texts, compose
from bench.corpus.lexicon import Lexicon

OPTION_COUNTS = np.array([2, 4, 4, 4, 5, 5, 5, 8])
OPTION_UNITS = 2  # besides the letter
FINAL_SHARE = 0.12  # of a response stands after its reasoning
MARKERS = 3  # units of a response that are markers: think, end of thinking, answer


@dataclass(frozen=True)
class Rows:
    """`counts[i]` responses belong to row i, in order."""

    question: pa.StringArray
    options: pa.ListArray
    answer: pa.StringArray
    response: pa.StringArray
    counts: npt.NDArray[np.int64]
    new_words: int


@dataclass(frozen=True)
class Shape:
    """Sizes in units of all texts of some rows: questions first, then options, then responses."""

    questions: npt.NDArray[np.int64]
    options: npt.NDArray[np.int64]
    responses: npt.NDArray[np.int64]
    chinese: npt.NDArray[np.bool_]
    gold: npt.NDArray[np.int64]


def shape(bits: np.random.PCG64, counts: npt.NDArray[np.int64], mixed: float) -> Shape:
    """Draws the sizes of everything."""
    rows = len(counts)
    chinese = lengths.uniforms(bits, rows) < mixed
    factor = np.where(chinese, lengths.TOKENS_A_UNIT["chinese"], lengths.TOKENS_A_UNIT["english"])
    questions = np.maximum(4, np.round(lengths.questions(bits, rows) / factor)).astype(np.int64)
    options = OPTION_COUNTS[(lengths.uniforms(bits, rows) * len(OPTION_COUNTS)).astype(np.int64)]
    gold = (lengths.uniforms(bits, rows) * options).astype(np.int64)
    kinds = np.repeat(lengths.uniforms(bits, rows), counts)
    tokens = lengths.responses(bits, kinds) - lengths.RESPONSE_EXTRA
    responses = np.maximum(8, np.round(tokens / np.repeat(factor, counts))).astype(np.int64) + MARKERS
    return Shape(questions, options, responses, chinese, gold)


def layout(shape: Shape, counts: npt.NDArray[np.int64]) -> Texts:
    """Where each text lies among the units, and which units are fixed."""
    rows, options = len(counts), int(shape.options.sum())
    sizes = np.concatenate([shape.questions, np.full(options, 1 + OPTION_UNITS), shape.responses])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    begin, end = starts[:-1], starts[1:]
    option_begin, response_begin = begin[rows : rows + options], begin[rows + options :]
    letter = np.arange(options) - np.repeat(np.cumsum(shape.options) - shape.options, shape.options)
    last = end[rows + options :] - 1
    thought = last - np.maximum(2, (shape.responses * FINAL_SHARE).astype(np.int64)) - 1
    return Texts(
        starts=starts,
        chinese=np.repeat(
            np.concatenate([shape.chinese] * 3),
            np.concatenate([np.ones(rows, dtype=np.int64), shape.options, counts]),
        ),
        special=np.concatenate([option_begin, response_begin, thought, last]),
        pieces=np.concatenate(
            [
                lex.OPTION + letter,
                np.full(len(last), lex.THINK),
                np.full(len(last), lex.THOUGHT),
                lex.ANSWER + np.repeat(shape.gold, counts),
            ]
        ).astype(np.uint32),
        closing=np.concatenate([thought - 1, last - 1]),
        bare=(option_begin[:, None] + np.arange(1, 1 + OPTION_UNITS)[None, :]).ravel(),
        asking=end[:rows] - 1,
    )


def fresh(bits: np.random.PCG64, lexicon: Lexicon, traces: int, mixed: float, first_word: int) -> Rows:
    """Rows with `traces` responses in all."""
    return with_counts(bits, lexicon, lengths.traces_a_question(bits, traces), mixed, first_word)


def with_counts(
    bits: np.random.PCG64,
    lexicon: Lexicon,
    counts: npt.NDArray[np.int64],
    mixed: float,
    first_word: int,
) -> Rows:
    """Rows of which each has as many responses as `counts` says."""
    sizes = shape(bits, counts, mixed)
    texts, new_words = compose(bits, lexicon, layout(sizes, counts), first_word)
    rows, options = len(counts), int(sizes.options.sum())
    starts = np.concatenate([[0], np.cumsum(sizes.options)])
    option_texts = texts.slice(rows, options)
    return Rows(
        question=texts.slice(0, rows),
        options=pa.ListArray.from_arrays(
            pa.array(starts, pa.int32()), pc.take(option_texts, np.arange(options))
        ),
        answer=option_texts.take(pa.array(starts[:-1] + sizes.gold)),
        response=texts.slice(rows + options),
        counts=counts,
        new_words=new_words,
    )
