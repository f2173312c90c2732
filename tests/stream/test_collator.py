"""Packs to a batch: beside a slow collator, and beside the positions that transformers computes."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from octomed.errors import DataError, RecipeError
from octomed.stream import Collator, PackedDataset
from torch.utils.data import DataLoader

from .reading import drain

Pack = dict[str, Any]


@st.composite
def packs(draw: Any) -> Pack:
    """Any pack: documents of a few tokens, each token learned or not, spans joined or cut at random."""
    ids, lengths, spans, traces = [], [], [], []
    for _ in range(draw(st.integers(1, 4))):
        roles = draw(st.lists(st.sampled_from(["prompt", "learned", "next span"]), min_size=1, max_size=12))
        begin = len(ids)
        for role in roles:
            here = len(ids)
            ids.append(draw(st.integers(0, 2**32 - 1)))
            if role == "learned" and spans and spans[-1][1] == here and here > begin:
                spans[-1][1] += 1
            elif role != "prompt":
                spans.append([here, here + 1])
        lengths.append(len(roles))
        traces.append(draw(st.integers(0, 2**64 - 1)))
    return {
        "input_ids": np.array(ids, np.uint32),
        "lengths": np.array(lengths, np.uint32),
        "loss_spans": np.array(spans, np.uint32).reshape(-1, 2),
        "trace_ids": np.array(traces, np.uint64),
        "images": b"",
    }


def slow_batch(rows: list[Pack]) -> dict[str, Any]:
    """The batch of some packs, a document after the other in plain NumPy."""
    ids, labels, positions, edges, traces, supervised, sizes = [], [], [], [0], [], [], []
    for row in rows:
        learned = np.zeros(len(row["input_ids"]), bool)
        for begin, end in row["loss_spans"]:
            learned[begin:end] = True
        begin = 0
        for length, trace in zip(row["lengths"].tolist(), row["trace_ids"], strict=True):
            document = row["input_ids"][begin : begin + length].astype(np.int64)
            counted = learned[begin : begin + length].copy()
            counted[0] = False
            ids.append(document)
            labels.append(np.where(counted, document, -100))
            positions.append(np.arange(length))
            edges.append(edges[-1] + length)
            traces.append(trace.astype(np.int64))
            supervised.append(counted.sum())
            begin += length
        sizes.append([begin, len(row["lengths"])])
    return {
        "packs": np.array(sizes),
        "input_ids": np.concatenate(ids)[None],
        "labels": np.concatenate(labels)[None],
        "position_ids": np.concatenate(positions)[None],
        "cu_seqlens": np.array(edges),
        "trace_ids": np.array(traces),
        "supervised_tokens": np.array(supervised),
        "max_length": max(np.diff(edges)),
    }


@settings(deadline=None)
@given(st.lists(packs(), min_size=1, max_size=3))
def test_a_batch_is_what_the_slow_collator_makes(rows):
    slow = slow_batch(rows)
    fast = Collator("text")(rows)
    assert fast.keys() == slow.keys()
    for name, value in slow.items():
        assert np.array_equal(fast[name], value), name
    mrope = Collator("mrope")(rows)
    for row in range(4):
        assert np.array_equal(mrope["position_ids"][row], slow["position_ids"])


def test_types_shapes_and_order_are_those_of_the_contract(packed):
    rows = list(PackedDataset(packed, batch_size=1, quiet=True))[:3]
    batch = Collator(transformers_lengths=True)(rows)
    tokens = sum(len(row["input_ids"]) for row in rows)
    documents = sum(len(row["lengths"]) for row in rows)
    expected = {
        "packs": (torch.int64, (3, 2)),
        "input_ids": (torch.int64, (1, tokens)),
        "labels": (torch.int64, (1, tokens)),
        "position_ids": (torch.int64, (4, 1, tokens)),
        "cu_seqlens": (torch.int32, (documents + 1,)),
        "trace_ids": (torch.int64, (documents,)),
        "supervised_tokens": (torch.int64, (documents,)),
        "max_length": int,
        "cu_seq_lens_q": (torch.int32, (documents + 1,)),
        "cu_seq_lens_k": (torch.int32, (documents + 1,)),
        "max_length_q": int,
        "max_length_k": int,
    }
    found = {
        name: (value.dtype, tuple(value.shape)) if isinstance(value, torch.Tensor) else type(value)
        for name, value in batch.items()
    }
    assert found == expected
    assert next(iter(batch)) == "packs"
    assert all(value.is_contiguous() for value in batch.values() if isinstance(value, torch.Tensor))
    assert sorted(copy.deepcopy(batch)) == sorted(batch)


@pytest.mark.parametrize("version", ["qwen2_5_vl", "qwen3_vl"])
@settings(deadline=None)
@given(rows=st.lists(packs(), min_size=1, max_size=2))
def test_positions_are_those_of_transformers_for_each_document(version, rows):
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel, Qwen3VLConfig, Qwen3VLModel

    config, model = {
        "qwen2_5_vl": (Qwen2_5_VLConfig(), Qwen2_5_VLModel),
        "qwen3_vl": (Qwen3VLConfig(), Qwen3VLModel),
    }[version]
    bare = model.__new__(model)
    torch.nn.Module.__init__(bare)
    bare.config = config
    batch = Collator("mrope")(rows)
    for begin, end in zip(batch["cu_seqlens"][:-1], batch["cu_seqlens"][1:], strict=True):
        alone = torch.ones_like(batch["input_ids"][:, begin:end])
        named = {"attention_mask": torch.ones_like(alone)}
        if "mm_token_type_ids" in inspect.signature(bare.get_rope_index).parameters:  # since transformers 5
            named["mm_token_type_ids"] = torch.zeros_like(alone)
        positions, _ = bare.get_rope_index(alone, **named)
        assert torch.equal(batch["position_ids"][1:, :, begin:end], positions)
        assert torch.equal(batch["position_ids"][0, 0, begin:end], torch.arange(end - begin))


@pytest.mark.parametrize("workers", [0, 1])
def test_labels_are_the_supervised_tokens_of_the_run(packed, run, workers):
    dataset = PackedDataset(packed, batch_size=2, quiet=True, shuffle=False, num_canonical_nodes=1)
    batches = list(DataLoader(dataset, batch_size=2, num_workers=workers, collate_fn=Collator()))
    tokens = sum(stream["tokens"] for stream in run.streams.values())
    assert sum(int(batch["packs"][:, 0].sum()) for batch in batches) == tokens
    labels = sum(int((batch["labels"] != -100).sum()) for batch in batches)
    assert labels == sum(int(batch["supervised_tokens"].sum()) for batch in batches)
    assert labels == run.content.counts.supervised_tokens


SPOILED = {
    "no_lengths": (lambda pack: pack.pop("lengths"), "is not a pack: it has no `lengths`"),
    "floats": (
        lambda pack: pack.update(input_ids=pack["input_ids"].astype(np.float32)),
        "`input_ids` of sample 1 of the batch is not an array of uint32",
    ),
    "flat_spans": (
        lambda pack: pack.update(loss_spans=pack["loss_spans"].ravel()),
        "`loss_spans` of sample 1",
    ),
    "a_token_less": (
        lambda pack: pack.update(input_ids=pack["input_ids"][:-1]),
        r"pack 1 of the batch \(first trace \d+\) is damaged: its lengths sum to \d+, and it has \d+ ids",
    ),
    "a_span_outside": (
        lambda pack: pack["loss_spans"].__setitem__((-1, 1), 10**6),
        r"is damaged: its loss span \d+\.\.1000000 does not follow the one before it inside one document",
    ),
    "a_foreign_id": (
        lambda pack: pack["input_ids"].__setitem__(3, 5000),
        "its id 5000 is outside a vocabulary of 259",
    ),
}


@pytest.fixture(scope="module")
def two_packs(packed, tmp_path_factory) -> list[Pack]:
    dataset = PackedDataset(packed, batch_size=1, quiet=True, cache=tmp_path_factory.mktemp("cache"))
    return [dataset[0], dataset[1]]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("case", SPOILED)
def test_what_is_no_pack_is_refused(two_packs, case, workers):
    spoil, words = SPOILED[case]
    rows = [{name: np.array(value) for name, value in row.items()} for row in two_packs]
    spoil(rows[1])
    collator = Collator(vocabulary_size=259)
    with pytest.raises(DataError, match=words):
        drain(DataLoader(rows, batch_size=2, num_workers=workers, collate_fn=collator))


def _some_of_it(packs: list[Pack]) -> dict[str, Any]:
    """What users put around a collator."""
    batch = Collator()(packs)
    return {name: batch[name] for name in ("input_ids", "labels")}


def test_a_batch_of_a_worker_is_the_plain_dict(two_packs):
    here, there = (
        next(iter(DataLoader(two_packs, batch_size=2, num_workers=workers, collate_fn=Collator())))
        for workers in (0, 1)
    )
    wrapped = DataLoader(two_packs, batch_size=2, num_workers=1, collate_fn=_some_of_it)
    assert torch.equal(next(iter(wrapped))["labels"], here["labels"])
    assert type(there) is dict
    assert list(there) == list(here)
    assert all(np.array_equal(there[name], here[name]) for name in here)


def test_scattered_arrays_are_taken_too(packed):
    row = next(iter(PackedDataset(packed, batch_size=1, quiet=True)))
    doubled = {name: np.repeat(value, 2, axis=0)[::2] for name, value in row.items() if name != "images"}
    shifted = np.frombuffer(b"?" + row["input_ids"].tobytes(), np.uint32, offset=1)
    for other in (doubled, row | {"input_ids": shifted}):
        assert torch.equal(Collator()([other])["labels"], Collator()([row])["labels"])


def test_settings_are_checked_and_travel_to_workers():
    with pytest.raises(RecipeError, match="unknown positions `rope`"):
        Collator("rope")  # type: ignore[arg-type]
    collator = Collator("text", vocabulary_size=7)
    assert pickle.loads(pickle.dumps(collator)) == collator
