"""`octomed diff`: what differs between two runs or recipes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octomed.cli.options import AsJson
from octomed.cli.terminal import out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.compare.comparison import Compared
    from octomed.compare.traces import TraceChanges

Place = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE|OUTPUT", help="Recipe, or folder or address of a run.", show_default=False
    ),
]
_MEANT = {
    "came": "came: packed in the second, and in the first `{}`",
    "went": "went: packed in the first, and in the second `{}`",
    "changed": "changed: packed in both, of another {}",
}


def command(before: Place, after: Place, json_output: AsJson = False) -> None:
    """Compare two runs or recipes: keys, counts, and which traces came, went or changed.

    Traces are known by source, file, row and response; each that one of the runs packed alone is counted by
    its reason in the other (`not_read` where that has no such row). Of traces that both packed, another
    length, use (training or validation), number of copies or place in the file is a change. With a recipe
    on either side, keys alone are compared. No text is printed.

    \b
    Examples:
      octomed diff recipes/quickstart.yaml recipes/quickstart-curation.yaml
      octomed diff runs/quickstart runs/quickstart-curation
      octomed diff runs/quickstart runs/quickstart-curation --json | jq .traces
    """
    from octomed.compare.comparison import compare

    compared = compare(before, after)
    if json_output:
        out(json.dumps(_values(compared), ensure_ascii=False))
        return
    for line in _lines(compared):
        out(line)


def _lines(compared: Compared) -> Iterator[str]:
    if compared.is_same:
        yield "nothing differs"
        return
    for key, (old, new) in {**compared.versions, **compared.keys}.items():
        yield f"{key}: {_shown(old)} → {_shown(new)}"
    for name, (old, new) in {**compared.counts, **compared.rejected}.items():
        if old != new:
            yield f"{name.replace('_', ' ') if name in compared.counts else name}: {old:,} → {new:,}"
    if compared.traces is not None:
        yield from _trace_lines(compared.traces)


def _trace_lines(traces: TraceChanges) -> Iterator[str]:
    from octomed.compare.traces import CHANGES
    from octomed.names import shown

    yield f"traces: {traces.same:,} as they were"
    for change in CHANGES:
        for reason, number in traces.by_reason(change).items():
            yield f"  {number:,} {_MEANT[change].format(reason)}"
            for one in traces.examples[change, reason]:
                place = f"{one.source}/{shown(one.file)} row {one.row} sample {one.sample}"
                yield f"    {place}, trace {one.trace_id}"


def _shown(value: Any) -> str:  # noqa: ANN401 any YAML value
    return "(not set)" if value is None else json.dumps(value, ensure_ascii=False)


def _values(compared: Compared) -> dict[str, Any]:
    def sides(pairs: dict[str, Any]) -> dict[str, Any]:
        return {name: {"before": old, "after": new} for name, (old, new) in pairs.items()}

    traces = compared.traces
    return {
        "same": compared.is_same,
        "keys": sides(compared.keys),
        "versions": sides(compared.versions),
        "counts": sides(compared.counts),
        "rejected": sides(compared.rejected),
        "traces": None if traces is None else {"same": traces.same, "changes": _changes(traces)},
    }


def _changes(traces: TraceChanges) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [
        {
            "change": change,
            "source": source,
            "reason": reason,
            "traces": number,
            "examples": [asdict(one) for one in traces.examples[change, reason] if one.source == source],
        }
        for (change, source, reason), number in sorted(traces.counts.items())
    ]
