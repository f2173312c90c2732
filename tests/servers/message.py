"""Requests and answers of HTTP/1.1, read and written whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Request:
    """What a client asks; names of headers in small letters."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def writes(self) -> bool:
        return self.method in {"PUT", "POST", "DELETE"}


@dataclass
class Answer:
    """What a server says; `length` where the header says another than the body has."""

    status: int = 200
    body: bytes | memoryview = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None

    def head(self, clock: float) -> bytes:
        """Return the lines before the body."""
        reason = HTTPStatus(self.status).phrase if self.status in HTTPStatus._value2member_map_ else "-"
        length = len(self.body) if self.length is None else self.length
        lines = {"Date": formatdate(clock, usegmt=True), "Content-Length": str(length)} | self.headers
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} {reason}\r\n{text}\r\n".encode("latin-1", "replace")


def read_request(file: BinaryIO, proceed: Callable[[], None]) -> Request | None:
    """Read a request; ``None`` where the client has ended. `proceed` tells one that waits with its body.

    What ends before the blank line behind its head, or before its last chunk, is none: a client that is
    killed while it writes has asked for nothing.
    """
    line = file.readline(65537)
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := file.readline(65537)).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if not line.endswith(b"\n"):
        return None
    if headers.get("expect", "").lower() == "100-continue":
        proceed()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _chunks(file)
    else:
        body = _exactly(file, int(headers.get("content-length") or 0))
    if body is None:
        return None
    if "aws-chunked" in headers.get("content-encoding", ""):
        body = _aws_chunks(body)
    return Request(method, target, headers, body)


def _exactly(file: BinaryIO, length: int) -> bytes | None:
    if not length:
        return b""
    body = file.read(length)
    return body if len(body) == length else None


def _chunks(file: BinaryIO) -> bytes | None:
    pieces = []
    while True:
        size = int(file.readline().partition(b";")[0].strip(), 16)  # no number where the client has ended
        if not size:
            while (line := file.readline()).strip():
                pass
            return b"".join(pieces) if line.endswith(b"\n") else None
        piece = _exactly(file, size)
        if piece is None:
            return None
        pieces.append(piece)
        file.readline()


def _aws_chunks(body: bytes) -> bytes:
    """Return what is in the chunks that clients of S3 make, whose lines may carry signatures."""
    pieces, place = [], 0
    while True:
        end = body.index(b"\r\n", place)
        size = int(body[place:end].partition(b";")[0], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(body[end + 2 : end + 2 + size])
        place = end + 2 + size + 2


def wanted_range(text: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one past the last that a header `Range` asks for.

    ``None`` without one. A range past the end is empty: its first byte is the size.
    """
    if not text or not text.startswith("bytes="):
        return None
    first, _, last = text.removeprefix("bytes=").partition("-")
    if not first:
        return max(size - int(last), 0), size
    return min(int(first), size), min(int(last) + 1, size) if last else size


def part_of(request: Request, data: bytes, headers: dict[str, str]) -> Answer:
    """Answer a GET or HEAD for data, or for a range of it."""
    found = wanted_range(request.headers.get("range") or request.headers.get("x-ms-range"), len(data))
    headers = {"Accept-Ranges": "bytes", **headers}
    if found is None:
        whole = Answer(200, memoryview(data), headers)
    elif found[0] >= len(data):
        return Answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
    else:
        first, end = found
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
        whole = Answer(206, memoryview(data)[first:end], headers)
    if request.method == "HEAD":
        whole.length, whole.body = len(whole.body), b""
    return whole
