"""What a stored result depends on is in its key or compared: a run on another's store is as on a fresh one.

Every key of the recipe has a case, found in its schema: a key without one fails.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args, get_origin

import numpy as np
import pytest
from octomed.recipe.curate import Curate
from octomed.recipe.filters import Filters
from octomed.recipe.formats import AnyOf, Mapping, Messages
from octomed.recipe.schema import Recipe
from octomed.recipe.stores import StoreEntry
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel

from . import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LEFT_OUT = object()
"""Stands for a key that is not written."""


@dataclass(frozen=True)
class Case:
    """A key with two values, and what else the recipe holds so that the change matters."""

    before: Any
    after: Any
    others: dict[str, Any] = field(default_factory=dict)
    same_shards: str | None = None
    """Why the key changes no shard, if so."""


QA = {"question": "q", "response": "r"}
"""A mapping of the columns that `rows_with_all` makes."""
PATH, FORMAT = "sources.0.path", "sources.0.format"
CHAT = {"messages": "chat"}
ONE_FILE = {PATH: "all.jsonl", FORMAT: QA}
BROKEN = {PATH: "broken", FORMAT: QA}
"""A folder with a file that cannot be read to its end, and one of which a row cannot be read."""

NOTE = "a note of the recipe"
SHOWN = {"question": "q", "response": "r", "images": "images", "image_root": "pixels"}
IMAGES = {
    "model": "sees",
    "template": "qwen2.5-vl",
    PATH: "shown.jsonl",
    FORMAT: SHOWN,
    "sources.0.max_unreadable": 1.0,
    "pack.buckets": [],
}
"""Rows of images, of which some are refused by one value of a key and taken by the other."""
CURATED = {
    PATH: "curated.jsonl",
    FORMAT: {"question": "q", "options": "o", "answer": "a", "responses": "rs", "finish_reason": "why"},
    "sources.0.max_unreadable": 1.0,
    "curate.duplicates.exact": False,
}
"""Rows with responses of every kind that a filter leaves out."""
FREE = CURATED | {PATH: "free.jsonl", FORMAT: {"question": "q", "answer": "a", "responses": "rs"}}
"""Rows whose right answer is free text."""
NEAR = {
    PATH: "near.jsonl",
    FORMAT: QA,
    "curate.duplicates.exact": False,
    "curate.duplicates.near.action": "drop",
}
"""Responses of which some repeat another question's but for a word, or in another order."""
RATED = {PATH: "rated.jsonl", FORMAT: "octomed", "curate.duplicates.exact": False}
"""Questions of two answers and four levels, of which none to all of four responses are right."""
HELD = ONE_FILE | {
    "curate.decontaminate.against": [{"path": "held.jsonl", "format": {"question": "q"}}],
    "curate.decontaminate.ngram": 2,
}
"""An evaluation set that has words of a few rows."""
HELD_IMAGES = IMAGES | {
    "curate.decontaminate.against": [
        {"path": "held-images.jsonl", "format": {"question": "q", "images": "images", "image_root": "pixels"}}
    ],
    "curate.decontaminate.allow_loss": {"one": 0.9},
}
RESIZED = IMAGES | {"images.store": "resized", "images.max_pixels": 12_544}
CASES: dict[str, Case] = {
    "version": Case(1, LEFT_OUT, same_shards="there is one version"),
    "name": Case("one", "two", same_shards="the run's name"),
    "model": Case("model", "model-b"),
    "template": Case("a.jinja", "b.jinja"),
    "system": Case("Think.", "Do not think."),
    "prompt": Case("{{ question }}", "{{ question }}!"),
    "supervise": Case("all", "last", {PATH: "all.jsonl", FORMAT: CHAT}),
    "sources.name": Case("one", "two"),
    "sources.path": Case("all.jsonl", "more.jsonl"),
    "sources.format": Case(QA, CHAT),
    "sources.split": Case("train", ["train", "test"], {PATH: "splits", FORMAT: QA}),
    "sources.rows": Case("first", "second", {PATH: "document.json", FORMAT: QA}),
    "sources.group": Case("a", "b", same_shards="no mix counts it"),
    "sources.teacher": Case("a", "b", same_shards=NOTE),
    "sources.license": Case("mit", "cc-by-4.0", same_shards=NOTE),
    "sources.citation": Case("@book{a}", "@book{b}", same_shards=NOTE),
    "sources.on_bad_file": Case("skip", "error", BROKEN | {"sources.0.max_unreadable": 0.9}),
    "sources.max_unreadable": Case(0.9, 0.0, BROKEN | {"sources.0.on_bad_file": "skip"}),
    "sources.csv.delimiter": Case(",", ";", {PATH: "table.csv", FORMAT: {"question": "q", "response": "r"}}),
    "sources.csv.quote": Case('"', None, {PATH: "table.csv", FORMAT: QA}),
    "sources.csv.escape": Case(
        None, "\\", {PATH: "escaped.csv", FORMAT: QA, "sources.0.max_unreadable": 1.0}
    ),
    "sources.format.id": Case(
        "id", LEFT_OUT, ONE_FILE | {"curate.duplicates.exact": False}, same_shards="it names rows"
    ),
    "sources.format.question": Case("q", ["q", "q2"]),
    "sources.format.options": Case("o", "o2"),
    "sources.format.answer": Case("a", "a2", {"prompt": None}, same_shards="answers are not learned yet"),
    "sources.format.answer_is": Case(
        "text", "label", {"sources.0.format.answer": "a"}, same_shards="no rule compares answers"
    ),
    "sources.format.answer_until": Case(
        ".", "!", {"sources.0.format.answer": "a"}, same_shards="no rule compares answers"
    ),
    "sources.format.finish_reason": Case("a", "a2", same_shards="no rule asks why a response ended"),
    "sources.format.history": Case("h", LEFT_OUT),
    "sources.format.response": Case("r", "r2"),
    "sources.format.responses": Case("rs", "rs2", {FORMAT: {"question": "q"}}),
    "sources.format.reasoning": Case("t", LEFT_OUT),
    "sources.format.messages": Case("chat", "chat2", {FORMAT: {}}),
    "sources.format.messages.column": Case("chat", "chat2", {FORMAT: {}}),
    "sources.format.messages.context": Case("q", "q2", {FORMAT: {"messages": {"column": "r"}}}),
    "sources.format.messages.role": Case("role", "who", {FORMAT: {"messages": {"column": "named"}}}),
    "sources.format.messages.content": Case("content", "text", {FORMAT: {"messages": {"column": "named"}}}),
    "sources.format.messages.roles": Case(
        {"doctor": "assistant", "patient": "user"},
        {"doctor": "user", "patient": "assistant"},
        {FORMAT: {"messages": {"column": "called"}}},
    ),
    "sources.format.system": Case("s", LEFT_OUT),
    "sources.format.image_columns": Case(
        [], LEFT_OUT, {PATH: "pictures.jsonl", FORMAT: QA, "sources.0.max_unreadable": 0.9}
    ),
    "sources.format.images": Case(
        {"any_of": ["images"], "optional": True},
        {"any_of": ["others"], "optional": True},
        IMAGES | {PATH: "halves.jsonl"},
    ),
    "sources.format.image_root": Case("pixels", "pixels-b", IMAGES),
    "sources.format.preset": Case(
        "alpaca", "ms-swift", same_shards="the mapping around it names all columns that the rows have"
    ),
    "sources.format.unused": Case(
        ["q2"], ["q2", "r2"], same_shards="check alone says which columns are unread"
    ),
    "sources.format.*.any_of": Case({"any_of": ["q", "q2"]}, {"any_of": ["q2", "q"]}),
    "sources.format.*.optional": Case(
        {"any_of": ["none"], "optional": True}, {"any_of": ["none"], "optional": False}
    ),
    "curate.duplicates.exact": Case(True, False, {PATH: "twice.jsonl", FORMAT: QA}),
    "curate.duplicates.images": Case("off", "report", IMAGES, same_shards="a report"),
    "curate.duplicates.near": Case({"action": "drop"}, LEFT_OUT, {PATH: "near.jsonl", FORMAT: QA}),
    "curate.duplicates.near.action": Case("report", "drop", NEAR),
    "curate.duplicates.near.ngram": Case(5, 1, NEAR),
    "curate.duplicates.near.bands": Case(20, 1, NEAR),
    "curate.duplicates.near.rows": Case(6, 64, NEAR),
    "curate.duplicates.near.threshold": Case(0.8, 0.99, NEAR),
    "curate.duplicates.near.scope": Case("all", "question", NEAR),
    "curate.duplicates.near.keep": Case("first", "longest", NEAR),
    "curate.accept.answer": Case("match", "present", CURATED),
    "curate.accept.match": Case("exact", "contains", FREE),
    "curate.accept.match.token_f1": Case(0.9, 0.3, FREE),
    "curate.accept.format": Case(["think"], ["boxed"], CURATED | {"curate.accept.answer": "off"}),
    "curate.keep.column": Case("yes", "no", CURATED | {"curate.keep.is": True}),
    "curate.keep.is": Case(True, False, CURATED | {"curate.keep.column": "yes"}),
    "curate.where": Case({"level": [0, 3]}, {"level": [2, 9], "loop_words": [0, 20]}, CURATED),
    "curate.length.reasoning_words": Case([0, 30], [5, 40], CURATED),
    "curate.length.response_words": Case([6, 40], [0, 30], CURATED),
    "curate.repetition.ngram": Case(3, 60, CURATED | {"curate.repetition.max_ngram_share": 0.1}),
    "curate.repetition.max_ngram_share": Case(0.05, 0.9, CURATED | {"curate.repetition.ngram": 3}),
    "curate.repetition.max_line_share": Case(0.9, 0.1, CURATED),
    "curate.repetition.max_loop_words": Case(4, 400, CURATED),
    "curate.unfinished": Case("reject", "off", CURATED),
    "curate.refusals": Case("off", "reject", CURATED),
    "curate.empty_reasoning": Case("reject", "off", CURATED),
    "curate.markup": Case("off", "reject", CURATED),
    "curate.language.script": Case("latin", "cyrillic", CURATED | {"curate.language.min_share": 0.5}),
    "curate.language.min_share": Case(0.9, 0.0, CURATED | {"curate.language.script": "latin"}),
    "curate.identifying.kinds": Case(["email"], ["phone"], CURATED),
    "curate.identifying.action": Case("mask", "reject", CURATED | {"curate.identifying.kinds": ["email"]}),
    "curate.groups": Case(
        {"a": {"unfinished": "reject"}}, {"a": {"accept": {}}}, CURATED | {"sources.0.group": "a"}
    ),
    "sources.curate": Case(
        {"accept": "off"},
        {"unfinished": "off"},
        CURATED | {"curate.accept": {}, "curate.unfinished": "reject"},
    ),
    "curate.exclude": Case("third.txt", "fourth.txt"),
    "curate.pass_rate": Case([0.0, 0.5], [0.5, 1.0], RATED),
    "curate.pass_rate.range": Case(
        [0.0, 0.5], [0.5, 1.0], RATED | {"curate.pass_rate.from": "student.jsonl"}
    ),
    "curate.pass_rate.from": Case(
        "student.jsonl", "rated.jsonl", RATED | {"curate.pass_rate.range": [0, 0.5]}
    ),
    "curate.traces_per_question": Case(1, 3, RATED),
    "curate.traces_per_question.keep": Case(1, 2, RATED | {"curate.traces_per_question.by": "random"}),
    "curate.traces_per_question.by": Case("first", "diverse", RATED | {"curate.traces_per_question.keep": 1}),
    "curate.stratify.sources": Case("one", ["one"], RATED, same_shards="a name, or a list of one"),
    "curate.stratify.by": Case(
        "answer", "level", RATED | {"curate.stratify.sources": "one", "curate.stratify.per_class": 1}
    ),
    "curate.stratify.per_class": Case("min", {"yes": 1}, RATED | {"curate.stratify.sources": "one"}),
    "curate.stratify.repeat": Case(
        False, True, RATED | {"curate.stratify.sources": "one", "curate.stratify.per_class": 9}
    ),
    "mix.epochs": Case(0.5, 2.0, {"sources.0.group": "a"}),
    "mix.max_examples": Case(5, 9, {"sources.0.group": "a"}),
    "validation.share": Case(0.2, 0.6),
    "validation.by": Case("question", LEFT_OUT, {"validation.share": 0.3}, same_shards="there is one way"),
    "validation.group": Case("level", LEFT_OUT, RATED | {"validation.share": 0.4}),
    "target": Case("trace", "answer", RATED),
    "curate.decontaminate": Case(
        None, {"against": HELD["curate.decontaminate.against"], "ngram": 2}, ONE_FILE
    ),
    "curate.decontaminate.against": Case(
        HELD["curate.decontaminate.against"], [{"path": "held-b.jsonl", "format": {"question": "q"}}], HELD
    ),
    "curate.decontaminate.against.path": Case("held.jsonl", "held-b.jsonl", HELD),
    "curate.decontaminate.against.format": Case({"question": "q"}, {"question": "q2"}, HELD),
    "curate.decontaminate.against.name": Case("a", "b", HELD, same_shards="it names a set in tables"),
    "curate.decontaminate.ngram": Case(2, 3, HELD),
    "curate.decontaminate.rule": Case("any", {"coverage": 0.9}, HELD),
    "curate.decontaminate.rule.coverage": Case(0.5, 0.9, HELD),
    "curate.decontaminate.templates": Case(
        "ignore",
        "keep",
        HELD
        | {"curate.decontaminate.against": [{"path": "held-template.jsonl", "format": {"question": "q"}}]},
    ),
    "curate.decontaminate.images": Case("off", "pixels", HELD_IMAGES),
    "curate.decontaminate.near_images": Case("report", "drop", HELD_IMAGES),
    "curate.decontaminate.allow_loss": Case(
        {"one": 0.9},
        LEFT_OUT,
        HELD | {"curate.decontaminate.against": [{"path": "held-many.jsonl", "format": {"question": "q"}}]},
    ),
    "curate.over_long": Case("reject", "error", {PATH: "long.jsonl", FORMAT: QA}),
    "pack.capacity": Case(512, 1024),
    "pack.buckets": Case([50], [1000]),
    "pack.seed": Case(1, 2),
    "pack.traces_per_image": Case(1, 8, IMAGES),
    "pack.max_patches": Case(None, 600, IMAGES),
    "sources.images.store": Case("original", "resized", IMAGES | {"images.max_pixels": 12_544}),
    "images.min_pixels": Case(3136, 100_352, IMAGES),
    "images.max_pixels": Case(262_144, 12_544, IMAGES),
    "images.verify": Case("decode", "header", IMAGES),
    "images.store": Case("original", "resized", IMAGES | {"images.max_pixels": 12_544}),
    "images.codec": Case("webp", "png", RESIZED),
    "images.alpha": Case("drop", "white", RESIZED),
    "images.gray16": Case("reject", "window", IMAGES),
    "images.max_source_pixels": Case(100_000_000, 25_000, IMAGES),
    "images.metadata": Case("keep", "strip", IMAGES),
    "images.outside_root": Case("refuse", "allow", IMAGES),
    "images.urls": Case("refuse", "fetch", IMAGES | {PATH: "web.jsonl"}),
    "report": Case({"samples": False}, LEFT_OUT, same_shards="what `octomed report` shows"),
    "report.samples": Case(True, False, same_shards="what `octomed report` shows"),
    "report.write": Case(True, False, same_shards="what is written beside the run's files"),
    "output.path": Case("out", "elsewhere", same_shards="where the output lies"),
    "output.compression": Case("zstd:1", None),
    "output.hashes": Case(["xxh3_64"], ["sha1"]),
    "output.shard_size": Case(4096, 20_000),
    "output.mode": Case("owner", "group"),
    "output.copies": Case(LEFT_OUT, "copy", same_shards="where else the output lies"),
    "work.path": Case("store", "store-b", same_shards="where the store lies"),
    "work.scratch": Case(LEFT_OUT, "scratch", same_shards="what is on its way to a store"),
    "work.max_size": Case("1kB", "50GB", same_shards="what is left of the store"),
    "work.keep": Case(True, False, same_shards="what is left of the store"),
    "work.mode": Case("owner", "group", same_shards="who may read the store"),
    "stores": Case(
        LEFT_OUT,
        [{"prefix": "s3://bucket", "region": "eu-west-1", "requester_pays": True, "attempts": 3}],
        same_shards="how stores are reached",
    ),
}
AT = {
    "sources.format.*.any_of": "sources.format.question",
    "sources.format.*.optional": "sources.format.id",
    "mix.epochs": "mix.a.epochs",
    "mix.max_examples": "mix.a.max_examples",
    "curate.decontaminate.against.path": "curate.decontaminate.against.0.path",
    "curate.decontaminate.against.format": "curate.decontaminate.against.0.format",
    "curate.decontaminate.against.name": "curate.decontaminate.against.0.name",
}
COVERED_BY_THE_WHOLE = {f"stores.{name}" for name in StoreEntry.model_fields}
"""Keys that say how a store is reached: no key of content and no shard knows one."""

