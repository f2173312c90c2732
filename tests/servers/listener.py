"""The server itself: a thread a connection, which answers, spoils answers, and counts."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol
from urllib.parse import unquote

from tests.servers.faults import AFTER, BEFORE, PAGE, Faults
from tests.servers.message import Answer, Request, read_request
from tests.servers.objects import Full, Objects
from tests.servers.rules import Pace, Rules
from tests.servers.tunnel import tunnel

CONTROL = "/-/"
"""Below this address tests speak to the server itself."""


class Service(Protocol):
    """A way of speaking: what a store does with a request."""

    def answer(self, request: Request) -> Answer:
        """Do it; raises `Full`."""

    def who(self, request: Request) -> str | None:
        """Return the name of the credentials of a request."""

    def busy(self, status: int) -> Answer:
        """Return the answer of a store that cannot do it now."""

    def full(self) -> Answer:
        """Return the answer of a store that has no room."""


@dataclass
class Desk:
    """What all connections share."""

    service: Service
    objects: Objects
    rules: Rules
    faults: Faults

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.pace, self.lock = Pace(), threading.Lock()

    def count(self, **numbers: int) -> None:
        with self.lock:
            self.counts.update(numbers)

    def forget(self) -> None:
        """Begin anew: no objects, no faults, no rules, nothing counted."""
        for ours, fresh in ((self.rules, Rules()), (self.faults, Faults())):
            ours.__dict__.update(fresh.__dict__)
        self.objects.clear()
        with self.lock:
            self.counts.clear()
            self.asked.clear()
            self.heads.clear()

    def set(self, values: dict[str, Any]) -> None:
        """Change rules and faults by the names of their fields; faults are drawn from their seed anew."""
        for ours in (self.rules, self.faults):
            names = {one.name for one in fields(ours)} & set(values)
            if names:
                made = type(ours)(**(asdict(ours) | {name: values.pop(name) for name in names}))
                ours.__dict__.update(made.__dict__)
        assert not values, f"no settings: {values}"


class _Connection(socketserver.StreamRequestHandler):
    """One client."""

    server: Listener
    wbufsize = 0
    rbufsize = 1 << 18
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                request = read_request(self.rfile, self._proceed)  # type: ignore[arg-type]
                if request is None or not self._serve(request):
                    return

    def _proceed(self) -> None:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _serve(self, request: Request) -> bool:
        """Answer a request; tells whether the connection stays open."""
        desk, self._bare = self.server.desk, request.method == "HEAD"
        if request.path.startswith(CONTROL):
            return self._send(control(desk, request), counted=False)
        if request.method == "CONNECT":
            desk.count(tunnels=1)
            tunnel(self.connection, request.target)
            return False
        desk.count(requests=1, bytes_in=len(request.body), **{request.method.lower(): 1})
        desk.asked.append(f"{request.method} {request.target}")
        desk.heads.append(request.headers)
        time.sleep(desk.rules.latency)
        self._slow(len(request.body), request)
        kind = desk.faults.kind_for(request)
        if kind is not None:
            desk.count(**{"faults": 1, f"fault_{kind}": 1})
        if kind in BEFORE:
            return self._refuse(kind)
        try:
            answer = desk.service.answer(request)
        except Full:
            answer = desk.service.full()
        desk.count(**{f"status_{answer.status}": 1})
        self._slow(len(answer.body), request)
        if kind in AFTER:
            return self._refuse(kind.replace("late_500", "error_500").replace("late_reset", "reset"))
        return self._spoilt(answer, kind) if kind else self._send(answer)

    def _slow(self, size: int, request: Request) -> None:
        speed = self.server.desk.rules.speed
        if speed and size:
            self.server.desk.pace.wait(self.server.desk.service.who(request) or "", size, speed)

    def _refuse(self, kind: str) -> bool:
        if kind == "timeout":
            time.sleep(self.server.desk.faults.hang)
            return False
        if kind == "reset":
            return self._reset()
        if kind == "html":
            return self._send(Answer(200, PAGE, {"Content-Type": "text/html"}))
        return self._send(self.server.desk.service.busy(int(kind.partition("_")[2])))

    def _reset(self) -> bool:
        """Leave so that the client gets a reset, and no end of the stream."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        return False

    def _spoilt(self, answer: Answer, kind: str) -> bool:
        body = bytes(answer.body)
        half = body[: len(body) // 2]
        if kind == "wrong_length" and body:
            headers = {name: value for name, value in answer.headers.items() if name != "Content-Range"}
            if answer.status == 206:
                headers["Content-Range"] = _shorter(answer.headers["Content-Range"], len(half))
            return self._send(Answer(answer.status, half, headers))
        if kind == "long_body" and body:
            return self._send(Answer(answer.status, body + b"\0more", answer.headers))
        if kind in {"short_body", "stall"} and body:
            self._send(Answer(answer.status, half, answer.headers, length=len(body)))
            if kind == "stall":
                time.sleep(self.server.desk.faults.hang)
            return False
        return self._reset()  # there is no body to spoil

    def _send(self, answer: Answer, *, counted: bool = True) -> bool:
        if self._bare and answer.body:
            answer.length, answer.body = len(answer.body), b""
        head = answer.head(self.server.desk.rules.now)
        if len(answer.body) < 1 << 16:
            self.connection.sendall(head + answer.body)
        else:
            self.connection.sendall(head)
            self.connection.sendall(answer.body)
        if counted:
            self.server.desk.count(bytes_out=len(answer.body))
        return True


def _shorter(text: str, size: int) -> str:
    """Return a Content-Range that begins at the same place and has so many bytes."""
    first = int(text.partition(" ")[2].partition("-")[0])
    return f"bytes {first}-{first + size - 1}/{text.rpartition('/')[2]}"


class Listener(socketserver.ThreadingTCPServer):
    """Listens at a free port of this machine."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, desk: Desk, certificate: str | None = None) -> None:
        self.desk, self.tls = desk, None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        super().__init__(("127.0.0.1", 0), _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; with TLS the handshake is the thread's work."""
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_: Any) -> None:
        """A client that ends the connection is no fault."""


