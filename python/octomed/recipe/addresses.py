"""Addresses in a recipe: where one may stand, and without anything that nobody else may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.names import without_secrets
from octomed.recipe.invalid import invalid
from octomed.urls import WRITTEN, scheme_of

if TYPE_CHECKING:
    from collections.abc import Collection

READ = ("s3", "gs", "az", "hf", "https", "http")
"""Schemes of the addresses that rows are read from."""

_LOCAL = "copy the files to a local folder"
_WRITE = "write to a local folder, or to one of " + ", ".join(f"`{scheme}://`" for scheme in WRITTEN)


def clean_address(address: str, schemes: Collection[str]) -> str:
    """Return an address as it is stored and shown: without user name, password and query.

    What has a variable that is not expanded yet is not looked at more closely.

    Parameters
    ----------
    address : str
        What begins with `scheme://`.
    schemes : collection of str
        Those that may stand here: none where a path has to be local.

    Raises
    ------
    PydanticCustomError
        When it may not stand here, or nothing can be there.
    """
    from octomed.stores.address import Address

    scheme = scheme_of(address)
    if scheme in READ and not schemes:
        raise invalid(f"only a local path can stand here, not one of `{scheme}://`", _LOCAL)
    if scheme in READ and scheme not in schemes:
        raise invalid(f"nothing is written to `{scheme}://`", _WRITE)
    if scheme in READ and "$" in address:
        return without_secrets(address)
    try:
        return str(Address.parse(address))
    except RecipeError as error:
        raise invalid(error.message, error.hint) from None


def is_below(address: str, other: str) -> bool:
    """Tell whether one address or path is another, or lies below it.

    Examples
    --------
    >>> is_below("s3://bucket/run/a", "s3://bucket/run"), is_below("s3://bucket/runs", "s3://bucket/run")
    (True, False)
    """
    return f"{address.rstrip('/')}/".startswith(f"{other.rstrip('/')}/")
