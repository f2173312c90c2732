"""Batches: requests as files that a service answers within a day, and its answers read back."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed.distill.counts import Counts
from octomed.distill.failures import FAILURES, Failures
from octomed.distill.had import had_of
from octomed.distill.images import ImageFolder
from octomed.distill.judging import accepted_among
from octomed.distill.lines import NotAsked, question_of, sample_lines
from octomed.distill.question import Question
from octomed.distill.questions import Questions
from octomed.distill.replies import NotUnderstood, Reply, reply_of
from octomed.distill.requests import Ask, ask_of, encoded
from octomed.distill.sample_file import SAMPLES, SampleFile
from octomed.errors import DataError, RecipeError
from octomed.names import shown
from octomed.storage import atomic_file, make_folder, storage_error
from octomed.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from octomed.distill.recipe import DistillRecipe
    from octomed.distill.sample_file import Had
    from octomed.distill.schema import Distillation

_LIMITS = {"openai": (50_000, 200_000_000), "anthropic": (100_000, 256_000_000)}
"""Lines and bytes of a file at most."""
_NAME = re.compile(r"([0-9a-f]{32})-([0-9]{1,4})-([0-9]{1,4})")
"""A request's own name: key, first sample and how many."""
_DONE = 200


@dataclass
class Exported:
    """What an export wrote: files, requests in them, and samples that these ask for."""

    files: list[str]
    requests: int = 0
    samples: int = 0
    refused: int = 0


def export_batch(recipe: DistillRecipe, folder: Path) -> Exported:
    """Write requests for the samples that are missing, as files of a batch service.

    Parameters
    ----------
    recipe
        Of the distillation; its `teacher.api` says whose files.
    folder
        Where `requests-00000.jsonl` and so on go; it may hold none of these.

    Raises
    ------
    RecipeError
        When the folder holds requests, or another run writes into the output.
    DataError, StorageError
        When a source cannot be read, or a file not written.
    """
    settings, mode = recipe.settings, recipe.asked.output.mode
    make_folder(folder, mode)
    if any(folder.glob("requests-*.jsonl")):
        hint = "give another folder, or remove them once their answers are imported"
        raise RecipeError(f"`{shown(str(folder))}` holds requests of an earlier export", hint)
    with _alone(recipe):
        questions = Questions(recipe.asked)
        had, accepted = had_of(recipe, questions)
        failures = Failures(recipe.output / FAILURES, mode)
        images = ImageFolder(recipe.output, mode)
        exported = Exported([])
        lines: list[bytes] = []
        size = 0
        most_lines, most_bytes = _LIMITS[settings.teacher.api]

        def write() -> None:
            name = f"requests-{len(exported.files):05}.jsonl"
            with atomic_file(folder / name, mode=mode) as file:
                file.writelines(lines)
            exported.files.append(name)

        for found in questions:
            if not isinstance(found, Question):
                exported.refused += 1
                continue
            ask = ask_of(found, settings.teacher)
            wanted = _wanted(settings, ask, had, failures, accepted)
            if wanted:
                asyncio.run(images.keep(found))
            for first, count in _runs(wanted, several=settings.teacher.several):
                line = _line(settings, ask, first, count)
                if lines and (len(lines) >= most_lines or size + len(line) > most_bytes):
                    write()
                    lines, size = [], 0
                lines.append(line)
                size += len(line)
                exported.requests += 1
                exported.samples += count
        if lines:
            write()
    return exported


def import_batch(recipe: DistillRecipe, files: Sequence[Path]) -> Counts:
    """Read what a batch service answered, in whatever order, and keep what is not there yet.

    Parameters
    ----------
    recipe
        Of the distillation, as it was when the requests were written.
    files
        Files of output and of errors, of whole and of expired batches.

    Raises
    ------
    RecipeError
        When another run writes into the output.
    DataError
        When a file is none of a batch service's.
    StorageError
        When a file cannot be read or written.
    """
    with _alone(recipe):
        return asyncio.run(_import(recipe, _answers_in(files)))


async def _import(recipe: DistillRecipe, answers: dict[str, list[_Place]]) -> Counts:
    counts, mode = Counts(), recipe.asked.output.mode
    questions = Questions(recipe.asked)
    had, _ = had_of(recipe, questions)
    file = SampleFile(recipe.output / SAMPLES, mode)
    images = ImageFolder(recipe.output, mode)
    failures = Failures(recipe.output / FAILURES, mode)
    try:
        file.cut_unfinished()
        for found in questions:
            if not isinstance(found, Question):
                counts.refused[found.reason] += 1
                continue
            counts.questions += 1
            ask = ask_of(found, recipe.settings.teacher)
            for place in answers.pop(ask.key, ()):
                await images.keep(found)
                await _take(recipe, found, ask, place, had, file, failures, counts, questions)
    finally:
        await file.close()
        failures.write()
    if answers:
        number = sum(map(len, answers.values()))
        counts.notes.append(
            f"{number:,} answers are to requests that this recipe does not make: nothing is kept of them"
        )
    return counts


