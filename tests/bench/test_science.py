"""The miniature: its world, its teacher, the way through the product, its analysis, and its page."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest

from bench.science import analysis, claims
from bench.science.conditions import CLAIMS, LADDER, SMOKE, Condition, conditions_of
from bench.science.generating import MOST_TOKENS, Sampled, prompt_ids
from bench.science.lessons import lesson
from bench.science.padding import LEAST, padded
from bench.science.page import RESULTS, ROOT, page
from bench.science.teacher import make_teacher
from bench.science.vocabulary import WORDS
from bench.science.world import DRUGS, LAYERS, Question, make_world, questions

SEED = 5


@pytest.fixture(scope="module")
def world():
    return make_world(SEED)


@pytest.fixture(scope="module")
def asked(world):
    return questions(world, 200, random.Random(1), new=False)


def test_a_seed_is_a_world(world):
    assert make_world(SEED) == world
    assert make_world(SEED + 1) != world


def test_no_two_actions_commute(world):
    for one, other in itertools.combinations(world.effects.values(), 2):
        assert any(one[other[state]] != other[one[state]] for state in one)
        assert len(set(one.values())) == len(one)


def test_the_order_of_drugs_counts(world, asked):
    turned = [Question(one.state, one.drugs[::-1]) for one in asked if len(one.drugs) > 1]
    changed = [world.answer(one) != world.answer(Question(one.state, one.drugs[::-1])) for one in turned]
    assert np.mean(changed) > 0.5


def test_difficulty_is_not_the_number_of_drugs(world, asked):
    hops = {number: {world.hops(one) for one in asked if len(one.drugs) == number} for number in (1, 2, 3)}
    assert len(hops[1]) == LAYERS
    assert hops[1] & hops[2]
    assert hops[2] & hops[3]


def test_new_drugs_are_asked_only_where_they_are_wanted(world, asked):
    assert not any(world.new & set(one.drugs) for one in asked)
    assert all(world.new & set(one.drugs) for one in questions(world, 50, random.Random(2), new=True))
    assert {len(world.chain(drug)) for drug in world.new} == set(range(1, LAYERS + 1))


def test_a_question_is_its_words(asked):
    assert [Question.of(one.text) for one in asked] == asked
    for text in (
        "",
        "calm",
        "calm : first berabin",
        "calm : first aspirin ?",
        "sad : first berabin ?",
        "calm : berabin ?",
    ):
        with pytest.raises(ValueError, match="question"):
            Question.of(text)


def test_a_teacher_that_knows_everything_is_always_right(world, asked):
    teacher = make_teacher(world)
    teacher.beliefs.clear()
    for question in asked:
        reasoning, answer = teacher.trace(question, random.Random(3), slip=0)
        assert answer == f"Answer: {world.answer(question)}"
        assert sum(word in world.action for word in reasoning.split()) == world.hops(question)


def test_what_the_teacher_believes_is_wrong_every_other_time(world):
    teacher = make_teacher(world)
    drug, wrong = next((drug, one) for drug in DRUGS for one in world.chain(drug) if one in teacher.beliefs)
    question, lots = Question("calm", (drug,)), random.Random(4)
    reasoned = [teacher.trace(question, lots, slip=0)[0].split() for _ in range(400)]
    said = [words[words.index(wrong) - 1 : words.index(wrong) + 2] for words in reasoned]
    assert 0.4 < np.mean([teacher.beliefs[wrong] in words for words in said]) < 0.6


def test_every_word_is_a_token(world, asked):
    assert len(set(WORDS)) == len(WORDS)
    teacher, lots = make_teacher(world), random.Random(5)
    for question in asked:
        reasoning, answer = teacher.trace(question, lots)
        taught = lesson(world, lots)
        text = f"{question.text} {reasoning} {answer} {taught['question']} {taught['responses'][0]}"
        assert set(text.split()) <= set(WORDS)
        assert len(reasoning.split()) <= LEAST
        assert len(reasoning.split()) + 5 <= MOST_TOKENS


def test_padding_is_drawn_without_the_question(tmp_path):
    rows = [
        {"question": "q", "reasoning": "a " * number, "response": "Answer: calm"} for number in range(1, 80)
    ]
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = [json.loads(line) for line in padded(file, tmp_path / "padded.jsonl", 1).read_text().splitlines()]
    lengths = [len(row["reasoning"].split()) for row in found]
    assert min(lengths) >= LEAST
    assert abs(np.corrcoef(lengths, range(len(lengths)))[0, 1]) < 0.25
    assert [row["response"] for row in found] == [row["response"] for row in rows]


def test_a_cut_response_is_not_right():
    assert Sampled("<think> a </think> Answer: calm", 6, is_whole=True).is_right("calm")
    assert not Sampled("<think> a </think> Answer: calm", 5, is_whole=False).is_right("calm")
    assert not Sampled("<think> a </think> Answer: fever", 6, is_whole=True).is_right("calm")


def test_the_way_through_the_product(tmp_path):
    pytest.importorskip("composer")
    from bench.science.run import Seed

    condition = Condition("traces-4", traces=4)
    seed = Seed(tmp_path, SEED, SMOKE)
    found = seed.run([condition])
    counts = found["counts"]["traces-4"]
    assert found["samples"]["samples"] > found["samples"]["right"] > 0
    assert 0 < counts["traces"] <= found["samples"]["right"]
    assert counts["rejects"]["wrong_answer"] == found["samples"]["samples"] - found["samples"]["right"]
    assert len(found["conditions"]["traces-4"]) == 2 * SMOKE.tested == len(found["questions"])
    _assert_prompts_are_those_of_training(tmp_path / "packed/traces-4", seed.asked)


def _assert_prompts_are_those_of_training(run, asked):
    import octomed

    pack = (
        next(octomed.open_run(run).packs())
        if hasattr(octomed, "open_run")
        else next(octomed.Run(run).packs())
    )
    for document in pack:
        begin = [int(one) for one in document.input_ids[: list(document.loss_mask).index(True)]]
        assert begin in [prompt_ids(one.text) for one in asked]
        assert int(document.input_ids[-1]) == WORDS.index("<end>")
        assert bool(document.loss_mask[-1])


def made_up(seed: int, *, follows: bool, rate: float = 0.8) -> dict:
    """A seed's results whose lengths follow difficulty, or do not; and whose accuracies are known."""
    lots = np.random.default_rng(seed)
    drugs = lots.integers(1, 4, 400)
    hops = drugs * 2 + lots.integers(0, 10, 400)
    names = {one.name for one in conditions_of(CLAIMS)}
    answers = {}
    for name in names | {"base"}:
        right = lots.random(400) < (rate if name == "traces-16" else 0.2)
        is_long = follows and name != "traces-16-padded"
        tokens = (3 * hops if is_long else 60) + lots.integers(0, 4, 400)
        answers[name] = np.column_stack([right, tokens, np.ones(400)]).astype(int).tolist()
    facts = np.column_stack([hops, drugs, lots.integers(0, 2, 400)])
    return {"seed": seed, "questions": facts.tolist(), "conditions": answers}


