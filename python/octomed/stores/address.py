"""Addresses of files that are not on this machine: read, shown, and stored without a secret.

What has `scheme://` is an address, everything else is a path. User names, passwords and queries never stay in
an address: what it is as text is what is shown, hashed and stored. Those of a web address are kept beside it
in this process's memory.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from octomed.errors import RecipeError
from octomed.names import shown

__all__ = ["SCHEMES", "Address", "is_address", "signed_path", "user_of"]

SCHEMES = ("s3", "gs", "az", "hf", "https", "http")
"""Schemes of the stores that are read."""

_SPELLED = {
    "s3": "s3://bucket/path",
    "gs": "gs://bucket/path",
    "az": "az://account/container/path",
    "hf": "hf://datasets/owner/name/path",
    "https": "https://host/path",
    "http": "http://host/path",
}
_OTHER_NAMES = {
    **dict.fromkeys(("s3a", "s3n", "r2", "minio"), "s3"),
    **dict.fromkeys(("gcs", "google"), "gs"),
    **dict.fromkeys(("azure", "abfs", "abfss", "adl", "wasb", "wasbs"), "az"),
    **dict.fromkeys(("huggingface", "hub"), "hf"),
}
_FORM = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CONTAINER = re.compile(r"\$?[A-Za-z0-9][A-Za-z0-9-]*")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_DATASET = re.compile(
    r"datasets/([A-Za-z0-9._-]+/[A-Za-z0-9._-]+?)(?:@(refs/[a-z]+/[^/@]+|[^/@]+))?(?:/(.*))?", re.DOTALL
)
_QUERY = re.compile(r"\?[A-Za-z0-9._~-]+=")
"""How a query begins where `?` may also stand for one character of a name, as globs have it."""
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_LONGEST_KEY = 1024
_UNQUOTED = "/!$&'()*+,;=:@~"
_WEB = ("https", "http")

_signed: dict[tuple[str, str, str], str] = {}
_users: dict[tuple[str, str], str] = {}
_listed: set[str] = set()
"""Addresses of objects whose names have what would be a query in an address that a user writes."""


def is_address(path: str) -> bool:
    """Say whether a location is an address; `Address.parse` says whether it is a good one.

    Examples
    --------
    >>> is_address("s3://bucket/a.parquet"), is_address("data/s3://bucket"), is_address("data.parquet")
    (True, False, False)
    """
    return _FORM.fullmatch(path) is not None


@dataclass(frozen=True, order=True)
class Address:
    """A file, or a folder of files, in a store.

    Attributes
    ----------
    scheme
        One of `SCHEMES`.
    root
        What holds the files: `bucket`, `account/container`, `owner/name@revision` or `host:port`.
    key
        The name in there, without slashes at its ends; empty for the root itself.
    """

    scheme: str
    root: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address; user name, password and query are cut.

        Parameters
        ----------
        text
            As users write it. The path of a web address is percent-encoded, that of any other is as it is.

        Raises
        ------
        RecipeError
            When nothing can be at such an address. The message shows none of what was cut.

        Examples
        --------
        >>> Address.parse("s3://me:secret@bucket/a b/?versions=1")
        Address(scheme='s3', root='bucket', key='a b')
        >>> str(Address.parse("https://example.org/a%20b.parquet?X-Amz-Signature=1"))
        'https://example.org/a%20b.parquet'
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise RecipeError(f"`{shown(text)}` is a path, not an address", _served())
        scheme = found[1].lower()
        if scheme not in SCHEMES:
            raise _unknown(scheme, found[2])
        rest, query = (found[2], "") if text in _listed else _without_query(scheme, found[2])
        if scheme not in _WEB:
            return _stored(scheme, rest)
        address = _web(scheme, rest)
        authority, _, path = rest.partition("/")
        if query:
            _signed[scheme, address.root, address.key] = f"{path}?{query}"
        if "@" in authority:
            _users[scheme, address.root] = unquote(authority.rpartition("@")[0])
        return address

    def __str__(self) -> str:
        if self.scheme in _WEB:
            return "/".join(filter(None, [f"{self.scheme}://{self.root}", quote(self.key, safe=_UNQUOTED)]))
        begin = "hf://datasets" if self.scheme == "hf" else f"{self.scheme}:/"
        text = "/".join(filter(None, [begin, self.root, self.key]))
        if _QUERY.search(self.key):  # as a store lists it, for one that a user writes is cut
            _listed.add(text)
        return text

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> Address:
        """The folder that it is in; the root is in itself."""
        return Address(self.scheme, self.root, self.key.rpartition("/")[0])

    def child(self, name: str) -> Address:
        """Return the address of a name below this one.

        Parameters
        ----------
        name
            As a store lists it: nothing in it is decoded.

        Examples
        --------
        >>> str(Address.parse("gs://bucket/run").child("len-01024/index.json"))
        'gs://bucket/run/len-01024/index.json'
        """
        return Address(self.scheme, self.root, "/".join(filter(None, [self.key, name])))


def signed_path(address: Address) -> str:
    """Return path and query with which this process was given a web address, as they were spelt."""
    return _signed.get((address.scheme, address.root, address.key), "")


def user_of(address: Address) -> str:
    """Return `user:password` with which this process was given an address of a web server, or nothing."""
    return _users.get((address.scheme, address.root), "")


def _served() -> str:
    return f"write a path, or an address such as {', '.join(f'`{one}`' for one in _SPELLED.values())}"


def _unknown(scheme: str, rest: str) -> RecipeError:
    shown_scheme = shown(scheme)
    if scheme == "file":
        path = "/" + rest.lstrip("/")
        return RecipeError(f"`{shown(f'file://{rest}')}` is a file of this machine", f"write `{shown(path)}`")
    near = _OTHER_NAMES.get(scheme) or next(iter(difflib.get_close_matches(scheme, SCHEMES, n=1)), None)
    hint = f"did you mean `{_SPELLED[near]}`?" if near else _served()
    return RecipeError(f"`{shown_scheme}://` is not the scheme of a store that OctoMed reads", hint)


def _without_query(scheme: str, rest: str) -> tuple[str, str]:
    """Part what follows the scheme into an address and a query, which may hold a secret."""
    if scheme in _WEB:
        path, _, query = rest.partition("#")[0].partition("?")
        return path, query
    found = _QUERY.search(rest)
    if found is None:
        return rest, ""
    path, query = rest[: found.start()], rest[found.start() + 1 :]
    if re.search(r"(?:^|&)(?:versionId|generation|snapshot)=", query):
        raise RecipeError(f"`{scheme}://…` names one version of an object", "only the newest one is read")
    return path, query


def _without_user(scheme: str, authority: str) -> str:
    """Cut a user name and a password; what is left of one is shown to nobody."""
    host = authority.rpartition("@")[2]
    if ":" in host and scheme not in _WEB:
        raise RecipeError(
            f"`{scheme}://…` has a colon before its first slash",
            f"write `{_SPELLED[scheme]}`; credentials come from the environment or a profile",
        )
    return host


def _stored(scheme: str, rest: str) -> Address:
    if scheme == "hf":
        return _of_the_hub(rest)
    authority, _, path = rest.partition("/")
    root = _without_user(scheme, authority)
    if scheme == "az":
        container, _, path = path.partition("/")
        if not (_ACCOUNT.fullmatch(root) and _CONTAINER.fullmatch(container)):
            raise _misspelled(scheme, "names no account and container")
        root = f"{root}/{container}"
    elif not _BUCKET.fullmatch(root):
        raise _misspelled(scheme, f"has no bucket `{shown(root)}`" if root else "names no bucket")
    return Address(scheme, root, _key(scheme, path))


def _of_the_hub(rest: str) -> Address:
    rest = _without_user("hf", rest.partition("/")[0]) + "".join(rest.partition("/")[1:])
    found = _DATASET.fullmatch(rest)
    if found is None:
        raise _misspelled("hf", "names no dataset")
    revision = unquote(found[2] or "main")
    return Address("hf", f"{found[1]}@{revision}", _key("hf", found[3] or ""))


def _web(scheme: str, rest: str) -> Address:
    authority, _, path = rest.partition("/")
    host = _without_user(scheme, authority).lower()
    if not _HOST.fullmatch(host):
        raise _misspelled(scheme, "names no host")
    if "%2f" in path.lower():
        raise _misspelled(scheme, "has an encoded slash in its path")
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        raise _misspelled(scheme, "has a path that is not UTF-8") from error
    return Address(scheme, host, _key(scheme, decoded))


def _key(scheme: str, path: str) -> str:
    """Return the key that a path means: the slash at its end says that it is a folder."""
    key = path.removesuffix("/")
    parts = key.split("/") if key else []
    for part, what in (("", "an empty part (`//`)"), (".", "a part `.`"), ("..", "a part `..`")):
        if part in parts:
            raise _misspelled(scheme, f"has {what} in its path")
    if _CONTROL.search(key):
        raise _misspelled(scheme, "has a control character in its path")
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise _misspelled(scheme, "has a path that is not UTF-8") from error
    if length > _LONGEST_KEY:
        raise _misspelled(scheme, f"has a path of more than {_LONGEST_KEY} bytes")
    return key


def _misspelled(scheme: str, what: str) -> RecipeError:
    return RecipeError(f"an address `{scheme}://…` {what}", f"write `{_SPELLED[scheme]}`")
