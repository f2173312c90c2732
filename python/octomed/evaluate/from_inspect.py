"""Answers through inspect-ai: a task a benchmark, an epoch a sample; its logs are kept beside the answers.

Requests, answers and scores are OctoMed's own, so that both ways find the same; what stands in the file of
answers is not asked again, and goes into the log as it is.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from octomed.distill.requests import openai_messages
from octomed.errors import OctomedError, RecipeError
from octomed.evaluate.asking import Endpoint
from octomed.evaluate.from_endpoint import Asker
from octomed.evaluate.items import Item
from octomed.evaluate.scoring import Sample, majority, overlap_of, scored
from octomed.storage import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from octomed.evaluate.answer_file import AnswerFile
    from octomed.evaluate.progress import Progress
    from octomed.evaluate.questions import Benchmarks
    from octomed.evaluate.recipe import EvaluationRecipe

LOGS = "logs"
"""The folder of inspect's logs, which `inspect view --log-dir` shows."""

_STOPS = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter"}
"""Why a response ended, in inspect's words."""


async def answer_by_inspect(
    recipe: EvaluationRecipe,
    benchmarks: Benchmarks,
    file: AnswerFile,
    progress: Progress,
    tell: Callable[[Progress], None],
) -> None:
    """Have inspect ask for the samples that are missing.

    Parameters
    ----------
    recipe, benchmarks
        Of the evaluation.
    file
        Where answers go.
    progress, tell
        Counted into, and told of it.

    Raises
    ------
    StorageError
        When answers did not come.
    RecipeError, DataError
        When no request will be answered, or inspect-ai is not installed.
    """
    folder = recipe.output / LOGS
    make_folder(folder, recipe.settings.output.mode)
    with _kept_in(folder):
        try:
            import inspect_ai  # noqa: PLC0415 an extra, which reads the environment when it is loaded
        except ImportError:
            hint = "`pip install '.[inspect]'`, in OctoMed's folder, or leave `harness` out"
            raise RecipeError("`harness: inspect` needs the package `inspect-ai`", hint) from None
        _draw_nothing()
        async with Endpoint(recipe.settings) as endpoint:
            asker = Asker(endpoint, file, progress)
            for name, items in _by_benchmark(benchmarks):
                answers = _Answers(asker, file, items, lambda: tell(progress))
                task, model = _task(recipe, name, benchmarks, answers)
                await inspect_ai.eval_async(
                    task,
                    model=model,
                    log_dir=str(folder),
                    max_samples=recipe.settings.model.concurrency,
                    fail_on_error=False,
                    log_realtime=False,
                    log_model_api=False,
                    ctl_server=False,
                )
                if answers.failure is not None:
                    raise answers.failure
    tell(progress)
    asker.refuse_missing()


def _by_benchmark(benchmarks: Benchmarks) -> Iterator[tuple[str, dict[str, Item]]]:
    """Yield the questions of each benchmark by their keys."""
    name = ""
    items: dict[str, Item] = {}
    for one in benchmarks:
        if not isinstance(one, Item):
            continue
        if one.asked.benchmark != name and items:
            yield name, items
            items = {}
        name = one.asked.benchmark
        items[one.asked.key] = one
    if items:
        yield name, items


class _Answers:
    """Gives the answers to a benchmark's questions: those that stand there, and others by asking."""

    def __init__(
        self, asker: Asker, file: AnswerFile, items: dict[str, Item], tell: Callable[[], None]
    ) -> None:
        self._asker, self._file, self.items, self._tell = asker, file, items, tell
        self.failure: OctomedError | None = None

    async def line_of(self, key: str, sample: int) -> dict[str, Any]:
        """Return the line of a sample; raise where it did not come, or nothing more is asked."""
        if self._file.has(key, sample):
            return self._file.line(key, sample)
        if self.failure is not None:
            raise self.failure
        try:
            line = await self._asker.ask((self.items[key], sample))
        except OctomedError as error:
            self.failure = error
            raise
        self._tell()
        if line is None:
            raise RuntimeError("no attempt gave an answer")
        return line


