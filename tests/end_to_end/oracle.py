"""What a run should hold, worked out slowly: ChatML by hand, ids and offsets of the `tokenizers` package."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizers import Tokenizer

DEFAULT_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
START, END = "<|im_start|>", "<|im_end|>"


@dataclass(frozen=True)
class Piece:
    """Text of a rendering: `control` is a token of the template's, `learned` is supervised."""

    text: str
    control: bool = False
    learned: bool = False


def render(messages: list[dict[str, str]], system: str | None) -> tuple[Piece, ...]:
    """Qwen2.5's template without tools; every assistant turn is learned, its end included."""
    messages = list(messages)
    if messages[0]["role"] != "system":
        content = DEFAULT_SYSTEM if system is None else system
        messages = [{"role": "system", "content": content}, *messages]
    pieces = []
    for message in messages:
        learned = message["role"] == "assistant"
        pieces += [
            Piece(START, control=True),
            Piece(message["role"] + "\n"),
            Piece(message["content"], learned=learned),
            Piece(END, control=True, learned=learned),
            Piece("\n"),
        ]
    return tuple(pieces)


def encode(tokenizer: Tokenizer, pieces: tuple[Piece, ...]) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids of the whole rendering, and its supervised tokens as half-open spans."""
    ids: list[int] = []
    learned: list[bool] = []
    stretch: list[Piece] = []

    def close() -> None:
        encoded = tokenizer.encode("".join(piece.text for piece in stretch), add_special_tokens=False)
        inside = [piece.learned for piece in stretch for _ in piece.text]
        ids.extend(encoded.ids)
        learned.extend(all(inside[begin:end]) for begin, end in encoded.offsets)
        stretch.clear()

    for piece in pieces:
        if piece.control:
            close()
            ids.append(tokenizer.token_to_id(piece.text))
            learned.append(piece.learned)
        else:
            stretch.append(piece)
    close()
    edges = [number for number in range(len(ids) + 1) if _at(learned, number - 1) != _at(learned, number)]
    return ids, list(zip(edges[::2], edges[1::2], strict=True))


def _at(values: list[bool], number: int) -> bool:
    return 0 <= number < len(values) and values[number]


def asked(row: dict[str, Any]) -> str:
    """The user's turn of a question with options; own labels of all options are cut."""
    options = row.get("options") or []
    letters = "ABCDEFGH"[: len(options)]
    if all(option.startswith(f"{letter}) ") for letter, option in zip(letters, options, strict=True)):
        options = [option[3:] for option in options]
    return "".join(
        [row["question"], *(f"\n{letter}. {text}" for letter, text in zip(letters, options, strict=True))]
    )


def refusal(row: dict[str, Any]) -> str | None:
    """The reason why a row gives no trace: an answer to nothing."""
    turns = row.get("messages", [])
    blank = [one["content"] for one, two in itertools.pairwise(turns) if two["role"] == "assistant"]
    asked_for = blank if turns else [row["question"]]
    return None if all(text.strip() for text in asked_for) else "empty_question"


def split(text: str) -> tuple[str, str] | None:
    """Reasoning and the rest of a text that begins with it in marks."""
    text = text.lstrip()
    if not text.startswith("<think>"):
        return None
    own, _, rest = text.removeprefix("<think>").partition("</think>")
    return own, rest


def join(reasoning: str, response: str) -> str | None:
    """Reasoning and response as one text; `None` where the response begins with other reasoning."""
    marked = split(reasoning)
    if marked is not None and not marked[1].strip():
        reasoning = marked[0]
    elif reasoning.rstrip().endswith("</think>") and "<think>" not in reasoning:
        reasoning = reasoning.rstrip().removesuffix("</think>")
    thought = reasoning.strip("\n")
    if not thought.strip():
        return response
    found = split(response)
    before, end, after = response.partition("</think>")
    if found is not None:
        if found[0].strip():
            return response if found[0].strip() == thought.strip() else None
        response = found[1]
    elif end and before.strip() == thought.strip():
        response = after
    elif end and after.startswith("\n") and "<think>" not in before:
        return None
    return f"<think>\n{thought}\n</think>\n\n{response.lstrip(chr(10))}"


def conversations(row: dict[str, Any]) -> Iterator[list[dict[str, str]] | str]:
    """The messages of each trace of a row, or the reason why there is none."""
    if "messages" in row:
        answers = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
        yield "empty_response" if any(not answer.strip() for answer in answers) else row["messages"]
        return
    for response in row["responses"]:
        text = join(row.get("reasoning") or "", response)
        if not response.strip():
            yield "empty_response"
        elif text is None:
            yield "two_reasonings"
        else:
            yield [{"role": "user", "content": asked(row)}, {"role": "assistant", "content": text}]


@dataclass
class Expected:
    """Kept traces (ids, spans) and rejects (reason) by (source, file, row, sample)."""

    kept: dict[tuple[str, str, int, int], tuple[list[int], list[tuple[int, int]]]]
    rejected: dict[tuple[str, str, int, int | None], str]


def expect(
    tokenizer: Tokenizer, files: list[tuple[str, str, list[Any]]], *, capacity: int, system: str | None
) -> Expected:
    """Work out a run over (source, file, rows) in source order; a text for a row is its refusal's reason."""
    found = Expected({}, {})
    seen: set[Any] = set()
    for source, file, rows in files:
        for number, row in enumerate(rows):
            refused = row if isinstance(row, str) else refusal(row)
            if refused is not None:
                found.rejected[source, file, number, None] = refused
                continue
            for sample, turns in enumerate(conversations(row)):
                place = (source, file, number, sample)
                if isinstance(turns, str):
                    found.rejected[place] = turns
                    continue
                pieces = render(turns, row.get("system") or system)
                ids, spans = encode(tokenizer, pieces)
                joined = tuple((piece.control, piece.learned, piece.text) for piece in pieces if piece.text)
                if len(ids) > capacity:
                    found.rejected[place] = "over_long"
                elif joined in seen:
                    found.rejected[place] = "duplicate"
                else:
                    seen.add(joined)
                    found.kept[place] = (ids, spans)
    return found
