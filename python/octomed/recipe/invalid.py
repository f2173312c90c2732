"""The error that a validator of the recipe raises."""

from __future__ import annotations

from pydantic_core import PydanticCustomError


def invalid(message: str, hint: str | None = None, *, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """Return an error that a validator raises: what is wrong, what to do, and below which key it is."""
    return PydanticCustomError("octomed", "{message}", {"message": message, "hint": hint, "at": at})
