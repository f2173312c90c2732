"""Parquet and Arrow files opened wherever they are: on this machine, or in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.schemes import scheme_of

if TYPE_CHECKING:
    from octomed.foreign.table import ForeignTable


def open_foreign(path: str, kind: str) -> ForeignTable:
    """Open a Parquet or Arrow file, wherever it is.

    Parameters
    ----------
    path, kind
        As of :class:`octomed.foreign.table.ForeignTable`; the path may be an address.
    """
    if scheme_of(path) is None:
        from octomed.foreign.table import ForeignTable  # noqa: PLC0415 only where a table is opened

        return ForeignTable(path, kind)
    from octomed.foreign.remote import RemoteTable  # noqa: PLC0415 only where there is an address

    return RemoteTable(path, kind)
