"""The first page of a run: what came in, what left and why, how it was packed; no table is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.report import units
from octomed.view.bars import Chart, Flow, link_to, scaled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.run_file import RunFile, SourceCounts

_REASONS = {
    "right": None,
    "wrong": "wrong_answer",
    "ambiguous": "ambiguous_answer",
    "absent": "no_answer",
    "cut": "cut_response",
    "no_gold": "no_gold",
    "gold_fault": "gold_fault",
}
"""What becomes of an answer, and the reason with which such a trace leaves; a right one stays."""
_COMPARED = ("right", "wrong", "ambiguous", "absent", "cut")


def key_figures(run: RunFile) -> Iterator[tuple[str, str, str]]:
    """Yield the figures of a run: label, figure and a note."""
    counts = run.counts
    packed = counts.train + counts.validation
    yield "Rows read", units.count(counts.rows), f"{units.count(counts.rows_with_traces)} with traces"
    share = packed / counts.traces if counts.traces else 0.0
    yield "Traces packed", units.count(packed), f"{units.percent(share)} of {units.count(counts.traces)}"
    if counts.validation:
        yield "For validation", units.count(counts.validation), "of these, in a stream of their own"
    if counts.copies:
        yield "Copies", units.count(counts.copies), "of packed traces, in other packs"
    supervised = counts.supervised_tokens / counts.tokens if counts.tokens else 0.0
    yield "Tokens", units.count(counts.tokens), f"{units.percent(supervised)} supervised"
    fill = counts.tokens / (counts.packs * run.capacity) if counts.packs and run.capacity else 0.0
    yield "Fill", units.percent(fill), f"{units.count(counts.packs)} packs of {units.count(run.capacity)}"
    if counts.rows_with_images:
        yield "Images", units.count(counts.images), units.bytes_of(counts.image_bytes)


def charts_of(run: RunFile) -> Iterator[Chart]:
    """Yield the charts that follow from a run's counts, the most telling first."""
    yield _rows(run)
    yield _traces(run)
    yield _streams(run)
    yield from _acceptance(run)
    yield from _supervised(run)
    yield from _questions(run)


def _rows(run: RunFile) -> Chart:
    counts = run.counts
    flow = Flow(counts.rows)
    flow.whole("rows read", counts.rows, "sources")
    for reason, number in _largest_first(counts.rows_refused or {}):
        flow.part(f"left out: {reason}", number, link_to("rejects", reason=reason), "lost")
    flow.whole("rows with traces", counts.rows_with_traces, "traces")
    rows = counts.rows_unreadable + counts.rows_without_trace + counts.rows_with_traces
    return Chart("Rows", tuple(flow.bars), _agree(rows, counts.rows, "rows"))


def _traces(run: RunFile) -> Chart:
    counts = run.counts
    flow = Flow(counts.traces + counts.copies)
    flow.whole("traces made", counts.traces, "traces")
    if counts.copies:
        flow.part("copies beside these", counts.copies, "traces", "kept")
    for reason, number in _largest_first(counts.rejected):
        flow.part(f"left out: {reason}", number, link_to("rejects", reason=reason), "lost")
    for name, stream in run.streams.items():
        flow.part(f"in {name}", stream.traces, link_to("traces", stream=name), "kept")
    packed = sum(stream.traces for stream in run.streams.values()) - counts.copies
    return Chart(
        "Traces", tuple(flow.bars), _agree(packed + sum(counts.rejected.values()), counts.traces, "traces")
    )


def _agree(parts: int, whole: int, what: str) -> str:
    if parts == whole:
        return f"The sum agrees: {units.count(parts)} {what} of {units.count(whole)}."
    return f"THE SUM DOES NOT AGREE: {units.count(parts)} {what} of {units.count(whole)}. Please report this."


def _streams(run: RunFile) -> Chart:
    lines = []
    for name, stream in run.streams.items():
        fill = stream.tokens / (stream.packs * run.capacity) if stream.packs and run.capacity else 0.0
        words = f"{units.percent(fill)} of {units.count(stream.packs)} packs"
        lines.append((name, fill, words, f"packs/{name}/0"))
    return Chart("Buckets and their fill", scaled(lines, "kept", whole=1))


def _acceptance(run: RunFile) -> Iterator[Chart]:
    for name, counts in run.counts.sources.items():
        answers = {state: number for state, number in counts.answers.items() if number}
        compared = sum(answers.get(state, 0) for state in _COMPARED)
        if not compared or "present" in answers:
            continue
        lines = [
            (state, number, units.count(number), _answers_link(name, state))
            for state, number in answers.items()
        ]
        right = answers.get("right", 0)
        note = f"{units.percent(right / compared)} of {units.count(compared)} compared answers are right."
        yield Chart(f"Answers of {name}", scaled(lines), note)


def _answers_link(source: str, state: str) -> str:
    reason = _REASONS.get(state)
    if state == "right":
        return link_to("traces", source=source)
    return "" if reason is None else link_to("rejects", source=source, reason=reason)


def _supervised(run: RunFile) -> Iterator[Chart]:
    lines = [
        (name, one.supervised_tokens, _of_all(one), link_to("traces", source=name))
        for name, one in run.counts.sources.items()
        if one.tokens
    ]
    if lines:
        yield Chart("Supervised tokens by source", scaled(lines))


def _of_all(counts: SourceCounts) -> str:
    share = counts.supervised_tokens / counts.tokens
    return f"{units.count(counts.supervised_tokens)}, {units.percent(share)}"


def _questions(run: RunFile) -> Iterator[Chart]:
    found = run.counts.traces_per_question
    if not found:
        return
    lines = [
        (
            f"{number} of a question",
            found[number],
            units.count(found[number]),
            link_to("questions", traces=number),
        )
        for number in sorted(found, key=int)
    ]
    traces = sum(int(number) * count for number, count in found.items())
    mean = f"{traces / sum(found.values()):.2f} packed traces a question, in the mean."
    yield Chart("Traces a question", scaled(lines), mean)


def _largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [
        (name, counts[name]) for name in sorted(counts, key=lambda one: (-counts[one], one)) if counts[name]
    ]
