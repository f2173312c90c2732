"""What a look at a machine finds, as lines for people and as plain values: fit for a bug report."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from octomed.names import printable_line, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

Verdict = Literal["ok", "warning", "failed"]

_WIDEST_NAME = 28


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    section
        What it belongs to: `versions`, `machine`, `disk`, `paths`, `credentials` or `gpu`.
    name
        What it is.
    said
        What was found, in a few words; no secret, and no home folder.
    verdict
        `ok`, `warning` where it may cost something, `failed` where a run would end.
    hint
        What to do about it; none where it is fine.
    values
        The same as numbers.
    """

    section: str
    name: str
    said: str
    verdict: Verdict = "ok"
    hint: str | None = None
    values: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def judged(cls, section: str, name: str, said: str, complaint: str | None, **values: Any) -> Finding:  # noqa: ANN401 plain values
        """Return a finding that is a warning where there is a complaint, which is the hint."""
        return cls(section, name, said, "warning" if complaint else "ok", complaint, values)


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in the order in which they are shown."""

    findings: tuple[Finding, ...]

    def of(self, verdict: Verdict) -> list[Finding]:
        """Return the findings of a verdict."""
        return [finding for finding in self.findings if finding.verdict == verdict]

    def values(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "ok": not self.of("failed"),
            "warnings": len(self.of("warning")),
            "failed": len(self.of("failed")),
            "findings": [_clean(asdict(finding)) for finding in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """Yield lines for people: a section, and below it verdict, what was looked at, and what was found."""
        section = None
        for finding in self.findings:
            if finding.section != section:
                section = finding.section
                yield section
            name = printable_line(shortened(finding.name))
            said = printable_line(shortened(finding.said))
            yield f"  {finding.verdict:<8}{name:<{_WIDEST_NAME}} {said}".rstrip()
            if finding.hint is not None:
                yield f"          hint: {printable_line(shortened(finding.hint))}"
        yield self.summary()

    def summary(self) -> str:
        """Return the last line: how many things there are to look at."""
        failed, warnings = len(self.of("failed")), len(self.of("warning"))
        if not failed and not warnings:
            return "all is well"
        several = "" if warnings == 1 else "s"
        return f"{failed} failed, {warnings} warning{several}"


def shortened(text: str) -> str:
    """Return text without what a bug report must not have: queries and users of addresses, the home folder.

    Examples
    --------
    >>> shortened("https://me:key@host/a.csv?sig=abc")
    'https://host/a.csv'
    """
    text = without_secrets(text)
    home = os.path.expanduser("~").rstrip("/")  # noqa: PTH111 a `Path` raises where there is none
    return text.replace(f"{home}/", "~/") if len(home) > 1 else text


def _clean(value: Any) -> Any:  # noqa: ANN401 plain values
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return value
