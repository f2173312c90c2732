"""The generated corpus: the same for the same seed, distributed as promised, true about its duplicates."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from octomed import Tokenizer

from bench.corpus import chunk, lengths, rows
from bench.corpus.compose import new_words
from bench.corpus.lexicon import build
from bench.corpus.plan import CHUNK_TRACES, Plan
from bench.corpus.write import write_corpus

FIELDS = ("question", "options", "answer")


@pytest.fixture(scope="module")
def lexicon():
    return build()


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def read_rows(folder, name):
    if name.endswith("jsonl"):
        return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    return pq.read_table(folder / name).to_pylist()


def traces(folder):
    """(file, row, sample, the trace's whole content) in source order."""
    names = json.loads((folder / "corpus.json").read_text())["files"]
    for name in names:
        for number, row in enumerate(read_rows(folder, name)):
            responses = row["responses"] if "responses" in row else [row["response"]]
            for sample, response in enumerate(responses):
                content = (row["question"], tuple(row["options"]), row["answer"], response)
                yield name, number, sample, content


@pytest.mark.parametrize("layout", ["questions", "traces"])
@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_same_seed_same_bytes_whatever_the_workers(tmp_path, layout, file_format):
    plan = Plan(1_200, seed=5, duplicates=0.02, mixed=0.2, layout=layout, format=file_format)
    for name, workers in (("one", 1), ("two", 2)):
        write_corpus(plan, tmp_path / name, workers=workers)
    other = Plan(1_200, seed=6, duplicates=0.02, mixed=0.2, layout=layout, format=file_format)
    write_corpus(other, tmp_path / "other", workers=1)
    first = digests(tmp_path / "one")
    assert first == digests(tmp_path / "two")
    assert first[plan.file_name(0)] != digests(tmp_path / "other")[plan.file_name(0)]


@pytest.mark.parametrize("layout", ["questions", "traces"])
def test_truth_names_every_duplicate_and_no_other(tmp_path, monkeypatch, layout):
    monkeypatch.setattr("bench.corpus.plan.CHUNK_TRACES", 300)
    plan = Plan(2_000, duplicates=0.05, layout=layout)
    assert plan.files == 2
    write_corpus(plan, tmp_path, workers=1)
    seen, expected = {}, set()
    count = 0
    for file, row, sample, content in traces(tmp_path):
        count += 1
        if content in seen:
            expected.add((file, row, sample, *seen[content]))
        else:
            seen[content] = (file, row, sample)
    truth = {tuple(row.values()) for row in pq.read_table(tmp_path / "truth.parquet").to_pylist()}
    assert count == plan.traces
    assert truth == expected
    assert len(truth) == pytest.approx(plan.duplicates * plan.traces, rel=0.05)
    assert any(row[0] != row[3] for row in truth), "no duplicate crosses files"


def test_a_small_corpus_is_the_beginning_of_a_large_one(lexicon):
    small, large = Plan(2 * CHUNK_TRACES), Plan(50 * CHUNK_TRACES)
    assert chunk.make(small, lexicon, 1).table.equals(chunk.make(large, lexicon, 1).table)


def test_lengths_follow_the_paper():
    bits = np.random.PCG64(1)
    responses = lengths.responses(bits, lengths.uniforms(bits, 2_000_000))
    assert responses.mean() == pytest.approx(lengths.RESPONSE_TOKENS, rel=0.01)
    assert 2e-4 < (responses > 16_384).mean() < 2e-3
    assert lengths.questions(bits, 500_000).mean() == pytest.approx(lengths.QUESTION_TOKENS, rel=0.01)
    counts = lengths.traces_a_question(bits, 1_000_000)
    assert counts.sum() == 1_000_000
    assert counts.max() == lengths.MOST_TRACES
    assert counts.mean() == pytest.approx(lengths.TRACES_A_QUESTION, rel=0.01)


@pytest.mark.parametrize(("mixed", "language"), [(0.0, "english"), (1.0, "chinese")])
def test_units_become_as_many_tokens_as_the_lengths_assume(lexicon, mixed, language):
    made = rows.fresh(np.random.PCG64(3), lexicon, 1_000, mixed, 0)
    bits = np.random.PCG64(3)
    units = rows.shape(bits, lengths.traces_a_question(bits, 1_000), mixed)
    tokens = len(Tokenizer.builtin("qwen2.5").encode_batch(made.response).ids)
    expected = (units.responses - rows.MARKERS).sum() * lengths.TOKENS_A_UNIT[language]
    assert tokens == pytest.approx(expected + lengths.RESPONSE_EXTRA * len(units.responses), rel=0.02)


def test_words_are_distributed_as_in_natural_text(lexicon):
    made = rows.fresh(np.random.PCG64(4), lexicon, 2_000, 0.0, 0)
    words = Counter(word for text in made.response.to_pylist() for word in text.split())
    total = sum(words.values())
    assert made.new_words / total == pytest.approx(0.003, rel=0.15)
    ranked = [count for _, count in words.most_common(1_000)]
    assert ranked[0] > 5 * ranked[49] > 20 * ranked[999]
    assert sum(count == 1 for count in words.values()) > 0.2 * len(words)


def test_never_seen_words_are_all_different():
    made = new_words(10_000_000, 300_000)
    assert len(set(made)) == len(made)


def test_responses_have_markers_and_end_with_their_answer(lexicon):
    for row in chunk.make(Plan(400, mixed=0.3), lexicon, 0).table.to_pylist():
        assert row["answer"] in row["options"]
        for response in row["responses"]:
            assert response.startswith("<think>\n")
            assert response.count("\n</think>\n\n") == 1
            assert response.endswith(f"\n\n<answer>{row['answer'][0]}</answer>")
