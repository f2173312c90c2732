"""The base of every mapping in a recipe."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Part(BaseModel):
    """A piece of a recipe: it cannot be changed, and keys it does not know are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Sparse(Part):
    """A piece some of whose keys are in no dump unless written: what is made without them is as before."""

    only_written: ClassVar[frozenset[str]] = frozenset()
    """Names of these keys; their default is None."""

    @model_serializer(mode="wrap")
    def _without_unwritten(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = dump(self)
        return {
            name: value
            for name, value in dumped.items()
            if value is not None or name not in self.only_written
        }
