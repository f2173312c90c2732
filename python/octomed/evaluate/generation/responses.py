"""Responses under way: what was drawn, what ends them, and reasoning that is ended by force."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from octomed.errors import DataError
from octomed.evaluate.generation.requests import Generated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.evaluate.generation.decoder import Decoder
    from octomed.evaluate.generation.requests import FinishReason, Request
    from octomed.evaluate.generation.vocabulary import Vocabulary


@dataclass
class Response:
    """A response under way.

    Attributes
    ----------
    request
        What it answers.
    position
        Of the next token, as the model counts: behind the largest of the prompt.
    ids
        Its tokens, the one that ended it included.
    drawn
        How many of them were drawn.
    forced
        Whether its reasoning was ended by force.
    """

    request: Request
    position: int
    ids: list[int] = field(default_factory=list)
    drawn: int = 0
    forced: bool = False
    _given: list[int] = field(default_factory=list)

    def take(self, token: int, vocabulary: Vocabulary) -> FinishReason | None:
        """Take a token that was drawn, or leave it for one that has to stand here; say whether that is all.

        Parameters
        ----------
        token
            What was drawn.
        vocabulary
            Of the model.
        """
        if self._given:
            token = self._given.pop(0)
        else:
            self.drawn += 1
            if token in vocabulary.stops:
                self.ids.append(token)
                return "stop"
        self.ids.append(token)
        if len(self.ids) == self.request.thinking_tokens:
            self._end_reasoning(vocabulary)
        return "length" if len(self.ids) >= self.request.max_tokens else None

    def _end_reasoning(self, vocabulary: Vocabulary) -> None:
        if vocabulary.is_reasoning(self.request.prompt_ids, self.ids):
            self.forced = True
            self._given = list(vocabulary.exit)

    def finished(self, reason: FinishReason, vocabulary: Vocabulary) -> Generated:
        """Return what it has become."""
        ids = self.ids[:-1] if reason == "stop" else self.ids
        return Generated(
            key=self.request.key,
            ids=tuple(ids),
            text=vocabulary.text(ids),
            finish_reason=reason,
            forced=self.forced,
            generated_tokens=len(self.ids),
        )


def check_requests(requests: Iterable[Request], vocabulary: Vocabulary, model: Decoder) -> None:
    """Refuse requests that a model cannot answer, before any is.

    Parameters
    ----------
    requests
        All of them.
    vocabulary, model
        What would answer them.

    Raises
    ------
    DataError
        Naming the first.
    """
    for one in requests:
        _check_ids(one, model)
        _check_thinking(one, vocabulary)
        if model.pictures is not None:
            model.pictures.check(one)
        elif one.images:
            raise DataError(
                f"`{one.key}` shows {len(one.images):,} images, and the model takes none",
                "evaluate a vision-language model, or questions of text",
            )


def _check_ids(request: Request, model: Decoder) -> None:
    ids = np.asarray(request.prompt_ids)
    if ids.min() < 0 or ids.max() >= model.entries:
        raise DataError(
            f"the prompt of `{request.key}` has ids beyond the model's {model.entries:,}",
            "render it with the tokenizer of the model's folder",
        )
    if len(ids) + request.max_tokens > model.longest:
        raise DataError(
            f"`{request.key}` has {len(ids):,} tokens and may have {request.max_tokens:,} more; "
            f"the model's positions end at {model.longest:,}",
            f"set `max_tokens` to {max(0, model.longest - len(ids)):,} or less",
        )


def _check_thinking(request: Request, vocabulary: Vocabulary) -> None:
    thinking, end = request.thinking_tokens, len(vocabulary.exit)
    if thinking is not None and thinking + end >= request.max_tokens:
        raise DataError(
            f"`{request.key}` may think for {thinking:,} of {request.max_tokens:,} tokens, which leaves none "
            "for its answer",
            f"the end of its reasoning is {end} tokens: lower `thinking_tokens`",
        )
