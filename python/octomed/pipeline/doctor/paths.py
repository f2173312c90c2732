"""The paths and addresses of a recipe, reached and timed for `octomed doctor`."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from octomed.errors import OctomedError
from octomed.names import shown
from octomed.pipeline.doctor.disk import disk
from octomed.recipe.glob import Unreadable, first_of
from octomed.recipe.input_file import known_kind
from octomed.report.diagnosis import Finding
from octomed.report.units import bytes_of
from octomed.urls import scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed.recipe.schema import Recipe

_READ_BYTES = 2**20
_FIRST_FOLDER = 3
"""Parts of an address before those that may have wildcards: scheme, nothing, bucket."""
_ELSEWHERE = "../../../"
_ATTEMPTS = 2
_SECONDS = 10.0
"""How often and how long a store is asked here: a look at a machine must end."""


def paths(recipe: Recipe) -> Iterator[Finding]:
    """Yield for each path of a recipe whether it is reached, and how long that takes."""
    with _impatient(recipe):
        for key, path in _read_paths(recipe):
            yield _reached(key, path, recipe)
        for key, path in _written_paths(recipe):
            yield _reached_store(key, path) if scheme_of(path) is not None else _as_path(disk(key, path))


def _as_path(finding: Finding) -> Finding:
    return replace(finding, section="paths")


def _read_paths(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield what is read, with the key that names it."""
    for source in recipe.sources:
        for path in source.path:
            yield f"sources.{source.name}.path", path
        for root in source.image_roots:
            yield f"sources.{source.name}.image_root", root
    yield from _read_by_curation(recipe)
    for key in ("model", "template"):
        value = getattr(recipe, key)
        if isinstance(value, str) and value.startswith("/"):
            yield key, value


def _read_by_curation(recipe: Recipe) -> Iterator[tuple[str, str]]:
    curate = recipe.curate
    if curate.decontaminate is not None:
        for one in curate.decontaminate.against:
            for path in [one] if isinstance(one, str) else one.path:
                yield "curate.decontaminate", path
    for path in curate.exclude or ():
        yield "curate.exclude", path
    for path in getattr(curate.pass_rate, "from_", None) or ():
        yield "curate.pass_rate", path


def _written_paths(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "output.path", recipe.output.path
    for path in getattr(recipe.output, "copies", None) or ():
        yield "output.copies", path
    yield "work.path", recipe.work.path
    if scratch := getattr(recipe.work, "scratch", None):
        yield "work.scratch", scratch


def _reached(key: str, path: str, recipe: Recipe) -> Finding:
    if scheme_of(path) is not None:
        return _reached_store(key, path)
    name = f"{key}: {_near(path, recipe)}"
    whole = key in {"model", "template"} or key.endswith(("image_root", "exclude"))
    return _timed(name, lambda: _look(path) if whole else _look_at_rows(path), "see whether it is there")


def _near(path: str, recipe: Recipe) -> str:
    """Return a path as the recipe's folder sees it; one that lies elsewhere as it is."""
    near = os.path.relpath(path, recipe.file.parent)
    return path if near.startswith(_ELSEWHERE) else near


def _look_at_rows(path: str) -> str:
    first = first_of(path, known_kind)
    if first is None:
        raise Unreadable(f"`{shown(Path(path).name)}` matches no file with rows")
    return _look(first)


def _look(path: str) -> str:
    if Path(path).is_dir():
        with os.scandir(path) as entries:
            return f"a folder of {sum(1 for _ in entries):,} entries"
    size = Path(path).stat().st_size
    begin = time.perf_counter()
    with Path(path).open("rb", buffering=0) as file:
        read = len(file.read(_READ_BYTES))
    seconds = time.perf_counter() - begin
    return f"{bytes_of(size)}, first {bytes_of(read)} read in {seconds * 1e3:,.1f} ms"


def _reached_store(key: str, path: str) -> Finding:
    from octomed.stores.inputs import below, can_list, found, normal  # noqa: PLC0415 where an address is met

    def ask() -> str:
        if not can_list(path):
            there = found(path)
            if there is None:
                raise Unreadable("nothing is there")
            return bytes_of(there.size)
        fixed = path if key.startswith(("output", "work")) else _before_wildcards(path)
        first = next(iter(below(fixed)), None)
        if first is not None:
            return f"answers, first object {bytes_of(first.size)}"
        one = found(path) if key.startswith("sources") else None
        if one is None and key.startswith("sources"):
            raise Unreadable("nothing is there")
        return "answers, and is empty" if one is None else bytes_of(one.size)

    return _timed(f"{key}: {normal(path)}", ask, "see the address, and the credentials below")


def _before_wildcards(path: str) -> str:
    """Return the folder of an address before its first part with a wildcard."""
    parts = path.split("/")
    wild = next(
        (at for at, part in enumerate(parts) if at >= _FIRST_FOLDER and set("*?[") & set(part)), len(parts)
    )
    return "/".join(parts[:wild])


def _timed(name: str, ask: Callable[[], str], hint: str) -> Finding:
    begin = time.perf_counter()
    try:
        said = ask()
    except OctomedError as error:
        return Finding("paths", name, error.message, "failed", error.hint or hint)
    except Unreadable as error:
        return Finding("paths", name, str(error), "failed", hint)
    except ValueError as error:  # no path of a system's
        return Finding("paths", name, str(error), "failed", hint)
    except OSError as error:
        return Finding("paths", name, error.strerror or str(error), "failed", hint)
    seconds = time.perf_counter() - begin
    return Finding("paths", name, f"{said} ({seconds * 1e3:,.1f} ms)", values={"seconds": seconds})


@contextmanager
def _impatient(recipe: Recipe) -> Iterator[None]:
    """Have stores asked twice at most, and not for minutes, while the block runs."""
    if not getattr(recipe, "addresses", ()):
        yield
        return
    from octomed.stores.options import StoreOptions, configure, configured  # noqa: PLC0415 where an address is met

    table, scratch = configured()
    all_of_them = (*table, *([] if any(not one.prefix for one in table) else [StoreOptions()]))
    short = [
        replace(one, attempts=min(one.attempts, _ATTEMPTS), timeout=min(one.timeout, _SECONDS))
        for one in all_of_them
    ]
    configure(short, scratch)
    try:
        yield
    finally:
        configure(table, scratch)
