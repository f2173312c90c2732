"""Files of the web: read whole or by ranges, where the server knows these."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import TYPE_CHECKING

from tests.servers.message import Answer, Request, part_of
from tests.servers.s3_calls import matches

if TYPE_CHECKING:
    from tests.servers.objects import Objects
    from tests.servers.rules import Rules

_REFUSALS = {"none": 401, "wrong": 403, "expired": 403, "readonly": 405, "skewed": 403}


class Web:
    """Files under `http://127.0.0.1:port/name`."""

    def __init__(self, objects: Objects, rules: Rules) -> None:
        self.objects, self.rules = objects, rules

    def who(self, request: Request) -> str | None:
        found = re.match(r"\w+ (\S+)", request.headers.get("authorization", ""))
        return found[1] if found else request.query.get("sig") or None

    def busy(self, status: int) -> Answer:
        return Answer(status, b"busy", {"Content-Type": "text/plain"})

    def full(self) -> Answer:
        return Answer(507)

    def answer(self, request: Request) -> Answer:
        why = self.rules.refusal(self.who(request), writes=request.writes, said=None)
        if why is not None or request.writes:
            return Answer(_REFUSALS[why or "readonly"])
        name = request.path[1:]
        found = self.objects.read(name) if request.method == "GET" else self.objects.get(name)
        if found is None:
            return Answer(404, b"" if request.method == "HEAD" else b"<html>Not found</html>")
        if not matches(request.headers.get("if-match"), found):
            return Answer(412)
        said = {"ETag": f'"{found.etag}"', "Last-Modified": formatdate(found.modified, usegmt=True)}
        if not self.rules.ranges:
            request.headers.pop("range", None)
        answer = part_of(request, found.data, said | {"Content-Type": "application/octet-stream"})
        if not self.rules.ranges:
            answer.headers["Accept-Ranges"] = "none"
        return answer
