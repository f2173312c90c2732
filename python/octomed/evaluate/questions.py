"""The questions of benchmarks, as the model is asked them, and what each is known by."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.distill.lines import NotAsked, question_of
from octomed.distill.question import Refused
from octomed.distill.questions import Questions
from octomed.errors import DataError
from octomed.evaluate.items import Asked, Item, Survey
from octomed.pipeline.inputs.evaluation_files import digest_of
from octomed.storage import content_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.distill.question import Question
    from octomed.evaluate.items import Turns
    from octomed.evaluate.recipe import EvaluationRecipe
    from octomed.evaluate.schema import Benchmark

_COLUMNS = ("question", "options", "answer", "history")


class Benchmarks:
    """All questions of an evaluation.

    Parameters
    ----------
    recipe
        The evaluation.
    model
        What tells the model's answers from another one's: part of every question's key.

    Attributes
    ----------
    judge_of
        Returns what judges the answers to a benchmark's questions.
    text
        Tokenizer and chat template.

    Raises
    ------
    RecipeError
        When a tokenizer, a path or a row format cannot be used.
    DataError
        When a file cannot be read.
    """

    def __init__(self, recipe: EvaluationRecipe, model: dict[str, Any]) -> None:
        self._recipe, self._model = recipe, model
        self._questions = Questions(recipe.asked, held_out=True)
        self.judge_of = self._questions.judge_of
        self.text = self._questions.text
        if recipe.trained is not None and recipe.settings.prompt == "trained":
            recipe.trained.check_tokenizer(self.text.tokenizer.content_hash)

    def digests(self) -> dict[str, dict[str, str]]:
        """Return the digest of each file's content, by benchmark and path."""
        found: dict[str, dict[str, str]] = {one.name: {} for one in self._recipe.settings.benchmarks}
        for file in self._questions.files:
            found[file.source][file.relative] = digest_of(file)
        return found

    def __iter__(self) -> Iterator[Item | Refused]:
        """Yield the questions in the order of benchmarks, files and rows, and why others are not asked."""
        had: Counter[str] = Counter()
        for one in self._questions:
            if isinstance(one, Refused):
                yield one
                continue
            benchmark = self._recipe.benchmark(one.source)
            if benchmark.limit is not None and had[one.source] >= benchmark.limit:
                continue
            item = self._item(benchmark, one)
            had[one.source] += isinstance(item, Item)
            yield item

    def _item(self, benchmark: Benchmark, question: Question) -> Item | Refused:
        row = question.row_values
        try:
            columns = question_of(question)
        except NotAsked as reason:
            return Refused(question.place, "no_question", str(reason))
        most = self._recipe.settings.pictures
        images = [image for _, image in row.images]
        turns = _asked_with(row.turns, most, benchmark.suffix)
        shown = images[:most]
        columns = {name: columns[name] for name in _COLUMNS if name in columns}
        named = {
            "model": self._model,
            "generation": self._recipe.settings.generation.model_dump(mode="json"),
            "turns": [[role, list(parts)] for role, parts in turns],
            "images": [_octomed.digest(image) for image in shown],
        }
        content = content_key({**columns, "images": [f"{hash_:016x}" for hash_, _ in row.images]})
        asked = Asked(
            benchmark.name,
            question.file,
            question.row,
            content_key(named),
            content,
            columns,
            len(shown),
            len(images) - len(shown),
        )
        return Item(asked, turns, shown)


def _asked_with(turns: Turns, most: int, suffix: str | None) -> Turns:
    """Return turns with the first images alone, and a text behind the last one."""
    kept: Turns = [
        (role, [part for part in parts if isinstance(part, str) or part < most]) for role, parts in turns
    ]
    if suffix is not None:
        role, parts = kept[-1]
        kept[-1] = (role, [*parts, f"\n{suffix}"])
    return kept


def survey_of(recipe: EvaluationRecipe, benchmarks: Benchmarks) -> Survey:
    """Read all questions once.

    Parameters
    ----------
    recipe, benchmarks
        Of the evaluation.

    Raises
    ------
    DataError
        When a benchmark has no question with a right answer.
    """
    found = Survey(refused={one.name: Counter() for one in recipe.settings.benchmarks})
    places: dict[str, str] = {}
    for one in benchmarks:
        if isinstance(one, Refused):
            name = one.place.partition("/")[0]
            found.refused[name][one.reason] += 1
            places.setdefault(name, f"{one.place}: {one.detail}" if one.detail else one.place)
            continue
        found.asked.append(one.asked)
        found.first.setdefault(one.asked.benchmark, one)
    for name, refused in found.refused.items():
        if name in found.first:
            continue
        reasons = ", ".join(f"`{reason}` {count:,}" for reason, count in refused.most_common())
        if not reasons:
            raise DataError(
                f"benchmark `{name}` is empty: its files have no row", "see its `path` and `split`"
            )
        hint = "see what its rows hold, and its `format`"
        if "no_gold" in refused:
            hint = "`no_gold`: its right answers are not found: see `format`, and `score` for open answers"
        raise DataError(f"no row of benchmark `{name}` can be asked: {reasons} (first: {places[name]})", hint)
    return found
