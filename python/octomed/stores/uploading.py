"""Uploads: in one piece or in parts, and compared with what the store says of the object afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from octomed.stores.digests import expected_tag, looks_like_digest, tag_of
from octomed.stores.faults import BadAnswer

if TYPE_CHECKING:
    from octomed.stores.bucket import Bucket

__all__ = ["PART", "WHOLE", "upload"]

WHOLE = 32 * 2**20
"""Bytes of what is sent in one piece."""

PART = 8 * 2**20
"""Bytes of a part, of what is larger."""

_SMALL = 2**20
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

    sent = _Sent(bucket, key, source, size, part)

    def request() -> str | None:
        if part is None:
            client = bucket.client if size <= _SMALL else bucket.whole_uploads
            tag = obstore.put(client, key, source, use_multipart=False)["e_tag"]
        else:
            bucket.counter.add(requests=1 + -(-size // part))  # beside the one that is counted: it begins
            at_once = min(_PARTS_AT_ONCE, bucket.options.connections)
            tag = obstore.put(bucket.uploads, key, source, chunk_size=part, max_concurrency=at_once)["e_tag"]
        sent.compare(tag)
        return tag

    tag = bucket.attempts.run(request, conflicts_pass=True)
    bucket.counter.add(bytes_written=size)
    return size, tag


@dataclass(frozen=True)
class _Sent:
    """What was sent, to be compared with what is there now."""

    bucket: Bucket
    key: str
    source: bytes | Path
    size: int
    part: int | None

    def compare(self, tag: str | None) -> None:
        """Compare by the digest, else by the size, and where in doubt by every byte."""
        if self.bucket.digests and looks_like_digest(tag):
            if (tag or "").strip('"') == self._expected():
                return
            if not self._is_there():
                raise BadAnswer("what was written is not what was sent")
            self.bucket.digests = False  # they are digests of something else
            return
        self.bucket.counter.add(requests=1)
        found = self.bucket.head(self.key)["size"]
        if found != self.size:
            raise BadAnswer(f"{found} bytes were written in place of {self.size}")

    def _expected(self) -> str:
        return tag_of(self.source) if isinstance(self.source, bytes) else expected_tag(self.source, self.part)

    def _is_there(self) -> bool:
        self.bucket.counter.add(requests=1)
        answer = obstore.get(self.bucket.client, self.key)
        if isinstance(self.source, bytes):
            return bytes(answer.bytes()) == self.source
        with self.source.open("rb") as file:
            same = all(file.read(len(piece)) == piece for piece in map(bytes, answer.stream()))
            return same and not file.read(1)
