"""What a filter of the user's own is, as plain values: in a task's specification, and in a run's files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilterRecord:
    """A filter: a function of a module, and what tells it from another.

    Attributes
    ----------
    name
        The reason of what it leaves out.
    module, function
        Where it is imported from.
    version
        As its author counts.
    source
        Digest of the module's source.
    columns
        What it sees of a trace.
    sources
        Sources whose traces it sees; all where there are none.
    """

    name: str
    module: str
    function: str
    version: str
    source: str
    columns: tuple[str, ...]
    sources: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is imported from, for messages."""
        return f"{self.module}.{self.function}"

    def sees(self, source: str) -> bool:
        """Tell whether it sees the traces of a source."""
        return not self.sources or source in self.sources


@dataclass(frozen=True)
class FilterCost:
    """What a filter did in a run's own scan: blocks that stood are not in it.

    Attributes
    ----------
    traces
        That it looked at.
    left_out
        Of these.
    seconds
        In its function, of all threads together.
    """

    traces: int = 0
    left_out: int = 0
    seconds: float = 0.0

    def __add__(self, other: FilterCost) -> FilterCost:
        """Return both together."""
        seconds = round(self.seconds + other.seconds, 6)
        return FilterCost(self.traces + other.traces, self.left_out + other.left_out, seconds)


def changes_of_filters(old: tuple[FilterRecord, ...], new: tuple[FilterRecord, ...]) -> list[str]:
    """Return in what filters differ, in words.

    Examples
    --------
    >>> first = FilterRecord("short", "rules", "short", "1", "ab12", ("response",))
    >>> changes_of_filters((), (first,))
    ['filter `short` is new']
    """
    before, after = ({one.name: one for one in records} for records in (old, new))
    changes = []
    for name in dict.fromkeys([*before, *after]):
        if name not in before:
            changes.append(f"filter `{name}` is new")
        elif name not in after:
            changes.append(f"filter `{name}` is gone")
        elif before[name] != after[name]:
            changes.append(f"filter `{name}`: {_change(before[name], after[name])}")
    if not changes and old != new:
        changes.append("filters in another order")
    return changes


def _change(before: FilterRecord, after: FilterRecord) -> str:
    if before.place != after.place:
        return f"`{before.place}` → `{after.place}`"
    if before.version != after.version:
        return f"version {before.version} → {after.version}"
    if before.source != after.source:
        return f"the source of its module `{after.module}` changed"
    return "its columns or its sources changed"
