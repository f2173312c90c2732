"""Damage, drawn from a seed: of bytes, of text, and of values in JSON."""

from __future__ import annotations

import json
import random
from typing import Any

BYTES = [
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff" * 8,
    b"\0" * 64,
    b"PAR1",
    b"ARROW1",
    b"\n",
    b'"',
]
TEXTS = [
    "<<: *a\n",
    "&a ",
    "*a ",
    "!!python/object:os.system ",
    "\\ud83d\\ude00",
    "\\ud800",
    "🩺",
    "\x1b[2J",
    "\t",
    ": ",
    "- ",
    "? ",
    "| ",
    "${HOME}",
    "${X:-",
    "{{ ",
    " }}",
    "[",
    "{",
    "]",
    "}",
    "[" * 3000,
    "{a: " * 3000,
    "#",
    "\ufeff",
    "\r\n",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "1e999",
    "-1",
    "0x10",
    "1_000",
    ".inf",
    "null",
    "~",
    "true",
    "x" * 300,
    "../",
    "**/",
    "[a-",
    "hf://",
    "s3://b/",
    "gs://",
    "\x85",
    "\u2028",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**32,
    2**63,
    2**64,
    10**30,
    0.5,
    -0.0,
    1e308,
    "",
    "x",
    "x" * 300,
    "\ud800",
    "🩺",
    "../outside/keep",
    "../../outside/keep",
    "{outside}/keep",
    "..",
    ".",
    "/",
    "a/../../outside/keep",
    "\0",
    "\x1b[2J",
    [],
    {},
    [[]],
    [None],
    {"": None},
    ["x"] * 3,
]


class Mutator:
    """One case's damage.

    Parameters
    ----------
    seed
        The same seed makes the same damage.
    outside
        A folder that no command may touch; its path stands for ``{outside}`` in values.
    """

    def __init__(self, seed: str, outside: str = "") -> None:
        self.draw = random.Random(seed)
        self.outside = outside

    def bytes(self, data: bytes) -> bytes:
        """One to four changes of bytes."""
        for _ in range(self.draw.choice([1, 1, 1, 2, 4])):
            data = self._change(data)
        return data

    def text(self, data: bytes) -> bytes:
        """One to four changes of text, words of the file's language among them."""
        for _ in range(self.draw.choice([1, 1, 2, 4])):
            if self.draw.random() < 0.3:
                data = self._change(data)
                continue
            at = self._at(data)
            end = at + self.draw.choice([0, 0, 1, 8])
            data = data[:at] + self.draw.choice(TEXTS).encode(errors="surrogatepass") + data[end:]
        return data

    def json(self, data: bytes) -> bytes:
        """One to three values replaced, removed or doubled; sometimes the file's bytes."""
        if self.draw.random() < 0.2:
            return self.bytes(data)
        value = json.loads(data)
        for _ in range(self.draw.choice([1, 1, 1, 2, 3])):
            value = self._changed_value(value)
        return json.dumps(value, ensure_ascii=True).encode()

    def _at(self, data: bytes) -> int:
        """A place; the ends are likelier than the middle, because headers and footers stand there."""
        edge = min(len(data), 200)
        kind = self.draw.random()
        if kind < 0.3:
            return self.draw.randint(0, edge)
        if kind < 0.6:
            return self.draw.randint(len(data) - edge, len(data))
        return self.draw.randint(0, len(data))

    def _change(self, data: bytes) -> bytes:
        at, kind = self._at(data), self.draw.randrange(7)
        length = self.draw.choice([1, 2, 4, 8, 64])
        if kind <= 1 and data:  # the most telling of all: one bit
            at = min(at, len(data) - 1)
            return data[:at] + bytes([data[at] ^ 1 << self.draw.randrange(8)]) + data[at + 1 :]
        if kind == 2:
            return data[:at]
        if kind == 3:
            return data[:at] + data[at + length :]
        if kind == 4:
            other = self._at(data)
            return data[:at] + data[other : other + length * 4] + data[at:]
        if kind == 5:
            return data[:at] + self.draw.randbytes(length) + data[at + length :]
        token = self.draw.choice(BYTES)
        return data[:at] + token + data[at + len(token) :]

    def _changed_value(self, value: Any) -> Any:
        """Change the value, or one somewhere inside it."""
        inside = isinstance(value, (dict, list)) and value and self.draw.random() < 0.85
        if not inside:
            return self._other(value)
        if isinstance(value, dict):
            key = self.draw.choice(sorted(value))
            return self._changed_entry(value, key)
        at = self.draw.randrange(len(value))
        kind = self.draw.random()
        if kind < 0.1:
            return value[:at] + value[at + 1 :]
        if kind < 0.2:
            return [*value, value[at]]
        return [*value[:at], self._changed_value(value[at]), *value[at + 1 :]]

    def _changed_entry(self, value: dict[str, Any], key: str) -> dict[str, Any]:
        kind = self.draw.random()
        if kind < 0.1:
            return {name: held for name, held in value.items() if name != key}
        if kind < 0.2:
            other = self.draw.choice([text for text in VALUES if isinstance(text, str)])
            return {self._named(other) if name == key else name: held for name, held in value.items()}
        return value | {key: self._changed_value(value[key])}

    def _other(self, value: Any) -> Any:
        if isinstance(value, int) and self.draw.random() < 0.5:
            return value + self.draw.choice([-1, 1, 10, -value, value])
        if isinstance(value, str) and value and self.draw.random() < 0.3:
            at = self.draw.randrange(len(value))
            return value[:at] + self.draw.choice("0fz/ ") + value[at + 1 :]
        other = self.draw.choice(VALUES)
        return self._named(other) if isinstance(other, str) else other

    def _named(self, text: str) -> str:
        return text.replace("{outside}", self.outside)
