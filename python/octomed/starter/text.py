"""A starter recipe as text: every key that a first run needs, with a comment on what it does."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from octomed.names import shown
from octomed.starter.guess import COMPLETE
from octomed.starter.lengths import beyond, spread_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from octomed.starter.draft import Looked
    from octomed.starter.lengths import Lengths

_PLAIN = re.compile(r"[A-Za-z_/][\w/.~-]*(?: [\w/.-]+)*")
_AMBIGUOUS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan"})
_AT = 44
"""Column in which comments begin, where the line leaves room."""

Line = tuple[str, str]


def scalar(value: Any) -> str:  # noqa: ANN401 any YAML value
    """Return a value as YAML writes it, in one line.

    Examples
    --------
    >>> scalar("data/a.jsonl"), scalar("*.parquet"), scalar({"preset": "llava", "image_root": "a b"})
    ('data/a.jsonl', '"*.parquet"', '{preset: llava, image_root: a b}')
    """
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _AMBIGUOUS
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {scalar(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(scalar, value)) + "]"
    return json.dumps(value)


def recipe_text(  # noqa: PLR0913 what a recipe is made of
    name: str,
    model: Line,
    sources: Sequence[Looked],
    evaluation: Sequence[Looked],
    *,
    lengths: Lengths,
    capacity: int,
    buckets: Sequence[int],
    has_images: bool,
) -> str:
    """Return the recipe.

    Parameters
    ----------
    name
        Of the run.
    model
        The model, and what is said of it.
    sources, evaluation
        What is learned, and what is compared with.
    lengths, capacity, buckets
        What was seen, and what follows.
    has_images
        Whether rows show pictures that the model takes.
    """
    lines: list[Line] = [
        (
            "# Written by `octomed init` from the first rows: read it, then `octomed plan` and `pack` it.",
            "",
        ),
        ("# `octomed explain KEY` says what a key does, and docs/recipe.md has all of them.", ""),
        ("version: 1", ""),
        (f"name: {scalar(name)}", "of the run; changing it scans nothing"),
        (f"model: {scalar(model[0])}", model[1]),
        ('# system: "You are a careful physician."', "for rows without a system message of their own"),
        ("", ""),
        ("sources:", "datasets; of two duplicates the first in this order stays"),
    ]
    for one in sources:
        lines += _source(one, group="images" if one.has_images else "text")
    if has_images:
        lines += [("", ""), *_IMAGES]
    lines += [("", ""), *_curate(evaluation), ("", ""), *_ending(name, lengths, capacity, buckets)]
    return "".join(f"{_laid(*line)}\n" for line in lines)


_IMAGES: tuple[Line, ...] = (
    ("images:", ""),
    ("  max_pixels: 262144", "most pixels that the model sees of an image: 512 by 512; more cost tokens"),
    ("  # metadata: strip", "EXIF, XMP and texts of images stay out: they may say whom an image shows"),
)


def _source(one: Looked, group: str) -> Iterator[Line]:
    values = one.values
    yield f"  - name: {scalar(one.name)}", one.named.said_by and f"from {one.named.said_by}"
    yield f"    path: {scalar(values['path'])}", "a file, folder, glob, address, or a list of these"
    if "rows" in values:
        yield f"    rows: {scalar(values['rows'])}", "the key of the file's object that holds the rows"
    if "split" in values:
        yield f"    split: {scalar(values['split'])}", "`[train, validation]` or `all` reads others, too"
    yield from _format(values["format"], one.found)
    yield f"    group: {group}", "what `mix` counts it in"
    yield "    # teacher: MODEL", "who wrote the responses; a note"


def _format(row_format: Any, found: str) -> Iterator[Line]:  # noqa: ANN401 any YAML value
    """Yield the row format: a mapping that has to be looked at has a line for each key."""
    if isinstance(row_format, str) or "preset" in row_format or "messages" in row_format:
        yield f"    format: {scalar(row_format)}", found
        return
    yield "    format:", f"which column holds what; {found}"
    for key, value in row_format.items():
        to_do = COMPLETE in str(value)
        yield (
            f"      {key}: {scalar(value)}",
            f"name the column: {_ABOUT[key]}" if to_do else _ABOUT.get(key, ""),
        )


_ABOUT = {
    "question": "what is asked",
    "response": "what the model learns to say",
    "reasoning": "is put before the response, in <think> tags",
    "options": "the options, below the question",
    "system": "wins over `system` above",
    "images": "bytes, paths or data URLs",
    "image_root": "the folder, zip or tar below which the images' paths lie",
    "history": "earlier turns",
}


def _curate(evaluation: Sequence[Looked]) -> Iterator[Line]:
    yield "curate:", ""
    yield "  duplicates: {exact: true}", "a trace that equals an earlier one is left out"
    yield "  over_long: reject", "a trace longer than the capacity is left out, never cut"
    yield "  # accept: {answer: match}", "only responses whose final answer is the right one"
    yield "  # identifying: {action: reject}", "e-mail, telephone, national id, record number, date of birth"
    if evaluation:
        sets = [{"path": one.values["path"], "format": one.values["format"]} for one in evaluation]
        yield "  decontaminate:", "questions of these evaluation sets are left out"
        yield "    against:", ""
        for one, values in zip(evaluation, sets, strict=True):
            yield f"      - {scalar(values)}", one.found
        return
    yield "  # decontaminate:", "questions of the benchmarks that you evaluate on are left out:"
    yield '  #   against: ["benchmarks/*.jsonl"]', "files of MedQA, MedMCQA, MMLU, … or of your own"
    yield "  #   ngram: 16", "words in a row that tell a question"


def _ending(name: str, lengths: Lengths, capacity: int, buckets: Sequence[int]) -> Iterator[Line]:
    over = beyond(lengths.tokens, capacity)
    more = f"; {over:,} of them are longer than the capacity" if over else ""
    yield "pack:", f"{spread_in_words(lengths)}{more}"
    yield f"  capacity: {capacity}", "tokens that a pack holds: no more than the training takes"
    yield f"  buckets: {scalar(list(buckets))}", "inner edges of lengths; each bucket is a stream"
    yield "  seed: 17", ""
    yield "", ""
    yield f"output: {{path: {scalar(f'runs/{name}')}}}", "a folder, or an address (s3://, gs://, az://)"
    yield "work: {path: .octomed}", "tokenized blocks, which later runs use again"
    yield "# validation: {share: 0.005}", "a stream of questions that no training sees"


def _laid(text: str, comment: str) -> str:
    if not comment:
        return text
    return f"{text}{' ' * max(1, _AT - len(text))}# {shown(comment)}"
