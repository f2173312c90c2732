"""What a store's refusal means: whether another attempt may help, and the sentence for the user.

A client's message may hold an address with its signature, or a page of somebody's proxy. So nothing of it is
shown but the code of an error that is known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BadAnswer",
    "Fault",
    "Refused",
    "fault_of_error",
    "fault_of_kind",
    "fault_of_status",
    "refuse_page",
]

Kind = Literal[
    "missing", "no_bucket", "exists", "changed", "expired", "refused", "credentials", "clock", "full",
    "elsewhere", "unable", "name", "beyond", "whole", "busy", "unreachable", "answer", "passing",
]  # fmt: skip
"""What is wrong. Of these the last five, and `expired`, pass."""

_PASSING = frozenset({"whole", "busy", "unreachable", "answer", "passing"})


@dataclass(frozen=True)
class Fault:
    """Why a request failed.

    Attributes
    ----------
    kind
        What is wrong.
    reason
        In words, without anything that the store wrote but a code that is known.
    hint
        What to do about it.
    """

    kind: Kind
    reason: str
    hint: str

    @property
    def passes(self) -> bool:
        """Whether another attempt may help."""
        return self.kind in _PASSING


class Refused(Exception):
    """A request that failed for a reason that is known already.

    Parameters
    ----------
    fault
        Which.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class BadAnswer(Exception):
    """An answer that is none: of another length, or a page where an object was asked for.

    Parameters
    ----------
    reason
        What is wrong with it, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_AGAIN = "run the same command again: finished work is kept and reused"
_SIGN_IN = (
    "set the variables of the store (`AWS_ACCESS_KEY_ID` …, `GOOGLE_APPLICATION_CREDENTIALS`, "
    "`AZURE_STORAGE_ACCOUNT_KEY`, `HF_TOKEN`), or write a `profile` below `stores`, or `anonymous: true` for "
    "what is public"
)
_FAULTS: dict[str, Fault] = {
    fault.kind: fault
    for fault in (
        Fault("missing", "there is no such object", "correct the address"),
        Fault("no_bucket", "there is no such bucket", "correct its name, or make it"),
        Fault("exists", "there is an object already", "choose another name"),
        Fault("changed", "it has changed meanwhile", _AGAIN),
        Fault("expired", "the credentials have expired", f"renew them, then {_AGAIN}"),
        Fault("refused", "the store refuses access", "check the permissions of the credentials"),
        Fault("credentials", "there are no credentials", _SIGN_IN),
        Fault("clock", "the clock of this machine is wrong", "set it: signatures have a time"),
        Fault("full", "the store is full, or a quota is reached", f"free some space, then {_AGAIN}"),
        Fault("elsewhere", "the bucket is in another region", "write its `region` below `stores`"),
        Fault("unable", "the store cannot do that", "choose another store"),
        Fault("name", "a name has an empty part, `.`, `..` or a control character", "rename the object"),
        Fault("beyond", "there are no such bytes", _AGAIN),
        Fault("whole", "the server sends files only whole", "choose a server that knows ranges"),
        Fault("busy", "the store asks for fewer requests", f"wait, then {_AGAIN}"),
        Fault("unreachable", "the store cannot be reached", "check the network, the endpoint and the proxy"),
        Fault("answer", "the answer is not a store's", f"check the endpoint and the proxy, then {_AGAIN}"),
        Fault("passing", "the store fails", f"once it answers, {_AGAIN}"),
    )
}

_KINDS_OF_CODES: dict[Kind, str] = {
    "missing": "NoSuchKey BlobNotFound",
    "no_bucket": "NoSuchBucket ContainerNotFound InvalidBucketName",
    "expired": "ExpiredToken ExpiredTokenException TokenRefreshRequired",
    "refused": (
        "AccessDenied AllAccessDisabled AuthorizationFailure AuthorizationPermissionMismatch AccountProblem "
        "InsufficientAccountPermissions AccountIsDisabled Forbidden InvalidAccessKeyId SignatureDoesNotMatch "
        "AuthenticationFailed InvalidToken InvalidClientTokenId InvalidSecurity NoAuthenticationInformation "
        "AuthenticationRequired PublicAccessNotPermitted UserProjectMissing KMS.DisabledException "
        "KMS.NotFoundException"
    ),
    "clock": "RequestTimeTooSkewed",
    "full": (
        "QuotaExceeded XMinioStorageFull XMinioAdminBucketQuotaExceeded InsufficientStorage StorageFull "
        "AccountQuotaExceeded EntityTooLarge"
    ),
    "elsewhere": "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException",
    "unable": "MethodNotAllowed NotImplemented",
    "beyond": "InvalidRange",
    "busy": (
        "SlowDown ServerBusy Throttling ThrottlingException RequestLimitExceeded TooManyRequests "
        "RequestThrottled XMinioServerNotInitialized"
    ),
    "passing": (
        "RequestTimeout InternalError ServiceUnavailable OperationAborted OperationTimedOut BadDigest "
        "ConditionalRequestConflict IncompleteBody XAmzContentSHA256Mismatch Md5Mismatch NoSuchUpload "
        "InvalidPart InvalidBlockList"
    ),
}
_CODES: dict[str, Kind] = {code: kind for kind, codes in _KINDS_OF_CODES.items() for code in codes.split()}
_WRONG = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthenticationFailed",
    "InvalidToken",
    "InvalidClientTokenId",
)
_STATUSES: dict[int, Kind] = {
    301: "elsewhere", 307: "elsewhere", 308: "elsewhere", 401: "refused", 402: "full", 403: "refused",
    404: "missing", 405: "unable", 407: "refused", 408: "passing", 409: "exists", 412: "changed", 413: "full",
    416: "beyond", 425: "busy", 429: "busy", 501: "unable", 503: "busy", 507: "full",
}  # fmt: skip
_CLASSES: dict[str, Kind] = {
    "AlreadyExistsError": "exists",
    "PreconditionError": "changed",
    "NotModifiedError": "changed",
    "NotSupportedError": "unable",
    "InvalidPathError": "name",
    "ValueError": "name",
    "NotImplementedError": "unable",
}
_TEXTS: dict[str, Kind] = {
    "RangeNotSupported": "whole",
    "NotPartial": "whole",
    "StartTooLarge": "beyond",
    "Range started at": "beyond",
    "redirect without LOCATION": "elsewhere",
}
"""What the client says of an answer that no status and no code says."""

_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_STATUS = re.compile(r"status code: (\d{3})\b")
_TRANSPORT = re.compile(r"\bkind: (Connect|Request|Timeout|Interrupted|Decode|Unknown),")
_TRANSPORT_REASONS = {
    "Connect": "no connection is made",
    "Request": "the connection ends",
    "Timeout": "no answer comes in time",
    "Interrupted": "the connection breaks",
    "Decode": "the answer breaks off",
    "Unknown": "the connection fails",
}
_NO_CREDENTIALS = re.compile(
    r"169\.254\.169\.254|metadata\.google\.internal|169\.254\.170\.2|/metadata/identity"
    r"|MissingCredential|No credentials|Unable to locate credentials|TokenRequest"
)
_CERTIFICATE = re.compile(r"certificate|UnknownIssuer", re.IGNORECASE)
_NO_HOST = re.compile(r"dns error|failed to lookup address|Name or service not known", re.IGNORECASE)
_NOBODY = re.compile(r"Connection refused", re.IGNORECASE)


def fault_of_error(error: BaseException) -> Fault:
    """Say what an error of the client means.

    Parameters
    ----------
    error
        Of obstore, of the system, `BadAnswer` or `Refused`.
    """
    if isinstance(error, Refused):
        return error.fault
    if isinstance(error, BadAnswer):
        return _said("answer", error.reason)
    text = str(error)
    codes = _CODE.findall(text)
    code = next((found for found in codes if found in _CODES), None)
    if code is not None:
        return _of_code(code)
    kind = _kind_of(error, text)
    return _of_answer(error, text, codes) if kind is None else _FAULTS[kind]


def _kind_of(error: BaseException, text: str) -> Kind | None:
    """Return what the class of an error says, or a text that says more than a status does."""
    for piece, kind in _TEXTS.items():
        if piece in text:
            return kind
    return _CLASSES.get(type(error).__name__) or ("credentials" if _NO_CREDENTIALS.search(text) else None)


def _of_answer(error: BaseException, text: str, codes: list[str]) -> Fault:
    status = _STATUS.search(text)
    if status is not None:
        return fault_of_status(int(status[1]), codes[0] if codes else None)
    if isinstance(error, FileNotFoundError):
        return _FAULTS["missing"]
    if type(error).__name__ == "UnauthenticatedError":  # what signs in did not
        hint = "sign in again (`aws sso login`), or correct the profile"
        return Fault("credentials", "nothing gives the credentials", hint)
    return _of_transport(text)


def _of_code(code: str) -> Fault:
    if code in _WRONG:
        reason = f"the store does not accept the credentials ({code})"
        return Fault("refused", reason, "correct them, or renew them")
    fault = _FAULTS[_CODES[code]]
    return _said(fault.kind, f"{fault.reason} ({code})")


def fault_of_kind(kind: Kind, reason: str | None = None) -> Fault:
    """Return a fault of a kind, with other words where there are better ones."""
    return _FAULTS[kind] if reason is None else _said(kind, reason)


def fault_of_status(status: int, code: str | None = None) -> Fault:
    """Say what the status of an answer means.

    Parameters
    ----------
    status
        Of HTTP.
    code
        The store's word for it, where that is not known here.
    """
    if status == HTTPStatus.BAD_REQUEST and code is None:  # AWS says no more to `HEAD` with an old token
        return _said("expired", "the store does not accept the request (400): are the credentials old?")
    if code is not None and status not in _STATUSES and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _said("unable", f"the store does not accept the request ({code})")
    kind = _STATUSES.get(status, "passing" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "unable")
    return _said(kind, f"{_FAULTS[kind].reason} ({status})")


def _of_transport(text: str) -> Fault:
    found = _TRANSPORT.search(text)
    if found is None:
        return _FAULTS["answer"]
    if _CERTIFICATE.search(text):
        hint = "name the authority's certificates: `ca_bundle` below `stores`, or `SSL_CERT_FILE`"
        return Fault("unreachable", "its certificate is not trusted", hint)
    for pattern, reason in ((_NO_HOST, "its host is not known"), (_NOBODY, "nothing answers there")):
        if pattern.search(text):
            return _said("unreachable", reason)
    return _said("unreachable", _TRANSPORT_REASONS[found[1]])


def _said(kind: Kind, reason: str) -> Fault:
    return Fault(kind, reason, _FAULTS[kind].hint)


def refuse_page(name: str, attributes: Mapping[str, str]) -> None:
    """Refuse a page that something between here and the store sends in place of an object."""
    kind = attributes.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not name.lower().endswith((".html", ".htm")):
        raise BadAnswer("a page of HTML came in its place")