COVERED_BY_THEIR_PARTS = {
    "sources",
    "sources.csv",
    "sources.images",
    "curate",
    "curate.duplicates",
    "curate.accept",
    "curate.keep",
    "curate.length",
    "curate.repetition",
    "curate.language",
    "curate.identifying",
    "curate.stratify",
    "mix",
    "validation",
    "pack",
    "output",
    "work",
    "images",
}


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of the schema that may be written, those of the unions of a row format too."""
    for name, field_ in model.model_fields.items():
        if field_.exclude:
            continue
        way = f"{prefix}{field_.alias or name}"
        yield way
        for part in parts_of(field_.annotation):
            if part is not Curate and issubclass(part, Filters):
                continue  # the keys of `curate`, resolved in one place
            if part is AnyOf:
                yield from keys_of(AnyOf, "sources.format.*.")
            else:
                yield from keys_of(part, f"{way}.")


def parts_of(annotation: Any) -> list[type[BaseModel]]:
    """The models inside an annotation, however deep."""
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        return [annotation]
    return [part for inner in get_args(annotation) for part in parts_of(inner)]


KEYS = list(dict.fromkeys(keys_of(Recipe)))


def test_the_schema_was_walked_to_its_leaves():
    assert {"model", "sources.csv.quote", "output.shard_size", "work.keep"} <= set(KEYS)
    assert {f"sources.format.{name}" for name in Mapping.model_fields} <= set(KEYS)
    assert {f"sources.format.messages.{name}" for name in Messages.model_fields} <= set(KEYS)
    assert "sources.format.*.optional" in KEYS


def rows_with_all(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Rows in which every column of the cases has a value of its own."""
    return [
        {
            "id": f"row {number}",
            "q": f"{number} why?",
            "q2": f"{number} how?",
            "o": ["yes", "no"],
            "o2": ["left", "right", "both"],
            "a": "yes",
            "a2": "no",
            "h": [["before?", "yes."]],
            "r": f"because {'so ' * (number % 30)}",
            "r2": "for another reason",
            "rs": ["one", "two"],
            "rs2": ["three"],
            "t": "thinking",
            "s": "You are a doctor.",
            "chat": [
                {"role": "user", "content": f"{number}?"},
                {"role": "assistant", "content": "a"},
                {"role": "user", "content": "and?"},
                {"role": "assistant", "content": "b"},
            ],
            "chat2": [{"role": "user", "content": "?"}, {"role": "assistant", "content": f"other {number}"}],
            "named": [
                {"role": "user", "who": "assistant", "content": f"x {number}", "text": "y"},
                {"role": "assistant", "who": "user", "content": "z", "text": f"w {number}"},
            ],
            "called": [
                {"role": "patient", "content": f"ill {number}"},
                {"role": "doctor", "content": "rest"},
                {"role": "patient", "content": "thanks"},
            ],
        }
        for number in range(first, first + count)
    ]


