"""The plan of a run: its tasks, which of them stand, and what the rest will cost."""

from __future__ import annotations

import html
import shutil
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed, foreign, machine
from octomed.errors import DataError, OctomedError, StorageError
from octomed.pipeline.files import naming
from octomed.pipeline.model import BUILTIN_TEMPLATES, ResolvedModel, find_model, read_template
from octomed.pipeline.read import blocks_of
from octomed.pipeline.tasks import Task, tasks_of
from octomed.recipe import InputFile, Inputs, Recipe, Source, find_inputs
from octomed.recipe.input_file import names_rows
from octomed.recipe.problems import placed
from octomed.report.units import bytes_of
from octomed.state import there
from octomed.storage import content_key
from octomed.store_files import BlockHeader, TaskRecord, load_task

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROMPT_HINT = (
    "a prompt is a minijinja template, `{{ question }}` for instance; docs/recipe.md has its variables"
)
_TEMPLATE_HINT = "leave `template` out for the model's own, or name a built-in one: " + ", ".join(
    f"`{name}`" for name in BUILTIN_TEMPLATES
)

_COLUMNAR = (".parquet", ".pq", ".arrow", ".feather")
_NAMES_SHOWN = 3
_SAMPLE_BYTES = 2**20
"""Bytes of a source that the estimate tokenizes."""


@dataclass(frozen=True)
class SourcePlan:
    """A source ready to be scanned.

    Attributes
    ----------
    source
        The recipe's entry.
    scanner
        Turns its rows into traces.
    scan_key
        Content key of all that decides what a scan makes of a row.
    tasks
        Its reads, in source order.
    bad_files
        Files left out because they cannot be read, with the reason (``on_bad_file: skip``).
    """

    source: Source
    scanner: _octomed.Scanner
    scan_key: str
    tasks: tuple[Task, ...]
    bad_files: dict[str, str]


