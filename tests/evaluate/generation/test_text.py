"""Text models: transformers' own generation is the oracle."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("transformers")

import numpy as np
import torch
from octomed.errors import DataError, RecipeError
from octomed.evaluate.generation import Generator, Request
from octomed.train.build import build_model, read_configuration
from octomed.train.network import PackedNetwork

from tests.train import tiny

from .models import END, TEXT_FAMILIES, VOCABULARY, greedy, stock, text_folder


@pytest.fixture(scope="module", params=TEXT_FAMILIES)
def folder(request, tmp_path_factory):
    return text_folder(tmp_path_factory.mktemp(request.param) / "model", request.param)


@pytest.fixture(scope="module")
def one_folder(tmp_path_factory):
    return text_folder(tmp_path_factory.mktemp("one") / "model", "qwen2")


@pytest.fixture(scope="module")
def generator(one_folder):
    return Generator(one_folder, device="cpu")


def prompt(seed, most=40):
    draw = random.Random(seed)
    return [draw.randrange(END) for _ in range(draw.randint(1, most))]


def asked(count=24, **settings):
    """Requests of different lengths, some of equal prompts."""
    draw = random.Random(5)
    values = {"temperature": 0.0, "top_p": 1.0} | settings
    return [Request(key, prompt(key % 17), max_tokens=draw.randint(1, 30), **values) for key in range(count)]


def by_key(generator, requests):
    found = list(generator.generate(requests))
    assert len({one.key for one in found}) == len(found) == len(requests)
    return {one.key: one for one in found}


def test_greedy_equals_transformers_token_for_token(folder):
    requests, theirs = asked(), stock(folder)
    found = by_key(Generator(folder, device="cpu"), requests)
    for one in requests:
        assert list(found[one.key].ids) == greedy(theirs, one.prompt_ids, one.max_tokens), one.key
    assert {len(one.ids) for one in found.values()} != {1}


def drawn_asked():
    return [
        Request(f"{one.key}-{seed}", one.prompt_ids, (), 0.8, 0.9, seed, one.max_tokens)
        for one in asked(14)
        for seed in (1, 2**64 - 1)
    ]


@pytest.fixture(scope="module")
def drawn_alone(one_folder):
    return by_key(Generator(one_folder, device="cpu", batch_tokens=1, dtype="float64"), drawn_asked())


@pytest.mark.parametrize("batch_tokens", [70, 300, 10**9])
def test_any_room_and_order_give_the_same(one_folder, drawn_alone, batch_tokens):
    """Of one response at a time, of a few, of all: also those that end in the middle and are replaced."""
    generator = Generator(one_folder, device="cpu", batch_tokens=batch_tokens, dtype="float64")
    assert by_key(generator, drawn_asked()[::-1]) == drawn_alone


def test_first_logits_are_those_that_training_computes(one_folder):
    generator = Generator(one_folder, device="cpu")
    groups = [[one] for one in asked(6)]
    decoder = generator._decoder
    slots = decoder.slots()
    slots.reserve(6, 80)
    found = decoder.prompts(slots, groups)
    trained = PackedNetwork(build_model(read_configuration(str(one_folder)), str(one_folder)))
    documents = [
        {
            "id": n,
            "ids": torch.tensor(group[0].prompt_ids),
            "learned": torch.ones(len(group[0].prompt_ids)) > 0,
        }
        for n, group in enumerate(groups)
    ]
    batch = tiny.batch_of([documents], 1)
    with torch.no_grad():
        expected = trained(batch, want="logits", positions=batch["cu_seqlens"][1:].long() - 1)
    assert torch.equal(found.values, expected)
    assert found.positions == [len(group[0].prompt_ids) for group in groups]


def test_a_response_ends_by_its_stop_token(one_folder):
    """Any token can be one: take the third that comes greedily."""
    plain = by_key(
        Generator(one_folder, device="cpu", stops=[END]), [Request(0, prompt(3), temperature=0, max_tokens=9)]
    )
    third = plain[0].ids[2]
    before = plain[0].ids[: plain[0].ids.index(third)]
    found = by_key(
        Generator(one_folder, device="cpu", stops=[third]),
        [Request(0, prompt(3), temperature=0, max_tokens=9)],
    )[0]
    assert (found.ids, found.finish_reason) == (before, "stop")
    assert found.generated_tokens == len(before) + 1
    assert (plain[0].finish_reason, plain[0].generated_tokens) == ("length", 9)


def test_what_is_drawn_has_the_model_s_distribution(one_folder):
    """The first token of 4,000 seeds, against the softmax cut at top-p."""
    generator, ids = Generator(one_folder, device="cpu"), prompt(3)
    with torch.no_grad():
        logits = stock(one_folder)(torch.tensor([ids])).logits[0, -1].double()
    for temperature, top_p in ((1.0, 1.0), (0.7, 0.8)):
        chances = torch.softmax(logits / temperature, -1)
        order = chances.argsort(descending=True)
        below = chances[order].cumsum(0) - chances[order]
        kept = order[below < top_p]
        expected = torch.zeros_like(chances)
        expected[kept] = chances[kept] / chances[kept].sum()
        requests = [Request(seed, ids, (), temperature, top_p, seed, 1) for seed in range(4000)]
        drawn = torch.zeros_like(chances)
        for one in generator.generate(requests):
            drawn[list(one.ids) or [END]] += 1 / 4000
        assert not drawn[expected == 0].any()
        error = (expected * (1 - expected) / 4000).sqrt()
        assert ((drawn - expected).abs() <= 5 * error + 5e-4)[kept].all()


def test_seeds_differ_and_repeat(generator):
    requests = [Request(seed, prompt(1), temperature=1.0, seed=seed, max_tokens=12) for seed in range(5)]
    first, again = by_key(generator, requests), by_key(generator, requests[::-1])
    assert first == again
    assert len({one.ids for one in first.values()}) == 5


def test_text_is_of_the_ids(generator):
    for one in generator.generate(asked(4)):
        assert one.text == generator.vocabulary.tokenizer.decode(one.ids)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prompt_ids": ()}, "no prompt"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_p": 0}, "top-p"),
        ({"top_p": 1.01}, "top-p"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"seed": 1.0}, "seed"),
        ({"max_tokens": 0}, "tokens"),
        ({"thinking_tokens": 0}, "think"),
        ({"thinking_tokens": 8192}, "think"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(changed, message):
    with pytest.raises(DataError, match=message):
        Request(**{"key": "q", "prompt_ids": (1,)} | changed)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request("q", (1, VOCABULARY), max_tokens=2), "beyond the model's 4,096"),
        (Request("q", (1, -1), max_tokens=2), "beyond the model's 4,096"),
        (Request("q", (1,) * 510, max_tokens=3), "end at 512"),
        (Request("q", (1,), max_tokens=9, thinking_tokens=5), "leaves none"),
    ],
)
def test_one_bad_request_is_named_before_any_is_answered(generator, request_, message):
    with pytest.raises(DataError, match=message) as error:
        generator.generate([*asked(3), request_])
    assert "`q`" in error.value.message


def test_no_requests_give_nothing(generator):
    assert list(generator.generate([])) == []


def test_numpy_prompts_are_taken(generator):
    ids = prompt(2)
    lists = by_key(generator, [Request(0, ids, temperature=0, max_tokens=5)])
    assert by_key(generator, [Request(0, np.array(ids, np.uint32), temperature=0, max_tokens=5)]) == lists


def test_weights_that_are_no_numbers_are_an_error(tmp_path):
    folder = text_folder(tmp_path / "model", "qwen2")
    generator = Generator(folder, device="cpu")
    torch.nn.init.constant_(generator._decoder._model.lm_head.weight, float("nan"))
    with pytest.raises(DataError, match="not finite"):
        list(generator.generate(asked(2)))


def test_folders_without_a_model_an_end_or_whole_attention_are_refused(tmp_path):
    with pytest.raises(RecipeError, match=r"config\.json"):
        Generator(tmp_path)
    nothing = text_folder(tmp_path / "no-end", "qwen2")
    (nothing / "tokenizer_config.json").write_text("{}")
    text = (nothing / "tokenizer.json").read_text(encoding="utf-8").replace("<|im_end|>", "<|other|>")
    (nothing / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="ends a response"):
        Generator(nothing, device="cpu")
    sliding = text_folder(
        tmp_path / "sliding", "qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=0
    )
    with pytest.raises(RecipeError, match="sliding window"):
        Generator(sliding, device="cpu")


def test_an_end_that_a_configuration_names_by_default_is_no_end(tmp_path):
    """Llama's own default is 2, an ordinary token of another vocabulary."""
    folder = text_folder(tmp_path / "model", "llama")
    assert '"eos_token_id": 2' in (folder / "config.json").read_text()
    assert Generator(folder, device="cpu").vocabulary.stops == {END}
