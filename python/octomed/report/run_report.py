"""What the report of a finished run shows, as plain values, and the page that is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed.report import page, units
from octomed.report.losses import emptied_classes
from octomed.report.page import Bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.report.near_pictures import NearPictures
    from octomed.report.views import RunView
    from octomed.run_file import RunFile, SourceCounts

REPORT = "report.html"

NOT_VERIFIED = "not compared with a gold answer"
_REASONS_SHOWN = 3
_COMPARED = ("right", "wrong", "ambiguous", "absent", "cut")
"""What becomes of a response that is compared with a right answer; a row without one is not."""


@dataclass(frozen=True)
class Lengths:
    """How long the packed traces of a source or group are: how many from each power of two of tokens on."""

    name: str
    counts: dict[int, int]


@dataclass(frozen=True)
class Sample:
    """A trace or row to look at.

    Attributes
    ----------
    reason
        Why it was left out; `kept` of one that is packed.
    place
        Source, file, row and sample.
    detail
        What else is said of the reason.
    text
        Of the row or trace.
    """

    reason: str
    place: str
    detail: str
    text: str


@dataclass(frozen=True)
class Cluster:
    """Traces that are nearly equal: how many, and the first of them, each a line about it and its text."""

    size: int
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RunReport:
    """Everything on the page.

    Attributes
    ----------
    run
        The run file.
    view
        Its streams, with the lengths of their traces.
    by_source, by_group
        Lengths of the packed traces.
    samples
        Traces and rows to look at; none where the recipe or the caller wants no text shown.
    clusters
        The largest clusters of near duplicates.
    clusters_found
        How many there are.
    decontamination
        What `reports/decontamination.json` says.
    contaminated
        Training questions that left: source, evaluation set, and the words that both have.
    near_pictures
        The first of the pictures that are nearly one of an evaluation set.
    recipe
        The recipe as YAML, all keys.
    notes
        Why something is not on the page.
    """

    run: RunFile
    view: RunView
    by_source: tuple[Lengths, ...] = ()
    by_group: tuple[Lengths, ...] = ()
    samples: tuple[Sample, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    clusters_found: int = 0
    decontamination: dict[str, Any] = field(default_factory=dict)
    contaminated: tuple[dict[str, Any], ...] = ()
    near_pictures: tuple[NearPictures, ...] = ()
    recipe: str = ""
    notes: tuple[str, ...] = ()


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
        page.paragraph(f"Packed for {run.recipe.get('model', run.run.model)}, finished {run.run.finished}."),
        page.figures(_key_figures(report)),
        page.section("From rows to packs", page.bars(list(_flow(report))), _sums(report)),
        page.section("Sources", _sources(report)),
        page.section("Answers", _answers(report), _answers_note(report)),
        page.section("Lengths of the packed traces", *_lengths(report)),
        page.section("Packs", _packs(report)),
        page.section("Traces a question", *_traces_per_question(report)),
        page.section("Classes", *map(page.warning, emptied_classes(run.counts.classes)), _classes(report)),
        page.section("Near duplicates", *_clusters(report)),
        page.section("Contamination", *_contamination(report)),
        page.section("Samples", *_samples(report)),
        page.section("How it was made", page.facts(_making(report)), *_folded(report)),
        *(page.paragraph(note) for note in report.notes),
    ]
    return page.page(title, "\n".join(part for part in body if part))


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


def _traces_per_question(report: RunReport) -> Iterator[str]:
    found: Mapping[str, int] = getattr(report.run.counts, "traces_per_question", None) or {}
    if found:
        numbers = sorted(found, key=int)
        questions = sum(found.values())
        lines = [
            Bar(f"{number} of a question", found[number], units.count(found[number])) for number in numbers
        ]
        yield page.bars(lines)
        traces = sum(int(number) * count for number, count in found.items())
        mean = f"{traces / questions:.2f}" if questions else "0"
        yield page.paragraph(
            f"{units.count(questions)} questions with {mean} packed traces each, in the mean."
        )


def _classes(report: RunReport) -> str:
    rows = (
        [one.name, units.count(one.read), units.count(one.accepted), units.count(one.drawn)]
        for one in report.run.counts.classes
    )
    return page.table(["class", "questions read", "accepted", "drawn"], rows, names=1)


def _clusters(report: RunReport) -> Iterator[str]:
    if report.clusters_found:
        yield page.paragraph(
            f"{units.count(report.clusters_found)} clusters of nearly equal traces, the largest first."
        )
    for cluster in report.clusters:
        members = "\n\n".join(f"{line}\n{text}".strip() for line, text in cluster.members)
        yield page.folded(f"{units.count(cluster.size)} traces: {cluster.members[0][0]}, …", members)


def _contamination(report: RunReport) -> Iterator[str]:
    values = report.decontamination
    if not values:
        return
    sets = values.get("sets", {})
    head = ["evaluation set", "questions", "too short to test", "training questions that left"]
    keys = ("questions", "untestable", "left")
    rows = ([name, *(units.count(int(one.get(key, 0))) for key in keys)] for name, one in sets.items())
    yield page.table(head, rows)
    for name in ("note", "paraphrases"):
        if values.get(name):
            yield page.paragraph(str(values[name]))
    rows = (
        [
            str(one.get("source", "")),
            str(one.get("evaluation_set", one.get("set", ""))),
            str(one.get("words", "")),
        ]
        for one in report.contaminated
    )
    yield page.table(["source", "evaluation set", "words that both have"], rows, names=3)
    yield from _gallery(report)


def _gallery(report: RunReport) -> Iterator[str]:
    if not report.near_pictures:
        return
    yield page.paragraph("Pictures that are nearly one of an evaluation set, in grey, as they were compared:")
    yield page.gallery(
        (
            f"{one.place} and {one.evaluation}: {one.distance} bits of 64, {one.difference:.1f} grey levels",
            [(one.place, one.pictures[0]), (one.evaluation, one.pictures[1])],
        )
        for one in report.near_pictures
    )


def _samples(report: RunReport) -> Iterator[str]:
    reasons = dict.fromkeys(sample.reason for sample in report.samples)
    for reason in reasons:
        yield f"<h3>{page.text(reason)}</h3>"
        for sample in report.samples:
            if sample.reason == reason:
                detail = f": {sample.detail}" if sample.detail else ""
                yield page.folded(sample.place + detail, sample.text)


def _making(report: RunReport) -> Iterator[tuple[str, str]]:
    run = report.run
    yield "Recipe", run.run.recipe_file or run.name
    yield "Model", str(run.recipe.get("model", run.run.model))
    yield "Tokenizer", f"{run.tokenizer.path} ({run.tokenizer.content_hash})"
    stages = ", ".join(f"{name} {units.seconds(spent)}" for name, spent in run.run.seconds.items())
    total = sum(run.run.seconds.values())
    yield "Time", f"{units.seconds(total)} ({stages}) with {run.run.workers} workers"
    sizes = (("in", run.run.bytes_in), ("store", run.run.bytes_store), ("out", run.counts.bytes_out))
    yield "Bytes", ", ".join(f"{units.bytes_of(number)} {name}" for name, number in sizes)
    yield "Machine", f"{run.run.machine}, Python {run.run.python}, pyarrow {run.run.pyarrow}"
    yield from _versions(run)
    for note in (*run.run.notes, *run.run.made_again, *run.counts.notes):
        yield "Note", note


def _versions(run: RunFile) -> Iterator[tuple[str, str]]:
    values = vars(run.versions) if hasattr(run.versions, "__dict__") else {}
    yield from ((f"Version of {name}", str(value)) for name, value in values.items() if value)


def _folded(report: RunReport) -> Iterator[str]:
    if report.recipe:
        yield page.folded("The recipe, all keys", report.recipe)


def _largest_first(counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    return (
        (name, number) for name, number in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if number
    )
