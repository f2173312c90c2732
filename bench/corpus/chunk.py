"""One chunk: fresh rows and planted copies of rows, in a seeded order, with the truth about the copies.

Four tenths of the planted duplicates are copies of rows at the head of an earlier chunk, four tenths copies
of earlier rows of the same chunk, two tenths a response repeated within its row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from bench.corpus import lengths, rows
from bench.corpus.lexicon import Lexicon
from bench.corpus.plan import WORDS_A_CHUNK, Plan

HEAD, BODY, ORDER = range(3)
FIELDS = ["question", "options", "answer", "response"]


@dataclass(frozen=True)
class Chunk:
    """A table in the order of the file, and one truth row per planted duplicate.

    `truth` has the columns row and sample of the copy (within this chunk), and chunk, row and sample of its
    original.
    """

    table: pa.Table
    rows: int
    truth: npt.NDArray[np.int64]
    text_bytes: int
    new_words: int


@dataclass
class Layout:
    """Rows of the chunk as indices into the rows made for it; `responses` is a list a row."""

    key: list[float]
    row: list[int]
    responses: list[npt.NDArray[np.int64]]
    origin: list[tuple[int, int] | None]
    """(chunk, row made for that chunk) of a copied row."""


def first_trims(
    counts: npt.NDArray[np.int64], order: npt.NDArray[np.int64], budget: int
) -> list[tuple[int, int]]:
    """Rows in `order`, with how many of their responses to copy, until `budget` traces are planned."""
    chosen = []
    for row in order.tolist():
        if budget <= 0:
            break
        taken = min(int(counts[row]), budget)
        chosen.append((row, taken))
        budget -= taken
    return chosen


def head(plan: Plan, lexicon: Lexicon, chunk: int) -> rows.Rows:
    """The rows at a chunk's beginning; made anew by every later chunk that copies some of them."""
    bits = plan.bits(chunk, HEAD)
    return rows.fresh(bits, lexicon, plan.head_traces(chunk), plan.mixed, chunk * WORDS_A_CHUNK)


def make(plan: Plan, lexicon: Lexicon, chunk: int) -> Chunk:
    """Generates chunk `chunk` of the corpus."""
    own = head(plan, lexicon, chunk)
    traces = plan.chunk_traces(chunk)
    order_bits = plan.bits(chunk, ORDER)
    planted = round(plan.duplicates * traces)
    guest_chunk = int(order_bits.random_raw() % chunk) if chunk else 0
    guest = head(plan, lexicon, guest_chunk) if chunk else None
    guests = first_trims(guest.counts, np.arange(len(guest.counts)), round(planted * 0.4)) if guest else []
    guest_traces = sum(taken for _, taken in guests)
    body_traces = traces - planted - int(own.counts.sum())
    body = rows.fresh(
        plan.bits(chunk, BODY), lexicon, body_traces, plan.mixed, chunk * WORDS_A_CHUNK + own.new_words
    )
    layout = arrange(order_bits, chunk, [own, body], guests, guest_chunk, planted - guest_traces)
    parts = [own, body] + ([guest] if guest else [])
    return write(plan, chunk, layout, parts, own.new_words + body.new_words)


def arrange(
    bits: np.random.PCG64,
    chunk: int,
    fresh: list[rows.Rows],
    guests: list[tuple[int, int]],
    guest_chunk: int,
    local: int,
) -> Layout:
    """Puts fresh rows, copies of earlier rows and guests into one order, and repeats some responses."""
    counts = np.concatenate([part.counts for part in fresh])
    total, heads = len(counts), len(fresh[0].counts)
    starts = np.cumsum(counts) - counts
    layout = Layout(
        [float(row) for row in range(total)],
        list(range(total)),
        [np.arange(begin, begin + count) for begin, count in zip(starts, counts, strict=True)],
        [None] * total,
    )
    shuffled = np.argsort(lengths.uniforms(bits, total - heads), kind="stable") + heads
    inside = round(local / 3) if local >= 3 else 0
    for row in shuffled[:inside].tolist():
        layout.responses[row] = np.append(layout.responses[row], layout.responses[row][0])
    copies = [
        (row, taken, (chunk, row)) for row, taken in first_trims(counts, shuffled[inside:], local - inside)
    ]
    made = int(counts.sum())
    for row, taken in guests:
        copies.append((total + row, taken, (guest_chunk, row)))
    places = lengths.uniforms(bits, len(copies))
    guest_start = made
    for (row, taken, origin), place in zip(copies, places.tolist(), strict=True):
        earliest = row + 0.5 if row < total else heads
        begin = int(starts[row]) if row < total else guest_start
        layout.key.append(earliest + place * (total - earliest))
        layout.row.append(row)
        layout.responses.append(np.arange(begin, begin + taken))
        layout.origin.append(origin)
        guest_start += taken if row >= total else 0
    return layout


def write(plan: Plan, chunk: int, layout: Layout, parts: list[rows.Rows], new_words: int) -> Chunk:
    """The table and the truth of a layout."""
    order = np.argsort(np.array(layout.key), kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    sizes = np.array([len(layout.responses[i]) for i in order])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    columns = {name: pa.concat_arrays([getattr(part, name) for part in parts]) for name in FIELDS}
    row_index = pa.array(np.array(layout.row)[order])
    taken = {name: columns[name].take(row_index) for name in FIELDS[:3]}
    responses = columns["response"].take(pa.array(np.concatenate([layout.responses[i] for i in order])))
    truth = true_copies(chunk, layout, position)
    if plan.layout == "questions":
        lists = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), responses)
        table = pa.table({**taken, "responses": lists})
    else:
        repeated = pa.array(np.repeat(np.arange(len(order)), sizes))
        table = pa.table(
            {**{name: values.take(repeated) for name, values in taken.items()}, "response": responses}
        )
        truth = one_trace_a_row(truth, chunk, starts, np.cumsum(parts[-1].counts) - parts[-1].counts)
    table = table.combine_chunks()
    if len(responses) != plan.chunk_traces(chunk):
        raise AssertionError(f"chunk {chunk} has {len(responses)} traces")
    size = sum(values.get_total_buffer_size() for values in (responses, *taken.values()))
    return Chunk(table, len(table), truth, size, new_words)


def true_copies(chunk: int, layout: Layout, position: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Rows (row, sample, chunk, row, sample): a planted copy, and the trace it equals."""
    found = []
    for index, origin in enumerate(layout.origin):
        place, responses = int(position[index]), layout.responses[index]
        if origin is None:
            if len(responses) > 1 and responses[-1] == responses[0]:
                found.append((place, len(responses) - 1, chunk, place, 0))
            continue
        origin_chunk, row = origin
        original = int(position[row]) if origin_chunk == chunk else row
        found += [(place, sample, origin_chunk, original, sample) for sample in range(len(responses))]
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 5)


def one_trace_a_row(
    truth: npt.NDArray[np.int64],
    chunk: int,
    starts: npt.NDArray[np.int64],
    guest_starts: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The truth when every trace is a row of its own."""
    flat = truth.copy()
    flat[:, 0], flat[:, 1] = starts[truth[:, 0]] + truth[:, 1], 0
    guest = truth[:, 2] != chunk
    for rows_of, begins in ((guest, guest_starts), (~guest, starts)):
        flat[rows_of, 3] = begins[truth[rows_of, 3]] + truth[rows_of, 4]
    flat[:, 4] = 0
    return flat
