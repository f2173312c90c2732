"""What a scan decides and measures of a source's responses: `curate`, its group's and its own keys in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.recipe.curate import Near, TracesKept
from octomed.recipe.filters import MEASURED, Acceptance, Filters, Identifying
from octomed.recipe.formats import curated_mapping_of
from octomed.recipe.resolved import resolved_filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.recipe.schema import Recipe, Source

_LIMITS = (
    "length",
    "repetition",
    "unfinished",
    "refusals",
    "empty_reasoning",
    "markup",
    "language",
    "identifying",
)
"""Filters by what is measured of a response."""

_BOTH_ENDS = 2
_NAMED = 3
"""Values that a detail names."""


def scan_curation(recipe: Recipe, source: Source) -> dict[str, Any]:
    """Return what the engine decides of a source's responses, as plain values; empty where nothing is asked.

    Keys are `accept`, `keep`, `where`, `limits`, `asked`, `near` and `questions`, each only where a rule
    of the recipe needs it.

    Parameters
    ----------
    recipe
        The recipe.
    source
        One of its sources.

    Examples
    --------
    >>> from octomed.recipe import load_recipe
    >>> recipe = load_recipe(
    ...     {
    ...         "name": "a",
    ...         "model": "qwen2.5",
    ...         "output": {"path": "out"},
    ...         "sources": [{"name": "s", "path": "x.jsonl", "format": "octomed"}],
    ...     },
    ...     check_files=False,
    ... )
    >>> scan_curation(recipe, recipe.sources[0])
    {}
    """
    filters = resolved_filters(recipe.curate, source)
    found: dict[str, Any] = {}
    accept = filters.accept if isinstance(filters.accept, Acceptance) else None
    compared = _accept(recipe, source, accept)
    if compared:
        found["accept"] = compared
    for name in ("keep", "where"):
        value = getattr(filters, name)
        if value is not None and value != "off":
            found[name] = filters.model_dump(mode="json")[name]
    limits = _limits(filters, accept)
    if limits:
        found["limits"] = limits
    near = _near(recipe)
    if near is not None:
        found["near"] = near.model_dump(mode="json", include={"ngram", "bands", "rows"})
    asked = asked_columns(recipe, source)
    if asked:
        found["asked"] = asked
    if _needs_questions(recipe, source):
        found["questions"] = True
    if _learns_answers(recipe):
        found["target"] = "answer"
    return found


def _accept(recipe: Recipe, source: Source, accept: Acceptance | None) -> dict[str, Any]:
    """Return how answers are compared, and which are accepted; nothing where nobody asks."""
    curate: Any = recipe.curate
    compares = curate.pass_rate is not None or _has_classes_by_answer(recipe, source)
    if accept is None or accept.answer == "off":
        return {"answer": "off", "match": "options"} if compares or _learns_answers(recipe) else {}
    found = {"answer": accept.answer, "match": accept.model_dump(mode="json")["match"]}
    # Any answer is accepted then, and whether it is right is known all the same.
    return {**found, "compare": True} if accept.answer == "present" and compares else found


def _limits(filters: Filters, accept: Acceptance | None) -> dict[str, Any]:
    """Return the thresholds of what is measured, those that are on."""
    dumped = filters.model_dump(mode="json", include=set(_LIMITS))
    limits = {name: value for name, value in dumped.items() if value is not None and value != "off"}
    if accept is not None and accept.format:
        limits["format"] = list(accept.format)
    return limits


def asked_columns(recipe: Recipe, source: Source) -> list[str]:
    """Return the columns that rules read besides the mapped ones, each once, in this order."""
    filters = resolved_filters(recipe.curate, source)
    columns: list[str] = []
    if filters.keep is not None and filters.keep != "off":
        columns += [one.column for one in filters.keep]
    if filters.where is not None and filters.where != "off":
        columns += [name for name in filters.where if name not in MEASURED]
    stratify: Any = recipe.curate.stratify
    if stratify is not None and source.name in stratify.sources and stratify.by != "answer":
        columns.append(stratify.by)
    validation: Any = recipe.validation
    if validation is not None and validation.group is not None:
        columns.append(validation.group)
    return list(dict.fromkeys(columns))


def _has_classes_by_answer(recipe: Recipe, source: Source) -> bool:
    """Tell whether the right answer's text is the class of a source's questions."""
    stratify: Any = recipe.curate.stratify
    return stratify is not None and source.name in stratify.sources and stratify.by == "answer"


def _near(recipe: Recipe) -> Near | None:
    """Return how bands of responses are made, if a rule of the selection reads them."""
    near: Any = recipe.curate.duplicates.near
    kept = recipe.curate.traces_per_question
    if near is None and isinstance(kept, TracesKept) and kept.by == "diverse":
        return Near()
    return near if isinstance(near, Near) else None


def _learns_answers(recipe: Recipe) -> bool:
    target: Any = recipe.target
    return bool(target == "answer")


def _needs_questions(recipe: Recipe, source: Source) -> bool:
    """Tell whether a rule of the selection reads the questions of a source."""
    curate: Any = recipe.curate
    validation: Any = recipe.validation
    stratified = curate.stratify is not None and source.name in curate.stratify.sources
    by_column = validation is not None and validation.group is not None
    return curate.decontaminate is not None or stratified or by_column


def with_pictures(recipe: Recipe, curation: dict[str, Any]) -> dict[str, Any]:
    """Return what is decided of a source with images, its pictures noted where a rule keeps theirs together.

    Which questions are parted must not depend on which of them have an accepted trace.
    """
    filters = curation.keys() & {"accept", "keep", "where", "limits"}
    divides = recipe.validation is not None or recipe.mix is not None
    return {**curation, "questions": True, "pictures": True} if divides and filters else curation


def masks_of(recipe: Recipe) -> tuple[tuple[str, ...], ...]:
    """Return the kinds of identifying data that sources have masked, once for each way in which one has."""
    masks: dict[tuple[str, ...], None] = {}
    for source in recipe.sources:
        identifying = resolved_filters(recipe.curate, source).identifying
        if isinstance(identifying, Identifying) and identifying.action == "mask":
            masks[tuple(identifying.kinds)] = None
    return tuple(masks)


def curated_mapping(source: Source, curation: dict[str, Any]) -> dict[str, Any]:
    """Return the row mapping of a source with the columns that its curation reads."""
    return {} if source.format is None else curated_mapping_of(source.format, curation.get("asked", ()))


def select_curation(recipe: Recipe) -> dict[str, Any]:
    """Return what the engine decides of traces by their index: `curate` without what a scan decides.

    Thresholds of what is measured are in it by source, as `limits`: stricter ones scan nothing. So are the
    columns that rules read, as `asked`.
    """
    of_scan = {*Filters.model_fields, "groups"}
    settings = recipe.curate.model_dump(mode="json", exclude=of_scan)
    if settings.get("decontaminate"):
        del settings["decontaminate"]["against"]  # paths of this machine; what they lead to is read apart
    curations = {source.name: scan_curation(recipe, source) for source in recipe.sources}
    for key in ("limits", "asked"):
        by_source = {name: one[key] for name, one in curations.items() if key in one}
        if by_source:
            settings[key] = by_source
    conditions = {name: found for name, one in curations.items() if (found := _conditions(one))}
    if conditions:
        settings["conditions"] = conditions
    return settings


def _conditions(curation: dict[str, Any]) -> list[str]:
    """Return what does not hold where a condition does not, in words, in the order of the engine.

    That of columns, those of `keep` first, then of what is measured; names of `where` in their bytes' order.
    """
    named = sorted(curation.get("where", {}).items(), key=lambda one: one[0].encode())
    wanted = [(one["column"], [one["is"]]) for one in curation.get("keep", ())]
    wanted += [one for one in named if one[0] not in MEASURED]
    wanted += [one for one in named if one[0] in MEASURED]
    return [f"`{name}` is not {_in_words(values)}" for name, values in wanted]


def _in_words(values: Sequence[Any]) -> str:
    """Return a condition of `keep` or `where` in words: a range, or what a value may be."""
    shown = [json.dumps(value, ensure_ascii=False) for value in values]
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in values]
    if len(values) == _BOTH_ENDS and all(numbers):
        return f"{shown[0]} to {shown[1]}"
    more = f" or {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ("one of " if len(shown) > 1 else "") + ", ".join(shown[:_NAMED]) + more
