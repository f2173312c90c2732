"""The report of a finished run as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.report import page, units
from octomed.report.losses import emptied_classes
from octomed.report.page import Bar
from octomed.report.run_page_findings import classes, clusters, contamination, samples, traces_per_question
from octomed.report.run_page_making import citing, making

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.report.run_report import Lengths, RunReport
    from octomed.run_file import RunFile, SourceCounts

NOT_VERIFIED = "not compared with a gold answer"
_REASONS_SHOWN = 3
_COMPARED = ("right", "wrong", "ambiguous", "absent", "cut")
"""What becomes of a response that is compared with a right answer; a row without one is not."""


def page_of(report: RunReport) -> str:
    """Return the report as one HTML file.

    Parameters
    ----------
    report
        What it shows.
    """
    run = report.run
    title = f"Run {run.name}"
    body = [
        f"<h1>{page.text(title)}</h1>",
        page.paragraph(f"Packed for {run.recipe.get('model', run.run.model)}{_finished(run)}."),
        *_about_texts(report),
        page.figures(_key_figures(report)),
        page.section("From rows to packs", page.bars(list(_flow(report))), _sums(report)),
        page.section("Sources", _sources(report)),
        page.section("Answers", _answers(report), _answers_note(report)),
        page.section("Lengths of the packed traces", *_lengths(report)),
        page.section("Packs", _packs(report)),
        page.section("Traces a question", *traces_per_question(report)),
        page.section("Classes", *map(page.warning, emptied_classes(run.counts.classes)), classes(report)),
        page.section("Near duplicates", *clusters(report)),
        page.section("Contamination", *contamination(report)),
        page.section("Samples", *samples(report)),
        page.section("How it was made", *making(report)),
        page.section("How to cite", *citing(report)),
        page.section("Not shown", *map(page.paragraph, report.notes)),
    ]
    return page.page(title, "\n".join(part for part in body if part))


def _finished(run: RunFile) -> str:
    return f", finished {run.run.finished}" if run.run.finished else ""


def _about_texts(report: RunReport) -> Iterator[str]:
    """Yield what a reader has to know before this page is handed on."""
    if not report.texts:
        yield page.paragraph("No text of the data is on this page.")
        return
    yield page.warning(report.texts)


def _key_figures(report: RunReport) -> Iterator[tuple[str, str, str]]:
    counts, view = report.run.counts, report.view
    packed = counts.train + counts.validation
    share = packed / counts.traces if counts.traces else 0.0
    yield "Rows read", units.count(counts.rows), f"{units.count(counts.rows_with_traces)} with traces"
    yield "Traces made", units.count(counts.traces), f"{units.percent(share)} of them packed"
    yield "Traces packed", units.count(packed), f"{units.count(counts.packs)} packs"
    if counts.validation:
        yield "For validation", units.count(counts.validation), "of these, in a stream of their own"
    if counts.copies:
        yield "Copies", units.count(counts.copies), "of packed traces, in other packs"
    supervised = counts.supervised_tokens / counts.tokens if counts.tokens else 0.0
    yield "Tokens", units.count(counts.tokens), f"{units.percent(supervised)} supervised"
    yield "Fill", units.percent(view.fill), f"of {units.count(view.capacity)} tokens a pack"
    if counts.rows_with_images:
        yield "Images", units.count(counts.images), units.bytes_of(counts.image_bytes)


def _flow(report: RunReport) -> Iterator[Bar]:
    """Yield rows, then what is lost of them, then traces, then what is lost of these, then what is packed."""
    counts = report.run.counts

    def bar(label: str, number: int, start: int = 0, kind: str = "") -> Bar:
        return Bar(label, number / most, units.count(number), kind, start / most)

    most = max(counts.rows, 1)
    yield bar("rows read", counts.rows)
    left = counts.rows
    for reason, number in _largest_first(counts.rows_refused or {}):
        left -= number
        yield bar(f"left out: {reason}", number, left, "lost")
    yield bar("rows with traces", counts.rows_with_traces)
    most = max(counts.traces, 1)
    yield bar("traces made", counts.traces)
    left = counts.traces
    for reason, number in _largest_first(counts.rejected):
        left -= number
        yield bar(f"left out: {reason}", number, left, "lost")
    left += counts.copies
    if counts.copies:
        yield bar("copies beside these", counts.copies, max(left - counts.copies, 0), "kept")
    for name, stream in report.run.streams.items():
        left -= stream.traces
        yield bar(f"in {name}", stream.traces, max(left, 0), "kept")


def _sums(report: RunReport) -> str:
    counts = report.run.counts
    rows = counts.rows_unreadable + counts.rows_without_trace + counts.rows_with_traces
    packed = sum(stream.traces for stream in report.run.streams.values()) - counts.copies
    traces = packed + sum(counts.rejected.values())
    agree = rows == counts.rows and traces == counts.traces
    words = "Both sums agree" if agree else "THE SUMS DO NOT AGREE: please report this"
    return page.paragraph(
        f"{words}: {units.count(rows)} rows of {units.count(counts.rows)}, "
        f"{units.count(traces)} traces of {units.count(counts.traces)}. Rows and traces are drawn to scales "
        "of their own."
    )


def _sources(report: RunReport) -> str:
    head = ["source", "most left out for", "rows", "traces", "packed", "share packed", "tokens"]
    return page.table(head, (_source(*entry) for entry in report.view.sources.items()), names=2)


def _source(name: str, counts: SourceCounts) -> list[str]:
    lost = [*_largest_first({**counts.rows_refused, **counts.rejected})][:_REASONS_SHOWN]
    packed = counts.train + counts.validation
    share = packed / counts.traces if counts.traces else 0.0
    return [
        name,
        ", ".join(f"{reason} {units.count(number)}" for reason, number in lost),
        *(units.count(number) for number in (counts.rows, counts.traces, packed)),
        units.percent(share),
        units.count(counts.tokens),
    ]


def _answers(report: RunReport) -> str:
    """Return how many responses of each source are right, of those that were compared with a gold answer."""
    states = list(
        dict.fromkeys(
            state
            for counts in report.view.sources.values()
            for state, number in _answers_of(counts).items()
            if number
        )
    )
    rows = []
    for name, counts in report.view.sources.items():
        found = _answers_of(counts)
        if not found:
            rows.append([name, NOT_VERIFIED, *("" for _ in states)])
            continue
        compared = 0 if found.get("present") else sum(found.get(state, 0) for state in _COMPARED)
        accepted = units.percent(found.get("right", 0) / compared) if compared else NOT_VERIFIED
        rows.append([name, accepted, *(units.count(found.get(state, 0)) for state in states)])
    return page.table(["source", "accepted", *states], rows, names=2) if states else ""


def _answers_of(counts: SourceCounts) -> Mapping[str, int]:
    found: Mapping[str, int] = getattr(counts, "answers", None) or {}
    return found


def _answers_note(report: RunReport) -> str:
    if not any(map(_answers_of, report.view.sources.values())):
        return ""
    return page.paragraph(
        "Each response counts once, by what its final answer is against the question's gold answer, whatever "
        "else it was left out for."
    )


def _lengths(report: RunReport) -> Iterator[str]:
    if len(report.by_group) > 1:
        yield page.grid(map(_histogram, report.by_group))
        yield "<h3>By source</h3>"
    yield page.grid(map(_histogram, report.by_source))


def _histogram(lengths: Lengths) -> str:
    if not lengths.counts:
        return ""
    powers = range(min(lengths.counts), max(lengths.counts) + 1)
    edges = [_short(2**power) for power in powers]
    return page.histogram(lengths.name, edges, [lengths.counts.get(power, 0) for power in powers], "tokens")


def _short(number: int) -> str:
    return f"{number // 1024}k" if number >= 1024 else str(number)  # noqa: PLR2004 as capacities are called


def _packs(report: RunReport) -> str:
    head = ["stream", "packs", "traces", "tokens", "fill", "shards", "median length", "longest"]
    rows = (
        [
            name,
            *(units.count(number) for number in (one.packs, one.traces, one.tokens)),
            units.percent(one.fill),
            units.count(one.shards),
            units.count(one.lengths.get("p50", 0)),
            units.count(one.lengths.get("p100", 0)),
        ]
        for name, one in report.view.streams.items()
    )
    return page.table(head, rows)


def _largest_first(counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    return (
        (name, number) for name, number in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if number
    )
