"""The columns of exported rows as Arrow has them, with what `datasets` has to know of images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from octomed.export.formats import Layout

_TEXT = pa.string()
_IMAGE_STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def schema_of(layout: Layout) -> pa.Schema:
    """Return the columns of a format's rows.

    Parameters
    ----------
    layout
        The format.
    """
    fields: list[tuple[str, pa.DataType]] = [_turns(layout)]
    if layout.format in {"sharegpt", "llama-factory"}:
        fields.append(("system", _TEXT))
    if layout.has_images and layout.format != "axolotl":
        embedded = layout.images == "embedded"
        fields.append(("images", pa.list_(_IMAGE_STRUCT if embedded else _TEXT)))
    schema = pa.schema(fields)
    if ("images" in schema.names) and layout.images == "embedded":
        return schema.with_metadata({"huggingface": json.dumps(_features(schema))})
    return schema


def _turns(layout: Layout) -> tuple[str, pa.DataType]:
    if layout.format in {"sharegpt", "llama-factory"}:
        return "conversations", pa.list_(pa.struct([("from", _TEXT), ("value", _TEXT)]))
    content: pa.DataType = _TEXT
    if layout.has_images and layout.format in {"axolotl", "trl"}:
        names = ["type", "text"]
        if layout.format == "axolotl":
            names.append("base64" if layout.images == "embedded" else "path")
        content = pa.list_(pa.struct([(name, _TEXT) for name in names]))
    keys: list[tuple[str, pa.DataType]] = [("role", _TEXT), ("content", content)]
    learned = {"ms-swift": "loss", "axolotl": "train"}.get(layout.format)
    return "messages", pa.list_(pa.struct([*keys, (learned, pa.bool_())] if learned else keys))


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return the columns as `datasets` writes them next to a table: of any version that has images."""
    features = {field.name: _feature(field.type) for field in schema}
    return {"info": {"features": features | {"images": [{"_type": "Image"}]}}}


def _feature(kind: pa.DataType) -> Any:  # noqa: ANN401 nested lists and objects
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    if pa.types.is_struct(kind):
        return {kind.field(at).name: _feature(kind.field(at).type) for at in range(kind.num_fields)}
    return {"dtype": str(kind), "_type": "Value"}
