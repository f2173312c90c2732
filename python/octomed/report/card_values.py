"""What a dataset card says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octomed.run_file import RunFile


@dataclass(frozen=True)
class Card:
    """What a dataset card says.

    Attributes
    ----------
    run
        The run file.
    tables
        Names of the Parquet tables that lie beside the shards.
    decontamination
        What `reports/decontamination.json` says.
    repository
        `owner/name` of a published run.
    """

    run: RunFile
    tables: tuple[str, ...] = ()
    decontamination: dict[str, Any] = field(default_factory=dict)
    repository: str | None = None
