"""Values of a recipe that are paths: not empty, no longer than a file system takes, or addresses of stores.

Of an address nothing is kept that nobody else may see: user names, passwords and queries are cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from octomed.errors import RecipeError
from octomed.names import as_text, without_secrets
from octomed.recipe.invalid import invalid
from octomed.urls import WRITTEN, scheme_of

if TYPE_CHECKING:
    from collections.abc import Collection

STORE = ".octomed"
"""The working store of a recipe that names none."""

READ = ("s3", "gs", "az", "hf", "https", "http")
"""Schemes of the addresses that rows are read from."""

_LOCAL = "copy the files to a local folder"
_WRITE = "write to a local folder, or to one of " + ", ".join(f"`{scheme}://`" for scheme in WRITTEN)

_LONGEST_FILE_NAME = 255
_LONGEST_PATH = 3840
"""Linux takes 4,095 bytes, and a run's files lie below its path."""


def _local(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    return _location(value, ())


def _read(value: Any) -> Any:  # noqa: ANN401 as above
    return _location(value, READ)


def _written(value: Any) -> Any:  # noqa: ANN401 as above
    return _location(value, WRITTEN)


def _location(value: Any, schemes: Collection[str]) -> Any:  # noqa: ANN401 as above
    """Check a path, or an address of one of these schemes; userinfo and query of an address are cut off."""
    if not isinstance(value, str):
        return value
    if scheme_of(value) is not None:
        return clean_address(value, schemes)
    if not value:
        raise invalid("a path may not be empty", "write `.` for the recipe's own folder")
    if "\0" in value:
        raise invalid("a path may not hold a NUL character")
    _refuse_long(value)
    return value


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
    from octomed.stores.address import Address  # noqa: PLC0415 where an address is met

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


def _refuse_long(path: str) -> None:
    """Refuse what no file system takes; a glob's `[…]` may be longer than what it matches."""
    names = [name for name in path.split("/") if not any(sign in name for sign in "*?[")]
    if max(map(_bytes_of, names), default=0) > _LONGEST_FILE_NAME:
        raise invalid(
            "a name in this path is too long", f"a file's name has at most {_LONGEST_FILE_NAME} bytes"
        )
    if _bytes_of(path) > _LONGEST_PATH:
        raise invalid("this path is too long", f"a path has at most {_LONGEST_PATH:,} bytes")


def _bytes_of(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def as_list(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    """Return a list of a single text, and anything else as it is."""
    return [value] if isinstance(value, str) else value


def _as_paths(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    """Return a list of a single path; what is neither a path nor a list is refused by what is wanted."""
    if value is not None and not isinstance(value, str | list | tuple):
        raise invalid("a path is wanted, or a list of paths", "put it in quotes if it is a name")
    return as_list(value)


def _of_any_bytes(value: Any, check: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 as pydantic has it
    """Pass a path below a folder whose name is not UTF-8: pydantic takes no text with such bytes."""
    return value if isinstance(value, str) and as_text(value) != value else check(value)


LocalPath = Annotated[str, BeforeValidator(_local), WrapValidator(_of_any_bytes)]
"""A path of this machine."""

WrittenPath = Annotated[str, BeforeValidator(_written), WrapValidator(_of_any_bytes)]
"""A path of this machine, or the address of a store that is written to."""

NameOrPath = Annotated[str, Field(min_length=1), WrapValidator(_of_any_bytes)]
Paths = Annotated[
    tuple[LocalPath, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_as_paths, json_schema_input_type=str | list[str]),
]
"""Paths of this machine, or one."""

SourcePaths = Annotated[
    tuple[Annotated[str, BeforeValidator(_read), WrapValidator(_of_any_bytes)], ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_as_paths, json_schema_input_type=str | list[str]),
]
"""Paths or addresses that rows are read from, or one."""

WrittenPaths = Annotated[
    tuple[WrittenPath, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_as_paths, json_schema_input_type=str | list[str]),
]
"""Paths or addresses that are written to, or one."""
