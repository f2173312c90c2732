"""Reasoning that is ended by force: what is inserted, when, and that what follows is of the model."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("transformers")

from octomed.evaluate.generation import Generator, Request
from octomed.evaluate.generation.responses import Response
from octomed.evaluate.generation.vocabulary import EXIT, Vocabulary

from .models import END, greedy, stock, text_folder

THINKING, MOST = 6, 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return text_folder(tmp_path_factory.mktemp("exit") / "model", "qwen2")


@pytest.fixture(scope="module")
def vocabulary(folder):
    return Vocabulary.of(folder)


def ids(vocabulary, text):
    return vocabulary.tokenizer.encode(text).tolist()


def test_a_reasoning_that_the_prompt_opened_is_ended_and_the_answer_has_the_rest(folder, vocabulary):
    """Greedy: before and behind the exit stands what transformers generates for what is before it."""
    theirs, prompt = stock(folder), ids(vocabulary, "Fever and a stiff neck?<think>\n")
    request = Request("q", prompt, (), 0.0, max_tokens=MOST, thinking_tokens=THINKING)
    others = [
        Request(key, [*ids(vocabulary, key), *prompt], (), 0.9, seed=3, max_tokens=30, thinking_tokens=9)
        for key in ("Cough", "Rash of the legs", "Pain")
    ]
    found = {one.key: one for one in Generator(folder, device="cpu").generate([*others, request])}
    first = greedy(theirs, prompt, THINKING)
    assert len(first) == THINKING, "the model ended by itself: another prompt is wanted"
    begun = [*first, *vocabulary.exit]
    rest = greedy(theirs, [*prompt, *begun], MOST - len(begun))
    made = found["q"]
    assert list(made.ids) == [*begun, *rest]
    assert made.forced
    assert made.generated_tokens <= MOST
    assert EXIT in made.text
    assert (made.reasoning, made.answer) == tuple(part.strip() for part in made.text.split(EXIT.strip()))
    for key in ("Cough", "Rash of the legs", "Pain"):
        assert found[key].forced
        assert list(found[key].ids[9 : 9 + len(vocabulary.exit)]) == list(vocabulary.exit)


def test_nothing_is_ended_without_a_bound_or_a_reasoning(folder, vocabulary):
    open_, closed = ids(vocabulary, "Fever?<think>\n"), ids(vocabulary, "Fever? <think>no</think>")
    asked = [
        Request("no bound", open_, (), 0.0, max_tokens=MOST),
        Request("none opened", closed, (), 0.0, max_tokens=MOST, thinking_tokens=THINKING),
    ]
    for made in Generator(folder, device="cpu").generate(asked):
        assert not made.forced
        assert EXIT.strip() not in made.text


def taken(vocabulary, text, prompt):
    """What becomes of a response that draws the tokens of a text, and then ends."""
    drawn = ids(vocabulary, text)
    request = Request("q", ids(vocabulary, prompt), max_tokens=200, thinking_tokens=len(drawn))
    row = Response(request, len(request.prompt_ids))
    tokens = itertools.chain(drawn, itertools.repeat(END))
    reason = None
    while reason is None:
        reason = row.take(next(tokens), vocabulary)
    return row.finished(reason, vocabulary)


@pytest.mark.parametrize(
    ("prompt", "text", "forced"),
    [
        ("Fever?", "<think>\nIt may be", True),
        ("Fever?", " \n<think>It may be", True),
        ("Fever?<think>", "It may be", True),
        ("Fever?<think>\n\n", "It may be", True),
        ("Fever?", "It may be", False),
        ("Fever?", "It may <think> be", False),
        ("Fever?", "<think>It may be</think> m", False),
        ("Fever?<think>", "It may be </think>", False),
        ("Fever? <think>x</think>", "It may be", False),
        ("Fever?<think>", "It may be </thi", True),
    ],
)
def test_only_an_open_reasoning_is_ended(vocabulary, prompt, text, forced):
    made = taken(vocabulary, text, prompt)
    assert made.forced == forced
    assert made.text == text + (EXIT if forced else "")
    assert made.finish_reason == "stop"


def test_a_token_that_is_drawn_where_one_is_inserted_is_left_out(vocabulary):
    """The model is asked while the exit is written; an end that it draws there ends nothing."""
    end = len(vocabulary.exit)
    request = Request("q", ids(vocabulary, "Q<think>"), max_tokens=50, thinking_tokens=1)
    row = Response(request, 3)
    assert [row.take(token, vocabulary) for token in [7, *[END] * end]] == [None] * (1 + end)
    assert row.ids == [7, *vocabulary.exit]
    assert row.drawn == 1
    assert row.take(END, vocabulary) == "stop"


def test_a_response_that_ends_at_its_bound_is_cut(vocabulary):
    request = Request("q", [1], max_tokens=2)
    row = Response(request, 1)
    assert [row.take(7, vocabulary), row.take(8, vocabulary)] == [None, "length"]
    made = row.finished("length", vocabulary)
    assert (made.ids, made.generated_tokens, made.finish_reason) == ((7, 8), 2, "length")
    last = Response(request, 1)
    assert [last.take(7, vocabulary), last.take(END, vocabulary)] == [None, "stop"]


def test_ids_without_a_text_are_shown_as_such(vocabulary):
    """Embeddings are padded to multiples of 64 or 128: a model may draw what no text has."""
    word = ids(vocabulary, "é")
    text = vocabulary.text([*word, 5000, *word])
    assert text == "é\N{REPLACEMENT CHARACTER}é"
