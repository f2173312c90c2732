"""An evaluation: every question is answered as often as its recipe says, and the answers are scored."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError
from octomed.evaluate.about import about_of, notes_of, rendered_of
from octomed.evaluate.answer_file import ANSWERS, AnswerFile
from octomed.evaluate.from_endpoint import answer_by_endpoint
from octomed.evaluate.items import Item
from octomed.evaluate.model_key import model_key
from octomed.evaluate.progress import Progress
from octomed.evaluate.report_page import REPORT, report_page
from octomed.evaluate.results import (
    QUESTIONS,
    RESULTS,
    QuestionResult,
    Results,
    benchmark_result,
    group_means,
    question_result,
)
from octomed.evaluate.scoring import overlap_of, scored
from octomed.names import shown
from octomed.storage import make_folder, write_atomically
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from octomed.evaluate.items import Survey
    from octomed.evaluate.questions import Benchmarks
    from octomed.evaluate.recipe import EvaluationRecipe

    Told = Callable[["Progress"], None]


def evaluate(
    recipe: str | os.PathLike[str] | Mapping[str, Any] | EvaluationRecipe,
    overrides: Sequence[str] = (),
    *,
    folder: str | os.PathLike[str] | None = None,
    tell: Told | None = None,
) -> Results:
    """Evaluate a model on benchmarks.

    Parameters
    ----------
    recipe
        A YAML file, what one would hold, or a loaded recipe.
    overrides
        `seeds=1` and the like, put over it.
    folder
        Where a dict's relative paths start; the working directory if left out.
    tell
        Told of progress now and then.

    Returns
    -------
    Results
        What was found; it stands in the output folder, too.

    Raises
    ------
    RecipeError
        When the recipe, the key or the model is refused, or another evaluation writes there.
    DataError
        When a benchmark cannot be read, or has no question with a right answer.
    StorageError
        When a file cannot be written, or answers did not come: those that did are kept.
    """
    loaded = _loaded(recipe, overrides, folder)
    output, mode = loaded.output, loaded.settings.output.mode
    make_folder(output, mode)
    busy = f"another evaluation writes into `{shown(str(output))}`"
    with LocalStore(output, mode).lock(exclusive=True, busy=busy):
        return _evaluate(loaded, tell or (lambda _: None))


def _loaded(
    recipe: str | os.PathLike[str] | Mapping[str, Any] | EvaluationRecipe,
    overrides: Sequence[str],
    folder: str | os.PathLike[str] | None,
) -> EvaluationRecipe:
    if isinstance(recipe, str | os.PathLike | Mapping):
        from octomed.evaluate.recipe import load_evaluation_recipe  # noqa: PLC0415 a long chain of imports

        return load_evaluation_recipe(recipe, overrides, folder=folder)
    return recipe


def _evaluate(recipe: EvaluationRecipe, tell: Told) -> Results:
    from octomed.evaluate.questions import Benchmarks, survey_of  # noqa: PLC0415 a long chain of imports

    output, mode = recipe.output, recipe.settings.output.mode
    benchmarks = Benchmarks(recipe, model_key(recipe.settings.model))
    survey = survey_of(recipe, benchmarks)
    digests = benchmarks.digests()
    file = AnswerFile(output / ANSWERS, mode)
    asyncio.run(_answer(recipe, benchmarks, survey, file, tell))
    results = _results(recipe, benchmarks, survey, digests, file)
    lines = "".join(f"{_line(one)}\n" for one in results.questions)
    write_atomically(output / QUESTIONS, lines.encode("utf-8", "surrogatepass"), mode=mode)
    write_atomically(output / REPORT, report_page(results).encode("utf-8", "surrogatepass"), mode=mode)
    write_atomically(output / RESULTS, results.json().encode("utf-8", "surrogatepass"), mode=mode)
    return results


def _line(one: QuestionResult) -> str:
    return json.dumps(one.values(), ensure_ascii=False)


async def _answer(
    recipe: EvaluationRecipe, benchmarks: Benchmarks, survey: Survey, file: AnswerFile, tell: Told
) -> None:
    """Have every sample answered that is not there yet."""
    try:
        progress = Progress()
        wanted = {one.key: recipe.settings.samples(recipe.benchmark(one.benchmark)) for one in survey.asked}
        missing = {
            key: numbers
            for key, most in wanted.items()
            if (numbers := [number for number in range(most) if not file.has(key, number)])
        }
        progress.samples = sum(wanted.values())
        progress.had = progress.samples - sum(map(len, missing.values()))
        tell(progress)
        if missing:
            asked = _missing_of(benchmarks, missing)
            if recipe.settings.model.path is not None:
                from octomed.evaluate.from_folder import answer_by_folder  # noqa: PLC0415 loads PyTorch

                await answer_by_folder(recipe, asked, file, progress, tell)
            elif recipe.settings.harness == "inspect":
                from octomed.evaluate.from_inspect import answer_by_inspect  # noqa: PLC0415 an extra

                await answer_by_inspect(recipe, benchmarks, file, progress, tell)
            else:
                await answer_by_endpoint(recipe.settings, asked, file, progress, tell)
    finally:
        await file.close()


def _missing_of(benchmarks: Benchmarks, missing: dict[str, list[int]]) -> Iterator[tuple[Item, list[int]]]:
    """Yield questions that lack samples, each once, with the numbers of these."""
    left = dict(missing)
    for one in benchmarks:
        if isinstance(one, Item) and (numbers := left.pop(one.asked.key, None)):
            yield one, numbers
    if left:
        raise DataError(
            f"{len(left):,} questions are no longer there: a file of a benchmark changed while it was read",
            "run it again",
        )


def _results(
    recipe: EvaluationRecipe,
    benchmarks: Benchmarks,
    survey: Survey,
    digests: dict[str, dict[str, str]],
    file: AnswerFile,
) -> Results:
    settings = recipe.settings
    file.look_again()
    found: dict[str, list[QuestionResult]] = {one.name: [] for one in settings.benchmarks}
    for asked in survey.asked:
        benchmark = recipe.benchmark(asked.benchmark)
        overlap = overlap_of(benchmark.score)
        lines = file.lines_of(asked.key, settings.samples(benchmark))
        samples = scored(benchmarks.judge_of(asked.benchmark), asked.columns, lines, overlap)
        found[asked.benchmark].append(question_result(asked, samples, settings.seeds, benchmark.vote))
    summed = tuple(
        benchmark_result(
            one, found[one.name], refused=dict(survey.refused[one.name]), files=digests[one.name]
        )
        for one in settings.benchmarks
    )
    groups, overall = group_means(summed)
    return Results(
        name=settings.name,
        about=about_of(recipe),
        benchmarks=summed,
        groups=groups,
        overall=overall,
        notes=tuple(notes_of(recipe, summed, file)),
        rendered=rendered_of(next(iter(survey.first.values()))),
        questions=tuple(one for questions in found.values() for one in questions),
    )
