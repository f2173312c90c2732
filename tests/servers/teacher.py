"""A teacher: OpenAI's chat completions and Anthropic's messages, with reasoning, `n`, seeds and faults.

What it answers follows from what it is asked and from the seed, or from a counter where there is none. It is
made to answer thousands of requests a second, so it speaks HTTP itself.

    python -m tests.servers.teacher --port 8765 --answers bench.science.teacher:answer

has a function of one's own answer: it is called with the messages of the request as they came (`text_of`
gives the text of a message's content, `images_of` the pictures of all), the sample's seed (None where the
request has none; with `n` it is that of the first) and the sample: how many samples of these messages were
given before, or with a seed its place among the `n` of the request. It returns reasoning and answer.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import importlib
import json
import random
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Answers = Callable[[list[dict[str, Any]], int | None, int], tuple[str, str]]

_OPTION = re.compile(r"^([A-Z])\. (.*)$", re.MULTILINE)
_ONE_OF = re.compile(r"nothing else: (.+)\.$")
_FROM_TO = re.compile(r"from (\d+) to (\d+)\? .*nothing else\.$", re.DOTALL)
_STEPS = ("The history points one way", "The findings agree", "Another cause is less likely", "So it follows")


class Rules:
    """How it behaves; a test sets these."""

    def __init__(self) -> None:
        self.rate = 0.0
        self.kinds: list[str] = []
        self.right = 0.7
        self.words = 40
        self.cut = 0.0
        self.empty = 0.0
        self.reasoning = "reasoning_content"
        self.honours_n = True
        self.honours_seeds = True
        self.key: str | None = None
        self.model: str | None = None
        self.delay = 0.0
        self.most_under_way: int | None = None
        self.retry_after: float | None = 0.2
        self.seed = 1
        self.refuses_images = False
        self.stalls = 0
        self.outside = 0.0
        self.names: str | None = None


class Teacher(asyncio.Protocol):
    """A connection."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.held = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (request := self._next()) is not None:
            self._answer(*request)

    def _next(self) -> tuple[str, dict[str, str], bytes] | None:
        end = self.held.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.held[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in head[1:])}
        length = int(headers.get("content-length", "0"))
        if len(self.held) < end + 4 + length:
            return None
        body, self.held = self.held[end + 4 : end + 4 + length], self.held[end + 4 + length :]
        return head[0].split(" ", 2)[1], headers, body

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> None:
        state = self.state
        if path.startswith("/_"):
            self._send(200, state.control(path, body))
            return
        state.requests += 1
        state.under_way += 1
        state.most = max(state.most, state.under_way)
        status, reply, extra, ending = state.reply(path, headers, body)
        if ending == "hang":
            return
        delay = state.rules.delay
        if delay:
            asyncio.get_running_loop().call_later(delay, self._finish, status, reply, extra, ending)
        else:
            self._finish(status, reply, extra, ending)

    def _finish(self, status: int, reply: bytes, extra: dict[str, str], ending: str) -> None:
        self.state.under_way -= 1
        if ending == "reset":
            self.transport.abort()
        elif ending == "half":
            self.transport.write(_head(status, len(reply), extra) + reply[: len(reply) // 2])
            self.transport.close()
        elif not self.transport.is_closing():
            self._send(status, reply, extra)

    def _send(self, status: int, reply: bytes, extra: dict[str, str] | None = None) -> None:
        self.transport.write(_head(status, len(reply), extra or {}) + reply)


def _head(status: int, length: int, extra: dict[str, str]) -> bytes:
    lines = {"Content-Type": "application/json", "Content-Length": str(length), **extra}
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{fields}\r\n".encode("latin-1")


class State:
    """Of all connections."""

    def __init__(self, answers: Answers | None = None) -> None:
        self.rules = Rules()
        self.answers = answers
        self.random = random.Random(1)
        self.requests = 0
        self.under_way = 0
        self.most = 0
        self.samples = 0
        self.asked: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def control(self, path: str, body: bytes) -> bytes:
        if path == "/_set":
            for name, value in json.loads(body).items():
                if not hasattr(self.rules, name):
                    raise AttributeError(name)
                setattr(self.rules, name, value)
            self.random = random.Random(self.rules.seed)
        elif path == "/_forget":
            self.requests = self.samples = self.most = 0
            self.asked.clear()
            self.faults.clear()
        asked = {} if path == "/_counts" else dict(self.asked)
        values = {
            "requests": self.requests,
            "samples": self.samples,
            "most": self.most,
            "asked": asked,
            "faults": dict(self.faults),
        }
        return json.dumps(values).encode()

    def reply(  # noqa: PLR0911 a way for each refusal
        self, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str], str]:
        rules = self.rules
        key = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        if rules.key is not None and key != rules.key:
            return 401, _error("the key is not valid"), {}, ""
        if rules.most_under_way is not None and self.under_way > rules.most_under_way:
            self.faults["busy"] += 1
            return 429, _error("too many requests"), self._wait(), ""
        if rules.kinds and self.random.random() < rules.rate:
            return self.fault(self.random.choice(rules.kinds))
        try:
            values = json.loads(body)
        except ValueError:
            return 400, _error("no JSON"), {}, ""
        if rules.model is not None and values.get("model") != rules.model:
            return 404, _error(f"the model `{values.get('model')}` does not exist"), {}, ""
        if rules.refuses_images and b"image" in body:
            return 400, _error("images are not supported"), {}, ""
        if rules.stalls > 0:
            rules.stalls -= 1
            self.faults["hang"] += 1
            return 200, b"", {}, "hang"
        return 200, self.sampled(path, values), {}, ""

    def fault(self, kind: str) -> tuple[int, bytes, dict[str, str], str]:
        self.faults[kind] += 1
        if kind == "busy":
            return 429, _error("too many requests"), self._wait(), ""
        if kind == "server":
            return 500, _error("something broke"), {}, ""
        if kind == "overloaded":
            return 529, _error("overloaded"), {}, ""
        if kind == "html":
            return 200, b"<html><body>Please sign in</body></html>", {"Content-Type": "text/html"}, ""
        if kind == "no_body":
            return 200, b"", {}, ""
        return 200, b'{"choices": [' + b" " * 500, {}, kind  # reset, half, hang

    def _wait(self) -> dict[str, str]:
        wait = self.rules.retry_after
        return {} if wait is None else {"Retry-After": str(wait)}

    def sampled(self, path: str, values: dict[str, Any]) -> bytes:
        rules = self.rules
        messages = values.get("messages", [])
        text = json.dumps(messages, ensure_ascii=False)
        named = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        number = values.get("n", 1) if rules.honours_n else 1
        choices = []
        for place in range(number):
            self.samples += 1
            self.asked[named] += 1
            seed = values.get("seed") if rules.honours_seeds else None
            sample = self.asked[named] - 1 if seed is None else place
            draw = f"{self.asked[named]}" if seed is None else f"{seed}-{place}"
            choices.append(self._choice(messages, seed, sample, random.Random(f"{named} {draw}")))
        words = sum(len(one["reasoning"].split()) + len(one["text"].split()) for one in choices)
        asked = len(text.split())
        if path.endswith("/messages"):
            return _as_messages(values, choices[0], asked, words)
        return json.dumps(
            {
                "id": "x",
                "model": rules.names or values.get("model"),
                "choices": [
                    {
                        "index": index,
                        "message": self._message(one),
                        "finish_reason": one["finish"],
                    }
                    for index, one in enumerate(choices)
                ],
                "usage": {"prompt_tokens": asked, "completion_tokens": words},
            },
            ensure_ascii=False,
        ).encode()

    def _message(self, choice: dict[str, str]) -> dict[str, Any]:
        if self.rules.reasoning == "think":
            return {
                "role": "assistant",
                "content": f"<think>\n{choice['reasoning']}\n</think>\n\n{choice['text']}",
            }
        return {"role": "assistant", "content": choice["text"], self.rules.reasoning: choice["reasoning"]}

    def _choice(
        self, messages: list[dict[str, Any]], seed: int | None, sample: int, lots: random.Random
    ) -> dict[str, str]:
        rules = self.rules
        if self.answers is None:
            steps, text = self._made_up(messages, lots)
        else:
            steps, text = self.answers(messages, seed, sample)
        if lots.random() < rules.empty:
            return {"reasoning": "", "text": "", "finish": "stop"}
        if lots.random() < rules.cut:
            return {"reasoning": steps, "text": "", "finish": "length"}
        return {"reasoning": steps, "text": text, "finish": "stop"}

    def _made_up(self, messages: list[dict[str, Any]], lots: random.Random) -> tuple[str, str]:
        rules = self.rules
        asked = text_of(messages[-1]["content"]) if messages else ""
        if (wanted := _ONE_OF.search(asked)) or (wanted := _FROM_TO.search(asked)):
            return "", self._annotation(wanted, lots)
        options = _OPTION.findall(asked)
        right = next((label for label, text in options if "right" in text), None)
        labels = [label for label, _ in options] or ["A"]
        label = right if right is not None and lots.random() < rules.right else lots.choice(labels)
        steps = " ".join(
            f"{lots.choice(_STEPS)} ({lots.randrange(10_000)})." for _ in range(rules.words // 6)
        )
        return steps, f"The answer is ({label})."

    def _annotation(self, wanted: re.Match[str], lots: random.Random) -> str:
        """Answer what an annotation asks for: one of the values, or a number."""
        if lots.random() < self.rules.outside:
            return "I cannot tell."
        if wanted.re is _FROM_TO:
            return str(lots.randint(int(wanted[1]), int(wanted[2])))
        return lots.choice(wanted[1].split(", "))


def _as_messages(values: dict[str, Any], choice: dict[str, str], asked: int, words: int) -> bytes:
    reply = {
        "type": "message",
        "model": values.get("model"),
        "content": [
            {"type": "thinking", "thinking": choice["reasoning"]},
            {"type": "text", "text": choice["text"]},
        ],
        "stop_reason": "max_tokens" if choice["finish"] == "length" else "end_turn",
        "usage": {"input_tokens": asked, "output_tokens": words},
    }
    return json.dumps(reply).encode()


def text_of(content: Any) -> str:
    """Return the text of a message's content."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def images_of(messages: list[dict[str, Any]]) -> list[bytes]:
    """Return the images of messages, which came as data URLs or as blocks of base64, in their order."""
    found = []
    for message in messages:
        for part in message["content"] if isinstance(message["content"], list) else ():
            if part.get("type") == "image_url":
                found.append(base64.b64decode(part["image_url"]["url"].partition("base64,")[2]))
            elif part.get("type") == "image":
                found.append(base64.b64decode(part["source"]["data"]))
    return found


def answers_of(named: str) -> Answers:
    """Return the function that `MODULE:FUNCTION` names."""
    module, _, function = named.partition(":")
    found: Answers = getattr(importlib.import_module(module), function)
    return found


def _error(message: str) -> bytes:
    return json.dumps({"error": {"message": message}}).encode()


async def serve(port: int, answers: Answers | None = None) -> None:
    state = State(answers)
    server = await asyncio.get_running_loop().create_server(lambda: Teacher(state), "127.0.0.1", port)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--answers", metavar="MODULE:FUNCTION")
    words = parser.parse_args()
    try:
        asyncio.run(serve(words.port, answers_of(words.answers) if words.answers else None))
    except KeyboardInterrupt:
        sys.exit(130)
