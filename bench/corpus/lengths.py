"""How long things are: the mixture of lognormals that the paper's length figures imply.

The paper (arXiv 2511.23269) gives a mean question of 71 tokens, a mean reasoning trace of 840, 4.48 traces a
question, and mean generated lengths by benchmark from 297 (classification of brain scans) to 3,700 (hard text
questions). Four lognormals stand for classification, visual questions, text questions and hard text
questions; the last has a tail beyond 16,384 tokens.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

QUESTION_TOKENS = 71.0
RESPONSE_TOKENS = 840.0
TRACES_A_QUESTION = 4.48
MOST_TRACES = 16
LONGEST = 32_768

#: (share, median in tokens, sigma of the logarithm)
MIXTURE = np.array([[0.36, 292.0, 0.30], [0.34, 520.0, 0.55], [0.28, 1_195.0, 0.65], [0.02, 4_200.0, 0.75]])
QUESTION_SIGMA = 0.6
#: Tokens of the Qwen2.5 vocabulary a unit of text becomes, measured on the generated corpus.
TOKENS_A_UNIT = {"english": 2.25, "chinese": 1.52}
#: Tokens of the markers and of the final answer around a response.
RESPONSE_EXTRA = 13.0


def normal(uniform: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standard normal values of two uniform arrays (Box–Muller): stable across numpy versions."""
    return np.sqrt(-2.0 * np.log1p(-uniform)) * np.cos(2.0 * np.pi * other)


def uniforms(bits: np.random.PCG64, count: int) -> npt.NDArray[np.float64]:
    """Uniform values in [0, 1)."""
    return (bits.random_raw(count) >> np.uint64(11)) * 2.0**-53


def responses(bits: np.random.PCG64, groups: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Response lengths in tokens; `groups`, uniform, picks each one's lognormal."""
    component = np.searchsorted(np.cumsum(MIXTURE[:, 0])[:-1], groups, side="right")
    values = normal(uniforms(bits, len(groups)), uniforms(bits, len(groups)))
    lengths = MIXTURE[component, 1] * np.exp(MIXTURE[component, 2] * values)
    return np.clip(lengths, 24, LONGEST)


def questions(bits: np.random.PCG64, count: int) -> npt.NDArray[np.float64]:
    """Question lengths in tokens."""
    values = normal(uniforms(bits, count), uniforms(bits, count))
    lengths = QUESTION_TOKENS * np.exp(QUESTION_SIGMA * values - QUESTION_SIGMA**2 / 2)
    return np.clip(lengths, 8, 2_048)


def traces_a_question(bits: np.random.PCG64, traces: int) -> npt.NDArray[np.int64]:
    """Numbers of responses that sum to `traces`: a truncated geometric of mean 4.48, at most 16."""
    if traces == 0:
        return np.zeros(0, dtype=np.int64)
    success = 0.2035
    tail = 1.0 - (1.0 - success) ** MOST_TRACES
    drawn = uniforms(bits, traces) * tail
    counts = np.clip(np.ceil(np.log1p(-drawn) / np.log1p(-success)), 1, MOST_TRACES).astype(np.int64)
    ends = np.cumsum(counts)
    rows = int(np.searchsorted(ends, traces)) + 1
    counts = counts[:rows]
    counts[-1] -= ends[rows - 1] - traces
    return counts
