"""Values with a form of their own: names, sizes, compressions and digests."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, WithJsonSchema

from octomed.recipe.invalid import invalid
from octomed.recipe.problems import suggest

LEVELS: dict[str, range | None] = {
    "zstd": range(1, 23),
    "br": range(12),
    "gz": range(10),
    "bz2": range(1, 10),
    "snappy": None,
}
"""Compressions of MDS shards and their levels, as mosaicml-streaming 0.13 names them."""

HASHES = (
    "blake2b", "blake2s", "md5", "sha1", "sha224", "sha256", "sha384", "sha3_224", "sha3_256", "sha3_384",
    "sha3_512", "sha512", "xxh128", "xxh32", "xxh3_128", "xxh3_64", "xxh64",
)  # fmt: skip
"""Digests that mosaicml-streaming 0.13 can check in a shard."""

UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30,
}  # fmt: skip

_LONGEST_NAME = 200
"""Bytes; a file system takes 255, and files of a run have more in their names than their source's."""

_LARGEST_SIZE = 2.0**64
SMALLEST_SHARD = 2**12
LARGEST_SHARD = 2**32 - 1


def parse_size(value: Any) -> int:  # noqa: ANN401 what YAML gave
    """Return a number of bytes from 134217728, `128MiB` or `128 MB`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    matched = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", value) if isinstance(value, str) else None
    if matched is None or matched[2].upper() not in UNITS:
        raise invalid(
            f"`{value}` is not a size", "write bytes, or a number with a unit: `128MiB`, `64MB`, `1GiB`"
        )
    return round(min(float(matched[1]), _LARGEST_SIZE) * UNITS[matched[2].upper()])


def _store_size(value: Any) -> int:  # noqa: ANN401 what YAML gave
    size = parse_size(value)
    if size < 1:
        raise invalid("a store of no bytes keeps nothing", "write `keep: false` to keep no blocks")
    return size


def _shard_size(value: Any) -> int:  # noqa: ANN401 what YAML gave
    size = parse_size(value)
    if not SMALLEST_SHARD <= size <= LARGEST_SHARD:
        raise invalid(
            f"a shard of {size} bytes is not possible",
            "between 4KiB and 4GiB less one byte; 64 to 256MiB is usual",
        )
    return size


def parse_compression(value: Any) -> str | None:  # noqa: ANN401 what YAML gave
    """Return `zstd:1` and the like as written, or None for `none` and null."""
    if value is None or value == "none":
        return None
    if not isinstance(value, str):
        raise invalid(f"`{value}` is not a compression", "write `zstd:1`, or null for none")
    codec, colon, level = value.partition(":")
    if codec not in LEVELS:
        names = suggest(codec, [*LEVELS, "none"], kind="compressions")
        raise invalid(f"`{codec}` is not a compression", names)
    levels = LEVELS[codec]
    if not colon:
        return value
    if levels is None:
        raise invalid(f"`{codec}` has no levels", f"write `{codec}`")
    if not level.isascii() or not level.isdecimal() or int(level) not in levels:
        raise invalid(f"`{level}` is not a level of `{codec}`", f"levels are {levels[0]} to {levels[-1]}")
    return f"{codec}:{int(level)}"


def _hash_name(value: Any) -> str:  # noqa: ANN401 what YAML gave
    if not isinstance(value, str) or value not in HASHES:
        raise invalid(f"`{value}` is not a digest", suggest(str(value), HASHES, kind="digests"))
    return value


class Dialect(NamedTuple):
    """Characters that divide a CSV file: between fields, around one, and before a character that is text."""

    delimiter: str
    quote: str | None
    escape: str | None


def _character(value: Any) -> str:  # noqa: ANN401 what YAML gave
    if not isinstance(value, str) or len(value) != 1 or not value.isascii() or value in "\r\n":
        hint = 'put it in quotes: `";"`, or `"\\t"` for a tab, double quotes around it'
        raise invalid("it must be one character of ASCII, and no line end", hint)
    return value


def _name(value: Any) -> str:  # noqa: ANN401 what YAML gave
    if not isinstance(value, str):
        raise invalid(f"a name must be text, not `{value}`", "put it in quotes")
    if not re.fullmatch(r"[^\W_][\w.-]{0,99}", value):
        raise invalid(
            f"`{value}` is not a name",
            "letters, digits, `.`, `_` and `-`; a letter or digit first; at most 100",
        )
    if len(value.encode(errors="surrogatepass")) > _LONGEST_NAME:
        raise invalid(f"`{value}` is too long for a name of files", f"at most {_LONGEST_NAME} bytes of UTF-8")
    return value


Name = Annotated[
    str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": r"^\w[\w.-]{0,99}$"})
]
Character = Annotated[
    str,
    BeforeValidator(_character),
    WithJsonSchema({"type": "string", "pattern": r"^[\x00-\x09\x0b\x0c\x0e-\x7f]$"}),
]
_SIZE = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer"},
            {"type": "string", "pattern": r"^\d+(\.\d+)?\s*([KMGkmg][iI]?)?[bB]?$"},
        ]
    }
)
ShardSize = Annotated[int, BeforeValidator(_shard_size), _SIZE]
StoreSize = Annotated[int, BeforeValidator(_store_size), _SIZE]
Compression = Annotated[
    "str | None",
    BeforeValidator(parse_compression),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^(none|snappy|(zstd|br|gz|bz2)(:\d+)?)$"},
                {"type": "null"},
            ]
        }
    ),
]
HashName = Annotated[str, BeforeValidator(_hash_name), WithJsonSchema({"enum": list(HASHES)})]
