"""How a Parquet file's columns nest, by its own schema and by the one that Arrow's writers add."""

from __future__ import annotations

import base64
import binascii

import pyarrow as pa
from pyarrow import types

from octomed.foreign.broken import BrokenFileError

_KEY = b"ARROW:schema"


def refuse_other_nesting(schema: pa.Schema, metadata: dict[bytes, bytes]) -> None:
    """Compare what is a list, an object or a value with what the writer's schema says.

    A list whose annotation a flipped bit took away is read as an object, silently. Only a schema of the
    same columns is compared: tools that drop or rename columns may leave an old one there.

    Raises
    ------
    BrokenFileError
        When they differ.
    """
    written = _written(metadata.get(_KEY))
    if written is None or written.names != schema.names:
        return
    for ours, theirs in zip(schema, written, strict=True):
        if _nesting(ours.type) != _nesting(theirs.type):
            message = f"column `{ours.name}` is {ours.type}, and was written as {theirs.type}"
            raise BrokenFileError(f"{message}: the footer is damaged")


def _written(value: bytes | None) -> pa.Schema | None:
    """Return the writer's schema; one that cannot be read is none, as for Arrow itself."""
    if value is None:
        return None
    try:
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(value)))
    except (pa.ArrowException, binascii.Error, OSError, UnicodeError):
        return None


def _nesting(kind: pa.DataType) -> tuple[object, ...]:
    if isinstance(kind, pa.BaseExtensionType):
        return _nesting(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _nesting(kind.value_type)
    if types.is_map(kind):
        return ("list", ("object", _nesting(kind.key_type), _nesting(kind.item_type)))
    if types.is_nested(kind):
        name = "object" if types.is_struct(kind) else "list"
        return (name, *(_nesting(kind.field(index).type) for index in range(kind.num_fields)))
    return ("value",)
