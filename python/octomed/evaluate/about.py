"""What an evaluation says of itself: model, protocol, training run, and what is to be known first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.evaluate.model_key import model_key
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from octomed.evaluate.answer_file import AnswerFile
    from octomed.evaluate.items import Item
    from octomed.evaluate.recipe import EvaluationRecipe
    from octomed.evaluate.results import BenchmarkResult

_ALIKE = 0.5
"""Share of questions with the same text for every seed from which the seeds are in doubt."""
_LONG_ENOUGH = 16
"""Mean tokens from which equal texts are no accident."""


def about_of(recipe: EvaluationRecipe) -> dict[str, Any]:
    """Return model, protocol, training run and versions, as plain values."""
    settings = recipe.settings
    model = settings.model
    trained = recipe.trained
    return {
        "octomed": _octomed.__version__,
        "model": {"endpoint": model.endpoint, "path": model.path, **model_key(model)},
        "protocol": {
            **settings.generation.model_dump(mode="json"),
            "seeds": settings.seeds,
            "pictures": settings.pictures,
            "max_pixels": recipe.asked.images.max_pixels,
            "harness": settings.harness,
            "prompt": settings.prompt if trained is not None else "own",
            "interval": "Wilson, 95 %, at the effective number of questions; of means of benchmarks: MOVER",
        },
        "trained": None if trained is None else {"run": str(trained.folder), "name": trained.run.name},
        "recipe": recipe.written,
    }


def notes_of(recipe: EvaluationRecipe, found: Sequence[BenchmarkResult], file: AnswerFile) -> Iterator[str]:
    """Yield what has to be known before a figure is read.

    Parameters
    ----------
    recipe
        The evaluation.
    found
        Its benchmarks.
    file
        Its answers.
    """
    yield from _of_training(recipe, found)
    name = recipe.settings.model.name
    others = sorted(one for one in file.models if one not in {name, None})
    if others:
        called = ", ".join(f"`{shown(one)}`" for one in others[:3])
        yield f"the endpoint was asked for `{name}` and says that {called} answered"
    for one in found:
        if one.refused_rows:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in one.refused_rows.items())
            yield f"`{one.name}`: {sum(one.refused_rows.values()):,} rows could not be asked: {reasons}"
        if one.states.get("refused"):
            refused = one.states["refused"]
            yield f"`{one.name}`: the endpoint refused {refused:,} requests, which count as wrong"
        if one.images_cut[0]:
            cut, of = one.images_cut
            yield f"`{one.name}`: {cut:,} images of {of:,} questions were not shown (`pictures`)"
        if (
            one.alike > _ALIKE
            and (one.tokens or 0) > _LONG_ENOUGH
            and recipe.settings.generation.temperature > 0
        ):
            share = f"`{one.name}`: {100 * one.alike:.0f} % of questions"
            yield f"{share} have one text for all seeds: does the server honour them?"
        answered = sum(one.states.values()) - one.states.get("refused", 0)
        if answered and one.share("no_answer") > _ALIKE:
            share = f"`{one.name}`: {100 * one.share('no_answer'):.0f} % of answers"
            yield f"{share} are in no form that is known"


def _of_training(recipe: EvaluationRecipe, found: Sequence[BenchmarkResult]) -> Iterator[str]:
    trained = recipe.trained
    if trained is None:
        return
    if recipe.settings.prompt == "own":
        yield "asked with a prompt of the recipe's own, not with that of the training run"
    said = [one for result in found if (one := trained.contamination(result.name, result.files)) is not None]
    yield from dict.fromkeys(said)


def rendered_of(item: Item) -> dict[str, Any]:
    """Return a question as it was asked, images by number."""
    turns = [
        {
            "role": role,
            "text": "".join(part if isinstance(part, str) else f"[image {part + 1}]" for part in parts),
        }
        for role, parts in item.turns
    ]
    asked = item.asked
    place = {"benchmark": asked.benchmark, "file": asked.file, "row": asked.row}
    return {**place, "turns": turns, "images": len(item.images), "answer": asked.columns.get("answer")}
