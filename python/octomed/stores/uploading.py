"""Uploads: in one piece or in parts, and compared with what the store says of the object afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore

from octomed.stores.digests import expected_tag, looks_like_digest, tag_of
from octomed.stores.faults import BadAnswer

if TYPE_CHECKING:
    from octomed.stores.buckets import Bucket

__all__ = ["PART", "WHOLE", "upload"]

WHOLE = 32 * 2**20
"""Bytes of what is sent in one piece."""

PART = 8 * 2**20
"""Bytes of a part, of what is larger."""

_MOST_PARTS = 10_000
_PARTS_AT_ONCE = 4


def upload(bucket: Bucket, key: str, source: bytes | Path) -> tuple[int, str | None]:
    """Write an object, and return its size and ETag.

    Parameters
    ----------
    bucket, key
        Where.
    source
        Its content, or a local file that holds it.

    Raises
    ------
    Failed
        When it did not get there whole in any attempt.
    OSError
        When the file cannot be read.
    """
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    part = None if size <= WHOLE else max(PART, -(-size // _MOST_PARTS))
    expected = tag_of(source) if isinstance(source, bytes) else expected_tag(source, part)

    def request() -> str | None:
        client = bucket.client if part is None else bucket.uploads
        settings: dict[str, Any] = {"use_multipart": part is not None}
        if part is not None:
            settings |= {
                "chunk_size": part,
                "max_concurrency": min(_PARTS_AT_ONCE, bucket.options.connections),
            }
        tag = obstore.put(client, key, source, **settings)["e_tag"]
        _compare(bucket, key, source, size=size, tag=tag, expected=expected)
        return tag

    tag = bucket.attempts.run(request, conflicts_pass=True)
    bucket.counter.add(bytes_written=size)
    return size, tag


def _compare(
    bucket: Bucket, key: str, source: bytes | Path, *, size: int, tag: str | None, expected: str
) -> None:
    """Compare what was written with what was sent: by its digest, else by its size, and where in doubt by bytes."""
    if bucket.digests and looks_like_digest(tag):
        if (tag or "").strip('"') == expected:
            return
        if not _is_the_same(bucket, key, source):
            raise BadAnswer("what was written is not what was sent")
        bucket.digests = False  # these are digests of something else
        return
    found = obstore.head(bucket.client, key)["size"]
    bucket.counter.add(requests=1)
    if found != size:
        raise BadAnswer(f"{found} bytes were written in place of {size}")


def _is_the_same(bucket: Bucket, key: str, source: bytes | Path) -> bool:
    bucket.counter.add(requests=1)
    answer = obstore.get(bucket.client, key)
    if isinstance(source, bytes):
        return bytes(answer.bytes()) == source
    with source.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in map(bytes, answer.stream())) and not file.read(
            1
        )