async def _take(  # noqa: PLR0913, PLR0917 what is read, and where it goes
    recipe: DistillRecipe,
    question: Question,
    ask: Ask,
    place: _Place,
    had: Had,
    file: SampleFile,
    failures: Failures,
    counts: Counts,
    questions: Questions,
) -> None:
    wanted = [
        number for number in range(place.first, place.first + place.count) if not had.has(ask.key, number)
    ]
    counts.had += place.count - len(wanted)
    answer = place.read()
    if isinstance(answer, str):
        for number in wanted:
            counts.failed["batch"] += 1
            values = {"reason": "batch", "detail": answer, "place": question.place, "may_pass": True}
            failures.add(ask.key, number, values)
        return
    came = list(zip(wanted, answer.samples, strict=False))
    if not came:
        return
    try:
        columns = question_of(question)
    except NotAsked:
        return
    named = {"key": ask.key, "teacher": recipe.settings.teacher.model}
    lines = sample_lines(columns, named, answer, came, 0.0)
    await file.add(lines)
    for line in lines:
        had.add(line)
    counts.samples += len(lines)
    counts.count_reply(answer)
    counts.judged += len(lines)
    counts.accepted += accepted_among(questions.judge_of(question.source), columns, lines)


def _alone(recipe: DistillRecipe) -> Any:  # noqa: ANN401 a context
    make_folder(recipe.output, recipe.asked.output.mode)
    busy = f"another distillation writes into `{shown(str(recipe.output))}`"
    return LocalStore(recipe.output, recipe.asked.output.mode).lock(exclusive=True, busy=busy)


def _wanted(
    settings: Distillation, ask: Ask, had: Had, failures: Failures, accepted: dict[str, int]
) -> list[int]:
    """Return the samples of a question to ask for now."""
    missing = failures.still_missing(ask.key, settings.most, had)
    if settings.until is None:
        return missing
    return missing[: max(0, settings.until.accepted - accepted.get(ask.key, 0))]


def _runs(numbers: list[int], *, several: bool) -> Iterator[tuple[int, int]]:
    """Yield first and count of samples that one request asks for."""
    first = 0
    while first < len(numbers):
        end = first + 1
        while several and end < len(numbers) and numbers[end] == numbers[end - 1] + 1:
            end += 1
        yield numbers[first], end - first
        first = end


def _line(settings: Distillation, ask: Ask, first: int, count: int) -> bytes:
    """Return a request as a line of a batch."""
    name = f"{ask.key}-{first}-{count}"
    body = ask.several(count) if count > 1 else ask.seeded(first) if settings.teacher.seeds else ask.body
    if settings.teacher.api == "anthropic":
        return encoded({"custom_id": name, "params": body}) + b"\n"
    request = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return encoded(request) + b"\n"


@dataclass(frozen=True)
class _Place:
    """Where an answer is."""

    path: Path
    offset: int
    first: int
    count: int

    def read(self) -> Reply | str:
        """Return the answer, or why there is none."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return _answer_of(json.loads(file.readline()))


def _answers_in(files: Sequence[Path]) -> dict[str, list[_Place]]:
    """Return where the answers of files are, by key; an answer that is there twice counts once."""
    found: dict[str, dict[tuple[int, int], _Place]] = {}
    for path in files:
        try:
            with path.open("rb") as lines:
                offset = 0
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        key, first, count = _named(path, number, line)
                        place = _Place(path, offset, first, count)
                        held = found.setdefault(key, {}).get((first, count))
                        # Of an answer and an error to the same request, the answer counts.
                        if held is None or isinstance(held.read(), str):
                            found[key][first, count] = place
                    offset += len(line)
        except OSError as error:
            raise storage_error("read", path, error) from error
    return {key: list(places.values()) for key, places in found.items()}


def _named(path: Path, number: int, line: bytes) -> tuple[str, int, int]:
    try:
        values = json.loads(line)
        matched = _NAME.fullmatch(values["custom_id"])
        if matched and {"response", "result", "error"} & values.keys():
            return matched[1], int(matched[2]), int(matched[3])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DataError(
        f"line {number} of `{shown(str(path))}` is no answer to a request of ours",
        "give the files of output and of errors that the service wrote for exported requests, as they came",
    )


def _answer_of(values: dict[str, Any]) -> Reply | str:
    result = values.get("result")
    if isinstance(result, dict):
        body = result.get("message")
        fault = None if result.get("type") == "succeeded" else f"{result.get('type')}: {result.get('error')}"
    else:
        response = values.get("response") or {}
        body = response.get("body")
        status = response.get("status_code", _DONE)
        fault = (
            None
            if status == _DONE and not values.get("error")
            else f"{status}: {values.get('error') or body}"
        )
    if fault is not None:
        return shown(fault)[:300]
    try:
        return reply_of(json.dumps(body).encode())
    except NotUnderstood as error:
        return str(error)
