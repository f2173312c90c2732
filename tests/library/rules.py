"""Rules of a user's own, as a module has them: the tests of filters import these."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SEEN: list[pa.RecordBatch] = []
"""What `recorded` was given, for tests alone: a rule keeps nothing."""


def long_answers(batch):
    return pc.greater(pc.utf8_length(batch.column("answer")), 12)


def says(batch):
    texts = batch.column("response").to_pylist()
    return [("bad" not in text, f"{text.count('bad')} times") for text in texts]


def recorded(batch):
    SEEN.append(batch)
    return np.ones(batch.num_rows, bool)


def none_at_all(batch):
    return np.zeros(batch.num_rows, bool)


def fails(batch):
    for text in batch.column("response").to_pylist():
        if "bad" in text:
            raise ValueError(f"cannot read {len(text)} characters")
    return [True] * batch.num_rows


def by_chance(batch):
    return [random.random() < 0.5 for _ in range(batch.num_rows)]


def by_batch(batch):
    return [row < batch.num_rows // 2 for row in range(batch.num_rows)]


def too_few(batch):
    return [True] * (batch.num_rows - 1)


def nulls(batch):
    return pa.array([None] * batch.num_rows, pa.bool_())


def numbers(batch):
    return [1] * batch.num_rows


def texts(batch):
    return str(batch.num_rows)


def details(batch):
    return [(False, 3)] * batch.num_rows


def shape(batch):
    return np.ones((batch.num_rows, 1), bool)


def yields(batch):
    yield from [True] * batch.num_rows


def made_inside():
    def inner(batch):
        return [True] * batch.num_rows

    return inner


class Rules:
    def method(self, batch):
        return [True] * batch.num_rows

    @staticmethod
    def static(batch):
        return [True] * batch.num_rows
