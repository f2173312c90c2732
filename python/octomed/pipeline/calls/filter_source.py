"""Functions of the user's own: found in their modules, with the source that decides what they do."""

from __future__ import annotations

import importlib
import inspect
import sys
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.storage import content_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from octomed.filter_record import FilterRecord

_HOME = (
    "write it at the top level of a module of its own, `my_rules.py`, and import it; in a notebook "
    "a cell that begins with `%%writefile my_rules.py` makes one"
)
_REWRITTEN = "@pytest_ar"
"""In modules whose asserts pytest wrote anew: their code is not that of their source."""


def refuse_unimportable(function: object) -> None:
    """Refuse what another process could not import: lambdas, closures, functions of `__main__`.

    Raises
    ------
    RecipeError
        Saying which it is.
    """
    if not inspect.isfunction(function):
        kind = type(function).__name__
        raise RecipeError(f"a filter is made of a function, and this is a {kind}", _HOME)
    name, module = function.__qualname__, function.__module__
    if function.__name__ == "<lambda>":
        raise RecipeError("a filter cannot be a lambda: no other process could import it", _HOME)
    if module == "__main__":
        message = f"the filter `{name}` is of `__main__`, which no other process can import"
        raise RecipeError(message, _HOME)
    if "<locals>" in name:
        message = f"the filter `{name}` is made inside another function: no other process could import it"
        raise RecipeError(message, _HOME)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise RecipeError(f"the filter `{name}` returns no values when it is called", "give a plain function")
    if _found(sys.modules.get(module), name) is not function:
        message = f"`{module}.{name}` is not the function of the filter: no other process could import it"
        raise RecipeError(message, _HOME)


def source_digest(function: Callable[..., Any]) -> str:
    """Return the digest of the source of a function's module.

    Raises
    ------
    RecipeError
        When there is no source, or it changed since it was imported.
    """
    module = sys.modules[function.__module__]
    source = _source(module)
    if _changed(module, source):
        raise RecipeError(
            f"the source of `{module.__name__}` changed since it was imported",
            f"`importlib.reload({module.__name__})`, and make the filter again; or start Python anew",
        )
    return content_key(source)


def function_of(record: FilterRecord) -> Callable[..., Any]:
    """Import the function of a filter, where its module is what the run was planned with.

    Raises
    ------
    RecipeError
        When it cannot be imported here, or is another one.
    """
    try:
        module = importlib.import_module(record.module)
    except ImportError as error:
        raise RecipeError(
            f"the filter `{record.name}` cannot be imported: {error}",
            f"`{record.module}` has to be importable wherever the run works: install it, or set `PYTHONPATH`",
        ) from error
    function = _found(module, record.function)
    if not inspect.isfunction(function) or source_digest(function) != record.source:
        raise RecipeError(
            f"the filter `{record.name}` (`{record.place}`) is not what the run was planned with",
            "plan it again, with the same module wherever it runs",
        )
    return function


def _found(module: ModuleType | None, name: str) -> Any:  # noqa: ANN401 whatever stands there
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _source(module: ModuleType) -> str:
    loader: Any = getattr(module.__spec__, "loader", None)
    try:
        source = loader.get_source(module.__name__) if hasattr(loader, "get_source") else None
    except (OSError, ImportError):
        source = None
    if source is None:
        message = f"the source of `{module.__name__}` cannot be read"
        raise RecipeError(message, "a filter is told from another by its module's source: keep it there")
    return str(source)


def _changed(module: ModuleType, source: str) -> bool:
    """Tell whether the functions that were imported are not those of the source that is there now."""
    if _REWRITTEN in vars(module):
        return False
    try:
        compiled = compile(source, module.__file__ or "", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return True
    written = {one.co_name: one for one in compiled.co_consts if isinstance(one, CodeType)}
    own = [
        one
        for one in vars(module).values()
        if isinstance(one, FunctionType)
        and one.__module__ == module.__name__
        and "<" not in one.__qualname__
        and "." not in one.__qualname__
        and not hasattr(one, "__wrapped__")
    ]
    return any(written.get(one.__code__.co_name) != one.__code__ for one in own)
