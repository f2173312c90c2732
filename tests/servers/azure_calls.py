"""The calls of Azure's store that object_store and Azure's own client make."""

from __future__ import annotations

import base64
import hashlib
import re
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.message import Answer, Request, part_of
from tests.servers.s3_calls import matches

if TYPE_CHECKING:
    from tests.servers.objects import Objects, Page, Stored
    from tests.servers.rules import Rules

ACCOUNT = "octomedaccount"
_REFUSALS = {
    "none": (401, "NoAuthenticationInformation", "Server failed to authenticate the request."),
    "wrong": (403, "AuthenticationFailed", "Server failed to authenticate the request."),
    "expired": (
        403,
        "AuthenticationFailed",
        "Signature not valid in the specified time frame",
    ),
    "skewed": (403, "AuthenticationFailed", "Request date header too old"),
    "readonly": (
        403,
        "AuthorizationPermissionMismatch",
        "This request is not authorized.",
    ),
}
_XML = {"Content-Type": "application/xml"}


class Azure:
    """Blobs under `az://octomedaccount/container/key`; the account may stand in the path or not."""

    def __init__(self, objects: Objects, rules: Rules) -> None:
        self.objects, self.rules = objects, rules

    def who(self, request: Request) -> str | None:
        text = request.headers.get("authorization", "")
        found = re.match(r"SharedKey ([^:]+):|Bearer (\S+)", text)
        return (found[1] or found[2]) if found else request.query.get("sig") or None

    def busy(self, status: int) -> Answer:
        return _error(
            status, {500: "InternalError", 503: "ServerBusy"}.get(status, "OperationTimedOut"), "Later"
        )

    def full(self) -> Answer:
        return _error(507, "AccountQuotaExceeded", "The account has no room left.")

    def answer(self, request: Request) -> Answer:
        said = request.headers.get("x-ms-date") or request.headers.get("date")
        when = parsedate_to_datetime(said).timestamp() if said else None
        why = self.rules.refusal(self.who(request), writes=request.writes, said=when)
        if why is not None:
            return _error(*_REFUSALS[why])
        place = request.path[1:]
        if place.startswith(f"{ACCOUNT}/"):
            place = place.removeprefix(f"{ACCOUNT}/")
        container, _, key = place.partition("/")
        if request.method == "PUT" and not key and request.query.get("restype") == "container":
            self.objects.buckets.add(container)
            return Answer(201)
        if request.query.get("comp") == "batch":
            return self._batch(request)
        if container not in self.objects.buckets:
            return _error(404, "ContainerNotFound", "The specified container does not exist.", request)
        if not key:
            return self._names(request, container)
        return self._of_blob(request, f"{container}/{key}")

    def _of_blob(self, request: Request, name: str) -> Answer:
        if request.method in {"GET", "HEAD"}:
            return self._read(request, name)
        if request.method == "DELETE":
            return Answer(202) if self.objects.delete(name) else _error(404, "BlobNotFound", "There is none.")
        comp = request.query.get("comp")
        if comp == "block":
            with self.objects.lock:
                blocks = self.objects.uploads.setdefault(name, (name, {}))[1]
                blocks[request.query["blockid"]] = request.body
            return Answer(201, b"", {"ETag": '"block"'})
        return self._write(request, name, joins=comp == "blocklist")

    def _write(self, request: Request, name: str, *, joins: bool) -> Answer:
        with self.objects.lock:
            refused = self._condition(request, name)
            if refused is not None:
                return refused
            if joins:
                return self._join(request, name)
            said = request.headers.get("content-md5")
            if said and base64.b64decode(said) != hashlib.md5(request.body).digest():
                return _error(400, "Md5Mismatch", "The MD5 value specified in the request did not match.")
            return Answer(201, b"", _said_of(self.objects.put(name, request.body)))

    def _read(self, request: Request, name: str) -> Answer:
        found = self.objects.read(name) if request.method == "GET" else self.objects.get(name)
        if found is None:
            return _error(404, "BlobNotFound", "The specified blob does not exist.", request)
        if not matches(request.headers.get("if-match"), found):
            return _error(412, "ConditionNotMet", "The condition specified was not met.", request)
        return part_of(request, found.data, _said_of(found))

    def _condition(self, request: Request, name: str) -> Answer | None:
        found = self.objects.get(name)
        if request.headers.get("if-none-match") == "*" and found is not None:
            return _error(409, "BlobAlreadyExists", "The specified blob already exists.")
        wanted = request.headers.get("if-match")
        if wanted is not None and (found is None or not matches(wanted, found)):
            return _error(412, "ConditionNotMet", "The condition specified was not met.")
        return None

    def _join(self, request: Request, name: str) -> Answer:
        blocks = self.objects.uploads.get(name, (name, {}))[1]
        wanted = [(one.text or "").strip() for one in ElementTree.fromstring(request.body)]
        if any(one not in blocks for one in wanted):
            return _error(400, "InvalidBlockList", "The specified block list is invalid.")
        made = self.objects.put(name, b"".join(blocks[one] for one in wanted))
        self.objects.uploads.pop(name, None)
        return Answer(201, b"", _said_of(made))

    def _names(self, request: Request, container: str) -> Answer:
        query = request.query
        if query.get("comp") != "list":
            return Answer(200, b"", {"Last-Modified": formatdate(0, usegmt=True), "ETag": '"1"'})
        most, marker = int(query.get("maxresults") or 5000), query.get("marker") or None
        if query.get("startFrom") and marker is None:
            marker = query["startFrom"][:-1] + chr(ord(query["startFrom"][-1]) - 1) + "\U0010ffff"
        page = self.objects.page(container, query.get("prefix", ""), query.get("delimiter", ""), marker, most)
        return Answer(200, _listing(page), _XML)

    def _batch(self, request: Request) -> Answer:
        """Delete several blobs, each a request inside of this one."""
        inside = re.compile(rb"Content-ID:\s*(\d+).*?DELETE (\S+) HTTP", re.DOTALL | re.IGNORECASE)
        pieces = []
        for number, target in inside.findall(request.body):
            path = unquote(target.decode()).partition("?")[0].lstrip("/").removeprefix(f"{ACCOUNT}/")
            status = "202 Accepted" if self.objects.delete(path) else "404 The specified blob does not exist."
            code = "" if status.startswith("2") else "x-ms-error-code: BlobNotFound\r\n"
            pieces.append(
                f"--batch\r\nContent-Type: application/http\r\nContent-ID: {number.decode()}\r\n\r\n"
                f"HTTP/1.1 {status}\r\n{code}x-ms-request-id: 1\r\n\r\n"
            )
        body = "".join([*pieces, "--batch--"]).encode()
        return Answer(202, body, {"Content-Type": "multipart/mixed; boundary=batch"})


