"""Addresses of object stores: one spelling for users, and what each library calls it.

Users write ``s3://bucket/path``, ``gs://bucket/path``, ``az://account/container/path`` and, for what is only
read, ``hf://datasets/owner/name[@revision]/path``.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from octomed.errors import RecipeError
from octomed.schemes import scheme_of

__all__ = [
    "CHECKPOINTS",
    "READ",
    "WRITTEN",
    "hub_parts",
    "is_below",
    "is_url",
    "join",
    "scheme_of",
    "share_endpoint",
    "streaming_url",
]

READ = ("s3", "gs", "az", "hf")
"""Schemes of the object stores that runs are read from."""

WRITTEN = ("s3", "gs", "az")
"""Schemes of the stores that a run is written to, and blocks are kept in."""

CHECKPOINTS = ("s3", "gs")
"""Those of the stores that Composer writes checkpoints to."""

_DATASET = re.compile(r"datasets/([^/@]+/[^/@]+)(?:@(refs/[a-z]+/[^/@]+|[^/@]+))?(?:/(.*))?", re.DOTALL)


def is_url(location: str) -> bool:
    """Say whether a location is in an object store; what has no ``scheme://`` is a path.

    Raises
    ------
    RecipeError
        When the scheme is none of those that are served.

    Examples
    --------
    >>> is_url("s3://bucket/run"), is_url("runs/quickstart")
    (True, False)
    """
    scheme = scheme_of(location)
    if scheme is not None and scheme not in READ:
        served = ", ".join(f"`{one}://`" for one in READ)
        raise RecipeError(f"`{location}` has the scheme `{scheme}`", f"write a path, or one of {served}")
    return scheme is not None


def is_below(location: str, other: str) -> bool:
    """Tell whether one address or path is another, or lies below it.

    Examples
    --------
    >>> is_below("s3://bucket/run/a", "s3://bucket/run"), is_below("s3://bucket/runs", "s3://bucket/run")
    (True, False)
    """
    return f"{location.rstrip('/')}/".startswith(f"{other.rstrip('/')}/")


def join(location: str, *names: str) -> str:
    """Put names below a path or an address.

    Examples
    --------
    >>> join("s3://bucket/run/", "len-01024", "index.json")
    's3://bucket/run/len-01024/index.json'
    """
    return "/".join([location.rstrip("/") or "/", *names])


def streaming_url(location: str) -> str:
    """Spell an address as mosaicml-streaming does.

    Raises
    ------
    RecipeError
        When an Azure address names no container.

    Examples
    --------
    >>> streaming_url("az://account/container/run")
    'azure://account.blob.core.windows.net/container/run'
    """
    scheme, _, rest = location.partition("://")
    if scheme.lower() != "az":
        return f"{scheme.lower()}://{rest}"
    account, _, path = rest.partition("/")
    if not account or not path.strip("/"):
        raise RecipeError(f"`{location}` names no container", "write `az://account/container/path`")
    return f"azure://{account}.blob.core.windows.net/{path}"


def hub_parts(location: str) -> tuple[str, str, str]:
    """Return owner and name of a data set on the hub, its revision, and a path in it.

    Raises
    ------
    RecipeError
        When an address names no data set.

    Examples
    --------
    >>> hub_parts("hf://datasets/owner/name@v1/run/octomed.json")
    ('owner/name', 'v1', 'run/octomed.json')
    """
    found = _DATASET.fullmatch(location.partition("://")[2])
    if found is None:
        raise RecipeError(
            f"`{location}` names no data set", "write `hf://datasets/owner/name[@revision]/path`"
        )
    return found[1], unquote(found[2] or "main"), (found[3] or "").rstrip("/")


def share_endpoint() -> None:
    """Name the endpoint of ``AWS_ENDPOINT_URL`` in the variable that Streaming and Composer read."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        os.environ.setdefault("S3_ENDPOINT_URL", endpoint)
