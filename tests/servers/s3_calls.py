"""The calls of S3 that clients make: objects, parts, listings, conditions."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timezone
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.message import Answer, Request, part_of

if TYPE_CHECKING:
    from tests.servers.objects import Objects, Page, Stored
    from tests.servers.rules import Rules

_REFUSALS = {
    "none": (403, "AccessDenied", "Access Denied"),
    "wrong": (403, "InvalidAccessKeyId", "The access key id you provided does not exist in our records."),
    "expired": (400, "ExpiredToken", "The provided token has expired."),
    "skewed": (
        403,
        "RequestTimeTooSkewed",
        "The request time is too far from the current time.",
    ),
    "readonly": (403, "AccessDenied", "Access Denied"),
}
_XML = {"Content-Type": "application/xml"}


class S3:
    """Objects under `s3://bucket/key`, addressed by path."""

    version_header: str | None = None

    def __init__(self, objects: Objects, rules: Rules) -> None:
        self.objects, self.rules = objects, rules

    def who(self, request: Request) -> str | None:
        text = request.headers.get("authorization", "")
        found = re.search(r"Credential=([^/]+)/", text) or re.search(r"^AWS ([^:]+):", text)
        return found[1] if found else request.query.get("X-Amz-Credential", "").partition("/")[0] or None

    def busy(self, status: int) -> Answer:
        codes = {500: "InternalError", 503: "SlowDown", 429: "TooManyRequests"}
        return error(status, codes.get(status, "ServiceUnavailable"), "Please reduce your request rate.")

    def full(self) -> Answer:
        return error(403, "QuotaExceeded", "The quota of this bucket is used up.")

    def answer(self, request: Request) -> Answer:
        refused = self.refusal(request)
        if refused is not None:
            return refused
        bucket, _, key = request.path[1:].partition("/")
        if request.method == "PUT" and not key:
            self.objects.buckets.add(bucket)
            return Answer(200)
        if bucket not in self.objects.buckets:
            return error(404, "NoSuchBucket", "The specified bucket does not exist")
        if not key:
            return self.of_bucket(request, bucket)
        return self.of_object(request, f"{bucket}/{key}")

    def refusal(self, request: Request) -> Answer | None:
        said = None
        date = request.headers.get("x-amz-date") or request.query.get("X-Amz-Date")
        if date is not None:
            said = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
        why = self.rules.refusal(self.who(request), writes=request.writes, said=said)
        return None if why is None else error(*_REFUSALS[why])

    def of_bucket(self, request: Request, bucket: str) -> Answer:
        if request.method == "HEAD":
            return Answer(200, b"", {"x-amz-bucket-region": "us-east-1"})
        query = request.query
        if "location" in query:
            return Answer(200, b"<LocationConstraint>us-east-1</LocationConstraint>", _XML)
        if "uploads" in query:
            return self._uploads(bucket)
        if "delete" in query:
            return self._delete_several(request, bucket)
        if request.method != "GET":
            return error(405, "MethodNotAllowed", "The method is not allowed")
        token = query.get("continuation-token") or query.get("start-after") or query.get("marker") or None
        most = int(query.get("max-keys") or 1000)
        delimiter = query.get("delimiter", "")
        page = self.objects.page(bucket, query.get("prefix", ""), delimiter, token, most)
        return Answer(200, _listing(page, bucket, query), _XML)

    def _uploads(self, bucket: str) -> Answer:
        inside = "".join(
            f"<Upload><Key>{escape(name.partition('/')[2])}</Key><UploadId>{number}</UploadId></Upload>"
            for number, (name, _) in self.objects.uploads.items()
            if name.startswith(f"{bucket}/")
        )
        return Answer(
            200, f"<ListMultipartUploadsResult>{inside}</ListMultipartUploadsResult>".encode(), _XML
        )

    def _delete_several(self, request: Request, bucket: str) -> Answer:
        keys = [
            one.text or "" for one in ElementTree.fromstring(request.body).iter() if one.tag.endswith("Key")
        ]
        for key in keys:
            self.objects.delete(f"{bucket}/{key}")
        inside = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return Answer(200, f"<DeleteResult>{inside}</DeleteResult>".encode(), _XML)

    def of_object(self, request: Request, name: str) -> Answer:
        query = request.query
        if request.method == "POST" and "uploads" in query:
            inside = f"<Bucket>b</Bucket><Key>k</Key><UploadId>{self.objects.begin(name)}</UploadId>"
            text = f"<InitiateMultipartUploadResult>{inside}</InitiateMultipartUploadResult>"
            return Answer(200, text.encode(), _XML)
        if "uploadId" in query:
            return self._of_upload(request, name, query["uploadId"])
        if request.method in {"GET", "HEAD"}:
            return self.read(request, name)
        if request.method == "DELETE":
            self.objects.delete(name)
            return Answer(204)
        if request.method == "PUT":
            return self.put(request, name)
        return error(405, "MethodNotAllowed", "The method is not allowed")

    def read(self, request: Request, name: str) -> Answer:
        found = self.objects.read(name) if request.method == "GET" else self.objects.get(name)
        if found is None:
            return error(404, "NoSuchKey", "The specified key does not exist.", request)
        if not matches(request.headers.get("if-match"), found):
            return error(412, "PreconditionFailed", "At least one of the preconditions did not hold", request)
        return part_of(request, found.data, self.said_of(found))

    def said_of(self, found: Stored) -> dict[str, str]:
        """Return the headers that describe an object."""
        said = {
            "ETag": f'"{found.etag}"',
            "Last-Modified": formatdate(found.modified, usegmt=True),
            "Content-Type": "application/octet-stream",
        }
        return said if self.version_header is None else said | {self.version_header: str(found.generation)}

    def put(self, request: Request, name: str) -> Answer:
        source = request.headers.get("x-amz-copy-source")
        body = request.body
        if source is not None:
            copied = self.objects.get(source.lstrip("/"))
            if copied is None:
                return error(404, "NoSuchKey", "The specified key does not exist.")
            body = copied.data
        with self.objects.lock:
            refused = damaged(request) or self.condition(request, name)
            if refused is not None:
                return refused
            made = self.objects.put(name, body)
        if source is not None:
            text = f"<CopyObjectResult><ETag>&quot;{made.etag}&quot;</ETag></CopyObjectResult>"
            return Answer(200, text.encode(), _XML)
        return Answer(200, b"", self.said_of(made))

    def condition(self, request: Request, name: str) -> Answer | None:
        """Refuse a write whose condition does not hold."""
        found = self.objects.get(name)
        if request.headers.get("if-none-match") == "*" and found is not None:
            return error(412, "PreconditionFailed", "At least one of the preconditions did not hold")
        wanted = request.headers.get("if-match")
        if wanted is not None and (found is None or not matches(wanted, found)):
            return error(
                412 if found else 404, "PreconditionFailed" if found else "NoSuchKey", "It is not that one"
            )
        return None

    def _of_upload(self, request: Request, name: str, number: str) -> Answer:
        upload = self.objects.uploads.get(number)
        if upload is None or upload[0] != name:
            return error(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        if request.method == "PUT":
            refused = damaged(request)
            if refused is not None:
                return refused
            upload[1][request.query["partNumber"]] = request.body
            return Answer(200, b"", {"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})
        if request.method == "DELETE":
            self.objects.uploads.pop(number, None)
            return Answer(204)
        return self._complete(request, name, number)

    def _complete(self, request: Request, name: str, number: str) -> Answer:
        parts = self.objects.uploads[number][1]
        wanted = _texts(request.body, "PartNumber")
        if any(one not in parts for one in wanted):
            return error(400, "InvalidPart", "One or more of the specified parts could not be found.")
        pieces = [parts[one] for one in wanted]
        if any(len(piece) < self.rules.least_part for piece in pieces[:-1]):
            return error(400, "EntityTooSmall", "A part is smaller than the minimum size.")
        digests = b"".join(hashlib.md5(piece).digest() for piece in pieces)
        with self.objects.lock:
            refused = self.condition(request, name)
            if refused is not None:
                return refused
            etag = f"{hashlib.md5(digests).hexdigest()}-{len(pieces)}"
            made = self.objects.put(name, b"".join(pieces), etag)
            self.objects.uploads.pop(number, None)
        text = (
            f"<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key>"
            f"<ETag>&quot;{made.etag}&quot;</ETag></CompleteMultipartUploadResult>"
        )
        return Answer(200, text.encode(), _XML | self.said_of(made))


def matches(wanted: str | None, found: Stored) -> bool:
    """Tell whether an object is of a version that is asked for."""
    return (
        wanted is None or wanted == "*" or found.etag in {one.strip().strip('"') for one in wanted.split(",")}
    )


def damaged(request: Request) -> Answer | None:
    """Refuse a body that is not what its digest says."""
    digests = {"content-md5": "md5", "x-amz-checksum-sha256": "sha256", "x-amz-checksum-sha1": "sha1"}
    for header, method in digests.items():
        said = request.headers.get(header)
        if said is not None and base64.b64decode(said) != hashlib.new(method, request.body).digest():
            return error(400, "BadDigest", "The digest you specified did not match what we received.")
    return None


def error(status: int, code: str, message: str, request: Request | None = None) -> Answer:
    if request is not None and request.method == "HEAD":
        return Answer(status)
    text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), _XML)


def _texts(xml: bytes, tag: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(xml).iter() if one.tag.endswith(tag)]


def _listing(page: Page, bucket: str, query: dict[str, str]) -> bytes:
    url = query.get("encoding-type") == "url"
    shown = _quoted if url else escape
    found = "".join(
        f"<Contents><Key>{shown(key)}</Key><LastModified>{_iso(one.modified)}</LastModified>"
        f"<ETag>&quot;{one.etag}&quot;</ETag><Size>{len(one.data)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for key, one in page.found
    )
    groups = (f"<CommonPrefixes><Prefix>{shown(one)}</Prefix></CommonPrefixes>" for one in page.prefixes)
    prefixes, token = "".join(groups), ""
    if page.after is not None:
        token = f"<NextContinuationToken>{escape(page.after)}</NextContinuationToken>"
        token += f"<NextMarker>{shown(page.after)}</NextMarker>"
    head = (
        f"<Name>{bucket}</Name><Prefix>{shown(query.get('prefix', ''))}</Prefix><MaxKeys>1000</MaxKeys>"
        f"<KeyCount>{len(page.found) + len(page.prefixes)}</KeyCount>"
        f"<IsTruncated>{'false' if page.after is None else 'true'}</IsTruncated>"
        + ("<EncodingType>url</EncodingType>" if url else "")
    )
    place = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
    text = f"<ListBucketResult {place}>{head}{token}{found}{prefixes}</ListBucketResult>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def _quoted(text: str) -> str:
    return quote(text, safe="/")


def _iso(when: float) -> str:
    return datetime.fromtimestamp(when, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
