"""A starter recipe for what a user points at: looked at, written, and checked as `octomed check` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import OctomedError, RecipeError
from octomed.pipeline.calls.prefetch import without_leftovers
from octomed.pipeline.models.model import HUB_MODELS
from octomed.pipeline.planning.checked import Checked, checked_plan
from octomed.pipeline.planning.plan import plan
from octomed.plain_names import clean_name
from octomed.recipe.loader import load_recipe
from octomed.starter.lengths import Lengths, buckets_for, capacity_for, lengths_of
from octomed.starter.text import Line, recipe_text
from octomed.starter.wanted import wanted_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from octomed.starter.draft import Looked
    from octomed.starter.named import Wanted

_TEXT_MODEL = "Qwen/Qwen2.5-7B-Instruct"
_IMAGE_MODEL = "Qwen/Qwen2.5-VL-7B-Instruct"
_INSIDE = "whose tokenizer and chat template; this one is inside the package: no network"


@dataclass(frozen=True)
class Started:
    """A starter recipe.

    Attributes
    ----------
    text
        The recipe.
    looked
        What it is made of.
    notes
        What a user should know.
    problem
        Why `octomed check` would not pass it; None where it does.
    checked
        What the check found, where there is no problem.
    """

    text: str
    looked: tuple[Looked, ...]
    notes: tuple[str, ...]
    problem: OctomedError | None
    checked: Checked | None = None


def start(
    paths: Sequence[str], folder: Path, *, name: str | None = None, model: str | None = None
) -> Started:
    """Write a starter recipe for datasets, as text.

    Parameters
    ----------
    paths
        Files, folders, globs and addresses of rows, or settings of other trainers that name them.
    folder
        Where the recipe will lie: its relative paths start there.
    name
        Of the run; that of the first source by default.
    model
        For which model; by default Qwen2.5-7B-Instruct, of rows with images Qwen2.5-VL-7B-Instruct.

    Raises
    ------
    RecipeError
        When a path names nothing, or nothing to learn from.
    DataError
        When none of a dataset's files can be read.

    Examples
    --------
    >>> _ = Path("rows.jsonl").write_text('{"prompt": "2 + 2?", "completion": "4"}')
    >>> started = start(["rows.jsonl"], Path.cwd())
    >>> started.problem is None, "format: prompt-completion" in started.text
    (True, True)
    """
    from octomed.starter.draft import look  # noqa: PLC0415 a chain of imports is short

    with without_leftovers():
        wanted = wanted_of(paths)
        looked = [look(one, folder) for one in wanted.datasets]
        sources = [one for one in looked if not one.is_evaluation]
        evaluation = [one for one in looked if one.is_evaluation]
        if not sources:
            raise _nothing_to_learn(evaluation)
        has_images = any(one.has_images for one in sources)
        chosen, notes = _model(model, wanted, has_images=has_images)
        run = clean_name(name or sources[0].name)
        made = _Made(run, chosen, sources, evaluation, has_images=has_images, capacity=wanted.capacity)
        started = made.checked(folder)
    said = [*wanted.notes, *notes, *(note for one in looked for note in one.notes)]
    return Started(started.text, tuple(looked), (*said, *started.notes), started.problem, started.checked)


def _nothing_to_learn(evaluation: list[Looked]) -> RecipeError:
    names = ", ".join(f"`{one.name}` ({one.values['format']})" for one in evaluation)
    return RecipeError(
        f"all of these are evaluation sets, and nothing is learned from them: {names}",
        "give rows to learn from as well: a recipe leaves questions of the evaluation sets out of them",
    )


def _model(asked: str | None, wanted: Wanted, *, has_images: bool) -> tuple[Line, list[str]]:
    """Return the model with a comment, and a note where another trainer's is not taken over."""
    inside = _IMAGE_MODEL if has_images else _TEXT_MODEL
    if asked is not None:
        return (asked, "whose tokenizer and chat template"), []
    if wanted.model is None:
        return (inside, _INSIDE), []
    if Path(wanted.model).is_dir() or any(pattern.fullmatch(wanted.model) for pattern, _ in HUB_MODELS):
        return (wanted.model, "whose tokenizer and chat template"), []
    note = f"the configuration's model is `{wanted.model}`: `model: {wanted.model}` fetches its tokenizer"
    return (inside, f"or {wanted.model}, whose tokenizer is fetched"), [note]


@dataclass
class _Made:
    """What a recipe is made of, but for what its lengths say."""

    name: str
    model: Line
    sources: list[Looked]
    evaluation: list[Looked]
    has_images: bool
    capacity: int | None

    def text(self, lengths: Lengths) -> str:
        """Return the recipe, with capacity and buckets by some lengths."""
        capacity = self.capacity or capacity_for(lengths)
        return recipe_text(
            self.name,
            self.model,
            self.sources,
            self.evaluation,
            lengths=lengths,
            capacity=capacity,
            buckets=buckets_for(lengths, capacity),
            has_images=self.has_images,
        )

    def checked(self, folder: Path) -> Started:
        """Return the recipe with what its check says: planned once to see how long traces are."""
        text = self.text(Lengths())
        try:
            text = self.text(lengths_of(plan(load_recipe(_values(text), folder=folder))))
            checked = checked_plan(plan(load_recipe(_values(text), folder=folder)))
        except OctomedError as problem:
            return Started(text, (), (), problem)
        return Started(text, (), tuple(checked.warnings), checked.error(), checked)


def _values(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 one use

    values: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return values
