"""What the page of a run shows of its rules' findings, and texts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.report import page, units
from octomed.report.page import Bar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.report.run_report import RunReport


def traces_per_question(report: RunReport) -> Iterator[str]:
    """Yield how many questions have one packed trace, two, and so on."""
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


def classes(report: RunReport) -> str:
    """Return the table of classes, before and after the draw."""
    rows = (
        [one.name, units.count(one.read), units.count(one.accepted), units.count(one.drawn)]
        for one in report.run.counts.classes
    )
    return page.table(["class", "questions read", "accepted", "drawn"], rows, names=1)


def clusters(report: RunReport) -> Iterator[str]:
    """Yield the largest clusters of near duplicates."""
    if report.clusters_found:
        yield page.paragraph(
            f"{units.count(report.clusters_found)} clusters of nearly equal traces, the largest first."
        )
    for cluster in report.clusters:
        members = "\n\n".join(f"{line}\n{text}".strip() for line, text in cluster.members)
        yield page.folded(f"{units.count(cluster.size)} traces: {cluster.members[0][0]}, …", members)


def contamination(report: RunReport) -> Iterator[str]:
    """Yield what was found of evaluation sets: questions, words that both have, and pictures."""
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


def samples(report: RunReport) -> Iterator[str]:
    """Yield texts of packed traces, and of what was left out, by reason."""
    reasons = dict.fromkeys(sample.reason for sample in report.samples)
    for reason in reasons:
        yield f"<h3>{page.text(reason)}</h3>"
        for sample in report.samples:
            if sample.reason == reason:
                detail = f": {sample.detail}" if sample.detail else ""
                yield page.folded(sample.place + detail, sample.text)