def _task(recipe: EvaluationRecipe, name: str, benchmarks: Benchmarks, answers: _Answers) -> tuple[Any, Any]:
    """Return a benchmark as a task of inspect, and the model that answers it."""
    from inspect_ai import Epochs, Task, dataset, model, scorer, solver  # noqa: PLC0415 an extra

    benchmark = recipe.benchmark(name)
    judge, overlap = benchmarks.judge_of(name), overlap_of(benchmark.score)
    samples = recipe.settings.samples(benchmark)

    @model.modelapi(name="octomed")
    class OctomedModel(model.ModelAPI):  # type: ignore[misc]  # untyped where it is not installed
        """Asks as OctoMed does; a message says which question and sample it is of."""

        async def generate(self, input: Any, *_: Any, **__: Any) -> Any:  # noqa: A002, ANN401 inspect's names
            named = input[-1].metadata
            return _output(model, await answers.line_of(named["key"], named["sample"]))

    @solver.solver(name="asked_as_trained")  # type: ignore[untyped-decorator]  # as above
    def asked_as_trained() -> Any:  # noqa: ANN401
        async def solve(state: Any, _: Any) -> Any:  # noqa: ANN401
            sample = state.epoch - 1
            last = state.messages[-1]
            last.metadata = {"key": state.sample_id, "sample": sample}
            state.output = await model.get_model().generate(state.messages)
            state.messages.append(state.output.message)
            return state

        return solve

    @scorer.scorer(metrics=[scorer.mean(), scorer.stderr()], name="acceptance")  # type: ignore[untyped-decorator]
    def acceptance() -> Any:  # noqa: ANN401
        async def score(state: Any, _: Any) -> Any:  # noqa: ANN401
            columns = answers.items[state.sample_id].asked.columns
            one = scored(judge, columns, [state.output.metadata], overlap)[0]
            return scorer.Score(value=one.score, answer=one.answer, explanation=one.state)

        return score

    @scorer.score_reducer(name="majority_of_answers")  # type: ignore[untyped-decorator]
    def majority_of_answers() -> Any:  # noqa: ANN401
        return lambda scores: _voted(scorer, scores)

    reducers: list[Any] = ["mean", *([majority_of_answers()] if benchmark.vote else [])]
    task = Task(
        dataset=dataset.MemoryDataset(
            [_sample(dataset, model, item) for item in answers.items.values()], name=name
        ),
        solver=asked_as_trained(),
        scorer=acceptance(),
        epochs=Epochs(samples, reducers),
        name=name,
    )
    return task, model.get_model(f"octomed/{recipe.settings.model.name}", memoize=False)


def _sample(dataset: Any, model: Any, item: Item) -> Any:  # noqa: ANN401 modules of inspect
    messages = [_message(model, one) for one in openai_messages(item.turns, item.images)["messages"]]
    return dataset.Sample(input=messages, target=str(item.asked.columns.get("answer", "")), id=item.asked.key)


def _message(model: Any, message: dict[str, Any]) -> Any:  # noqa: ANN401
    kinds = {
        "system": model.ChatMessageSystem,
        "user": model.ChatMessageUser,
        "assistant": model.ChatMessageAssistant,
    }
    content = message["content"]
    if not isinstance(content, str):
        content = [
            model.ContentText(text=part["text"])
            if part["type"] == "text"
            else model.ContentImage(image=part["image_url"]["url"])
            for part in content
        ]
    return kinds[message["role"]](content=content)


def _output(model: Any, line: dict[str, Any]) -> Any:  # noqa: ANN401
    content = [model.ContentText(text=line["response"])]
    if line.get("reasoning") is not None:
        content.insert(0, model.ContentReasoning(reasoning=line["reasoning"]))
    message = model.ChatMessageAssistant(content=content, source="generate")
    reason = _STOPS.get(line.get("finish_reason") or "", "unknown")
    tokens = line.get("tokens")
    return model.ModelOutput(
        model=line.get("model") or "",
        choices=[model.ChatCompletionChoice(message=message, stop_reason=reason)],
        usage=None if tokens is None else model.ModelUsage(output_tokens=tokens, total_tokens=tokens),
        metadata=line,
    )


def _voted(scorer: Any, scores: list[Any]) -> Any:  # noqa: ANN401
    samples = [Sample(one.as_float(), one.explanation, one.answer, None, None, None, 0) for one in scores]
    vote = majority(samples)
    return scorer.Score(value=vote.score, answer=vote.answer)


def _draw_nothing() -> None:
    """Keep inspect from writing to standard output, which is for results."""
    from inspect_ai.util._display import init_display_type  # noqa: PLC0415 no public name has it

    init_display_type("none")


@contextlib.contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Have inspect keep its own files in a folder of the evaluation, and ask no hub."""
    own = {"XDG_DATA_HOME": str(folder / "data"), "HF_HUB_OFFLINE": "1"}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
