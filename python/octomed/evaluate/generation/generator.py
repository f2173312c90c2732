"""Batched generation of a model in a folder.

Requests are answered longest first. Prompts run as training's packs do; then all running responses make a
step together, finished ones leave, and others take their places.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from octomed.evaluate.generation.prompts import same_prompts
from octomed.evaluate.generation.responses import Response, check_requests
from octomed.evaluate.generation.sampling import Drawing, uniforms
from octomed.evaluate.generation.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import torch

    from octomed.evaluate.generation.decoder import Decoder
    from octomed.evaluate.generation.requests import Generated, Request

_PROMPT_TOKENS = 16_384
"""Of prompts that run together; a longer one runs alone."""
_REFILL = 8
"""Prompts run when one in so many places is free: a pass for each alone would cost as much as a step."""


class Generator:
    """Answers requests with a model of a folder.

    Parameters
    ----------
    folder
        What a training exports, or any folder of `from_pretrained`: of Qwen2.5-VL, Qwen3-VL, Qwen2, Qwen3 or
        Llama.
    vision
        How the images of the run that the model was trained on were prepared: its record. Where it is left
        out, the folder's image processor says it.
    device
        ``cpu`` or ``cuda``; a GPU by default, where there is one.
    dtype
        Of weights and of what is kept: ``float32`` on a CPU and ``bfloat16`` on a GPU by default.
    batch_tokens
        Tokens of running responses, their prompts included, that there is room for at a time; by default
        what fits into 1 GiB on a CPU, and in the half of what is free on a GPU.
    stops
        Tokens that end a response; by default those that the folder names.

    Raises
    ------
    RecipeError
        When the folder holds no model that can be read, or nothing says what ends a response.
    """

    def __init__(  # noqa: PLR0913 keyword-only settings
        self,
        folder: Path | str,
        *,
        vision: object = None,
        device: str | torch.device | None = None,
        dtype: str | None = None,
        batch_tokens: int | None = None,
        stops: Sequence[int] | None = None,
    ) -> None:
        from octomed.evaluate.generation.decoder import Decoder  # noqa: PLC0415 loads models

        self._decoder = Decoder.of(folder, vision=vision, device=device, dtype=dtype)
        self.vocabulary = Vocabulary.of(self._decoder.folder, stops)
        self.batch_tokens = batch_tokens or self._decoder.room()

    def generate(self, requests: Iterable[Request]) -> Iterator[Generated]:
        """Answer requests; responses come as they are finished.

        A response depends on its request alone: which others run with it changes nothing but the last digits
        of the logits.

        Parameters
        ----------
        requests
            Any number; prompts that are equal run once where they run together.

        Raises
        ------
        DataError
            When a request cannot be answered by this model; then none is.
        """
        asked = list(requests)
        decoder = self._decoder
        check_requests(asked, self.vocabulary, decoder)
        return _Batch(decoder, self.vocabulary, asked, self.batch_tokens).run()


class _Batch:
    """Responses that run together, and the requests that wait."""

    def __init__(
        self, decoder: Decoder, vocabulary: Vocabulary, requests: Sequence[Request], batch_tokens: int
    ) -> None:
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._waiting = deque(sorted(requests, key=_most_tokens, reverse=True))
        self._batch_tokens = batch_tokens
        self._running: list[Response] = []
        self._slots = decoder.slots()
        self._drawing: Drawing | None = None

    def run(self) -> Iterator[Generated]:
        """Answer them all."""
        while self._waiting or self._running:
            while starting := self._admitted():
                logits = self._decoder.prompts(self._slots, starting)
                fresh = [
                    Response(one, position)
                    for group, position in zip(starting, logits.positions, strict=True)
                    for one in group
                ]
                self._running += fresh
                yield from self._take(fresh, logits.values)
            if self._running:
                positions = [one.position + len(one.ids) - 1 for one in self._running]
                last = [one.ids[-1] for one in self._running]
                yield from self._take(self._running, self._decoder.step(self._slots, last, positions))

    def _admitted(self) -> list[list[Request]]:
        """Return the requests that begin now, those with equal prompts together."""
        if not self._waiting:
            return []
        longest = max(
            _most_tokens(one) for one in (self._waiting[0], *(row.request for row in self._running))
        )
        places = max(1, self._batch_tokens // longest)
        free = places - len(self._running)
        if free < 1 or (self._running and free < places // _REFILL and free < len(self._waiting)):
            return []
        self._slots.reserve(min(places, len(self._running) + len(self._waiting)), longest)
        taken = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        groups = same_prompts(taken)
        begin: list[list[Request]] = []
        room = _PROMPT_TOKENS
        while groups and (not begin or len(groups[0][0].prompt_ids) <= room):
            room -= len(groups[0][0].prompt_ids)
            begin.append(groups.pop(0))
        self._waiting.extendleft(one for group in reversed(groups) for one in reversed(group))
        return begin

    def _take(self, rows: Sequence[Response], logits: torch.Tensor) -> Iterator[Generated]:
        """Draw a token for each of the rows, which are the last ones that run; yield what is finished."""
        tokens = self._drawn(rows, logits)
        begin, done = len(self._running) - len(rows), []
        for place, (row, token) in enumerate(zip(rows, tokens, strict=True), begin):
            reason = row.take(token, self._vocabulary)
            if reason is not None:
                done.append((place, row.finished(reason, self._vocabulary)))
        for place, _ in reversed(done):
            self._slots.remove(place)
            last = self._running.pop()
            if place < len(self._running):
                self._running[place] = last
        if done or len(rows) < len(self._running):
            self._drawing = None
        yield from (made for _, made in done)

    def _drawn(self, rows: Sequence[Response], logits: torch.Tensor) -> list[int]:
        drawing = self._drawing if rows is self._running else None
        if drawing is None:
            asked = [row.request for row in rows]
            drawing = Drawing([one.temperature for one in asked], [one.top_p for one in asked], logits.device)
        if rows is self._running:
            self._drawing = drawing
        numbers = uniforms([row.request.seed for row in rows], [row.drawn for row in rows])
        return drawing.tokens(logits, numbers).tolist()


def _most_tokens(request: Request) -> int:
    return len(request.prompt_ids) + request.max_tokens
