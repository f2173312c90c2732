"""A mapping for rows of no known format, guessed from names and kinds of columns, to be completed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from octomed.starter.columns import TURNS_WITH_IMAGES, is_picture, pictures_in_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from octomed.starter.columns import Column

COMPLETE = "COMPLETE_ME"
"""Stands for the column that nobody but the user knows."""

_WORDS: dict[str, tuple[str, ...]] = {
    "response": (
        "response",
        "output",
        "completion",
        "answer",
        "solution",
        "reply",
        "target",
        "label",
        "assistant",
        "text",
    ),
    "question": ("question", "query", "prompt", "instruction", "problem", "input", "user", "q"),
    "reasoning": ("reasoning", "cot", "thinking", "thought", "thoughts", "rationale", "explanation"),
    "options": ("options", "choices"),
    "system": ("system",),
}
"""Words of names, the surest first."""
_KINDS = {"options": ("object", "list of texts", "list of objects", "text")}
_ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
_CONTENT_KEYS = ("content", "value", "text", "message", "utterance")
_ROLES = {
    "human": "user",
    "user": "user",
    "patient": "user",
    "question": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "bot": "assistant",
    "doctor": "assistant",
    "model": "assistant",
    "answer": "assistant",
    "system": "system",
    "tool": "tool",
    "observation": "tool",
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def guessed_mapping(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a mapping of columns, with :data:`COMPLETE` for what no name tells.

    Parameters
    ----------
    columns
        Of the first rows.
    rows
        Those rows.
    """
    images = [column.name for column in columns if column.kind in {"image", "list of images"}]
    beside = {"images": images[0] if len(images) == 1 else images} if images else {}
    messages = _messages(columns, rows)
    if messages is not None:
        return {"messages": messages} | beside
    taken: dict[str, str] = {}
    for key, words in _WORDS.items():
        name = _best(columns, words, _KINDS.get(key, ("text",)), but=taken.values())
        if name is not None:
            taken[key] = name
    mapping = {key: taken.get(key, COMPLETE) for key in ("question", "response")}
    return mapping | {key: taken[key] for key in ("reasoning", "options", "system") if key in taken} | beside


def _best(columns: Sequence[Column], words: tuple[str, ...], kinds: tuple[str, ...], but: Any) -> str | None:  # noqa: ANN401 names
    """Return the column whose name has the surest of some words; none where two have the same."""
    for word in words:
        named = [
            column.name
            for column in columns
            if column.kind in kinds and column.name not in but and word in _words_of(column.name)
        ]
        if named:
            exact = [name for name in named if name.lower() == word]
            return exact[0] if exact else min(named, key=len)
    return None


def _words_of(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}


def _messages(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the mapping of a column of chat messages, if there is one."""
    for column in columns:
        turns = (
            list(_turns(column.name, rows)) if column.kind in {"list of objects", TURNS_WITH_IMAGES} else []
        )
        keys = set(turns[0]) if turns else set()
        role = next((key for key in _ROLE_KEYS if key in keys), None)
        content = next((key for key in _CONTENT_KEYS if key in keys), None)
        if role is None or content is None:
            continue
        said = sorted({str(turn.get(role)) for turn in turns})
        roles = {name: _ROLES.get(name.lower(), COMPLETE) for name in said if name not in _STANDARD}
        found: dict[str, Any] = {"column": column.name, "role": role, "content": content}
        return found | ({"roles": roles} if roles else {})
    return None


_STANDARD = frozenset({"system", "user", "assistant", "tool", "developer"})


def _turns(name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        turns = row.get(name)
        if isinstance(turns, list):
            yield from (turn for turn in turns if isinstance(turn, dict))


def paths_of_images(mapping: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the paths of images that rows name, in columns that a mapping reads or in parts of turns."""
    messages = mapping.get("messages")
    column = messages.get("column") if isinstance(messages, dict) else messages
    named = [(name, row.get(name)) for name in _named(mapping.get("images")) for row in rows]
    turns = [row.get(name) for name in _named(column) for row in rows]
    named += [("image", picture) for one in turns for picture in pictures_in_turns(one)]
    paths: list[str] = []
    for name, value in named:
        for one in value if isinstance(value, list) else [value]:
            path = one.get("path") if isinstance(one, dict) and not one.get("bytes") else one
            paths += [path] if isinstance(path, str) and _is_path(name, path) else []
    return paths


def _named(part: Any) -> list[str]:  # noqa: ANN401 any YAML value
    """Return the columns that a part of a mapping names."""
    if isinstance(part, dict):
        return list(part.get("any_of", ()))
    if isinstance(part, str):
        return [part]
    return [name for one in part or () for name in _named(one)]


def _is_path(name: str, value: str) -> bool:
    return "://" not in value and not value.startswith("data:") and is_picture(name, value)
