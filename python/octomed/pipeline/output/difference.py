"""What a run was made of, and in what another one differs from it: key by key, in words."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.filter_record import FilterRecord, changes_of_filters
from octomed.names import shown
from octomed.origin import Origin, Versions
from octomed.recipe.images import Images

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe
    from octomed.run_file import RunFile

_NO_KEYS = (
    "name",
    "version",
    "output.path",
    "output.copies",
    "output.mode",
    "work",
    "stores",
    "model",
    "template",
)
"""Keys that decide no byte below the folder, and those that are looked at by what they lead to."""

_NO_SOURCE_KEYS = ("group", "teacher", "license", "citation", "on_bad_file", "max_unreadable")
_MOST = 8
_LONGEST = 60


@dataclass(frozen=True)
class About:
    """What decides the bytes of a run, as far as it is known.

    Attributes
    ----------
    recipe
        As written, defaults filled in.
    tokenizer, template
        Hashes of their contents.
    inputs
        Size and time of each input, by source and path; not written next to every shard: they may be many.
    versions
        It is written with.
    command
        What goes on with it.
    filters
        Filters of the user's own, in their order.
    """

    recipe: dict[str, Any] | None = None
    tokenizer: str | None = None
    template: str | None = None
    inputs: dict[str, dict[str, str]] | None = None
    versions: Versions | None = None
    command: str | None = None
    filters: tuple[FilterRecord, ...] | None = None

    def or_else(self, other: About) -> About:
        """Return it with what it does not say as another one says it."""
        names = [field.name for field in fields(self)]
        mine = {name: getattr(self, name) for name in names}
        return About(**{name: getattr(other, name) if one is None else one for name, one in mine.items()})


def origin_of(recipe: Recipe) -> Origin:
    """Return where a run's recipe lies on this machine, and what was put over it."""
    return Origin(
        recipe_file=None if recipe.from_values else recipe.file.name,
        recipe_folder=str(recipe.file.parent.resolve()),
        overrides=tuple(recipe.overrides),
    )


def about_finished_run(run: RunFile) -> About:
    """Return what decides the bytes of a finished run, as far as its ``octomed.json`` says."""
    return About(
        run.recipe, run.tokenizer.content_hash, None, run.run.inputs, run.versions, filters=run.filters
    )


def about_run(key: str, about: About, run: RunFile | None) -> About:
    """Return what the run of a manifest is made of: as that notes it, or else as an `octomed.json` says.

    Parameters
    ----------
    key, about
        What the manifest says.
    run
        The run file that is there, which may be another run's.
    """
    if run is not None and run.run.write_key == key:
        return about.or_else(about_finished_run(run))
    return about


def versions() -> Versions:
    """Return the versions that a run is written with."""
    return Versions(_octomed.__version__, _octomed.SCAN_VERSION, _octomed.WRITE_VERSION)


def inputs_of(files: Iterable[InputFile]) -> dict[str, dict[str, str]]:
    """Return size and time of each input, by source and path, those skipped left out."""
    inputs: dict[str, dict[str, str]] = {}
    for file in files:
        inputs.setdefault(file.source, {})[recorded_name(file)] = input_state(file)
    return inputs


def recorded_name(file: InputFile) -> str:
    """Return a file's path below its source's root, as a run file can hold it."""
    return file.relative.encode("utf-8", "backslashreplace").decode()


def input_state(file: InputFile) -> str:
    """Return what tells a file from a changed one."""
    if file.is_remote:
        return f"{file.size} bytes, version {file.version or file.fingerprint}"
    return f"{file.size} bytes, {file.mtime_ns} ns, {file.fingerprint}"


def is_same_input(before: str, now: str) -> bool:
    """Tell whether two states are of one content; a run of an earlier version kept no fingerprint."""
    return now == before or now.rpartition(", ")[0] == before


def difference(old: About, new: About) -> str:
    """Return the end of a message: what run the folder holds, compared with the one that was asked for.

    Parameters
    ----------
    old, new
        What decides their bytes; what the old one does not say is not compared.
    """
    if not old.recipe:
        return "of another recipe, of other inputs, or of another octomed"
    keys = list(_differing_keys(old, new))
    if keys:
        more = f", and {len(keys) - _MOST} more keys" if len(keys) > _MOST else ""
        return f"of another recipe: {', '.join(keys[:_MOST])}{more}"
    filters = [] if old.filters is None else changes_of_filters(old.filters, new.filters or ())
    if filters:
        return f"of the same recipe, but of other filters: {', '.join(filters)}"
    return f"of the same recipe, {_other_cause(old, new)}"


