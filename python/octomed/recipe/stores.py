"""The recipe's section `stores`: how the stores are reached that its addresses name. Never a secret."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from octomed.names import without_secrets
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Sparse
from octomed.recipe.path_values import READ, LocalPath, clean_address
from octomed.recipe.problems import suggest
from octomed.urls import is_below, scheme_of

_TEXT = Annotated[str, Field(min_length=1)]
_USED_BY = {
    "region": ("s3",),
    "profile": ("s3",),
    "role": ("s3",),
    "requester_pays": ("s3", "gs"),
    "kms_key": ("s3",),
    "endpoint": ("s3", "gs", "az", "hf"),
    "anonymous": ("s3", "gs", "az", "hf"),
}
"""Schemes of the stores to which an option means something; the others mean something to all."""

_WORDS_OF_SECRETS = ("secret", "token", "password", "key_id", "access_key", "account_key", "credential")
_NO_SECRETS = "credentials are taken from the environment, or a profile of the machine (docs/stores.md)"


def _prefix(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    """Check the beginning of addresses: a bucket, or a folder in it."""
    if not isinstance(value, str) or not value:
        return value
    if scheme_of(value) is not None:
        return clean_address(value, READ)
    if value.startswith("$"):  # a variable is expanded before it counts
        return value
    raise invalid("a prefix is the beginning of addresses", "write `s3://bucket`, or `s3://bucket/folder`")


def _web_address(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    """Check the address of a server; what names a user would be a secret in a recipe."""
    if not isinstance(value, str) or value.startswith("$"):
        return value
    if scheme_of(value) not in {"http", "https"} or not value.partition("://")[2].strip("/"):
        raise invalid("this must be the address of a server", "write `https://host:port`")
    if without_secrets(value) != value:
        raise invalid("a recipe may not hold user names, passwords or queries of a server", _NO_SECRETS)
    return value


_Server = Annotated[str, BeforeValidator(_web_address)]


class StoreEntry(Sparse):
    """How the addresses with a common beginning are reached; the environment says what is not written."""

    only_written: ClassVar[frozenset[str]] = frozenset(
        {
            "endpoint",
            "region",
            "profile",
            "anonymous",
            "role",
            "requester_pays",
            "kms_key",
            "ca_bundle",
            "proxy",
            "attempts",
            "timeout",
            "connections",
        }
    )

    prefix: Annotated[str, Field(min_length=1), BeforeValidator(_prefix)]
    """Beginning of the addresses: `s3://bucket`, or a folder in it; of several the longest counts."""
    endpoint: _Server | None = None
    """Address of the server that serves them, where it is not the provider's own."""
    region: _TEXT | None = None
    """Region of a bucket of S3."""
    profile: _TEXT | None = None
    """Profile of AWS's configuration files whose credentials are used."""
    anonymous: bool | None = None
    """Send no credentials, even where there are some."""
    role: _TEXT | None = None
    """ARN of a role of AWS to take on."""
    requester_pays: bool | None = None
    """Say that whoever reads pays for it."""
    kms_key: _TEXT | None = None
    """Key of AWS KMS with which objects are encrypted that are written."""
    ca_bundle: LocalPath | None = None
    """File with the certificates of authorities that are trusted."""
    proxy: _Server | None = None
    """Address of a proxy for these requests."""
    attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    """How often a request is tried that fails in passing; 8 if left out."""
    timeout: Annotated[float, Field(gt=0, le=3600, strict=False)] | None = None
    """Seconds without progress after which a request is given up and tried again."""
    connections: Annotated[int, Field(ge=1, le=256)] | None = None
    """How many requests there are at once; 16 if left out."""

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, values: Any) -> Any:  # noqa: ANN401 what YAML gave
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields and any(word in str(key).lower() for word in _WORDS_OF_SECRETS):
                raise invalid(f"a recipe may not hold `{key}`", _NO_SECRETS, at=(str(key),))
        return values

    @model_validator(mode="after")
    def _used(self) -> StoreEntry:
        """Refuse options that mean nothing for the scheme, and those that contradict each other."""
        scheme = scheme_of(self.prefix)
        if scheme is None:
            return self
        for key in (key for key, schemes in _USED_BY.items() if scheme not in schemes):
            if getattr(self, key) is not None:
                known = [name for name in type(self).model_fields if scheme in _USED_BY.get(name, (scheme,))]
                hint = suggest(key, known, kind="keys")
                raise invalid(f"`{key}` means nothing for `{scheme}://`", hint, at=(key,))
        for key in ("profile", "role"):
            if self.anonymous and getattr(self, key) is not None:
                message = f"`anonymous` sends no credentials, and `{key}` names some"
                raise invalid(message, "leave one out", at=(key,))
        return self


def check_prefixes(entries: tuple[StoreEntry, ...] | None) -> None:
    """Refuse two entries of one prefix.

    Raises
    ------
    PydanticCustomError
        Naming the prefix.
    """
    prefixes = [entry.prefix for entry in entries or ()]
    for index, prefix in enumerate(prefixes):
        if prefix in prefixes[:index]:
            raise invalid(f"two entries have the prefix `{prefix}`", "make them one", at=("stores",))


def unused_entries(entries: tuple[StoreEntry, ...] | None, addresses: list[str]) -> list[str]:
    """Return a note for each entry with whose prefix no address of the recipe begins."""
    return [
        f"`stores`: no address of the recipe begins with `{entry.prefix}`: not used"
        for entry in entries or ()
        if not any(is_below(address, entry.prefix) for address in addresses)
    ]
