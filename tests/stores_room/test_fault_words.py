"""What errors of the client mean, and that nothing of them is shown."""

from __future__ import annotations

import pytest
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from octomed.stores.faults import BadAnswer, fault_of_error

SECRET = "pLaNtEd"
URL = f"https://host/key?X-Amz-Signature={SECRET}"


def answered(status, code=None):
    body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>" if code else ""
    return f"Error performing GET {URL} in 1ms - Server returned non-2xx status code: {status} Oh: {body}"


def broken(kind, more=""):
    return f"Error performing GET {URL} - HTTP error: x\n\nDebug source:\n{{ kind: {kind}, source: {more} }}"


CASES = [
    (GenericError, answered(500), "passing", True),
    (GenericError, answered(500, "InternalError"), "passing", True),
    (GenericError, answered(503, "SlowDown"), "busy", True),
    (GenericError, answered(429), "busy", True),
    (GenericError, answered(408), "passing", True),
    (GenericError, answered(400, "RequestTimeout"), "passing", True),
    (GenericError, answered(400, "BadDigest"), "passing", True),
    (GenericError, answered(400, "ExpiredToken"), "expired", False),
    (GenericError, answered(400), "expired", False),
    (GenericError, answered(400, "MalformedXML"), "unable", False),
    (GenericError, answered(507), "full", False),
    (GenericError, answered(507, "XMinioStorageFull"), "full", False),
    (PermissionDeniedError, answered(403, "QuotaExceeded"), "full", False),
    (PermissionDeniedError, answered(403, "AccessDenied"), "refused", False),
    (PermissionDeniedError, answered(403, "SignatureDoesNotMatch"), "refused", False),
    (PermissionDeniedError, answered(403, "RequestTimeTooSkewed"), "clock", False),
    (PermissionDeniedError, answered(403), "refused", False),
    (UnauthenticatedError, answered(401), "refused", False),
    (UnauthenticatedError, f"External AWS credential provider: {SECRET}", "credentials", False),
    (GenericError, broken("Connect", "http://169.254.169.254/latest/api/token"), "credentials", False),
    (FileNotFoundError, answered(404, "NoSuchKey"), "missing", False),
    (FileNotFoundError, answered(404), "missing", False),
    (FileNotFoundError, answered(404, "NoSuchBucket"), "no_bucket", False),
    (FileNotFoundError, answered(404, "ContainerNotFound"), "no_bucket", False),
    (AlreadyExistsError, answered(412, "PreconditionFailed"), "exists", False),
    (AlreadyExistsError, answered(409, "ConditionalRequestConflict"), "passing", True),
    (PreconditionError, answered(412), "changed", False),
    (GenericError, answered(416, "InvalidRange"), "beyond", False),
    (GenericError, "Received redirect without LOCATION, this normally indicates", "elsewhere", False),
    (GenericError, answered(301, "PermanentRedirect"), "elsewhere", False),
    (GenericError, broken("Timeout"), "unreachable", True),
    (GenericError, broken("Connect", "dns error: failed to lookup address"), "unreachable", True),
    (GenericError, broken("Connect", "invalid peer certificate: UnknownIssuer"), "unreachable", True),
    (GenericError, broken("Decode"), "unreachable", True),
    (GenericError, "Range request not supported\nRangeNotSupported", "whole", True),
    (GenericError, "Unable to extract metadata from headers: ETag Header missing", "answer", True),
    (ValueError, "Could not parse path", "name", False),
    (NotImplementedError, "`put_opts`", "unable", False),
]


@pytest.mark.parametrize(("kind", "text", "meaning", "passes"), CASES)
def test_what_an_error_means(kind, text, meaning, passes):
    fault = fault_of_error(kind(text))
    assert (fault.kind, fault.passes) == (meaning, passes)
    assert SECRET not in f"{fault}"
    assert "host" not in fault.reason or "its host is not known" in fault.reason
    assert fault.hint


def test_a_code_that_nobody_knows_is_shown_and_nothing_else():
    fault = fault_of_error(GenericError(answered(400, "MalformedPolicy")))
    assert fault.reason == "the store does not accept the request (MalformedPolicy)"


def test_any_error_has_words():
    for error in (
        BaseError(""),
        GenericError("\0" * 100),
        OSError(5, "x"),
        BadAnswer("3 bytes came in place of 4"),
    ):
        assert fault_of_error(error).reason
