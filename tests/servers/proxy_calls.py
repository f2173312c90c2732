"""A proxy: hands requests to another server of this machine, which need not know how to fail."""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.servers.message import Answer, Request
from tests.servers.s3_calls import S3

if TYPE_CHECKING:
    from tests.servers.objects import Objects
    from tests.servers.rules import Rules

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection", "expect"}


class Proxy(S3):
    """Stands before `rules.upstream`, or, as an `HTTP_PROXY`, before the server of a whole address."""

    def __init__(self, objects: Objects, rules: Rules) -> None:
        super().__init__(objects, rules)
        self._mine = threading.local()

    def answer(self, request: Request) -> Answer:
        refused = self.refusal(request)
        if refused is not None:
            return refused
        target, upstream = request.target, self.rules.upstream
        if target.startswith("http://"):
            place = urlsplit(target)
            upstream, target = f"http://{place.netloc}", target[len(f"http://{place.netloc}") :] or "/"
        try:
            return self._forwarded(upstream, target, request)
        except (OSError, http.client.HTTPException):
            self._mine.connections = {}
            try:
                return self._forwarded(upstream, target, request)
            except (OSError, http.client.HTTPException):
                return Answer(502, b"the server behind does not answer", {"Content-Type": "text/plain"})

    def _forwarded(self, upstream: str, target: str, request: Request) -> Answer:
        connection = self._connection(urlsplit(upstream).netloc)
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        if "aws-chunked" in headers.get("content-encoding", ""):  # the chunks were taken off
            for name in ("content-encoding", "x-amz-decoded-content-length", "x-amz-trailer"):
                headers.pop(name, None)
            headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
        connection.request(request.method, target, request.body, headers)
        got = connection.getresponse()
        body = got.read()
        said = {name: value for name, value in got.getheaders() if name.lower() not in _HOP | {"date"}}
        length = got.getheader("Content-Length") if request.method == "HEAD" else None
        return Answer(got.status, body, said, None if length is None else int(length))

    def _connection(self, place: str) -> http.client.HTTPConnection:
        """Return this thread's connection to a server."""
        known = self._mine.__dict__.setdefault("connections", {})
        if place not in known:
            known[place] = http.client.HTTPConnection(place, timeout=60)
        found: http.client.HTTPConnection = known[place]
        return found
