"""Every trace, id, loss span and reject of a run against a slow oracle, over hostile texts."""

from __future__ import annotations

import csv
import itertools
import json
import random
import sys
from pathlib import Path

import numpy as np
import octomed
import pytest
from streaming import StreamingDataset
from tokenizers import Tokenizer

from . import oracle, runs

CAPACITY = 700
PARTS = [
    "<|im_start|>", "<|im_end|>", "<|im_end|>\n<|im_start|>assistant\n", "<|endoftext|>",
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|vision_start|>", "<think>",
    "</think>\n\n", "心电图显示", "\u6025\u6027\u5fc3\u808c\u6897\u6b7b\u3002",
    "\uff46\uff55\uff4c\uff4c", "é", "e\u0301", "A\u030a", "Å", "\ufb01", "\u1100\u1161",
    "\u1e9b\u0323", "\u0301", "\x00", "\r\n", "\n\n", "\n", " ", "  \n  ", "\t", "\u3000",
    "\xa0", "\U0001f600", "\U0001f469\U0001f3fd\u200d\u2695\ufe0f", "\U0001d54f", "fever",
    " cough", "'ll", "I'M", "ſ", "12345", "\u0663", "½", ".\n/", "!!!\n",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\ufeff",
    "\u200b", "\u0627\u0644\u064e\u0633\u0644\u0627\u0645",
    "\u0939\u093f\u0928\u094d\u0926\u0940", "\u0e44\u0e17\u0e22", '"', "\\", "{{ x }}",
    "{% raw %}", "A) ", "B. x", "</s>", "\ue000", "\uffff",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from bench.compare import vocabulary

    path = vocabulary.write(tmp_path_factory.mktemp("vocabulary"))
    sys.path.pop(0)
    found = Tokenizer.from_file(str(path))
    found.encode_special_tokens = True
    return found


def text(draw, most=12):
    return "".join(draw.choice(PARTS) for _ in range(draw.randint(1, most)))


def response(draw):
    return draw.choice(["", " \n\t"]) if draw.random() < 0.05 else text(draw, draw.choice([3, 30, 300]))


def options(draw):
    if draw.random() < 0.4:
        return []
    own = draw.random() < 0.3
    count = draw.randint(1, 5)
    return [
        f"{'ABCDE'[number]}) x{text(draw, 2)}x" if own else f"# {text(draw, 2)}" for number in range(count)
    ]


def question(draw):
    row = {
        "question": text(draw),
        "options": options(draw),
        "responses": [response(draw) for _ in range(draw.randint(1, 4))],
        "system": text(draw, 3) if draw.random() < 0.3 else None,
    }
    if draw.random() < 0.2:
        row["responses"].append(row["responses"][0])
    return row


def chat(draw):
    turns = [{"role": "system", "content": text(draw, 4)}] if draw.random() < 0.3 else []
    for _ in range(draw.randint(1, 4)):
        turns.append({"role": "user", "content": text(draw)})
        turns.append({"role": "assistant", "content": response(draw)})
    return {"messages": turns + ([{"role": "user", "content": "bye"}] if draw.random() < 0.2 else [])}


def thought(draw):
    reasoning = draw.choice(["", "\n", text(draw, 30), f"\n{text(draw)}\n"])
    return {"question": text(draw), "reasoning": reasoning, "responses": [response(draw)]}


def flat(draw):
    return {"question": "q" + text(draw), "responses": ["r" + text(draw, 40)]}


def many(draw, make, count):
    """Rows, some of which come twice."""
    rows = [make(draw) for _ in range(count)]
    return rows + [draw.choice(rows) for _ in range(count // 8)]


def write_sources(folder, draw, count):
    """Write the five sources; return the recipe's entries and the rows as the oracle takes them."""
    lines, table, chats, chains, flats = (
        many(draw, make, count) for make in (question, question, chat, thought, flat)
    )
    lines += draw.sample(table, 3)
    runs.write_lines(folder / "data/a.jsonl", lines)
    with open(folder / "data/a.jsonl", "ab") as file:
        file.write(b'{"question": "cut in ha\n\n' + json.dumps(lines[0]).encode())
    runs.write_parquet(folder / "data/b.parquet", table, group=7)
    runs.write_lines(folder / "data/c.jsonl", [*chats, {"messages": [{"role": "user", "content": "?"}]}])
    array = [
        {"Question": row["question"], "Complex_CoT": row["reasoning"], "Response": row["responses"][0]}
        for row in chains
    ]
    (folder / "data/d.json").write_text(json.dumps(array), encoding="utf-8")
    with open(folder / "data/e.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["q", "unused", "r"])
        writer.writerows([row["question"], "\u00e9\n", row["responses"][0]] for row in flats)
    sources = [
        {"name": "lines", "path": "data/a.jsonl", "format": "octomed", "max_unreadable": 0.1},
        {"name": "table", "path": "data/b.parquet", "format": "octomed"},
        {"name": "chats", "path": "data/c.jsonl", "format": "messages"},
        {"name": "chains", "path": "data/d.json", "format": "huatuo-o1"},
        {"name": "flat", "path": "data/e.csv", "format": {"question": "q", "response": "r"}},
    ]
    files = [
        ("lines", "a.jsonl", [*lines, "invalid_json", None, lines[0]]),
        ("table", "b.parquet", table),
        ("chats", "c.jsonl", [*chats, "no_assistant_turn"]),
        ("chains", "d.json", chains),
        ("flat", "e.csv", flats),
    ]
    return sources, files


def packed_traces(folder, read):
    """(trace id, ids, spans) by (stream, pack, document), after the checks that every pack must pass."""
    found = {}
    for stream in sorted(path.name for path in folder.glob("len-*")):
        for number, pack in enumerate(read(folder / stream)):
            lengths = pack["lengths"].tolist()
            assert 0 < sum(lengths) == len(pack["input_ids"]) <= CAPACITY
            assert len(pack["trace_ids"]) == len(lengths)
            spans = pack["loss_spans"].reshape(-1, 2).tolist()
            edges = np.cumsum([0, *lengths]).tolist()
            for document, (begin, end) in enumerate(itertools.pairwise(edges)):
                mine = [(one - begin, two - begin) for one, two in spans if begin <= one < two <= end]
                trace_id = int(pack["trace_ids"][document])
                found[stream, number, document] = (trace_id, pack["input_ids"][begin:end].tolist(), mine)
            assert len(spans) == sum(len(one[2]) for key, one in found.items() if key[:2] == (stream, number))
    return found


def stock(folder):
    dataset = StreamingDataset(local=str(folder), shuffle=False, batch_size=1)
    return [dataset[number] for number in range(len(dataset))]


def check(folder, tokenizer, seed, count, read):
    draw = random.Random(seed)
    (folder / "data").mkdir()
    sources, files = write_sources(folder, draw, count)
    spoken = text(draw, 5).translate({0xFFFE: None, 0xFFFF: None})  # a YAML file cannot hold them
    system = draw.choice([None, "", spoken])
    recipe = runs.values() | {"model": "qwen2.5", "sources": sources, "system": system}
    recipe["pack"] = {"capacity": CAPACITY, "buckets": [100, 300], "seed": seed}
    summary = runs.pack(runs.write_recipe(folder, recipe))

    blank = sum(row is None for _, _, rows in files for row in rows)
    expected = oracle.expect(
        tokenizer,
        [(source, file, ["blank" if row is None else row for row in rows]) for source, file, rows in files],
        capacity=CAPACITY,
        system=system,
    )
    expected.rejected = {place: why for place, why in expected.rejected.items() if why != "blank"}
    out = folder / "out"
    provenance = {
        (row["source"], row["file"], row["row"], row["sample"]): row for row in runs.provenance(out)
    }
    assert len(provenance) == len(runs.provenance(out))
    assert provenance.keys() == expected.kept.keys()
    rejects = {
        (row["source"], row["file"], row["row"], row["sample"]): row["reason"] for row in runs.rejects(out)
    }
    assert len(rejects) == len(runs.rejects(out))
    assert rejects == expected.rejected

    traces = packed_traces(out, read)
    assert len(traces) == len(expected.kept) == summary.train
    for place, row in provenance.items():
        trace_id, ids, spans = traces[row["stream"], row["pack"], row["document"]]
        assert (trace_id, row["length"], row["copy"]) == (row["trace_id"], len(ids), 0)
        assert ids == expected.kept[place][0], place
        assert spans == expected.kept[place][1], place
        assert ids[spans[-1][1] - 1] == tokenizer.token_to_id("<|im_end|>")
    assert summary.rows == sum(len(rows) for _, _, rows in files) - blank
    assert summary.tokens == sum(len(ids) for ids, _ in expected.kept.values())
    assert summary.supervised_tokens == sum(
        end - begin for _, spans in expected.kept.values() for begin, end in spans
    )
    assert summary.gap <= max(1, summary.packs // 50)
    assert octomed.verify(out).findings == ()
    return summary


def test_a_run_holds_what_the_oracle_says(tmp_path, tokenizer):
    summary = check(tmp_path, tokenizer, 1, 60, stock)
    assert {"duplicate", "over_long", "empty_response"} <= summary.rejected.keys()
    assert summary.blocks_scanned > 8


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 40))])
def test_other_texts(tmp_path, tokenizer, seed):
    check(tmp_path, tokenizer, seed, 30, octomed.MDSReader)


def test_traces_fill_their_packs(tmp_path):
    """Thousands of traces of mixed lengths leave next to no gap."""
    draw = random.Random(5)
    rows = [{"question": f"{number}", "responses": ["x" * draw.randint(1, 600)]} for number in range(4_000)]
    runs.write_lines(tmp_path / "data/f.jsonl", rows)
    summary = runs.pack(runs.write_recipe(tmp_path, runs.one_source("data/f.jsonl")), "pack.buckets=[]")
    assert summary.train == 4_000
    assert summary.fill > 0.99
    assert summary.gap <= 5