def sources_apart(old: About, new: About) -> str | None:
    """Return which sources are new and which are gone, where nothing else of the recipes differs.

    Parameters
    ----------
    old, new
        As of `difference`.
    """
    before, after = (_names_of_sources(about.recipe or {}) for about in (old, new))
    added, gone = (
        [name for name in one if name not in other] for one, other in ((after, before), (before, after))
    )
    of_these = tuple(f"`sources.{name}." for name in (*added, *gone))
    if not of_these or not all(key.startswith(of_these) for key in _differing_keys(old, new)):
        return None
    said = [f"source `{shown(str(name))}` is new" for name in added]
    return ", ".join([*said, *(f"source `{shown(str(name))}` is gone" for name in gone)])


def _other_cause(old: About, new: About) -> str:
    before, after = old.versions or Versions(), new.versions or Versions()
    changes = [
        f"version of `{name}` {getattr(before, name)} → {getattr(after, name)}"
        for name in ("scan", "write")
        if getattr(before, name) not in {None, getattr(after, name)}
    ]
    if changes:
        return f"but of another octomed: {', '.join(changes)}"
    for name in ("tokenizer", "template"):
        if _said_otherwise(old, new, name):
            return f"but the {name} of its model was a different one"
    files = list(_changed_inputs(old.inputs, new.inputs or {})) if old.inputs else []
    more = f", and {len(files) - _MOST} more" if len(files) > _MOST else ""
    named = ", ".join(files[:_MOST]) or "files were added, removed, or changed since"
    return f"over other inputs: {named}{more}"


def _changed_inputs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = (
        {f"{source}/{file}": state for source, files in inputs.items() for file, state in files.items()}
        for inputs in (old, new)
    )
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"`{shown(name)}` is gone"
        elif name not in before:
            yield f"`{shown(name)}` is new"
        elif not is_same_input(before[name], after[name]):
            yield f"`{shown(name)}` changed"


def _said_otherwise(old: About, new: About, name: str) -> bool:
    before, after = getattr(old, name), getattr(new, name)
    return bool(before) and before != after


def _differing_keys(old: About, new: About) -> Iterator[str]:
    before, after = (dict(flat(_with_images(about.recipe or {}))) for about in (old, new))
    other_model = _said_otherwise(old, new, "tokenizer") or _said_otherwise(old, new, "template")
    for key in dict.fromkeys([*before, *after]):
        of_model = key in {"model", "template"} and other_model
        if before.get(key) != after.get(key) and (of_model or _decides_bytes(key)):
            yield f"`{key}` {_shown(before.get(key))} → {_shown(after.get(key))}"
    names = [_names_of_sources(about.recipe or {}) for about in (old, new)]
    if names[0] != names[1] and sorted(map(str, names[0])) == sorted(map(str, names[1])):
        yield "`sources` in another order"


def _with_images(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe with what one from before there were images means by saying nothing of them."""
    if "images" in recipe:
        return dict(recipe)
    pack, curate = recipe.get("pack"), recipe.get("curate")
    duplicates = curate.get("duplicates") if isinstance(curate, dict) else None
    filled: dict[str, Any] = {**recipe, "images": Images().model_dump(mode="json")}
    if isinstance(pack, dict):
        filled["pack"] = {"traces_per_image": 1, **pack}
    if isinstance(curate, dict) and isinstance(duplicates, dict):
        filled["curate"] = {**curate, "duplicates": {"images": "off", **duplicates}}
    return filled


def _names_of_sources(recipe: Mapping[str, Any]) -> list[Any]:
    sources = recipe.get("sources")
    return [one.get("name") for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []


def _decides_bytes(key: str) -> bool:
    if key.startswith("sources."):
        return not key.endswith(tuple(f".{name}" for name in _NO_SOURCE_KEYS))
    return not any(key == name or key.startswith(f"{name}.") for name in _NO_KEYS)


def flat(value: Any, way: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 a recipe's values are of any type
    """Yield the keys of a recipe as `--set` takes them, sources by name, but for those that are null."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{way}.{key}" if way else str(key))
    elif way == "sources" and isinstance(value, list) and all(isinstance(item, dict) for item in value):
        for item in value:
            yield from flat(
                {key: one for key, one in item.items() if key != "name"}, f"sources.{item.get('name')}"
            )
    elif value is not None:
        yield way, value


def _shown(value: Any) -> str:  # noqa: ANN401 as above
    if value is None:
        return "(not set)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
