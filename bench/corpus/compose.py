"""Random texts of given lengths, all at once: draw units, choose forms and endings, gather the pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from bench.corpus import lexicon as lex
from bench.corpus.lexicon import Lexicon
from bench.corpus.words import SYLLABLES

Units = npt.NDArray[np.uint32]
NEW_WORDS = 0.0048  # a unit, which makes 0.3 % of words: a unit is 1.6 words on average
OPENED = 0.3  # sentences that begin with an opener
NEW_FORMS = 3


@dataclass(frozen=True)
class Texts:
    """The texts to make: `starts` has one more entry than texts, in units; `chinese` is a flag a text."""

    starts: npt.NDArray[np.int64]
    chinese: npt.NDArray[np.bool_]
    special: npt.NDArray[np.int64]
    """Positions at which `pieces` stand instead of a drawn unit."""
    pieces: npt.NDArray[np.uint32]
    closing: npt.NDArray[np.int64]
    """Positions whose unit ends a sentence, whatever was drawn."""
    bare: npt.NDArray[np.int64]
    """Positions whose unit has no ending (options)."""
    asking: npt.NDArray[np.int64]
    """Positions whose unit ends in a question mark."""


def new_words(first: int, count: int) -> list[str]:
    """Words `first` … of a sequence of 2**30 different ones: a scrambled number, spelt in syllables."""
    numbers = (np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x2545F491)) % np.uint64(1 << 30)
    base = len(SYLLABLES)
    return [
        SYLLABLES[number % base] + SYLLABLES[number // base % base] + SYLLABLES[number // base**2]
        for number in numbers.tolist()
    ]


def draw(bits: np.random.PCG64, lexicon: Lexicon, texts: Texts) -> tuple[Units, Units]:
    """Unit and ending of every position."""
    total = int(texts.starts[-1])
    raw = bits.random_raw(total)
    low = (raw & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    units = lexicon.english[low >> np.uint32(32 - lex.TABLE_BITS)]
    if texts.chinese.any():
        flags = np.repeat(texts.chinese, np.diff(texts.starts))
        units[flags] = lexicon.chinese[low[flags] >> np.uint32(32 - lex.TABLE_BITS)]
    high = (raw >> np.uint64(32)).astype(np.uint32)
    endings = lexicon.endings[high >> np.uint32(16)].astype(np.uint32)
    endings[texts.closing] = lex.STOP
    endings[texts.bare] = lex.NONE
    endings[texts.asking] = lex.QUESTION
    return units, endings


def open_sentences(lexicon: Lexicon, units: Units, forms: Units, texts: Texts) -> None:
    """Puts an opener at the beginning of some English sentences."""
    begins = np.flatnonzero(forms)
    chance = units[begins] * np.uint32(2654435761) + begins.astype(np.uint32) * np.uint32(40503)
    picked = begins[(chance >> np.uint32(16)) < OPENED * 65536]
    if texts.chinese.any():
        text_of = np.searchsorted(texts.starts, picked, side="right") - 1
        picked = picked[~texts.chinese[text_of]]
    units[picked] = lexicon.openers[(chance[: len(picked)] ^ picked.astype(np.uint32)) & np.uint32(0xFFFF)]


def compose(
    bits: np.random.PCG64, lexicon: Lexicon, texts: Texts, first_word: int
) -> tuple[pa.StringArray, int]:
    """The texts, and how many never-seen words were spent on them, counting from `first_word`."""
    units, endings = draw(bits, lexicon, texts)
    total = len(units)
    fresh = np.flatnonzero((bits.random_raw(total) >> np.uint64(40)) < int(NEW_WORDS * 2**24))
    endings[fresh] = lex.NONE
    forms = np.empty(total, dtype=np.uint32)
    forms[1:] = lex.NEXT_FORM[endings[:-1]]
    forms[texts.starts[:-1][texts.starts[:-1] < total]] = lex.START
    after = texts.special + 1
    forms[after[after < total]] = lex.START
    open_sentences(lexicon, units, forms, texts)
    pieces = (
        (units * np.uint32(lex.FORMS) + forms) * np.uint32(lex.ENDINGS) + endings + np.uint32(lex.SPECIALS)
    )
    known = len(lexicon.pieces)
    order = np.arange(len(fresh), dtype=np.uint32)
    pieces[fresh] = known + order * np.uint32(NEW_FORMS) + np.minimum(forms[fresh], lex.START)
    pieces[texts.special] = texts.pieces
    spelt = pa.array(new_words(first_word, len(fresh)), pa.string())
    written = lex.forms(spelt, spaced=True)[:NEW_FORMS]
    place = (np.arange(len(fresh))[:, None] + np.arange(NEW_FORMS)[None, :] * len(fresh)).ravel()
    dictionary = pa.concat_arrays([lexicon.pieces, pa.concat_arrays(written).take(pa.array(place))])
    return joined(dictionary.take(pa.array(pieces)), texts.starts), len(fresh)


def joined(pieces: pa.StringArray, starts: npt.NDArray[np.int64]) -> pa.StringArray:
    """Each text's pieces as one string: the bytes already lie side by side, so only the offsets change."""
    offsets = np.frombuffer(pieces.buffers()[1], dtype=np.int32)[starts]
    return pa.StringArray.from_buffers(len(starts) - 1, pa.py_buffer(offsets), pieces.buffers()[2])