@pytest.fixture
def few_draws(monkeypatch):
    monkeypatch.setattr(analysis, "DRAWS", 40)


@pytest.mark.usefixtures("few_draws")
def test_claims_are_made_of_what_is_there_and_of_nothing_else():
    found = claims.findings([made_up(1, follows=True), made_up(2, follows=True)])
    made = claims.verdicts(found)
    assert made["length"]
    assert made["acceptance"]
    assert not made["ladder"]  # four traces are no better than one here
    of = {one.text: one.figure for one in found}
    step = of["accuracy, 16 less 4"]
    assert step.low < step.mean < step.high
    assert step.mean == pytest.approx(0.6, abs=0.08)


@pytest.mark.usefixtures("few_draws")
def test_length_without_difficulty_is_no_claim():
    assert not claims.verdicts(claims.findings([made_up(1, follows=False)]))["length"]


@pytest.mark.usefixtures("few_draws")
def test_a_claim_whose_control_fails_is_not_made():
    seed = made_up(1, follows=True)
    seed["conditions"]["traces-16-padded"] = seed["conditions"]["traces-16"]
    assert not claims.verdicts(claims.findings([seed]))["length"]


@pytest.mark.usefixtures("few_draws")
def test_claims_without_their_conditions_are_left_out():
    seed = made_up(1, follows=True)
    del seed["conditions"]["direct-equal-tokens"]
    assert "direct" not in {one.claim for one in claims.findings([seed])}


def test_cut_answers_are_wrong_and_have_no_length():
    seed = made_up(1, follows=True)
    answers = np.array(seed["conditions"]["traces-16"])
    answers[:50] = [0, MOST_TOKENS, 0]
    exact = analysis.Answered.by(seed).length("traces-16")
    seed["conditions"]["traces-16"] = answers.tolist()
    assert analysis.Answered.by(seed).length("traces-16") == pytest.approx(exact, abs=0.02)
    assert analysis.Answered.by(seed).accuracy("traces-16") < 0.75


def test_steps_that_others_have_come_first():
    names = [one.name for one in conditions_of(CLAIMS)]
    for place, one in enumerate(conditions_of(CLAIMS)):
        assert one.steps_of is None or one.steps_of in names[:place]
    assert names[: len(LADDER)] == [one.name for one in LADDER]


@pytest.mark.skipif(not RESULTS.exists(), reason="the results come with the repository, not with a package")
def test_the_page_is_what_the_results_give():
    for path, text in page(json.loads(RESULTS.read_text(encoding="utf-8"))).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, (
            f"{path}: `python -m bench.science.page` writes it"
        )


@pytest.mark.long
def test_the_short_form_shows_the_ladder(tmp_path):
    """A seed of full size: sixteen traces beat four, and length follows what is hidden."""
    from bench.science.conditions import FULL
    from bench.science.run import Seed

    found = Seed(tmp_path, 101, FULL).run(LADDER)
    answered = analysis.Answered.by(found)
    assert answered.accuracy("traces-16") > answered.accuracy("traces-4") > answered.accuracy("traces-1")
    assert answered.length("traces-16") > 0.7
