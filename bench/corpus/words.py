"""The vocabulary: hand-written words, and those that English and medical morphology make of them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent / "words"
SEED = 20_251_129  # of the vocabulary itself, which is the same for every corpus

ROOTS = """cardi hepat nephr neur oste gastr enter derm arthr my cyt hemat lymph aden angi bronch pneum rhin
ot ophthalm encephal myel chondr col cholecyst cyst hyster mast oophor orchi pancreat phleb proct pyel
splen thyr tonsil trache vascul ven ventricul cerebr cervic crani gingiv gloss kerat laryng mening nas
odont pharyng pleur prostat pulmon ren retin salping spondyl stomat thorac ureter urethr uter valv""".split()
SUFFIXES = """itis osis opathy ectomy otomy ostomy oscopy ography ogram oma algia omegaly oplasty orrhaphy
orrhea oplegia osclerosis ogenesis otoxic olysis ocele opexy ologist ology ometry oid ogenic otrophy
openia ocyte oblast omalacia optosis orrhagia ospasm ostenosis""".split()
PREFIXES = "hyper hypo peri endo sub intra extra anti pre post non inter trans poly micro macro".split()
DRUG_STARTS = """ab al am bel bev cal car cef clo dab dar del dox eb em er fin flu gal gem hal im in ix
jal kan lam lev lor mel mir nab nif ol om pan par pem pra qui ral ram rit sel sir tam tel tir tra ur val
ver vil xan zan zol""".split()
DRUG_ENDS = """amab umab ximab zumab tinib ciclib pril sartan olol dipine statin prazole tidine triptan
setron floxacin cycline mycin cillin azole vir vudine navir gliptin gliflozin glitazone oxaban parin
azepam barbital caine curium dronate lukast mustine platin rubicin taxel thiazide zosin""".split()
#: Consonant, vowel, perhaps a consonant: any sequence of them can be read in one way only.
SYLLABLES = ["".join(parts) for parts in product("bdfghjklmnprstvz", "aeiou", ["", *"bdfgklmnprst"])]


def read(name: str) -> list[str]:
    """The words of one file, first mention first."""
    return list(dict.fromkeys((FOLDER / name).read_text(encoding="utf-8").split()))


def openers() -> list[str]:
    """What a sentence of a reasoning trace begins with."""
    return (FOLDER / "openers.txt").read_text(encoding="utf-8").splitlines()


def inflect(word: str) -> list[str]:
    """Regular forms of a word; some are not English, as in any large corpus."""
    if len(word) < 4:
        return []
    stem = word.removesuffix("e")
    plural = word[:-1] + "ies" if word.endswith("y") else word + ("es" if word[-1] in "sxz" else "s")
    return [plural, stem + "ed", stem + "ing"]


def derived(generator: np.random.Generator) -> list[str]:
    """Everything that morphology adds: inflections first, the rest in a fixed random order."""
    base = read("english.txt") + read("medical.txt")
    inflected = [form for word in base for form in inflect(word)]
    rare = [
        made
        for word in base
        if len(word) > 3
        for made in (word + "'s", word + "ly", "un" + word, "re" + word)
    ]
    rare += [root + suffix for root, suffix in product(ROOTS, SUFFIXES)]
    rare += [prefix + word for prefix, word in product(PREFIXES, read("medical.txt"))]
    rare += [start + end for start, end in product(DRUG_STARTS, DRUG_ENDS)]
    picked = generator.integers(0, len(SYLLABLES), size=(3_000, 2))
    rare += ["".join(SYLLABLES[i] for i in row).capitalize() for row in picked]
    return inflected + [rare[i] for i in generator.permutation(len(rare))]


def vocabulary(generator: np.random.Generator) -> list[str]:
    """All words, the most frequent first: function words, then English and medical words mixed."""
    english, medical = read("english.txt"), read("medical.txt")
    head, rest = english[:150], english[150:]
    mixed: list[str] = []
    for index in range(max(len(rest) // 3 + 1, len(medical))):
        mixed += rest[3 * index : 3 * index + 3] + medical[index : index + 1]
    return list(dict.fromkeys(head + mixed + derived(generator)))


def collocations(
    words: list[str], weights: npt.NDArray[np.float64], count: int, generator: np.random.Generator
) -> list[str]:
    """Word pairs, triples and quadruples that recur, as they do in any real text."""
    drawn = generator.choice(len(words), size=(count, 4), p=weights)
    sizes = generator.choice([2, 3, 4], size=count, p=[0.5, 0.3, 0.2])
    return [" ".join(words[i] for i in row[:size]) for row, size in zip(drawn, sizes, strict=True)]


def numbers(generator: np.random.Generator, count: int) -> list[str]:
    """Numbers with the units and symbols of medical text."""
    units = [
        "",
        "",
        "",
        "",
        " mg",
        " mg/dL",
        "%",
        " mmHg",
        "-year-old",
        " days",
        " °C",
        " g/dL",
        " mmol/L",
        " cm",
        "/min",
        " µg",
        " hours",
        " × 10⁹/L",
        "°F",
        " mEq/L",
    ]
    values = generator.integers(0, 1_000, size=count)
    shapes = generator.integers(0, 5, size=count)
    picked = generator.integers(0, len(units), size=count)
    made = []
    for value, shape, unit in zip(values, shapes, picked, strict=True):
        text = [
            f"{value % 10}",
            f"{value % 100}",
            f"{value / 10:.1f}",
            f"≥{value % 60}",
            f"{90 + value % 90}/{50 + value % 50}",
        ][shape]
        made.append(text + units[unit])
    return list(dict.fromkeys(made))


def zipf(
    count: int, exponent: float = 1.0, *, bend: int | None = None, tail: float = 1.9
) -> npt.NDArray[np.float64]:
    """Zipf–Mandelbrot weights of `count` ranks, summing to 1; beyond rank `bend` they fall as rank**-tail."""
    ranks = np.arange(count) + 3.7
    weights = ranks**-exponent
    if bend is not None:
        weights[bend:] = weights[bend] * (ranks[bend:] / ranks[bend]) ** -tail
    return np.asarray(weights / weights.sum())
