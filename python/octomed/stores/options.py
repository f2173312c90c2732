"""What a recipe may say of a store, and where local copies go: one table for all clients of a process."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.stores.address import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["StoreOptions", "configure", "configured", "options_for", "scratch_folder"]


@dataclass(frozen=True)
class StoreOptions:
    """How the stores below a prefix are reached; what is not said comes from the environment. No secrets.

    Attributes
    ----------
    prefix
        The addresses that this is said of; of several that fit, the longest counts. Empty: all.
    endpoint
        The address of the service, for those that speak the protocol of another: MinIO, R2, an emulator.
    region
        Of a bucket of S3.
    profile
        A section of `~/.aws/config` and `~/.aws/credentials`, in place of keys in the environment.
    anonymous
        Whether requests go unsigned, as public buckets want them.
    role
        The ARN of a role of AWS that is assumed, with the credentials that are found.
    requester_pays
        Whether the account that asks pays.
    kms_key
        The key of AWS KMS that encrypts what is written.
    ca_bundle
        A file of certificates that are trusted beside those of the system.
    proxy
        `http://host:port` of a proxy; without a user name and a password, which the environment has.
    attempts
        How often a request is made before its failure is an error.
    timeout
        Seconds without an answer, or without another byte of it, after which an attempt has failed.
    connections
        Requests to one bucket at once.
    """

    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False
    role: str | None = None
    requester_pays: bool = False
    kms_key: str | None = None
    ca_bundle: str | None = None
    proxy: str | None = None
    attempts: int = 8
    timeout: float = 60.0
    connections: int = 16

    def __post_init__(self) -> None:
        if self.prefix:
            object.__setattr__(self, "prefix", str(Address.parse(self.prefix)))
        for name, least in (("attempts", 1), ("connections", 1), ("timeout", 0.001)):
            if getattr(self, name) < least:
                raise RecipeError(f"`stores`: `{name}` is {getattr(self, name)}", f"write {least} or more")
        for name in ("endpoint", "proxy"):
            if "@" in (getattr(self, name) or ""):
                raise RecipeError(
                    f"`stores`: `{name}` has a user name or a password",
                    f"write `http://host:port`; {_SECRETS}",
                )
        if self.anonymous and (self.profile or self.role):
            raise RecipeError("`stores`: `anonymous` with a `profile` or a `role`", "keep one of them")

    def fits(self, address: Address) -> bool:
        """Say whether an address is below the prefix."""
        if not self.prefix:
            return True
        mine, below = Address.parse(self.prefix), _any_revision(address)
        mine = _any_revision(mine)
        return below == mine or str(below).startswith(f"{mine}/")


def _any_revision(address: Address) -> Address:
    """Return an address of the hub without its revision, any other as it is."""
    if address.scheme != "hf":
        return address
    return Address("hf", address.root.partition("@")[0], address.key)


_SECRETS = "`HTTPS_PROXY` and the variables of the store may hold them"
_lock = threading.Lock()
_table: tuple[StoreOptions, ...] = ()
_scratch: Path | None = None


def configure(options: Sequence[StoreOptions], scratch: Path | None = None) -> None:
    """Set the options of all stores that this process opens from now on.

    Parameters
    ----------
    options
        Of the recipe's section `stores`.
    scratch
        The folder of local copies.
    """
    global _table, _scratch
    with _lock:
        _table, _scratch = tuple(options), scratch


def configured() -> tuple[tuple[StoreOptions, ...], Path | None]:
    """Return what was set, which other processes are given as it is."""
    with _lock:
        return _table, _scratch


def options_for(address: Address) -> StoreOptions:
    """Return the options that count for an address.

    Examples
    --------
    >>> configure([StoreOptions("s3://bucket", region="eu-west-1"), StoreOptions("s3://bucket/a", timeout=5)])
    >>> options_for(Address.parse("s3://bucket/a/b.parquet")).timeout
    5
    >>> options_for(Address.parse("s3://bucket/ab.parquet")).region
    'eu-west-1'
    >>> configure([])
    """
    table, _ = configured()
    fitting = [one for one in table if one.fits(address)]
    chosen = max(fitting, key=lambda one: len(one.prefix), default=StoreOptions())
    return replace(chosen, prefix="")


def scratch_folder() -> Path:
    """Return the folder of local copies: `work.scratch`, or one of the system's for temporary files."""
    _, scratch = configured()
    if scratch is not None:
        return scratch
    return Path(os.environ.get("OCTOMED_CACHE") or tempfile.gettempdir(), "octomed-scratch")
