"""What `verify` found: what was checked, and what is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from octomed.report import units


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a finished run.

    Attributes
    ----------
    place : str
        File, and row where there is one: `len-01024/shard.00000.mds row 3`.
    message : str
        What is wrong.
    """

    place: str
    message: str


@dataclass(slots=True)
class Findings:
    """All that a check of a run found.

    Attributes
    ----------
    output : str
        The output folder.
    checked : dict of str to int
        How much was looked at: `shards`, `packs`, `traces`, `tokens`, `bytes` and so on.
    problems : list of Finding
        What is wrong; empty for a good run.
    """

    output: str
    checked: dict[str, int] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def add(self, place: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Finding(place, message))

    def to_json(self) -> str:
        """Return one JSON object on one line."""
        return json.dumps(asdict(self) | {"ok": self.ok}, ensure_ascii=False)

    def plain(self) -> str:
        """Return the findings as text, one problem a line."""
        looked = ", ".join(f"{_amount(name, number)}" for name, number in self.checked.items())
        lines = [f"{finding.place}: {finding.message}" for finding in self.problems]
        ending = "all is well" if self.ok else f"{units.count(len(self.problems))} problems"
        return "\n".join(
            [*lines, f"`{self.output}`: {looked}: {ending}" if looked else f"`{self.output}`: {ending}"]
        )


def _amount(name: str, number: int) -> str:
    return units.bytes_of(number) if name == "bytes" else f"{units.count(number)} {name}"
