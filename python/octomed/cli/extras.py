"""What a verb needs that is no part of the core, said in words where it is missing."""

from __future__ import annotations

from octomed.errors import RecipeError


def need_aiohttp(what: str, extra: str) -> None:
    """Refuse to go on without the package that asks models.

    Parameters
    ----------
    what
        What is done with it, as the message begins.
    extra
        The extra of octomed that has it.

    Raises
    ------
    RecipeError
        When it is not installed.
    """
    try:
        import aiohttp  # noqa: F401 said here in words, not by a traceback
    except ImportError:
        hint = f"`pip install '.[{extra}]'`, in OctoMed's folder"
        raise RecipeError(f"{what} needs the package `aiohttp`", hint) from None
