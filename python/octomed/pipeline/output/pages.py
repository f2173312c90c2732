"""The pages beside a run's files: `report.html`, and the dataset card, which its owner may change.

No digest of them is kept: they are written when all else is, and again at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.file_names import CARD, REPORT
from octomed.names import shown
from octomed.report.card_mark import is_as_written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from octomed.store import Store


def put_pages(store: Store, pages: Mapping[str, str], place: str) -> list[str]:
    """Write pages beside a run; a card that was changed by hand stays.

    Parameters
    ----------
    store
        The run's files.
    pages
        Texts by name.
    place
        Where that is, for notes.

    Returns
    -------
    list of str
        What is to be told.

    Raises
    ------
    StorageError
        When one cannot be written.
    """
    notes = []
    for name, text in pages.items():
        if name == CARD and not _is_ours(store):
            notes.append(f"`{shown(place)}/{CARD}` was changed by hand and is left as it is")
        else:
            store.put(name, text.encode())
    return notes


def remove_pages(store: Store) -> None:
    """Remove the pages of a run that goes; a card that was changed by hand stays.

    Parameters
    ----------
    store
        The run's files.

    Raises
    ------
    StorageError
        When one cannot be removed.
    """
    store.delete(REPORT)
    if _is_ours(store):
        store.delete(CARD)


def _is_ours(store: Store) -> bool:
    """Tell whether the card there may go: it is as it was written, or there is none."""
    try:
        return is_as_written(store.read(CARD).decode("utf-8", "replace"))
    except FileNotFoundError:
        return True
