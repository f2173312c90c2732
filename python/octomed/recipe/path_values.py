"""Values of a recipe that are paths: not empty, of this machine, and no longer than a file system takes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from octomed.names import as_text
from octomed.recipe.invalid import invalid
from octomed.urls import scheme_of

STORE = ".octomed"
"""The working store of a recipe that names none."""

_LONGEST_FILE_NAME = 255
_LONGEST_PATH = 3840
"""Linux takes 4,095 bytes, and a run's files lie below its path."""


def _local(value: Any) -> Any:  # noqa: ANN401 checked by the field's own type afterwards
    if isinstance(value, str) and (scheme := scheme_of(value)) is not None:
        hint = "write the path alone" if scheme == "file" else "copy the files to a local folder"
        raise invalid(f"paths of `{scheme}://` are not supported yet", hint)
    if isinstance(value, str) and not value:
        raise invalid("a path may not be empty", "write `.` for the recipe's own folder")
    if isinstance(value, str) and "\0" in value:
        raise invalid("a path may not hold a NUL character")
    if isinstance(value, str):
        _refuse_long(value)
    return value


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
NameOrPath = Annotated[str, Field(min_length=1), WrapValidator(_of_any_bytes)]
Paths = Annotated[
    tuple[LocalPath, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_as_paths, json_schema_input_type=str | list[str]),
]
