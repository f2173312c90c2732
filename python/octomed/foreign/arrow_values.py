"""Arrow arrays of every type, made into the few that the engine reads.

Texts become bytes by a view, which costs no copy: Rust checks them row by row, so one bad byte fails no file.
What has no form of its own in a trace (a date, a decimal, a UUID) becomes the text that Python writes for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import types

if TYPE_CHECKING:
    from collections.abc import Callable

_CANNOT_CAST = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, OverflowError, ValueError)
"""What a value beyond Python's dates raises, and a time zone that this machine does not know."""


def _compute() -> Any:  # noqa: ANN401 a module
    """Load what Arrow computes with: it takes as long as Arrow itself, and texts need none of it."""
    return import_module("pyarrow.compute")


def readable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch of the same rows in types that the engine reads.

    Parameters
    ----------
    batch
        Of any types that Parquet or Arrow files hold.
    """
    if not batch.num_columns:
        return batch
    columns = [_readable(column) for column in batch.columns]
    names = batch.schema.names
    fields = [pa.field(name, column.type) for name, column in zip(names, columns, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}


def _readable(array: pa.Array) -> pa.Array:  # noqa: PLR0911 a case for each family of types
    kind = array.type
    if kind in _BYTES:
        return array.view(_BYTES[kind])
    if isinstance(kind, pa.BaseExtensionType):
        return _extension(array)
    if types.is_nested(kind):
        return _nested(array)
    if types.is_dictionary(kind):
        return _dictionary(array)
    if types.is_run_end_encoded(kind):
        return _readable(_compute().run_end_decode(array))
    if types.is_temporal(kind) or types.is_decimal(kind):
        return _text(array)
    return array


def _nested(array: pa.Array) -> pa.Array:  # noqa: PLR0911 a case for each nested type
    """Rebuild around converted children, whose own buffers stay where they are.

    A view of the whole would be simpler, but pyarrow cannot view a list with a child of type null.
    """
    kind = array.type
    if types.is_list(kind):
        return _around(array, pa.list_, _readable(array.values))
    if types.is_large_list(kind):
        return _around(array, pa.large_list, _readable(array.values))
    if types.is_map(kind):
        return _map(array)
    if types.is_struct(kind):
        return _struct(array)
    if types.is_fixed_size_list(kind) or types.is_list_view(kind):
        return _readable(_as_lists(array, pa.ListArray, pa.int32()))
    if types.is_large_list_view(kind):
        return _readable(_as_lists(array, pa.LargeListArray, pa.int64()))
    return _written(array)


def _around(array: pa.Array, list_of: Callable[[pa.Field], pa.DataType], values: pa.Array) -> pa.Array:
    kind = list_of(array.type.value_field.with_type(values.type))
    if kind == array.type:
        return array
    return pa.Array.from_buffers(
        kind, len(array), array.buffers()[:2], array.null_count, array.offset, [values]
    )


def _map(array: pa.MapArray) -> pa.Array:
    """Make the keys of a map text, for it is read as an object."""
    keys, items = _readable(_keys(array.keys)), _readable(array.items)
    entries = pa.StructArray.from_arrays(
        [keys, items], fields=[pa.field("key", keys.type, nullable=False), pa.field("value", items.type)]
    )
    kind = pa.map_(keys.type, items.type)
    return pa.Array.from_buffers(
        kind, len(array), array.buffers()[:2], array.null_count, array.offset, [entries]
    )


def _keys(keys: pa.Array) -> pa.Array:
    kind = keys.type
    known = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    if known or types.is_binary(kind) or types.is_large_binary(kind) or types.is_integer(kind):
        return keys
    return _written(keys)


def _struct(array: pa.StructArray) -> pa.Array:
    if not array.type.num_fields:
        return array
    columns = [_readable(array.field(index)) for index in range(array.type.num_fields)]
    if all(column.type == field.type for column, field in zip(columns, array.type, strict=True)):
        return array
    fields = [field.with_type(column.type) for field, column in zip(array.type, columns, strict=True)]
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(columns, fields=fields, mask=mask)


def _as_lists(array: Any, lists: Any, offset: pa.DataType) -> pa.Array:  # noqa: ANN401 two pairs of classes
    """Put lists one after the other: in a view they may overlap, and null ones of a fixed size are long."""
    pc = _compute()
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(array), 0).cast(offset))
    offsets = pa.concat_arrays([pa.array([0], offset), ends])
    return lists.from_arrays(offsets, array.flatten(), mask=array.is_null())


def _dictionary(array: pa.DictionaryArray) -> pa.Array:
    values = _readable(array.dictionary)
    if types.is_nested(values.type) or types.is_null(values.type):
        return _readable(array.dictionary_decode())
    return pa.DictionaryArray.from_arrays(array.indices, values)


def _extension(array: Any) -> pa.Array:  # noqa: ANN401 pyarrow's stubs do not know all extension arrays
    name = array.type.extension_name
    if name == "arrow.uuid":
        return _written(array)
    if name == "arrow.bool8":
        return _compute().not_equal(array.storage, 0)
    return _readable(array.storage)


def _text(array: pa.Array) -> pa.Array:
    """Write dates, times and decimals as Python's `str` does, by a cast where one comes near enough."""
    kind = array.type
    if types.is_decimal(kind) or types.is_date(kind):
        return _cast(array, "", "")
    if types.is_time(kind) or types.is_timestamp(kind):
        return _time(array)
    return _written(array)


