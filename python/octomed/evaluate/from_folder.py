"""Answers of a model in a folder, generated here without a server."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from octomed.evaluate.asking import seed_of
from octomed.evaluate.generation import Generator, Request
from octomed.evaluate.prompts import Prompts
from octomed.pipeline.planning.image_settings import image_settings
from octomed.pipeline.planning.resolving import resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from octomed.evaluate.answer_file import AnswerFile
    from octomed.evaluate.generation import Generated
    from octomed.evaluate.items import Item
    from octomed.evaluate.progress import Progress
    from octomed.evaluate.recipe import EvaluationRecipe

_SECONDS_A_GROUP = 1.0
"""Answers of this time are written together, and a kill loses no more."""
_REQUESTS_AT_A_TIME = 16_384
"""Requests that are handed over together: they are answered longest first, so that few run on alone."""


async def answer_by_folder(
    recipe: EvaluationRecipe,
    asked: Iterator[tuple[Item, list[int]]],
    file: AnswerFile,
    progress: Progress,
    tell: Callable[[Progress], None],
) -> None:
    """Generate the samples that are missing.

    Parameters
    ----------
    recipe
        The evaluation.
    asked
        Questions with the numbers of samples that they lack.
    file
        Where answers go.
    progress, tell
        Counted into, and told of it.

    Raises
    ------
    RecipeError
        When the folder holds no model that can be run.
    DataError
        When a question cannot be rendered.
    """
    model = recipe.settings.model
    _, text, vision = resolved(recipe.asked)
    prompts = Prompts(text, image_settings(recipe.asked, recipe.asked.sources[0], vision.family))
    record = None if recipe.trained is None else recipe.trained.run.vision
    generator = Generator(
        str(model.path),
        vision=None if record is None else asdict(record),
        device=model.device,
        dtype=model.dtype,
        batch_tokens=model.batch_tokens,
    )
    for group in _groups(_requests(recipe, prompts, asked)):
        items = {request.key: item for request, item in group}
        waiting: list[dict[str, Any]] = []
        last = time.monotonic()
        for made in generator.generate(request for request, _ in group):
            waiting.append(_line(items[made.key], made))
            if time.monotonic() - last >= _SECONDS_A_GROUP:
                await _keep(waiting, file, progress, tell)
                waiting, last = [], time.monotonic()
        await _keep(waiting, file, progress, tell)


async def _keep(
    lines: list[dict[str, Any]], file: AnswerFile, progress: Progress, tell: Callable[[Progress], None]
) -> None:
    if lines:
        await file.add(lines)
        progress.came(lines)
        tell(progress)


def _requests(
    recipe: EvaluationRecipe, prompts: Prompts, asked: Iterator[tuple[Item, list[int]]]
) -> Iterator[tuple[Request, Item]]:
    generation = recipe.settings.generation
    for item, numbers in asked:
        ids = prompts.ids_of(item)
        for number in numbers:
            request = Request(
                (item.asked.key, number),
                prompt_ids=ids,
                images=tuple(item.images),
                temperature=generation.temperature,
                top_p=generation.top_p,
                seed=seed_of(item.asked.key, number),
                max_tokens=generation.max_tokens,
                thinking_tokens=generation.thinking_tokens,
            )
            yield request, item


def _groups(requests: Iterator[tuple[Request, Item]]) -> Iterator[list[tuple[Request, Item]]]:
    while group := list(itertools.islice(requests, _REQUESTS_AT_A_TIME)):
        yield group


def _line(item: Item, made: Generated) -> dict[str, Any]:
    """Return what is kept of a response."""
    _, sample = cast("tuple[str, int]", made.key)
    return {
        "key": item.asked.key,
        "sample": sample,
        "benchmark": item.asked.benchmark,
        "response": made.text,
        "finish_reason": made.finish_reason,
        "tokens": made.generated_tokens,
        "forced": made.forced,
    }
