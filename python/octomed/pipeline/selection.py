"""What the engine is told of the recipe's selection: its sections as plain values, groups and files resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed.recipe.scan_curation import select_curation

if TYPE_CHECKING:
    from octomed.recipe.schema import Recipe


def selection_settings(recipe: Recipe, exclusions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the section `curate` as the engine takes it, with `mix` and `validation` in it.

    A recipe that has none of their keys gives what it always gave, so that its runs keep their keys.

    Parameters
    ----------
    recipe
        The recipe.
    exclusions
        The lines of its lists of exclusions.
    """
    settings = select_curation(recipe)
    settings.pop("exclude", None)
    if (keep := recipe.curate.traces_per_question) is not None:
        settings["traces_per_question"] = (
            {"keep": keep, "by": "first"} if isinstance(keep, int) else keep.model_dump(mode="json")
        )
    if (near := recipe.curate.duplicates.near) is not None:
        settings["duplicates"]["near"] = near.model_dump(mode="json") | _near_beside(recipe)
    if exclusions:
        settings["exclude"] = exclusions
    if recipe.validation is not None:
        settings["validation"] = {"share": recipe.validation.share}
    if mix := _mix(recipe):
        settings["mix"] = mix
    return settings


def _near_beside(recipe: Recipe) -> dict[str, Any]:
    """Return what is said elsewhere of near duplicates: sources of another scope, and that no text is shown."""
    groups: Any = recipe.curate.groups or {}
    scopes = {
        source.name: groups[source.group].near_scope
        for source in recipe.sources
        if source.group in groups and groups[source.group].near_scope is not None
    }
    report: Any = recipe.report
    quiet = report is not None and not report.samples
    return ({"scopes": scopes} if scopes else {}) | ({"samples": False} if quiet else {})


def _mix(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the groups of which not every trace is trained on once, each with its sources."""
    return [
        {
            "group": name,
            "sources": [source.name for source in recipe.sources if source.group == name],
            "epochs": group.epochs,
            "max_examples": group.max_examples,
        }
        for name, group in (recipe.mix or {}).items()
        if not group.is_plain
    ]