def _time(array: pa.Array) -> pa.Array:
    """Give fractions no digits or six, nine where nanoseconds count, and the offset of a zone a colon."""
    kind = array.type
    if kind.unit == "ms":
        finer = pa.timestamp("us", kind.tz) if types.is_timestamp(kind) else pa.time64("us")
        try:
            array = array.cast(finer)
        except _CANNOT_CAST:
            return _written(array)
    pc = _compute()
    text = _cast(array, r"\.(?:0{9}|0{6})($|[Z+-])", r"\1")
    text = pc.replace_substring_regex(text.cast(pa.string()), r"(\.\d{6})000($|[Z+-])", r"\1\2")
    if types.is_timestamp(kind) and kind.tz is not None:
        text = pc.replace_substring_regex(text, r"Z$", "+00:00")
        text = pc.replace_substring_regex(text, r"([+-]\d\d)(\d\d)$", r"\1:\2")
    return text.view(pa.binary())


def _cast(array: pa.Array, pattern: str, replacement: str) -> pa.Array:
    try:
        text = array.cast(pa.string())
    except _CANNOT_CAST:
        return _written(array)
    if pattern:
        text = _compute().replace_substring_regex(text, pattern, replacement)
    return text.view(pa.binary())


def _written(array: pa.Array) -> pa.Array:
    """Write value by value: for kinds that are rare among texts, and that pyarrow writes otherwise."""
    return pa.array([_str(array[row]) for row in range(len(array))], pa.binary())


def _str(value: pa.Scalar) -> bytes | None:
    if not value.is_valid:
        return None
    try:
        return str(value.as_py()).encode()
    except _CANNOT_CAST:
        return (
            f"{getattr(value, 'value', '?')} {value.type}".encode()
        )  # beyond what Python's own type can hold


def has_nested_dictionary(schema: pa.Schema, columns: list[str]) -> bool:
    """Tell whether a dictionary lies inside of a column: pyarrow reads no batch of two such dictionaries.

    Parameters
    ----------
    schema
        A file's.
    columns
        Its columns that are read.
    """
    return any(_holds_dictionary(schema.field(name).type) for name in columns)


def _holds_dictionary(kind: pa.DataType) -> bool:
    inner = [kind.field(index).type for index in range(kind.num_fields)] if types.is_nested(kind) else []
    return any(types.is_dictionary(one) or _holds_dictionary(one) for one in inner)
