"""Large losses of a run, each with the key of the recipe that is to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.report import units
from octomed.run_file import accounts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from octomed.run_file import ClassCount, SourceCounts

LARGE_LOSS = 0.05
"""The share of a source's rows or traces from which on their loss is said aloud."""

_ADVICE = {
    "over_long": "longer than a pack of {capacity} tokens: raise `pack.capacity`",
    "over_patches": "whose images have more patches than a pack holds: raise `pack.max_patches`",
    "contaminated": "by questions of evaluation sets: look at `reports/contaminated.parquet`",
    "contaminated_image": "by pictures of evaluation sets: look at `reports/contaminated.parquet`",
    "no_gold": "without a right answer: {format} names its column as `answer`",
    "gold_fault": "whose right answer is not one of the options: look at `answer` and `options` of {format}",
    "empty_response": "without text in what is to be learned: look at {format}",
    "template_refused": "refused by the chat template: look at `template`",
    "template_limit": "for which a template exceeds the limits of one row: look at `template` and `prompt`",
    "tokenizer_limit": "for which the tokenizer needs more than a text may take: look at `model`",
    "tokenizer_failed": "on which the tokenizer failed: look at `model`",
    "two_reasonings": "with two different chains of thought: look at {format}",
    "no_supervised_tokens": "without a token to learn: look at `supervise` and `template`",
}
"""What is wrong with rejected traces, and where to look."""

_ASKED_FOR = frozenset(
    {
        "duplicate", "not_kept", "cut_response", "no_answer", "ambiguous_answer", "wrong_answer",
        "answer_format", "reasoning_length", "repetition", "refusal", "language", "empty_reasoning",
        "damaged_markup", "identifying", "near_duplicate", "excluded", "pass_rate", "traces_per_question",
        "not_drawn", "not_in_mix", "one_answer",
    }
)  # fmt: skip
"""Reasons that are no loss: a rule of the recipe is there to leave such traces out."""

_MOST_CLASSES = 10
"""Classes that lines name."""

_ONLY_PICTURES = (
    "rows with pictures are rejects: name their column as `images` in {format}, or `image_columns: []` packs "
    "their text alone"
)


def large_losses(
    sources: Mapping[str, object],
    *,
    capacity: int,
    tolerated: Mapping[str, float] | None = None,
    filters: Collection[str] = (),
) -> list[str]:
    """Return a line for each loss of more than 5 % of a source's rows or traces; what rules ask for is none.

    Nor are unreadable rows where the recipe tolerates that many.

    Parameters
    ----------
    sources
        The account of each source, in the plain values of a summary.
    capacity
        Tokens that a pack holds.
    tolerated
        Share of unreadable rows that the recipe tolerates of each source (`max_unreadable`).
    filters
        Names of the run's own filters, which are reasons.
    """
    shares = tolerated or {}
    return [
        line
        for name, account in accounts_of(sources).items()
        for line in _losses(name, account, capacity, shares.get(name, 0.0), _ASKED_FOR.union(filters))
    ]


def emptied_classes(classes: Iterable[ClassCount]) -> list[str]:
    """Return a line for each class of questions of which rules have left nothing, with the keys to look at.

    Parameters
    ----------
    classes
        What became of each class that questions are drawn by.
    """
    emptied = [one for one in classes if one.read and not one.accepted]
    lines = [
        f"class `{one.name}`: of its {units.count(one.read)} questions none has an accepted trace, and the "
        "run has nothing of it: look at `curate.accept` and the filters"
        for one in emptied[:_MOST_CLASSES]
    ]
    more = len(emptied) - len(lines)
    return [*lines, f"{units.count(more)} more classes are empty: `octomed.json` has them"] if more else lines


def reasons_in_words(refused: Mapping[str, int], *, unreadable: bool | None = None) -> str:
    """Return `2 invalid_json, 1 wrong_type`: all, or those that make a row unreadable, or the others."""
    counted = sorted(refused.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(
        f"{units.count(number)} {reason}"
        for reason, number in counted
        if unreadable is None or makes_unreadable(reason) == unreadable
    )


def makes_unreadable(reason: str) -> bool:
    """Tell whether a row with this reason cannot be read; one of another version counts as such."""
    return bool(_octomed.REASONS.get(reason, True))


def _losses(
    name: str, account: SourceCounts, capacity: int, tolerated: float, asked_for: frozenset[str]
) -> Iterator[str]:
    rows, traces, refused = account.rows, account.traces, account.rows_refused
    key = f"`sources.{name}.format`"
    unreadable, without = account.rows_unreadable, account.rows_without_trace
    if _large(unreadable, rows) and unreadable > tolerated * rows:
        reasons = reasons_in_words(refused, unreadable=True)
        advice = f"look at {key}, or fix the file; `sources.{name}.max_unreadable` tolerates it"
        yield f"source `{name}`: {_share(unreadable, rows, 'rows')} are unreadable ({reasons}): {advice}"
    if _large(without, rows):
        reasons = reasons_in_words(refused, unreadable=False)
        share = _share(without, rows, "rows")
        only_pictures = {why for why in refused if not makes_unreadable(why)} == {"has_image"}
        advice = _ONLY_PICTURES.format(format=key) if only_pictures else f"look at {key}"
        yield f"source `{name}`: {share} are without a trace ({reasons}): {advice}"
    for reason, number in account.rejected.items():
        if reason not in asked_for and _large(number, traces):
            advice = _ADVICE.get(reason, f"{reason}: look at {{format}}")
            advice = advice.format(capacity=units.count(capacity), format=key)
            yield f"source `{name}`: {_share(number, traces, 'traces')} are rejected as `{reason}`, {advice}"


def _large(part: int, whole: int) -> bool:
    return part > LARGE_LOSS * whole


def _share(part: int, whole: int, what: str) -> str:
    return f"{units.count(part)} of {units.count(whole)} {what} ({units.percent(part / whole)})"
