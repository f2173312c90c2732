"""Lines of the file of samples: what is kept of a question, and of each sample of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.distill.requests import kind_of

if TYPE_CHECKING:
    from octomed.distill.question import Question
    from octomed.distill.replies import Reply, Sampled

IMAGES = "images"
"""The folder of images beside the file of samples."""

_PLACEHOLDER = "<image>"


class NotAsked(Exception):
    """A conversation that cannot be asked as a question.

    Parameters
    ----------
    detail
        Why.
    """


def question_of(question: Question) -> dict[str, Any]:
    """Return what lines of samples say of their question, in the columns of the row format `distilled`.

    Raises
    ------
    NotAsked
        When a conversation is none of questions and answers that ends in a question.
    """
    row = question.row_values
    asked, history = _conversation(row.turns) if row.is_conversation else (row.question, row.history)
    found: dict[str, Any] = {"question": asked}
    if row.options:
        found["options"] = dict(row.options)
    if row.answer is not None:
        found["answer"] = row.answer
    if history:
        found["history"] = [list(pair) for pair in history]
    if row.images:
        found["images"] = [image_name(hash_, image) for hash_, image in row.images]
    return {
        **found,
        "question_id": str(row.question_id),
        "source": question.source,
        "file": question.file,
        "row": question.row,
    }


def image_name(content_hash: int, image: bytes) -> str:
    """Return the name under which an image is kept: its hash, and an ending for what it is."""
    return f"{content_hash:016x}.{kind_of(image)}"


def sample_lines(
    question: dict[str, Any],
    asked: dict[str, Any],
    reply: Reply,
    samples: list[tuple[int, Sampled]],
    seconds: float,
) -> list[dict[str, Any]]:
    """Return the lines of samples that came with one reply.

    Parameters
    ----------
    question
        What the lines say of their question.
    asked
        `key` and `teacher` of what was asked.
    reply
        The reply; the first line has what it took.
    samples
        The number of each sample among those of its question, and the sample.
    seconds
        From the request to its reply.
    """
    usage = {"asked": reply.usage.asked, "answered": reply.usage.answered}
    return [
        {
            "key": asked["key"],
            "sample": number,
            **question,
            "response": sample.response,
            **({} if sample.reasoning is None else {"reasoning": sample.reasoning}),
            "finish_reason": sample.finish_reason,
            "teacher": asked["teacher"],
            "model": reply.model,
            "usage": usage if place == 0 else None,
            "seconds": round(seconds, 3),
        }
        for place, (number, sample) in enumerate(samples)
    ]


def _conversation(turns: list[tuple[str, list[str | int]]]) -> tuple[str, list[list[str]]]:
    """Return the last question of a conversation, and the questions and answers before it."""
    spoken = [(role, _text(parts)) for role, parts in turns if role != "system"]
    roles = [role for role, _ in spoken]
    if not spoken or roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise NotAsked("its turns are not questions and answers that end in a question")
    texts = [text for _, text in spoken]
    return texts[-1], [list(pair) for pair in zip(texts[:-1:2], texts[1:-1:2], strict=True)]


def _text(parts: list[str | int]) -> str:
    if any(isinstance(part, str) and _PLACEHOLDER in part for part in parts):
        raise NotAsked(f"its text has `{_PLACEHOLDER}`, which is no image there")
    return "".join(part if isinstance(part, str) else _PLACEHOLDER for part in parts)