def _said_of(found: Stored) -> dict[str, str]:
    return {
        "ETag": f'"{found.etag}"',
        "Last-Modified": formatdate(found.modified, usegmt=True),
        "Content-Type": "application/octet-stream",
        "x-ms-blob-type": "BlockBlob",
    }


def _error(status: int, code: str, message: str, request: Request | None = None) -> Answer:
    headers = _XML | {"x-ms-error-code": code}
    if request is not None and request.method == "HEAD":
        return Answer(status, b"", headers)
    text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode(), headers)


def _listing(page: Page) -> bytes:
    blobs = "".join(
        f"<Blob><Name>{escape(name)}</Name><Properties>"
        f"<Last-Modified>{formatdate(one.modified, usegmt=True)}</Last-Modified><Etag>{one.etag}</Etag>"
        f"<Content-Length>{len(one.data)}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
        f"<BlobType>BlockBlob</BlobType></Properties></Blob>"
        for name, one in page.found
    )
    prefixes = "".join(f"<BlobPrefix><Name>{escape(one)}</Name></BlobPrefix>" for one in page.prefixes)
    marker = f"<NextMarker>{escape(page.after)}</NextMarker>" if page.after else "<NextMarker />"
    text = f"<EnumerationResults><Blobs>{blobs}{prefixes}</Blobs>{marker}</EnumerationResults>"
    return f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode()
