"""The calls of Google's store: XML as object_store makes them, of JSON those that Google's client reads with.

The emulator of the package gcp-storage-emulator knows XML for whole objects only: no conditions, no listing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.servers.message import Answer, Request, part_of
from tests.servers.s3_calls import S3, error

if TYPE_CHECKING:
    from tests.servers.objects import Stored

_REFUSALS = {
    "none": (401, "AuthenticationRequired", "Authentication required."),
    "wrong": (403, "AccessDenied", "Access denied."),
    "expired": (401, "AuthenticationRequired", "The access token has expired."),
    "skewed": (401, "AuthenticationRequired", "The token is not valid at this time."),
    "readonly": (403, "AccessDenied", "Access denied."),
}


class Google(S3):
    """Objects under `gs://bucket/key`."""

    version_header = "x-goog-generation"

    def who(self, request: Request) -> str | None:
        return request.headers.get("authorization", "").removeprefix("Bearer ") or None

    def full(self) -> Answer:
        return error(403, "QuotaExceeded", "The quota of this project is used up.")

    def refusal(self, request: Request) -> Answer | None:
        why = self.rules.refusal(self.who(request), writes=request.writes, said=None)
        return None if why is None else error(*_REFUSALS[why])

    def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            return _json({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
        found = re.match(r"/(?:upload/|download/)?storage/v1/b/(.*)", request.raw_path)
        if found is not None:
            return self.refusal(request) or self._json_call(request, found[1])
        return super().answer(request)

    def said_of(self, found: Stored) -> dict[str, str]:
        digest = base64.b64encode(hashlib.md5(found.data).digest()).decode()
        return super().said_of(found) | {"x-goog-hash": f"md5={digest}"}

    def condition(self, request: Request, name: str) -> Answer | None:
        wanted = request.headers.get("x-goog-if-generation-match") or request.query.get("ifGenerationMatch")
        found = self.objects.get(name)
        if wanted is not None and int(wanted) != (found.generation if found else 0):
            return error(412, "PreconditionFailed", "At least one of the preconditions did not hold")
        return super().condition(request, name)

    def _json_call(self, request: Request, rest: str) -> Answer:
        bucket, _, place = rest.partition("/")
        if bucket not in self.objects.buckets:
            return _missing(bucket)
        if not place:
            return _json({"kind": "storage#bucket", "name": bucket})
        if request.method == "POST":
            return self._upload(request, bucket)
        name = unquote(place.removeprefix("o").removeprefix("/"))
        return self._json_object(request, bucket, name) if name else self._names(request, bucket)

    def _json_object(self, request: Request, bucket: str, name: str) -> Answer:
        found = self.objects.get(f"{bucket}/{name}")
        if found is None:
            return _missing(name)
        if request.query.get("alt") == "media":
            return part_of(request, found.data, self.said_of(found))
        return _json(_resource(bucket, name, found))

    def _upload(self, request: Request, bucket: str) -> Answer:
        """Take an object with what is said of it, in two parts of one body."""
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        parts: Any = BytesParser().parsebytes(head + request.body).get_payload()
        name = request.query.get("name") or json.loads(parts[0].get_payload())["name"]
        body = _between(request.body, parts[1].get_content_type())
        with self.objects.lock:
            refused = self.condition(request, f"{bucket}/{name}")
            return refused or _json(_resource(bucket, name, self.objects.put(f"{bucket}/{name}", body)))

    def _names(self, request: Request, bucket: str) -> Answer:
        query = request.query
        most = int(query.get("maxResults") or 1000)
        page = self.objects.page(
            bucket, query.get("prefix", ""), query.get("delimiter", ""), query.get("pageToken") or None, most
        )
        said = {"kind": "storage#objects", "prefixes": page.prefixes}
        said["items"] = [_resource(bucket, name, found) for name, found in page.found]
        return _json(said if page.after is None else said | {"nextPageToken": page.after})


def _between(body: bytes, kind: str) -> bytes:
    """Return the bytes of the second part, which no parser of mail has touched."""
    boundary = body[: body.index(b"\r\n")]
    second = body.split(boundary)[2] if body.count(boundary) == 3 else body[body.index(kind.encode()) :]
    return second[second.index(b"\r\n\r\n") + 4 : -2]


def _resource(bucket: str, name: str, found: Stored) -> dict[str, Any]:
    return {
        "kind": "storage#object",
        "name": name,
        "bucket": bucket,
        "size": str(len(found.data)),
        "etag": found.etag,
        "generation": str(found.generation),
        "metageneration": "1",
        "md5Hash": base64.b64encode(hashlib.md5(found.data).digest()).decode(),
    }


def _missing(name: str) -> Answer:
    return _json({"error": {"code": 404, "message": f"No such object: {name}"}}, 404)


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})
