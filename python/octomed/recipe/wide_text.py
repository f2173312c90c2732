"""Tables in UTF-16, as spreadsheets save them: what is read of them is UTF-8."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

TABLES = frozenset({"csv", "tsv"})
"""Kinds that may be UTF-16; rows of JSON Lines are known by their bytes, so that they stay as they are."""

GROWS = 2
"""What a byte of UTF-16 becomes at most in UTF-8, rounded up: two bytes are three."""

_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_LONGEST_MARK = 4


def encoding_of(head: bytes) -> str | None:
    r"""Return the encoding that a byte order mark says, if it is UTF-16.

    Examples
    --------
    >>> encoding_of("a,b".encode("utf-16-le")), encoding_of(codecs.BOM_UTF16_LE + b"a\0")
    (None, 'utf-16-le')
    """
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return None
    return _MARKS.get(head[:2])


class Utf8Stream:
    """A stream whose text is UTF-8, whatever its byte order mark says.

    Parameters
    ----------
    stream
        What to read; it is closed with this one. Half of a surrogate pair becomes what is no UTF-8: a matter
        of its row.

    Attributes
    ----------
    is_wide : bool
        Whether it is UTF-16.
    """

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 of pyarrow or of Python
        self._stream = stream
        self._head = b""
        while len(self._head) < _LONGEST_MARK and (more := stream.read(_LONGEST_MARK - len(self._head))):
            self._head += more
        encoding = encoding_of(self._head)
        self.is_wide = encoding is not None
        self._decoder: codecs.IncrementalDecoder | None = None
        if encoding is not None:
            self._head = self._head[2:]
            self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")

    def __enter__(self) -> Self:
        """Nothing to set up."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def read(self, size: int) -> bytes:
        """Return about so many bytes, and none at the end only.

        Raises
        ------
        UnicodeDecodeError
            When the file ends within a character.
        """
        while True:
            data: bytes = self._head + self._stream.read(max(1, size - len(self._head)))
            self._head = b""
            if self._decoder is None:
                return data
            text = self._decoder.decode(data, final=not data)
            if text or not data:
                return text.encode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
