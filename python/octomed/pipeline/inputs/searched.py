"""Columns in which a scan looks for pictures, besides those that the row format maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from octomed import _octomed


def columns_to_scan(mapping: _octomed.Mapping, schema: pa.Schema, mapped: list[str]) -> list[str]:
    """Return the columns of a Parquet or Arrow file that a scan reads, in the file's order.

    Numbers are no pictures unless their column's name says so. Whether a row is about a picture must not
    depend on whether its column is mapped.

    Parameters
    ----------
    mapping
        The row format.
    schema
        The file's columns.
    mapped
        Those that the row format reads.
    """

    def wanted(field: pa.Field) -> bool:
        if field.name in mapped:
            return True
        named = mapping.is_picture_name(field.name)
        return mapping.searches_pictures_in(field.name) and (named or _holds_text(field.type))

    return [field.name for field in schema if wanted(field)]


def _holds_text(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _holds_text(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    if pa.types.is_nested(kind):
        return any(_holds_text(kind.field(index).type) for index in range(kind.num_fields))
    return kind in _TEXTS or pa.types.is_fixed_size_binary(kind)


_TEXTS = frozenset(
    {
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
    }
)
