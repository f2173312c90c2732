"""What is asked of a model, and what it generated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from octomed.answers import split
from octomed.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

FinishReason = Literal["stop", "length"]
"""How a response ended: by a token that ends turns, or by its bound."""
_SEEDS = 2**64


@dataclass(frozen=True, eq=False)
class Request:
    """A prompt, and how it is to be answered.

    Attributes
    ----------
    key : hashable
        What the answer is known by.
    prompt_ids : sequence of int, or ndarray of them
        Ids of the prompt, rendered as training rendered it, up to where the response begins. The tokens of
        images stand in it, as many as the model takes them in.
    images : sequence of bytes or ndarray
        The images that the prompt shows, in the order of their tokens: files, or pixels
        ``[height, width, 3]`` of 8 bits, upright.
    temperature : float
        0 takes the likeliest token; otherwise the distribution is that of the logits divided by it.
    top_p : float
        Share of the probability of which the likeliest tokens are drawn from: the fewest that reach it.
    seed : int
        What is drawn follows from it and the request alone.
    max_tokens : int
        Tokens of the response at most, those that end its reasoning included.
    thinking_tokens : int or None
        Tokens after which a reasoning that is still open is ended by force; the answer has the rest of
        `max_tokens`. None lets it be cut.

    Raises
    ------
    DataError
        When a number is outside its range, or the prompt is empty.

    Examples
    --------
    >>> Request("q1", prompt_ids=(9, 7), max_tokens=8, temperature=0).seed
    0
    """

    key: Any
    prompt_ids: Sequence[int] | NDArray[np.integer[Any]]
    images: tuple[bytes | NDArray[np.uint8], ...] = ()
    temperature: float = 0.6
    top_p: float = 0.95
    seed: int = 0
    max_tokens: int = 8192
    thinking_tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be answered."""
        if not len(self.prompt_ids):
            raise self._refused("has no prompt", "give the ids of a rendered prompt")
        if not (0 <= self.temperature < math.inf):
            raise self._refused(f"has the temperature {self.temperature!r}", "0 or more; 0 draws nothing")
        if not 0 < self.top_p <= 1:
            raise self._refused(f"has the top-p {self.top_p!r}", "above 0, and at most 1")
        if not (type(self.seed) is int and 0 <= self.seed < _SEEDS):
            raise self._refused(f"has the seed {self.seed!r}", "a whole number from 0, of 64 bits")
        if not (type(self.max_tokens) is int and self.max_tokens >= 1):
            raise self._refused(f"may have {self.max_tokens!r} tokens", "`max_tokens` is 1 or more")
        thinking = self.thinking_tokens
        if thinking is not None and not (type(thinking) is int and 0 < thinking < self.max_tokens):
            raise self._refused(
                f"may think for {thinking!r} of {self.max_tokens:,} tokens",
                "`thinking_tokens` is 1 or more, and below `max_tokens`: the answer has the rest",
            )

    def _refused(self, what: str, hint: str) -> DataError:
        return DataError(f"the request `{self.key}` {what}", hint)


@dataclass(frozen=True)
class Generated:
    """A response.

    Attributes
    ----------
    key : hashable
        Of its request.
    ids : tuple of int
        Its tokens, without the one that ended it.
    text : str
        Their text, reasoning included: what `octomed.answers` takes. An opening of the reasoning that the
        prompt ends with is not in it.
    finish_reason : {"stop", "length"}
        How it ended.
    forced : bool
        Whether its reasoning was ended by force.
    generated_tokens : int
        Its tokens as servers count them: with the one that ended it, and those that ended its reasoning.

    Examples
    --------
    >>> made = Generated("q1", (5, 6), "<think>Mild.</think> No.", "stop", forced=False, generated_tokens=3)
    >>> made.reasoning, made.answer
    ('Mild.', 'No.')
    """

    key: Any
    ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    forced: bool
    generated_tokens: int

    @property
    def reasoning(self) -> str | None:
        """The reasoning; None where nothing marks one."""
        return split(self.text).reasoning

    @property
    def answer(self) -> str:
        """What follows the reasoning; all of the text where nothing marks one."""
        return split(self.text).answer