def curated_rows() -> list[dict[str, Any]]:
    """Rows of which each filter leaves out other responses."""
    said = "He was given the drug at noon, and it helped him before the evening came."
    responses = [
        f"<think>{said}</think> <answer>yes</answer>",
        f"<think>{said}</think> <answer>no</answer>",
        f"<think>{said}</think> \\boxed{{yes}}",
        f"<think>{said}</think> I have thought of it.",
        f"<think>{said}",
        "<think>Short.</think> <answer>yes</answer>",
        f"<think>{said} {'more of it, ' * 20}</think> <answer>yes</answer>",
        f"<think>{'We look at it again and again. ' * 4}Well.</think> <answer>yes</answer>",
        f"<think>{said}\n" + "A line.\n" * 6 + "</think> <answer>yes</answer>",
        f"<think>{said}</think> <answer>yes</answer>" + " and so on" * 20,
        "I'm sorry, but I can't help with that request.",
        "<think>\n\n</think>\n<answer>yes</answer>",
        f"<think>{said}</think></think> <answer>yes</answer> <answer>",
        "<think>Больному дали лекарство в полдень, и к вечеру ему стало лучше.</think> <answer>yes</answer>",
        f"<think>{said} Write to ann@example.org.</think> <answer>yes</answer>",
        f"<think>{said} Phone: 212-555-0123.</think> <answer>yes</answer>",
    ]
    why = ["length" if number == 6 else "stop" for number in range(len(responses))]
    return [
        {"q": f"{number}?", "o": ["yes", "no"], "a": "yes", "rs": responses, "why": why, "level": number}
        | {"yes": number % 2 == 0, "no": number % 3 == 0}
        for number in range(6)
    ]


