"""States, votes and scores of answers; the rule is packing's, whatever other harnesses make of a text."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from octomed.distill.judging import verdicts
from octomed.evaluate.asking import Endpoint, seed_of
from octomed.evaluate.recipe import load_evaluation_recipe
from octomed.evaluate.scoring import Sample, majority, scored

from tests.distill.conftest import questions, write_rows
from tests.evaluate.conftest import FORMAT, recipe_values

if TYPE_CHECKING:
    from octomed import _octomed

COLUMNS = {
    "question": "Which drug?",
    "options": {
        "A": "Ampicillin",
        "B": "Ceftriaxone",
        "C": "Nitrofurantoin",
        "D": "Doxycycline",
        "E": "None",
    },
    "answer": "C",
}
THOUGHT = "<think>E. coli grows; Ampicillin fails, so not A.</think>\n"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> _octomed.Scanner:
    from octomed.evaluate.questions import Benchmarks

    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder / "questions.jsonl", questions(1))
    recipe = load_evaluation_recipe(recipe_values("http://127.0.0.1:9/v1"), folder=folder)
    return Benchmarks(recipe, {}).judge_of("choices")


def sample_of(judge: _octomed.Scanner, response: str, **line: Any) -> Sample:
    return scored(judge, COLUMNS, [{"response": response, **line}])[0]


@pytest.mark.parametrize(
    ("ending", "state", "answer"),
    [
        ("<answer>C</answer>", "right", "C"),
        ("\\boxed{C}", "right", "C"),
        ("Answer: C", "right", "C"),
        ("**Answer:** C", "right", "C"),
        ("The answer is (C).", "right", "C"),
        ("The answer is **C**.", "right", "C"),
        ("Nitrofurantoin", "right", "C"),
        ("<answer>C: Nitrofurantoin</answer>", "right", "C"),
        ("## Final Response\nNitrofurantoin is best (option C).", "right", "C"),
        ("Answer: A\nNo, wait.\nAnswer: C", "right", "C"),
        ("The answer is not A but C.", "right", "C"),
        ("The answer is A.", "wrong", "A"),
        ("The answer is A or C.", "ambiguous", None),
        ("It is hard to say.", "no_answer", None),
        ("", "no_answer", None),
    ],
)
def test_one_rule_for_all_forms(judge: _octomed.Scanner, ending: str, state: str, answer: str | None) -> None:
    """The rows of the table in docs/evaluate.md."""
    found = sample_of(judge, THOUGHT + ending)
    assert (found.state, found.answer, found.score) == (state, answer, float(state == "right"))


def test_what_is_cut_is_never_right(judge: _octomed.Scanner) -> None:
    assert sample_of(judge, "<think>E. coli, so C, for the answer is (C)").state == "cut"
    assert sample_of(judge, THOUGHT + "The answer is (C).", finish_reason="length").state == "cut"
    assert sample_of(judge, "", reasoning="The answer is (C)", finish_reason="length").state == "cut"
    assert sample_of(judge, "", refused="too_large").state == "refused"


def test_the_score_is_what_packing_would_accept(judge: _octomed.Scanner) -> None:
    lots = random.Random(5)
    parts = [
        "A",
        "C",
        "(C)",
        "The answer is ",
        "not ",
        "or ",
        "<think>",
        "</think>",
        "\\boxed{",
        "}",
        "\n",
        ".",
    ]
    texts = ["".join(lots.choices(parts, k=lots.randrange(1, 9))) for _ in range(400)]
    lines = [{"response": text} for text in texts]
    kept = [verdict == "kept" for verdict in verdicts(judge, COLUMNS, lines)]
    assert [one.score == 1.0 for one in scored(judge, COLUMNS, lines)] == kept
    assert any(kept)
    assert not all(kept)


def says(answer: str | None, gold: str = "A") -> Sample:
    state: Any = "no_answer" if answer is None else "right" if answer == gold else "wrong"
    return Sample(float(answer == gold), state, answer, None, 9, None, 0)


def test_votes_by_all_ways_of_four_answers() -> None:
    for answers in itertools.product((None, "A", "B", "C"), repeat=4):
        vote = majority([says(one) for one in answers])
        counts = Counter(filter(None, answers))
        if not counts:
            assert vote == majority([])
            assert (vote.score, vote.answer) == (0.0, None)
            continue
        most = max(counts.values())
        first = next(one for one in answers if one is not None and counts[one] == most)
        assert (vote.answer, vote.votes, vote.score) == (first, most, float(first == "A"))


def test_seeds_are_31_bits_and_all_differ() -> None:
    seeds = [seed_of(f"{key:032x}", sample) for key in range(500) for sample in range(10)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)


class Replies:
    """An endpoint whose replies are given beforehand; the requests are kept."""

    def __init__(self, *replies: tuple[str | None, str, str, int]) -> None:
        self.replies, self.bodies = list(replies), []

    async def __call__(self, body: dict[str, Any]) -> Any:
        from octomed.distill.replies import Reply, Sampled, Usage

        self.bodies.append(body)
        reasoning, text, reason, tokens = self.replies.pop(0)
        return Reply((Sampled(text, reasoning, reason),), Usage(9, tokens), "fake")


def asked_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, replies: Replies, **generation: Any) -> Any:
    import asyncio

    write_rows(tmp_path / "questions.jsonl", questions(1))
    values = recipe_values("http://127.0.0.1:9/v1", generation=generation)
    recipe = load_evaluation_recipe(values, folder=tmp_path)
    endpoint = Endpoint(recipe.settings)
    monkeypatch.setattr(endpoint, "_reply", replies)
    from octomed.evaluate.questions import Benchmarks

    item = next(iter(Benchmarks(recipe, {})))
    return asyncio.run(endpoint.answer(item, 0))


BUDGET = {"max_tokens": 100, "thinking_tokens": 80}


@pytest.mark.parametrize(
    ("first", "begun", "forced"),
    [
        (("So it is", "", "length", 80), "<think>\nSo it is\n</think>\n\n", True),
        ((None, "<think>\nSo it is", "length", 80), "<think>\nSo it is\n</think>\n\n", True),
        ((None, "So it is", "length", 80), "So it is\n</think>\n\n", True),
        (("So.", "The answ", "length", 80), "<think>\nSo.\n</think>\n\nThe answ", False),
        ((None, "<think>So.</think> The answ", "length", 80), "<think>So.</think> The answ", False),
    ],
)
def test_a_reasoning_is_ended_by_a_second_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, first: Any, begun: str, forced: bool
) -> None:
    replies = Replies(first, (None, "er is (B).", "stop", 5))
    line = asked_with(monkeypatch, tmp_path, replies, **BUDGET)
    assert [body["max_tokens"] for body in replies.bodies] == [80, 20]
    second = replies.bodies[1]
    assert second["messages"][-1] == {"role": "assistant", "content": begun}
    assert (second["continue_final_message"], second["add_generation_prompt"]) == (True, False)
    assert line["response"] == f"{begun}er is (B)."
    assert (line["tokens"], line["finish_reason"], line["forced"]) == (85, "stop", forced)


def test_a_reasoning_that_ends_by_itself_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    replies = Replies(("So.", "(B)", "stop", 12))
    assert asked_with(monkeypatch, tmp_path, replies, **BUDGET)["forced"] is False
    assert len(replies.bodies) == 1


def test_a_server_that_ends_reasoning_itself_is_told_when(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    replies = Replies(("So.", "(B)", "stop", 90))
    parameter = {"thinking_parameter": "thinking_token_budget"}
    line = asked_with(monkeypatch, tmp_path, replies, **BUDGET, **parameter)
    assert (replies.bodies[0]["thinking_token_budget"], replies.bodies[0]["max_tokens"]) == (80, 100)
    assert "forced" not in line


def test_a_request_is_that_of_the_protocol(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    replies = Replies((None, "(B)", "stop", 3))
    line = asked_with(monkeypatch, tmp_path, replies)
    body = replies.bodies[0]
    assert {key: body[key] for key in ("model", "temperature", "top_p", "max_tokens")} == {
        "model": "fake",
        "temperature": 0.6,
        "top_p": 0.95,
        "max_tokens": 8192,
    }
    assert body["seed"] == seed_of(line["key"], 0)
    assert FORMAT["question"] == "question"
    assert body["messages"][-1]["content"].startswith("What is it, number 0?\nA. the right thing 0-0\n")
