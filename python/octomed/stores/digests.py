"""What a store's ETag ought to be for content that was sent: its MD5, or that of its parts' MD5s."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["expected_tag", "looks_like_digest", "tag_of"]

_DIGEST = re.compile(r'"?[0-9a-f]{32}(-[0-9]+)?"?')


def looks_like_digest(tag: str | None) -> bool:
    """Say whether an ETag has the form of an MD5, or of an MD5 of parts."""
    return tag is not None and _DIGEST.fullmatch(tag) is not None


def tag_of(data: bytes) -> str:
    """Return the ETag of content that is sent in one piece.

    Examples
    --------
    >>> tag_of(b"")
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def expected_tag(path: Path, part: int | None) -> str:
    """Return the ETag of a file's content.

    Parameters
    ----------
    path
        The file.
    part
        Bytes of each part; ``None`` where it is sent in one piece.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    with path.open("rb") as file:
        if part is None:
            whole = hashlib.md5(usedforsecurity=False)
            for data in iter(lambda: file.read(2**20), b""):
                whole.update(data)
            return whole.hexdigest()
        pieces = iter(lambda: file.read(part), b"")
        digests = [hashlib.md5(data, usedforsecurity=False).digest() for data in pieces]
    return f"{tag_of(b''.join(digests))}-{len(digests)}"