def control(desk: Desk, request: Request) -> Answer:
    """Do what a test wants of the server itself."""
    what, _, name = request.raw_path.removeprefix(CONTROL).partition("/")
    name = unquote(name)
    if what == "objects":
        return _object(desk, request, name)
    if what == "names":
        return _json(desk.objects.names(request.query.get("prefix", "")))
    if what == "set":
        desk.set(json.loads(request.body))
    elif what == "forget":
        desk.forget()
    elif what == "many":
        _many(desk, json.loads(request.body))
    elif what == "asked":
        return _json({"asked": desk.asked, "heads": desk.heads if "heads" in request.query else []})
    with desk.lock:
        return _json({**desk.counts, "cpu": time.process_time(), "uploads": len(desk.objects.uploads)})


def _object(desk: Desk, request: Request, name: str) -> Answer:
    if request.method == "PUT":
        if name.endswith("/"):
            desk.objects.buckets.add(name[:-1])
        else:
            desk.objects.buckets.add(name.partition("/")[0])
            desk.objects.put(name, request.body)
        return Answer()
    if request.method == "DELETE":
        return Answer(200 if desk.objects.delete(name) else 404)
    found = desk.objects.get(name)
    return Answer(404) if found is None else Answer(200, found.data, {"ETag": found.etag})


def _many(desk: Desk, wanted: dict[str, Any]) -> None:
    """Make many objects of the same content, whose names are numbered."""
    data = wanted["data"].encode()
    desk.objects.buckets.add(wanted["name"].partition("/")[0])
    for number in range(wanted["count"]):
        desk.objects.put(wanted["name"].format(number), data)


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})