@dataclass(repr=False)
class Plan:
    """What a run will do; it prints as a table.

    Attributes
    ----------
    recipe
        The recipe.
    model
        What ``model:`` resolved to.
    tokenizer
        The tokenizer, ready.
    sources
        Its sources, ready.
    inputs
        Its files, and what lies beside them and is not read.
    template_hash
        Content hash of the chat template.
    """

    recipe: Recipe
    model: ResolvedModel
    tokenizer: _octomed.Tokenizer
    sources: tuple[SourcePlan, ...]
    inputs: Inputs = field(default_factory=Inputs)
    template_hash: str = ""

    @property
    def store(self) -> Path:
        """The working store."""
        return Path(self.recipe.work.path)

    @property
    def output(self) -> Path:
        """The output folder."""
        return Path(self.recipe.output.path)

    def folder(self, task: Task) -> Path:
        """Folder of a task's blocks in the working store."""
        return self.store / "blocks" / task.key

    def tasks(self) -> Iterator[tuple[SourcePlan, Task]]:
        """All tasks in source order."""
        for source in self.sources:
            for task in source.tasks:
                yield source, task

    def finished(self, task: Task) -> TaskRecord | None:
        """Return what the store says of a task whose blocks all stand, as far as names and sizes tell."""
        folder = self.folder(task)
        found = there(load_task(folder))
        if found is None or not all(_stands(folder, header) for header in found.blocks):
            return None
        return found

    @cached_property
    def write_key(self) -> str:
        """Content key of everything that decides the bytes of shards, provenance and rejects."""
        recipe = self.recipe
        return content_key(
            {
                "version": _octomed.WRITE_VERSION,
                "tasks": [task.key for _, task in self.tasks()],
                "bad_files": [sorted(source.bad_files) for source in self.sources],
                "curate": recipe.curate.model_dump(mode="json"),
                "pack": recipe.pack.model_dump(mode="json"),
                "output": recipe.output.model_dump(mode="json", exclude={"path", "mode"}),
            }
        )

    def left_out(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return what the sources' folders and globs hold and is not read: by source and reason, a few names.

        Hidden files are not in it: some are this program's own, and come and go.
        """
        return {
            source: {
                reason: {"files": len(files), "names": _a_few(files, reason)}
                for reason, files in reasons.items()
            }
            for source, found in self.inputs.left_out_by_reason().items()
            if (reasons := {reason: files for reason, files in found.items() if reason != "hidden"})
        }

    def notes(self) -> list[str]:
        """Return what is worth a look before a run."""
        return [*self.recipe.notes(), *self.model.notes, *self.inputs.notes]

    def estimate(self) -> Estimate:
        """Estimate the work that is left, from the first rows of each source."""
        return _estimate(self)

    @cached_property
    def _table(self) -> str:
        from octomed.pipeline.check import checked_plan  # noqa: PLC0415 it needs this module
        from octomed.report.planned import plan_lines  # noqa: PLC0415 only those who print it need it

        try:
            checked = checked_plan(self)
            lines = [*plan_lines(self, self.estimate()), *(f"warning: {line}" for line in checked.warnings)]
            error = checked.error()
            return "\n".join([*lines, *([f"error: {error}"] if error is not None else [])])
        except OctomedError as failed:  # a table is printed in any state, by debuggers too
            return f"error: {failed}"

    def __str__(self) -> str:
        """Return what ``octomed plan`` shows."""
        return self._table

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return f"<pre>{html.escape(self._table)}</pre>"


@dataclass(frozen=True)
class Estimate:
    """What a plan expects; measured on a sample of rows, so near and not exact.

    Attributes
    ----------
    tasks, tasks_standing
        Reads in all, and those whose blocks stand already.
    rows, traces, tokens
        Of all sources; ``rows`` and ``traces`` follow from bytes where files do not count rows.
    source_bytes
        Bytes of mapped columns before compression.
    seconds
        For what is left to scan and for all that is to be written, on this machine with this many workers.
    store_bytes, output_bytes, free_bytes
        Disk wanted by the working store and the output, and free where the store lies.
    store_bytes_left
        Disk wanted by what is not in the working store yet.
    """

    tasks: int
    tasks_standing: int
    rows: int
    traces: int
    tokens: int
    source_bytes: int
    seconds: float
    store_bytes: int
    output_bytes: int
    free_bytes: int
    store_bytes_left: int = 0


def _a_few(files: list[str], reason: str) -> list[str]:
    """Return a few names, first those that speak of rows: a misspelt ending is worth a look."""
    if reason != "of no known kind":
        return files[:_NAMES_SHOWN]
    return sorted(files, key=lambda name: not names_rows(name))[:_NAMES_SHOWN]


def plan(recipe: Recipe) -> Plan:
    """Resolve a recipe's model and inputs, and cut them into tasks.

    Raises
    ------
    RecipeError
        When the model, the template or a path cannot be used.
    DataError
        When an input cannot be read as a whole and its source does not skip such files.
    """
    if any(path.endswith(_COLUMNAR) for source in recipe.sources for path in source.path):
        foreign.start()
    base = recipe.file.parent
    chosen_at = recipe.written_at("model" if recipe.template is None else "template")
    with placed(chosen_at):
        chosen = read_template(recipe.template, base=base)
    with placed(recipe.written_at("model")):
        model = find_model(recipe.model, chosen, base=base)
    with placed(recipe.written_at("model"), key="model"):
        tokenizer = model.tokenizer()
    with placed(chosen_at, hint=_TEMPLATE_HINT):
        template = model.chat_template(tokenizer)
    files: dict[str, list[InputFile]] = {source.name: [] for source in recipe.sources}
    inputs = find_inputs(recipe)
    for file in inputs.files:
        files[file.source].append(file)
    sources: list[SourcePlan] = []
    for index, source in enumerate(recipe.sources):
        beside = sources[0].scanner if sources else None
        sources.append(_source_plan(recipe, index, tokenizer, template, files[source.name], beside=beside))
    return Plan(recipe, model, tokenizer, tuple(sources), inputs, template.content_hash)


def _source_plan(  # noqa: PLR0913 a source is planned once
    recipe: Recipe,
    index: int,
    tokenizer: _octomed.Tokenizer,
    template: _octomed.ChatTemplate,
    files: list[InputFile],
    *,
    beside: _octomed.Scanner | None,
) -> SourcePlan:
    source = recipe.sources[index]
    mapping_value = source.mapping
    format_at = recipe.written_at("sources", index, "format")
    prompt_at = format_at if recipe.prompt is None else recipe.written_at("prompt")
    layout = recipe.prompt or mapping_value.pop("prompt", None)
    with placed(format_at, key=f"sources.{source.name}.format"):
        mapping = _octomed.Mapping(mapping_value)
    with placed(prompt_at, key="prompt", hint=_PROMPT_HINT):
        prompt = _octomed.Prompt(layout)
    scanner = _octomed.Scanner(
        mapping,
        template,
        prompt,
        tokenizer,
        system=recipe.system,
        supervise=recipe.supervise,
        beside=beside,
    )
    scan_key = content_key(
        {
            "version": _octomed.SCAN_VERSION,
            "source": source.name,
            "mapping": mapping_value,
            "prompt": prompt.content_hash,
            "system": recipe.system,
            "template": template.content_hash,
            "tokenizer": tokenizer.content_hash,
            "supervise": recipe.supervise,
        }
    )
    tasks: list[Task] = []
    bad_files: dict[str, str] = {}
    for file in files:
        try:
            tasks += tasks_of(file, mapping, scan_key)
        except DataError as error:
            if source.on_bad_file != "skip":
                raise
            bad_files[file.relative] = error.message
    return SourcePlan(source, scanner, scan_key, tuple(tasks), bad_files)


@dataclass
class _Sample:
    source_bytes: int = 0
    rows: int = 0
    traces: int = 0
    tokens: int = 0
    stored: int = 0
    seconds: float = 0.0


def _estimate(plan: Plan) -> Estimate:
    rows = traces = tokens = source_bytes = standing = count = 0
    seconds = 0.0
    stored = stored_left = 0
    for source in plan.sources:
        sample = _sample(source)
        total = sum(task.source_bytes for task in source.tasks)
        missing = [task for task in source.tasks if plan.finished(task) is None]
        left = sum(task.source_bytes for task in missing)
        standing += len(source.tasks) - len(missing)
        count += len(source.tasks)
        ratio = total / max(1, sample.source_bytes)
        rows += round(sample.rows * ratio)
        traces += round(sample.traces * ratio)
        tokens += round(sample.tokens * ratio)
        stored += round(sample.stored * ratio)
        stored_left += round(sample.stored * left / max(1, sample.source_bytes))
        seconds += sample.seconds * left / max(1, sample.source_bytes)
        source_bytes += total
    workers = machine.cores()
    free = shutil.disk_usage(_existing(plan.store)).free
    # The write pass reads, compresses and writes four bytes a token at about 150 MB/s a core.
    seconds = (seconds + 4 * tokens / 150e6) / workers
    ratio = 0.45 if plan.recipe.output.compression else 1.0
    return Estimate(
        tasks=count,
        tasks_standing=standing,
        rows=rows,
        traces=traces,
        tokens=tokens,
        source_bytes=source_bytes,
        seconds=seconds,
        store_bytes=stored,
        output_bytes=round(4 * tokens * ratio),
        free_bytes=free,
        store_bytes_left=stored_left,
    )


def _sample(source: SourcePlan) -> _Sample:
    """Tokenize the first rows of a source."""
    sample = _Sample()
    for task in source.tasks:
        try:
            block = next(iter(blocks_of(task, source.scanner.mapping, target=_SAMPLE_BYTES)), None)
        except DataError:
            if source.source.on_bad_file != "skip":
                raise
            continue
        if block is None:
            continue
        begin = time.perf_counter()
        with naming(task.file):
            seen = source.scanner.measure(block)
        sample.seconds = time.perf_counter() - begin
        sample.source_bytes = block.source_bytes
        sample.rows, sample.traces, sample.tokens = block.rows, seen["traces"], seen["tokens"]
        sample.stored = seen["stored_bytes"] + _octomed.INDEX_ROW_BYTES * seen["traces"]
        break
    return sample


def _stands(folder: Path, header: BlockHeader) -> bool:
    """Tell whether a block's files are there: a power cut empties or takes what no version before synced."""
    try:
        return (folder / f"{header.name}.ids").stat().st_size == header.stored_bytes and (
            folder / f"{header.name}.index"
        ).stat().st_size > 0
    except OSError:
        return False


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


_MOST_DISK = 32
"""With so many times the inputs' text free there is no need to estimate: four bytes a token in the store and
four in the output, a prompt again with each of its responses, do not come near it."""


def refuse_full_disk(plan: Plan, *, standing: int) -> None:
    """Refuse a run of which what is left to write will not fit.

    Parameters
    ----------
    plan
        The plan; its folders exist.
    standing
        Bytes of the output's shards that stand.

    Raises
    ------
    StorageError
        When a disk has less free than the estimate wants of it.
    """
    text = sum(task.source_bytes for _, task in plan.tasks())
    if min(shutil.disk_usage(folder).free for folder in (plan.store, plan.output)) > _MOST_DISK * text:
        return
    estimate = plan.estimate()
    wanted = {plan.store: estimate.store_bytes_left, plan.output: max(0, estimate.output_bytes - standing)}
    if plan.store.stat().st_dev == plan.output.stat().st_dev:
        wanted = {plan.output: sum(wanted.values())}
    for folder, size in wanted.items():
        free = shutil.disk_usage(folder).free
        if size > free:
            raise StorageError(
                f"the run wants about {bytes_of(size)} more disk at `{folder}`, {bytes_of(free)} are free",
                "free some space, or put `work.path` and `output.path` on other disks",
            )