def free_rows() -> list[dict[str, Any]]:
    said = ["Heparin.", "Give heparin at once.", "Low molecular weight heparin", "Aspirin."]
    responses = [f"<think>So.</think> <answer>{one}</answer>" for one in said]
    return [{"q": f"{number}?", "a": "heparin", "rs": responses} for number in range(6)]


def near_rows() -> list[dict[str, Any]]:
    """Responses of eighty words; each again with a word replaced and one more, and once in another order."""
    rows = []
    for number in range(12):
        words = [f"w{number}x{at}" for at in range(80)]
        changed = [*words[:40], "other", *words[41:], "more"]
        turned = [*words[::-1]]
        rows += [
            {"q": f"{number} {kind}?", "r": " ".join(one)}
            for kind, one in (("why", words), ("how", changed), ("when", turned))
        ]
    return rows


def rated_rows(first: int = 0) -> list[dict[str, Any]]:
    """Questions of two answers; `first` moves how many of their responses are right."""
    return [
        {
            "question": f"{number}?",
            "options": ["yes", "no", "maybe"],
            "answer": ["yes", "no", "no"][number % 3],
            "responses": [
                f"{'It is so. ' * (4 - sample)}The answer is "
                + (["yes", "no", "no"][number % 3] if sample < (number + first) % 5 else "maybe")
                for sample in range(4)
            ],
            "level": f"level {number // 3}",
        }
        for number in range(12)
    ]


