"""A server of images on this machine, and the leave to reach it, which no setting of a recipe gives."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from octomed.web import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's table says, and notes what was asked."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.heads.append(dict(self.headers.items()))
        answer = self.server.answers.get(self.path.partition("?")[0])
        if answer is None:
            self.send(404, b"none")
        elif isinstance(answer, bytes):
            self.send(200, answer)
        else:
            answer(self)

    def send(self, status: int, body: bytes = b"", **head: str) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | head).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, bytes | Answer] = {}
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []

    def handle_error(self, *_: Any) -> None:
        """A client that ends the connection is no fault."""

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


@contextmanager
def serving(patch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve, and let this one address be reached."""
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    patch.setattr(place, "may_be_reached", lambda address: address == "127.0.0.1")
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def moved(to: str, status: int = 302) -> Answer:
    return lambda handler: handler.send(status, Location=to)


def slowly(head: bytes, pause: float, times: int) -> Answer:
    """Send bytes one after the other, with a pause before each."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(head)
        for _ in range(times):
            handler.wfile.write(b"x")
            time.sleep(pause)
        handler.close_connection = True

    return answer
