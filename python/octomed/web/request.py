"""One question to the web: from a checked address, within limits of bytes, time and redirects."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from octomed import _octomed
from octomed.web.errors import NoImage
from octomed.web.place import Place, found_at, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 2**16
_MOVED = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEADERS = {
    "Accept": "image/*, */*;q=0.5",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": f"octomed/{_octomed.__version__}",
}


@dataclass(frozen=True)
class Limits:
    """How much an address may take.

    Attributes
    ----------
    size
        Bytes of an image: those that a row may have.
    seconds
        From the first connection to the last byte, of each place on the way.
    silence
        Seconds without a byte.
    redirects
        How often an answer may name another address.
    """

    size: int = 64 * 2**20
    seconds: float = 60.0
    silence: float = 15.0
    redirects: int = 5


def ask(address: str, limits: Limits) -> Iterator[bytes]:
    """Yield the bytes that an address sends, piece by piece; names of hosts are checked on each way there.

    No proxy is used: it would look a name up again, where nobody checks it.

    Parameters
    ----------
    address
        As a row has it.
    limits
        What is exceeded is refused.

    Raises
    ------
    NoImage
        When the address gives none.
    """
    place = place_of(address)
    for _ in range(limits.redirects + 1):
        with _answer(place, limits) as answer:
            if answer.status in _MOVED:
                address = urljoin(address, answer.getheader("Location") or "")
                place = _moved_to(address)
                continue
            _check(answer, limits)
            yield from _body(answer, limits)
            return
    raise NoImage(f"it leads on more than {limits.redirects} times")


def _moved_to(address: str) -> Place:
    try:
        return place_of(address)
    except NoImage as error:
        raise NoImage(f"it leads on to another address: {error.detail}") from error


@contextmanager
def _answer(place: Place, limits: Limits) -> Iterator[http.client.HTTPResponse]:
    """Ask, and put whatever fails until the answer is read into words."""
    connection = _Connection(place, limits)
    alarm = threading.Timer(limits.seconds, connection.end)
    alarm.daemon = True
    alarm.start()
    try:
        connection.request("GET", place.target, headers=_HEADERS)
        yield connection.getresponse()
        if connection.ended:  # what has no length looks whole then
            raise TimeoutError
    except ssl.SSLCertVerificationError as error:
        raise NoImage("the certificate of its host does not hold") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        if connection.ended:
            raise NoImage(f"it takes more than {limits.seconds:g} seconds", passes=True) from error
        raise NoImage(_words(error), passes=True) from error
    finally:
        alarm.cancel()
        connection.close()


def _words(error: Exception) -> str:
    """Return what went wrong, by its kind: the texts of some errors repeat what was asked."""
    if isinstance(error, TimeoutError):
        return "its host does not answer in time"
    if isinstance(error, ConnectionError):
        return "its host refuses or ends the connection"
    if isinstance(error, ssl.SSLError):
        return "no encrypted connection to its host comes about"
    if isinstance(error, http.client.IncompleteRead):
        return "its host sends less than it says"
    if isinstance(error, OSError):
        return "its host cannot be reached"
    return "its host does not answer as a server of the web does"


class _Response(http.client.HTTPResponse):
    """An answer whose pieces have a size that is none below 0: Python would read all there is for one."""

    def _read_next_chunk_size(self) -> int:
        size = int(super()._read_next_chunk_size())  # type: ignore[misc]
        if size < 0:
            raise http.client.HTTPException
        return size


class _Connection(http.client.HTTPConnection):
    """A connection to one of the addresses that were checked, which ends when its time is over."""

    response_class = _Response

    def __init__(self, place: Place, limits: Limits) -> None:
        super().__init__(place.host, place.port, timeout=limits.silence)
        self.default_port = 443 if place.scheme == "https" else 80
        self._place = place
        self._silence = limits.silence
        self.ended = False
        self._open: socket.socket | None = None  # `sock` is none while an answer is read that ends it

    def connect(self) -> None:
        """Connect to the first address of the host that answers."""
        failure: OSError | None = None
        for family, where in found_at(self._place):
            if self.ended:
                break
            try:
                self.sock = self._connected(family, where)
            except OSError as error:
                failure = error
                continue
            self._open = self.sock
            self._encrypt()
            self._open = self.sock
            if self.ended:
                break
            return
        raise failure or TimeoutError

    def _connected(self, family: int, where: Any) -> socket.socket:  # noqa: ANN401 as the system has it
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.settimeout(self._silence)
            found.connect(where)
        except OSError:
            found.close()
            raise
        return found

    def _encrypt(self) -> None:
        if self._place.scheme == "https":
            self.sock = _context().wrap_socket(
                self.sock, server_hostname=self._place.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def end(self) -> None:
        """End the connection from another thread: whoever waits for a byte gets none."""
        self.ended = True
        if self._open is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._open, socket.SHUT_RDWR)


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _check(answer: http.client.HTTPResponse, limits: Limits) -> None:
    """Refuse an answer by its head."""
    if answer.status != http.client.OK:
        passes = answer.status in _PASSING
        raise NoImage(f"its host answers {answer.status}", passes=passes)
    if answer.getheader("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise NoImage("its host sends it compressed, which was not asked for")
    if answer.length is not None and answer.length > limits.size:
        raise _too_large(limits)


def _too_large(limits: Limits) -> NoImage:
    return NoImage(f"it has more than {limits.size // 2**20} MiB", "image_too_large")


def _body(answer: http.client.HTTPResponse, limits: Limits) -> Iterator[bytes]:
    left, total = answer.length, 0
    while chunk := answer.read1(_CHUNK):  # what has come: `read` waits for all of it
        total += len(chunk)
        if total > limits.size:
            raise _too_large(limits)
        yield chunk
    if left is not None and total < left:
        raise http.client.IncompleteRead(b"", left - total)