def write_held(folder: Path) -> None:
    """Evaluation sets with words of the rows that `rows_with_all` makes."""
    held = {
        "held.jsonl": [{"q": "and 3 why?", "q2": "and 5 why?"}],
        "held-b.jsonl": [{"q": "and 4 why?"}],
        "held-many.jsonl": [{"q": f"and {number} why?"} for number in range(20)],
        "held-template.jsonl": [{"q": f"7 why? a{one} b{one} c{one} d{one}"} for one in range(5)],
        "held-images.jsonl": [{"q": "of a picture", "images": ["said.png"]}],
    }
    for name, rows in held.items():
        runs.write_lines(folder / name, rows)


def write_images(folder: Path) -> None:
    """Images that settings tell apart, and rows of them; several rows show the same."""
    draws = np.random.default_rng(1)
    pixels = folder / "pixels"
    pixels.mkdir()
    colours = [Image.fromarray(draws.integers(0, 256, (168, 140, 3), np.uint8)) for _ in range(3)]
    colours[0].save(pixels / "a.png")
    colours[0].save(pixels / "a.bmp")  # the same pixels
    colours[1].save(pixels / "b.jpg", quality=90)
    colours[2].save(folder / "outside.png")
    Image.fromarray(draws.integers(0, 256, (200, 160, 4), np.uint8)).save(pixels / "alpha.png")
    Image.fromarray(draws.integers(0, 2**16, (64, 64), np.uint16)).save(pixels / "gray16.png")
    said = PngInfo()
    said.add_text("Patient", "somebody")
    colours[1].save(pixels / "said.png", pnginfo=said)
    whole = (pixels / "b.jpg").read_bytes()
    (pixels / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    shutil.copytree(pixels, folder / "pixels-b")
    colours[2].save(folder / "pixels-b/a.png")
    names = ["a.png", "a.bmp", "b.jpg", "../outside.png", "alpha.png", "gray16.png", "said.png", "cut.jpg"]
    rows = [row | {"images": [name]} for row, name in zip(rows_with_all(40), names * 5, strict=True)]
    runs.write_lines(folder / "shown.jsonl", rows)
    others = [row | {"others": ["a.png"]} for row in rows_with_all(20, 50)]
    runs.write_lines(folder / "halves.jsonl", [*rows, *others])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    """Inputs of every kind, two models that differ in one id and one that sees, two templates."""
    rows = rows_with_all(40)
    runs.write_lines(tmp_path / "all.jsonl", rows)
    runs.write_lines(tmp_path / "more.jsonl", rows_with_all(40, 40))
    runs.write_lines(tmp_path / "twice.jsonl", rows + rows[:5])
    runs.write_lines(tmp_path / "long.jsonl", [*rows, rows[0] | {"r": "long " * 2000}])
    runs.write_lines(tmp_path / "curated.jsonl", curated_rows())
    runs.write_lines(tmp_path / "free.jsonl", free_rows())
    runs.write_lines(tmp_path / "near.jsonl", near_rows())
    runs.write_lines(tmp_path / "rated.jsonl", rated_rows())
    runs.write_lines(tmp_path / "student.jsonl", rated_rows(2))
    (tmp_path / "third.txt").write_text("one:all.jsonl:3\n")
    (tmp_path / "fourth.txt").write_text("one:all.jsonl:4\n")
    write_held(tmp_path)
    runs.write_lines(tmp_path / "splits/train.jsonl", rows)
    runs.write_lines(tmp_path / "splits/test.jsonl", rows_with_all(9, 100))
    runs.write_lines(tmp_path / "pictures.jsonl", [*rows, *(row | {"image": "x.png"} for row in rows[:9])])
    (tmp_path / "document.json").write_text(json.dumps({"first": rows, "second": rows_with_all(30, 50)}))
    (tmp_path / "table.csv").write_text('q,r,q;r\n"a, b",c\\"d,e;f\n"g","h",i;j\n')
    (tmp_path / "escaped.csv").write_text("q,r\na\\,b,c\nd,e\n")
    runs.write_lines(tmp_path / "broken/a.jsonl", rows)
    with (tmp_path / "broken/a.jsonl").open("a") as file:
        file.write("{\n{\n{\n")
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (tmp_path / "broken/b.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    write_images(tmp_path)
    shown = (tmp_path / "shown.jsonl").read_text().splitlines()
    web = [json.loads(shown[0]) | {"images": ["http://127.0.0.1:9/a.png"]}, *map(json.loads, shown)]
    runs.write_lines(tmp_path / "web.jsonl", web)
    runs.write_model(tmp_path / "model")
    with monkeypatch.context() as patch:
        patch.setattr(
            runs, "CONTROLS", (*runs.CONTROLS, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
        )
        runs.write_model(tmp_path / "sees")
    shutil.copytree(tmp_path / "model", tmp_path / "model-b")
    change_model(tmp_path / "model-b")
    template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
    (tmp_path / "a.jinja").write_text(template)
    (tmp_path / "b.jinja").write_text(template.replace("\n", ": "))
    return tmp_path


def change_model(model: Path) -> None:
    """Swap two ids of a vocabulary."""
    value = json.loads((model / "tokenizer.json").read_text())
    vocabulary = value["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (model / "tokenizer.json").write_text(json.dumps(value))


def base() -> dict[str, Any]:
    return {
        "version": 1,
        "name": "keys",
        "model": "model",
        "template": "qwen2.5",
        "sources": [{"name": "one", "path": "all.jsonl", "format": dict(QA)}],
        "pack": {"capacity": 1024, "buckets": [128], "seed": 3},
        "output": {"path": "out", "shard_size": 8192},
        "work": {"path": "store"},
    }


def put(recipe: dict[str, Any], key: str, value: Any) -> None:
    values: Any = recipe
    *above, last = [int(part) if part.isdecimal() else part for part in key.split(".")]
    for part in above:
        if isinstance(values, list):
            values = values[part]
            continue
        if not isinstance(values.get(part), dict | list):
            values[part] = {}
        values = values[part]
    if value is LEFT_OUT:
        values.pop(last, None)
    else:
        values[last] = copy.deepcopy(value)


def recipes_of(key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two recipes of a case."""
    case = CASES[key]
    way = AT.get(key, key).replace("sources.", "sources.0.", 1)
    recipe = base()
    for other, value in case.others.items():
        put(recipe, other, value)
    if way.startswith("sources.0.format.messages"):
        recipe["sources"][0]["format"].pop("question", None)
    both = copy.deepcopy(recipe), copy.deepcopy(recipe)
    for one, value in zip(both, (case.before, case.after), strict=True):
        put(one, way, value)
    return both


@dataclass(frozen=True)
class Outcome:
    """All that a run leaves and says."""

    code: int
    said: str
    files: dict[str, tuple[str, int]]

    @property
    def shards(self) -> dict[str, tuple[str, int]]:
        return {name: one for name, one in self.files.items() if "/shard." in name}


def packed(
    capsys: Any, folder: Path, recipe: dict[str, Any], output: str, store: str, *options: str
) -> Outcome:
    """Pack on the command line, and return what came of it; places of output and store are taken out."""
    path = folder / "recipe.json"
    path.write_text(json.dumps(recipe))
    capsys.readouterr()
    sets = [f"output.path={output}", f"work.path={store}"]
    arguments = ["pack", str(path), *options, *(word for one in sets for word in ("--set", one))]
    code = runs.command_line(arguments)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("error", "hint"))]
    return Outcome(code, "\n".join(said), left(folder / output, {output: "OUT", store: "STORE"}))


NOT_COMPARED = {".octomed.lock", ".octomed-run.json", "README.md", "report.html"}


def left(output: Path, names: dict[str, str]) -> dict[str, tuple[str, int]]:
    """Digest and mode of every file of an output but the manifest; of `octomed.json` but time and speed."""
    found = {}
    for path in sorted(output.rglob("*")):
        if not path.is_file() or path.name in NOT_COMPARED:
            continue
        data = path.read_bytes()
        if path.name == "octomed.json":
            value = json.loads(data)
            for key in ("digest", "self_digest"):
                value.pop(key, None)
            kept = ("write_key", "inputs", "notes", "model", "recipe_folder", "recipe_file", "files")
            value["recipe"]["output"].pop("copies", None)  # a finished run with one more is the same run
            value["run"] = {key: value["run"].get(key) for key in kept}
            text = json.dumps(value, sort_keys=True)
            for name, word in names.items():
                text = text.replace(f'"{name}"', word)
            data = text.encode()
        found[str(path.relative_to(output))] = (hashlib.sha256(data).hexdigest(), path.stat().st_mode)
    return found


def compared(
    capsys: Any, folder: Path, before: Any, after: Any, change: Callable[[], object] = int
) -> Outcome:
    """Run A, then B on its store, into a new output and over the old; return B alone, which it must be as."""
    first = packed(capsys, folder, before, "out-a", "store-a")
    change()
    alone = packed(capsys, folder, after, "alone", "store-alone")
    beside = packed(capsys, folder, after, "beside", "store-a")
    assert (beside.code, beside.said) == (alone.code, alone.said)
    assert beside.files == alone.files
    over = packed(capsys, folder, after, "out-a", "store-a", "--replace")
    assert (over.code, over.said.replace("out-a", "alone")) == (alone.code, alone.said)
    if alone.code == 0:
        assert over.files == alone.files
    again = packed(capsys, folder, after, "out-a", "store-a")
    if alone.code == 0:
        assert again.code == 0, again.said
        assert again.files == alone.files
    else:
        assert again.code != 0
    assert first.code == 0, first.said
    return alone


@pytest.mark.parametrize(
    "key", [key for key in KEYS if key not in COVERED_BY_THEIR_PARTS | COVERED_BY_THE_WHOLE]
)
def test_a_change_of_a_key_is_seen(capsys, folder, key):
    assert key in CASES, f"no case says what a change of `{key}` changes: add one"
    before, after = recipes_of(key)
    first = packed(capsys, folder, before, "first", "store-first")
    assert first.code == 0, first.said
    alone = compared(capsys, folder, before, after)
    if CASES[key].same_shards is not None:
        assert alone.code == 0, alone.said
        assert alone.shards == first.shards
    else:
        assert (alone.code, alone.files) != (0, first.files), "the two values make no difference"
        others = {"output.mode", "output.hashes", "images.urls"}  # the last rejects for another reason
        assert alone.code != 0 or alone.shards != first.shards or key in others


READS_MEASURES: dict[str, dict[str, Any]] = {
    "a threshold of words": {"curate.length": {"response_words": [6, 40]}},
    "unfinished responses": {"curate.unfinished": "reject"},
    "a condition of what is measured": {"curate.where": {"reasoning_words": [5, 40]}},
    "a condition of a column, whose number a reject says": {"curate.where": {"level": [0, 3]}},
    "accepted answers": {"curate.accept": {"answer": "match"}},
    "near duplicates": {"curate.duplicates.near": {"action": "drop"}, PATH: "near.jsonl", FORMAT: QA},
    "identifying data": {"curate.identifying": {"kinds": ["email"], "action": "report"}},
    "what is learned": {"target": "answer"},
}
"""Rules that read what a scan measures of responses, each by itself."""


@pytest.mark.parametrize("rule", list(READS_MEASURES))
def test_a_store_without_measures_is_none_for_a_rule_that_reads_them(capsys, folder, rule):
    """Decontamination reads questions alone: what it leaves in the store has no measures for others."""
    measuring = base()
    for key, value in (HELD | CURATED | READS_MEASURES[rule]).items():
        put(measuring, key, value)
    plain = copy.deepcopy(measuring)
    for key in READS_MEASURES[rule].keys() - {PATH, FORMAT}:
        put(plain, key, LEFT_OUT)
    compared(capsys, folder, plain, measuring)
    stored = {bool(list(one.glob("*.measures"))) for one in (folder / "store-a/blocks").iterdir()}
    assert stored == {False, True}


def same_time(path: Path, data: bytes) -> None:
    """Write a file again and set its time back."""
    status = path.stat()
    assert len(data) == status.st_size
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(path: Path, data: bytes) -> None:
    """Put another file of the same size and time in a file's place."""
    beside = path.with_name("beside")
    beside.write_bytes(data)
    os.utime(beside, ns=(path.stat().st_atime_ns,) * 2)
    status = path.stat()
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    beside.replace(path)


def changed_row(path: Path) -> bytes:
    return path.read_bytes().replace(b"because so", b"because no", 1)


OUTSIDE: dict[str, Callable[[Path], object]] = {
    "contents": lambda folder: (folder / "all.jsonl").write_bytes(b"\n" + changed_row(folder / "all.jsonl")),
    "contents, its size and time as before": lambda folder: same_time(
        folder / "all.jsonl", changed_row(folder / "all.jsonl")
    ),
    "another file of its size and time": lambda folder: replaced(
        folder / "all.jsonl", changed_row(folder / "all.jsonl")
    ),
    "time": lambda folder: os.utime(folder / "all.jsonl", ns=(1, 1)),
    "a file more": lambda folder: runs.write_lines(folder / "many/z.jsonl", rows_with_all(5, 300)),
    "a file less": lambda folder: (folder / "many/b.jsonl").unlink(),
    "a file renamed": lambda folder: (folder / "many/a.jsonl").rename(folder / "many/y.jsonl"),
    "a file that is not read": lambda folder: (folder / "many/notes.docx").touch(),
    "another reason why files are not read": lambda folder: (folder / "many/old.zip").touch(),
    "a link": lambda folder: (
        (folder / "many/link.jsonl").unlink(),
        (folder / "many/link.jsonl").symlink_to("../more.jsonl"),
    ),
    "the model's vocabulary": lambda folder: change_model(folder / "model"),
    "the model's special tokens": lambda folder: (folder / "model/special_tokens_map.json").write_text(
        '{"additional_special_tokens": ["because"]}'
    ),
    "the template's text": lambda folder: shutil.copy(folder / "b.jinja", folder / "a.jinja"),
    "a bad file that becomes worse": lambda folder: (folder / "bad/x.parquet").write_bytes(b"PAR1"),
    "a bad file that is mended": lambda folder: shutil.copy(
        folder / "good.parquet", folder / "bad/x.parquet"
    ),
}


@pytest.mark.parametrize("what", list(OUTSIDE))
def test_a_change_outside_of_the_recipe_is_seen(capsys, folder, what):
    for name in "ab":
        runs.write_lines(folder / f"many/{name}.jsonl", rows_with_all(10, ord(name)))
    (folder / "many/link.jsonl").symlink_to("../twice.jsonl")
    runs.write_parquet(folder / "good.parquet", [{"q": "?", "r": "!"}] * 3)
    (folder / "bad").mkdir()
    (folder / "bad/x.parquet").write_bytes((folder / "good.parquet").read_bytes()[:-9])
    recipe = base() | {"template": "a.jinja"}
    recipe["sources"] += [
        {"name": "many", "path": "many", "format": QA},
        {"name": "bad", "path": "bad", "format": QA, "on_bad_file": "skip"},
    ]
    compared(capsys, folder, recipe, recipe, lambda: OUTSIDE[what](folder))


def test_a_variable_that_leads_to_other_files_of_the_same_name_size_and_time(capsys, folder, monkeypatch):
    for name, data in (("x", folder / "all.jsonl"), ("y", None)):
        (folder / name).mkdir()
        text = data.read_bytes() if data else changed_row(folder / "all.jsonl")
        (folder / name / "rows.jsonl").write_bytes(text)
        os.utime(folder / name / "rows.jsonl", ns=(10**18, 10**18))
    monkeypatch.setenv("WHERE", "x")
    recipe = base()
    recipe["sources"][0]["path"] = "$WHERE/rows.jsonl"
    compared(capsys, folder, recipe, recipe, lambda: monkeypatch.setenv("WHERE", "y"))


@pytest.mark.parametrize("version", ["SCAN_VERSION", "WRITE_VERSION"])
def test_another_version_uses_nothing_of_this_one(capsys, folder, monkeypatch, version):
    from octomed import _octomed

    newer = getattr(_octomed, version) + 1
    compared(capsys, folder, base(), base(), lambda: monkeypatch.setattr(_octomed, version, newer))


def test_an_error_of_reading_is_not_kept(capsys, folder, monkeypatch):
    """What was wrong with a file may have been the reader's fault, or a disk's: it is read again."""
    from octomed.errors import DataError
    from octomed.pipeline.calls import work

    recipe = base()
    recipe["sources"][0]["on_bad_file"] = "skip"
    recipe["sources"].append({"name": "two", "path": "more.jsonl", "format": QA})
    whole = work.blocks_of

    def failing(task, *arguments, **options):
        if task.file.source == "one":
            raise DataError("the disk is tired")
        return whole(task, *arguments, **options)

    monkeypatch.setattr(work, "blocks_of", failing)
    first = packed(capsys, folder, recipe, "first", "store-a")
    monkeypatch.setattr(work, "blocks_of", whole)
    later = packed(capsys, folder, recipe, "later", "store-a")
    alone = packed(capsys, folder, recipe, "alone", "store-b")
    assert first.code == later.code == 0
    assert later.files == alone.files
    assert later.shards != first.shards


@pytest.mark.parametrize("fault", ["in part", "of nothing", "too many"])
def test_a_policy_holds_for_blocks_that_stand_and_for_a_finished_output(capsys, folder, fault):
    lines = (folder / "all.jsonl").read_bytes()
    bad = {
        "in part": gzip.compress(lines)[:-20],
        "of nothing": gzip.compress(b"{\n" * 3),
        "too many": gzip.compress(lines + b"{\n" * 9),
    }[fault]
    (folder / "mixed").mkdir()
    (folder / "mixed/a.jsonl.gz").write_bytes(bad)
    (folder / "mixed/b.jsonl.gz").write_bytes(gzip.compress(lines))
    lax, strict = base(), base()
    lax["sources"][0] |= {"path": "mixed", "on_bad_file": "skip", "max_unreadable": 1.0}
    strict["sources"][0] |= {"path": "mixed"}
    alone = compared(capsys, folder, lax, strict)
    assert alone.code == 3
    output = packed(capsys, folder, strict, "out-a", "store-a")
    assert (output.code, output.said) == (3, alone.said)


def test_a_store_in_which_somebody_else_changed_a_setting_of_the_recipe_twice(capsys, folder):
    """A, B and A again over one output and one store end as A alone."""
    one, two = base(), base()
    put(two, "pack.seed", 9)
    put(two, "sources.0.name", "other")
    first = packed(capsys, folder, one, "out-a", "store-a")
    packed(capsys, folder, two, "out-a", "store-a", "--replace")
    last = packed(capsys, folder, one, "out-a", "store-a", "--replace")
    assert last.files == first.files
