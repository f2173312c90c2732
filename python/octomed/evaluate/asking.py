"""How an endpoint is asked: the request of a sample, and one that ends its reasoning by force."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.answers import split
from octomed.distill.client import Client, NotAnswered
from octomed.distill.pace import Pace
from octomed.distill.replies import CUT
from octomed.distill.requests import openai_messages
from octomed.distill.schema import Limits, Teacher
from octomed.errors import DataError, RecipeError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from octomed.distill.replies import Reply, Sampled
    from octomed.evaluate.items import Item
    from octomed.evaluate.schema import Evaluation

_EXIT = "\n</think>\n\n"
"""What ends a reasoning: the answer follows it."""


def seed_of(key: str, sample: int) -> int:
    """Return the seed of a sample: another one for each question and sample.

    Servers read seeds as signed numbers of 32 bits, so one has 31.

    Examples
    --------
    >>> seed_of("a", 0) != seed_of("a", 1)
    True
    """
    return int(_octomed.digest(f"{key} {sample}".encode()), 16) % 2**31


class Endpoint:
    """A model behind an endpoint.

    Parameters
    ----------
    settings
        Of the evaluation.
    """

    def __init__(self, settings: Evaluation) -> None:
        model, self._generation = settings.model, settings.generation
        if model.endpoint is None or model.name is None:
            raise RuntimeError("the model is behind no endpoint")
        teacher = Teacher(
            endpoint=model.endpoint, model=model.name, key=model.key, header=model.header, parameters={}
        )
        limits = Limits(concurrency=model.concurrency, timeout=model.timeout, attempts=model.attempts)
        self._name, self._parameters = model.name, model.parameters
        with _of_model():
            self._client = Client(teacher, limits, Pace(model.concurrency))

    async def __aenter__(self) -> Self:
        """Open connections as they are needed."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._client.__aexit__(kind, error, trace)

    async def answer(self, item: Item, sample: int) -> dict[str, Any]:
        """Return what is kept of a sample: a line of the file of answers.

        Parameters
        ----------
        item
            The question.
        sample
            Its number among those of the question.

        Raises
        ------
        NotAnswered
            When every attempt failed for a reason that may pass.
        RecipeError, DataError
            When no request will be answered: the key is refused, or the model is not there.
        """
        body = self.body(item, sample)
        begin = time.monotonic()
        try:
            with _of_model():
                reply, made = await self._asked(body)
        except NotAnswered as failure:
            if failure.may_pass:
                raise
            made = {"refused": failure.reason, "detail": failure.detail, "response": "", "tokens": None}
            reply = None
        named = {"key": item.asked.key, "sample": sample, "benchmark": item.asked.benchmark}
        model = {} if reply is None else {"model": reply.model}
        return {**named, **made, **model, "seconds": round(time.monotonic() - begin, 3)}

    def body(self, item: Item, sample: int) -> dict[str, Any]:
        """Return the request of a sample."""
        generation = self._generation
        body = {
            "model": self._name,
            **openai_messages(item.turns, item.images),
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            "max_tokens": generation.max_tokens,
            "seed": seed_of(item.asked.key, sample),
            **self._parameters,
        }
        if generation.thinking_parameter is not None:
            body[generation.thinking_parameter] = generation.thinking_tokens
        return body

    async def _asked(self, body: dict[str, Any]) -> tuple[Reply, dict[str, Any]]:
        generation = self._generation
        first = generation.thinking_tokens if generation.thinking_parameter is None else None
        if first is None:
            reply = await self._reply(body)
            return reply, _made(reply)
        reply = await self._reply({**body, "max_tokens": first})
        sampled = reply.samples[0]
        if sampled.finish_reason != CUT:
            return reply, {**_made(reply), "forced": False}
        begun, forced = _continued(sampled)
        rest = {
            **body,
            "messages": [*body["messages"], {"role": "assistant", "content": begun}],
            "max_tokens": generation.max_tokens - first,
            "continue_final_message": True,
            "add_generation_prompt": False,
        }
        ending = await self._reply(rest)
        end = ending.samples[0]
        whole = begun + "".join(filter(None, (end.reasoning, end.response)))
        both = (reply.usage.answered, ending.usage.answered)
        tokens = sum(both) if all(both) else None
        made = {"response": whole, "finish_reason": end.finish_reason, "tokens": tokens}
        return ending, {**made, "forced": forced}

    async def _reply(self, body: dict[str, Any]) -> Reply:
        async with self._client.asked(body) as reply:
            return reply


def _made(reply: Reply) -> dict[str, Any]:
    sampled = reply.samples[0]
    reasoning = {} if sampled.reasoning is None else {"reasoning": sampled.reasoning}
    ended = {"finish_reason": sampled.finish_reason, "tokens": reply.usage.answered or None}
    return {"response": sampled.response, **reasoning, **ended}


def _continued(sampled: Sampled) -> tuple[str, bool]:
    """Return a response that was cut as it is to go on, and whether its reasoning is ended by force."""
    if sampled.reasoning is not None:
        is_open = not sampled.response.strip()
        begun = f"<think>\n{sampled.reasoning}" + ("" if is_open else f"{_EXIT}{sampled.response}")
    else:
        parts = split(sampled.response)
        begun, is_open = sampled.response, not parts.is_closed or parts.reasoning is None
    return (begun.rstrip() + _EXIT if is_open else begun), is_open


class _of_model:  # noqa: N801 a context manager is called as one
    """Has errors of the client speak of `model`, where they speak of a teacher."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Say it in the words of an evaluation's recipe."""
        if isinstance(error, RecipeError | DataError):
            hint = None if error.hint is None else _in_words(error.hint)
            raise error.in_words(_in_words(error.message), hint) from None


def _in_words(text: str) -> str:
    return text.replace("`teacher.model`", "`model.name`").replace("`teacher.", "`model.")
