"""What a run was made of, and in what another one differs from it: key by key, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import octomed
from octomed import _octomed
from octomed.names import shown
from octomed.pipeline.rebuild import rebuild_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.pipeline.plan import Plan
    from octomed.recipe import InputFile, Recipe

_NO_KEYS = ("name", "version", "output.path", "work", "model", "template")
"""Keys that decide no byte below the folder, and those that are looked at by what they lead to."""

_NO_SOURCE_KEYS = ("group", "teacher", "on_bad_file", "max_unreadable")
_MOST = 8
_LONGEST = 60


def about_run(plan: Plan) -> dict[str, Any]:
    """Return what decides the bytes of a run."""
    return {
        "recipe": plan.recipe.canonical(),
        "tokenizer": plan.tokenizer.content_hash,
        "template": plan.template_hash,
        "inputs": inputs_of(plan),
        "versions": versions(),
        "command": rebuild_command(origin_of(plan.recipe)),
    }


def origin_of(recipe: Recipe) -> dict[str, Any]:
    """Return where a run's recipe lies on this machine, and what was put over it."""
    return {
        "recipe_file": None if recipe.from_values else recipe.file.name,
        "recipe_folder": str(recipe.file.parent.resolve()),
        "overrides": list(recipe.overrides),
    }


def noted(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return it short enough to be written beside every shard: without the inputs, which may be many."""
    return {name: value for name, value in about.items() if name != "inputs"}


def about_finished_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of a finished run's ``octomed.json``, as far as it says."""
    return {
        "recipe": run.get("recipe"),
        "tokenizer": run.get("tokenizer", {}).get("content_hash"),
        "inputs": run.get("run", {}).get("inputs"),
        "versions": run.get("versions"),
    }


def versions() -> dict[str, Any]:
    """Return the versions that a run is written with."""
    return {
        "octomed": octomed.__version__,
        "scan": _octomed.SCAN_VERSION,
        "write": _octomed.WRITE_VERSION,
    }


def inputs_of(plan: Plan) -> dict[str, dict[str, str]]:
    """Return size and time of each input, by source and path, those skipped left out."""
    inputs: dict[str, dict[str, str]] = {}
    for _, task in plan.tasks():
        file = task.file
        relative = file.relative.encode("utf-8", "backslashreplace").decode()
        inputs.setdefault(file.source, {})[relative] = input_state(file)
    return inputs


def input_state(file: InputFile) -> str:
    """Return what tells a file from a changed one."""
    return f"{file.size} bytes, {file.mtime_ns} ns, {file.fingerprint}"


def is_same_input(before: str, now: str) -> bool:
    """Tell whether two states are of one content; a run of an earlier version kept no fingerprint."""
    return now == before or now.rpartition(", ")[0] == before


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the end of a message: what run the folder holds, compared with the one that was asked for.

    Parameters
    ----------
    old, new
        As :func:`about_run` returns them; what the old one does not say is not compared.
    """
    if not isinstance(old.get("recipe"), dict):
        return "of another recipe, of other inputs, or of another octomed"
    keys = list(_differing_keys(old, new))
    if keys:
        more = f", and {len(keys) - _MOST} more keys" if len(keys) > _MOST else ""
        return f"of another recipe: {', '.join(keys[:_MOST])}{more}"
    return f"of the same recipe, {_other_cause(old, new)}"


def _other_cause(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    versions_differ = [name for name in ("scan", "write") if _said_otherwise(old, new, "versions", name)]
    if versions_differ:
        changes = ", ".join(
            f"version of `{name}` {old['versions'][name]} → {new['versions'][name]}"
            for name in versions_differ
        )
        return f"but of another octomed: {changes}"
    for name in ("tokenizer", "template"):
        if _said_otherwise(old, new, name):
            return f"but the {name} of its model was another one"
    files = list(_changed_inputs(old["inputs"], new["inputs"])) if old.get("inputs") else []
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


def _said_otherwise(old: Mapping[str, Any], new: Mapping[str, Any], *way: str) -> bool:
    before: Any = old
    after: Any = new
    for name in way:
        before, after = (value.get(name) if value else None for value in (before, after))
    return before is not None and before != after


def _differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = dict(flat(old["recipe"])), dict(flat(new["recipe"]))
    other_model = _said_otherwise(old, new, "tokenizer") or _said_otherwise(old, new, "template")
    for key in dict.fromkeys([*before, *after]):
        of_model = key in {"model", "template"} and other_model
        if before.get(key) != after.get(key) and (of_model or _decides_bytes(key)):
            yield f"`{key}` {_shown(before.get(key))} → {_shown(after.get(key))}"
    names = [[source.get("name") for source in about["recipe"].get("sources", [])] for about in (old, new)]
    if names[0] != names[1] and sorted(map(str, names[0])) == sorted(map(str, names[1])):
        yield "`sources` in another order"


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
