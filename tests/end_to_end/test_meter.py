"""Templates and tokenizers that have no end: a reject by count, an error of `check`, and never a hang."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import octomed
import pyarrow.parquet as pq
import pytest
from octomed.errors import DataError, RecipeError

if TYPE_CHECKING:
    from pathlib import Path

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
)
WITHOUT_END = {
    "loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "text": "{% set n = namespace(x='x') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "list": "{% set ns = namespace(x=[1]) %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "macro": "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    "format": "{{ '{:>99999999999999}'.format(1) }}",
    "join": "{{ ''.join(['a' * 10000000] * 100000) }}",
}
FAULTY = {
    "deep": "{% set ns = namespace(x=1) %}{% for a in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "itself": "{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ ns }}",
    "operators": "{{ " + "-" * 100_000 + "1 }}",
    "long": "{% if 0 %}" + "{% elif 0 %}" * 50_000 + "{% endif %}",
}


def rows(questions: list[str]) -> str:
    lines = (json.dumps({"question": text, "response": "An answer."}) for text in questions)
    return "".join(f"{line}\n" for line in lines)


def recipe(folder: Path, questions: list[str], **more: Any) -> dict[str, Any]:
    (folder / "rows.jsonl").write_text(rows(questions))
    return {
        "name": "meter",
        "model": "qwen2.5",
        "sources": [
            {
                "name": "s",
                "path": str(folder / "rows.jsonl"),
                "format": {"question": "question", "response": "response"},
            }
        ],
        "pack": {"capacity": 512},
        "output": {"path": str(folder / "run")},
        "work": {"path": str(folder / "work")},
        **more,
    }


def rejects(folder: Path) -> list[tuple[int, str]]:
    tables = [pq.read_table(path) for path in sorted((folder / "run" / "rejects").glob("*.parquet"))]
    return sorted((row["row"], row["reason"]) for table in tables for row in table.to_pylist())


@pytest.mark.parametrize("name", WITHOUT_END)
def test_a_template_without_an_end_is_refused(tmp_path, name):
    begin = time.monotonic()
    for more in ({"template": CHATML + WITHOUT_END[name]}, {"prompt": "{{ question }}" + WITHOUT_END[name]}):
        with pytest.raises((RecipeError, DataError), match=r"exceeds the limits of one row|template_limit"):
            raise octomed.check(recipe(tmp_path, ["What?"] * 3, **more)).error() or AssertionError
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize("name", FAULTY)
def test_a_template_that_would_exhaust_the_stack_is_an_error(tmp_path, name):
    with pytest.raises((RecipeError, DataError)):
        octomed.check(recipe(tmp_path, ["What?"], template=CHATML + FAULTY[name]))


def test_a_row_without_an_end_is_a_reject_and_the_others_are_packed(tmp_path):
    loops = "{% if 'loop' in question %}" + WITHOUT_END["text"] + "{% endif %}"
    octomed.pack(recipe(tmp_path, ["a", "a loop", "b"], prompt="{{ question }}" + loops))
    assert rejects(tmp_path) == [(1, "template_limit")]


def tokenizer(folder: Path, **parts: Any) -> str:
    words = ["<unk>", *map(chr, range(32, 127)), "<|im_start|>", "<|im_end|>"]
    added = [
        {"id": words.index(text), "content": text, "special": True, "normalized": False}
        | {"single_word": False, "lstrip": False, "rstrip": False}
        for text in ("<|im_start|>", "<|im_end|>")
    ]
    model = {
        "type": "BPE",
        "vocab": {word: n for n, word in enumerate(words)},
        "merges": [],
        "unk_token": "<unk>",
    }
    file = {
        "version": "1.0",
        "added_tokens": added,
        "model": model,
        "normalizer": None,
        "pre_tokenizer": None,
    }
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(file | parts))
    config = {
        "chat_template": CHATML,
        "eos_token": "<|im_end|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return str(folder)


def split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def test_a_pattern_without_an_end_is_a_reject_and_the_others_are_packed(tmp_path):
    model = tokenizer(tmp_path / "model", pre_tokenizer=split("(a+)+\\$|."))
    hostile = recipe(tmp_path, ["b", "a" * 100, "c"], model=model)
    octomed.pack(hostile)
    assert rejects(tmp_path) == [(1, "tokenizer_limit")]
    with pytest.raises(DataError, match="tokenizer_limit"):
        raise octomed.check(hostile).error() or AssertionError


def test_a_text_that_grows_is_a_reject(tmp_path):
    grow = {"type": "Replace", "pattern": {"String": "q"}, "content": "q" * 20}
    normalizer = {"type": "Sequence", "normalizers": [grow] * 8}
    model = tokenizer(tmp_path / "model", normalizer=normalizer)
    with pytest.raises(DataError, match="tokenizer_limit"):
        raise octomed.check(recipe(tmp_path, ["b", "q"], model=model)).error() or AssertionError


def test_a_panic_of_the_crate_is_a_reject_and_prints_nothing(tmp_path, capfd):
    model = tokenizer(tmp_path / "model", pre_tokenizer={"type": "FixedLength", "length": 0})
    with pytest.raises((DataError, RecipeError)) as caught:
        raise octomed.check(recipe(tmp_path, ["b"], model=model)).error() or AssertionError
    assert "tokenizer" in str(caught.value)
    assert "panicked" not in capfd.readouterr().err


def test_a_word_that_the_model_has_no_token_for_is_a_reject(tmp_path):
    words = ["a", "b", "An", "answer.", "user", "assistant", "<|im_start|>", "<|im_end|>"]
    vocabulary = {word: n for n, word in enumerate(words)}
    added = [
        {"id": vocabulary[text], "content": text, "special": True, "normalized": False}
        | {"single_word": False, "lstrip": False, "rstrip": False}
        for text in words[-2:]
    ]
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}
    parts = {"model": model, "added_tokens": added, "pre_tokenizer": {"type": "WhitespaceSplit"}}
    rowed = recipe(tmp_path, ["a", "unheard", "b"], model=tokenizer(tmp_path / "model", **parts))
    octomed.pack(rowed)
    assert rejects(tmp_path) == [(1, "tokenizer_failed")]
    with pytest.raises(DataError, match="tokenizer_failed"):
        raise octomed.check(rowed).error() or AssertionError
