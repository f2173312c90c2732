"""What a teacher replied: texts, reasoning wherever its server puts it, why each ended, and what it took."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_REASONING = ("reasoning", "reasoning_content", "thinking")
"""Where servers put the reasoning of a message, the first that is not empty: vLLM and OpenRouter, DeepSeek
and SGLang, and others."""

_ENDS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "refusal": "content_filter"}
"""Anthropic's reasons in the words of OpenAI's interface, which curation reads."""

CUT = "length"
"""Why a sample ended that its length ended."""


class NotUnderstood(Exception):
    """A reply with status 200 that is none: HTML of a proxy, half a body, another interface."""


@dataclass(frozen=True)
class Usage:
    """Tokens of a request and of its reply."""

    asked: int = 0
    answered: int = 0


@dataclass(frozen=True)
class Sampled:
    """One sample.

    Attributes
    ----------
    response
        Its text.
    reasoning
        What its server keeps apart of it; None where nothing is.
    finish_reason
        Why it ended, in the words of OpenAI's interface; None where its server does not say.
    """

    response: str
    reasoning: str | None
    finish_reason: str | None

    @property
    def is_empty(self) -> bool:
        """Whether there is no text at all, reasoning included."""
        return not self.response.strip() and not (self.reasoning or "").strip()


@dataclass(frozen=True)
class Reply:
    """What a request gave.

    Attributes
    ----------
    samples
        In their order.
    usage
        What it took; of a server that does not say, nothing.
    model
        What the server calls the model that replied: an alias may have moved to another one.
    """

    samples: tuple[Sampled, ...]
    usage: Usage
    model: str | None


def reply_of(body: bytes) -> Reply:
    """Read the body of a reply.

    Parameters
    ----------
    body
        Its bytes: of OpenAI's chat completions or of Anthropic's messages, whichever it is.

    Raises
    ------
    NotUnderstood
        When it is neither.

    Examples
    --------
    >>> message = {"content": "So (B).", "reasoning_content": "Gram-negative."}
    >>> body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    >>> reply_of(body).samples[0].reasoning
    'Gram-negative.'
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("the reply is no JSON") from error
    if not isinstance(values, dict):
        raise NotUnderstood("the reply is no JSON object")
    if isinstance(values.get("choices"), list):
        choices = [one for one in values["choices"] if isinstance(one, dict)]
        choices.sort(key=lambda one: one["index"] if isinstance(one.get("index"), int) else 0)
        samples = tuple(_choice(one) for one in choices)
    elif isinstance(values.get("content"), list):
        samples = (_blocks(values),)
    else:
        raise NotUnderstood("the reply has neither `choices` nor `content`")
    if not samples:
        raise NotUnderstood("the reply has no sample")
    model = values.get("model")
    return Reply(samples, _usage(values.get("usage")), model if isinstance(model, str) else None)


def _choice(choice: dict[str, Any]) -> Sampled:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    found = (message.get(name) for name in _REASONING)
    reasoning = next((one for one in found if isinstance(one, str) and one.strip()), None)
    reason = choice.get("finish_reason")
    return Sampled(_text(message.get("content")), reasoning, reason if isinstance(reason, str) else None)


def _text(content: Any) -> str:  # noqa: ANN401 any JSON value
    """Return the text of a message's content: a text, nothing, or typed parts."""
    if isinstance(content, list):
        return "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else ""


def _blocks(values: dict[str, Any]) -> Sampled:
    """Return the sample of Anthropic's messages: blocks of thinking and of text."""
    blocks = [one for one in values["content"] if isinstance(one, dict)]
    thinking = [str(one.get("thinking", "")) for one in blocks if one.get("type") == "thinking"]
    texts = [str(one.get("text", "")) for one in blocks if one.get("type") == "text"]
    reason = values.get("stop_reason")
    reason = _ENDS.get(reason, reason) if isinstance(reason, str) else None
    return Sampled("".join(texts), "".join(thinking) or None, reason)


def _usage(values: Any) -> Usage:  # noqa: ANN401 any JSON value
    if not isinstance(values, dict):
        return Usage()

    def tokens(*names: str) -> int:
        return next((values[name] for name in names if isinstance(values.get(name), int)), 0)

    return Usage(tokens("prompt_tokens", "input_tokens"), tokens("completion_tokens", "output_tokens"))
