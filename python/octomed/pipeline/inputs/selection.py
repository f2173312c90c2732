"""What the engine is told of the recipe's selection, as plain values: groups and files are resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed.pipeline.inputs.exclusions import exclusions_of
from octomed.pipeline.inputs.pass_rates import read_pass_rates
from octomed.recipe.problems import located

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from octomed.recipe.curate import Stratify, Validation
    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe

_RESOLVED = {"exclude", "pass_rate", "traces_per_question", "stratify"}
"""Keys of `curate` that the engine takes in another form."""


PassRate = tuple[int, float, float]
"""A question's id, its right responses, and all."""


@dataclass(frozen=True)
class Lists:
    """What files say that the recipe's selection names.

    Attributes
    ----------
    exclusions
        Lines of the lists of exclusions, as the engine takes them.
    pass_rates
        Right and all responses by question, of another model; None where the rows' own responses count.
    """

    exclusions: tuple[dict[str, Any], ...] = ()
    pass_rates: tuple[PassRate, ...] | None = None


@dataclass(frozen=True)
class Rated:
    """What files with another model's responses are, and how these are compared.

    Attributes
    ----------
    tables
        Returns the files of an entry (a file, a folder, a glob) that are tables of rates, and what to read
        for its others: the entry where no file is a table, else their paths.
    rates_of_rows
        Reads the other files of entries, and returns right and all responses by question.
    """

    tables: Callable[[str], tuple[list[InputFile], list[str]]]
    rates_of_rows: Callable[[Sequence[str]], list[PassRate]]


def lists_of(recipe: Recipe, rated: Rated) -> Lists:
    """Read the files that the recipe's selection names.

    Parameters
    ----------
    recipe
        The recipe.
    rated
        Reads the files of another model's responses.

    Raises
    ------
    RecipeError
        When one cannot be read.
    DataError
        When one does not say what it has to.
    """
    with located(recipe.written_at("curate", "exclude")):
        exclusions = exclusions_of(recipe)
    rates = recipe.curate.pass_rate
    files: tuple[str, ...] | None = getattr(rates, "from_", None)
    if files is None:
        return Lists(tuple(exclusions))
    tables: list[InputFile] = []
    rows: list[str] = []
    for path in files:
        of_path, others = rated.tables(path)
        tables += of_path
        rows += others
    with located(recipe.written_at("curate", "pass_rate", "from")):
        found = read_pass_rates(tables) if tables else []
    found += rated.rates_of_rows(rows) if rows else []
    sums: dict[int, tuple[float, float]] = {}
    for question, right, every in found:  # a question may be in a table and in rows
        before = sums.get(question, (0.0, 0.0))
        sums[question] = (before[0] + right, before[1] + every)
    return Lists(tuple(exclusions), tuple((question, *both) for question, both in sorted(sums.items())))


def selection_settings(recipe: Recipe, curation: dict[str, Any], lists: Lists) -> dict[str, Any]:
    """Return the section `curate` as the engine takes it, with `mix` and `validation` in it.

    A recipe that has none of their keys gives what it always gave, so that its runs keep their keys.

    Parameters
    ----------
    recipe
        The recipe.
    curation
        What `recipe.scan_curation.select_curation` gives.
    lists
        What the files say that it names.
    """
    curate = recipe.curate
    asked: dict[str, list[str]] = curation.get("asked", {})
    settings = {key: value for key, value in curation.items() if key not in _RESOLVED}
    if curate.pass_rate is not None:
        settings["pass_rate"] = _pass_rate(curate.pass_rate, lists)
    if (keep := curate.traces_per_question) is not None:
        settings["traces_per_question"] = (
            {"keep": keep, "by": "first"} if isinstance(keep, int) else keep.model_dump(mode="json")
        )
    if recipe.target == "answer":
        # Responses to a question become the same answer: one stays, after all that their number decides.
        settings["one_answer"] = True
        settings["duplicates"] = {**settings["duplicates"], "exact": False}
    if (near := curate.duplicates.near) is not None:
        settings["duplicates"]["near"] = near.model_dump(mode="json") | _near_beside(recipe)
    if lists.exclusions:
        settings["exclude"] = list(lists.exclusions)
    if curate.stratify is not None:
        settings["stratify"] = _stratify(recipe, curate.stratify, asked)
    if recipe.validation is not None:
        settings["validation"] = _validation(recipe, recipe.validation, asked)
    if mix := _mix(recipe):
        settings["mix"] = mix
    return settings


def _near_beside(recipe: Recipe) -> dict[str, Any]:
    """Return what is said elsewhere of near duplicates: sources of another scope, and to show no text."""
    groups: Any = recipe.curate.groups or {}
    scopes = {
        source.name: groups[source.group].near_scope
        for source in recipe.sources
        if source.group in groups and groups[source.group].near_scope is not None
    }
    report: Any = recipe.report
    quiet = report is not None and not report.samples
    return ({"scopes": scopes} if scopes else {}) | ({"samples": False} if quiet else {})


def _pass_rate(rate: Any, lists: Lists) -> dict[str, Any]:  # noqa: ANN401 a list, or `PassRateFrom`
    least, most = getattr(rate, "range", rate)
    settings: dict[str, Any] = {"least": least, "most": most}
    if lists.pass_rates is not None:
        settings["from"] = [list(one) for one in lists.pass_rates]
    return settings


def _stratify(recipe: Recipe, stratify: Stratify, asked: dict[str, list[str]]) -> dict[str, Any]:
    per_class: Any = stratify.per_class
    if isinstance(per_class, int):
        per_class = {"number": per_class}
    elif isinstance(per_class, dict):
        per_class = {"each": per_class}
    chosen = [source for source in recipe.sources if source.name in stratify.sources]
    by_answer = stratify.by == "answer"
    places = [None if by_answer else asked[source.name].index(stratify.by) for source in chosen]
    named = [[source.name, place] for source, place in zip(chosen, places, strict=True)]
    return {"sources": named, "per_class": per_class, "repeat": stratify.repeat}


def _validation(recipe: Recipe, validation: Validation, asked: dict[str, list[str]]) -> dict[str, Any]:
    settings: dict[str, Any] = {"share": validation.share}
    if (group := validation.group) is not None:
        settings["group"] = [[source.name, asked[source.name].index(group)] for source in recipe.sources]
    return settings


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
