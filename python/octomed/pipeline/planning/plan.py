"""The plan of a run: its model, its sources and their tasks, and which of these are finished."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from octomed import _octomed
from octomed.errors import ChangedInput, DataError
from octomed.foreign import helper
from octomed.pipeline.blocks.working_store import WorkingStore
from octomed.pipeline.calls.image_files import roots_in
from octomed.pipeline.calls.prefetch import with_ends_ahead
from octomed.pipeline.calls.scanners import ScannerSpec, Text, assembled, scan_key, scanner_key
from octomed.pipeline.calls.thresholds import stands
from octomed.pipeline.inputs.evaluation_files import Lookups, find_evaluation_sets
from octomed.pipeline.inputs.evaluation_sets import EvaluationSpec
from octomed.pipeline.inputs.found_format import columns_of, refuse_held_out, with_found_formats
from octomed.pipeline.inputs.image_roots import folders_state
from octomed.pipeline.inputs.read import blocks_of
from octomed.pipeline.inputs.responses import as_source, rates_of, tables_among
from octomed.pipeline.inputs.selection import Lists, PassRate, Rated, lists_of, selection_settings
from octomed.pipeline.inputs.tasks import Task, tasks_of
from octomed.pipeline.planning.image_settings import (
    check_evaluation_images,
    image_settings,
    images_key,
    may_have_images,
    tasks_of_images,
    vision_record,
)
from octomed.pipeline.planning.resolving import resolved
from octomed.recipe.input_file import InputFile, Inputs, names_rows
from octomed.recipe.inputs import find_inputs
from octomed.recipe.kinds import COLUMNAR, KINDS
from octomed.recipe.places import local_folders, scratch_of
from octomed.recipe.problems import located
from octomed.recipe.scan_curation import (
    curated_mapping,
    masks_of,
    scan_curation,
    select_curation,
    with_pictures,
)
from octomed.recipe.schema import Source
from octomed.run_file import LeftOut
from octomed.storage import content_key
from octomed.store_files import finished_task
from octomed.urls import scheme_of
from octomed.vision import families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from octomed.filter_record import FilterRecord
    from octomed.pipeline.models.model import ResolvedModel
    from octomed.recipe.schema import Recipe
    from octomed.run_file import Vision
    from octomed.store_files import TaskRecord
    from octomed.vision import Family

_PROMPT_HINT = (
    "a prompt is a minijinja template, `{{ question }}` for instance; docs/recipe.md has its variables"
)
_NAMES_SHOWN = 3


class Recorded(Protocol):
    """What stands in the place of sources where a finished run is planned again."""

    @property
    def images(self) -> dict[str, str]:
        """State of the folders of images, by source."""

    def inputs(self, recipe: Recipe) -> Inputs:
        """Return the files that there were."""

    def reads(self, source: str) -> bool:
        """Tell whether a file of a source is read again."""

    def tasks(self, file: InputFile, cut: Callable[[InputFile], list[Task]]) -> list[Task]:
        """Return the tasks that a file was cut into; `cut` does it again."""


@dataclass(frozen=True)
class SourcePlan:
    """A source ready to be scanned.

    Attributes
    ----------
    source
        The recipe's entry.
    spec
        What its scanner is made of.
    scanner
        Turns its rows into traces.
    tasks
        Its reads, in source order.
    bad_files
        Files left out because they cannot be read, with the reason (``on_bad_file: skip``).
    """

    source: Source
    spec: ScannerSpec
    scanner: _octomed.Scanner
    tasks: tuple[Task, ...]
    bad_files: dict[str, str]


@dataclass(repr=False)
class Plan:
    """What a run will do.

    Attributes
    ----------
    recipe
        The recipe; a source that names no format has the one that was found.
    model
        What ``model:`` resolved to.
    tokenizer
        The tokenizer, ready.
    sources
        Its sources, ready.
    inputs
        Its files, and what is next to them and is not read.
    template_hash
        Content hash of the chat template.
    vision
        How images become what the model takes; None of a model that takes none.
    found_formats
        A note for each source that names no format, on the one that was found.
    lists
        What the files say that the selection names.
    evaluation
        The evaluation sets that questions are compared with, if there are any.
    recorded
        What stood in the place of the sources, if anything did.
    filters
        Filters of the user's own that end the scan.
    """

    recipe: Recipe
    model: ResolvedModel
    tokenizer: _octomed.Tokenizer
    sources: tuple[SourcePlan, ...]
    inputs: Inputs = field(default_factory=Inputs)
    template_hash: str = ""
    vision: Vision | None = None
    found_formats: tuple[str, ...] = ()
    lists: Lists = field(default_factory=Lists)
    evaluation: EvaluationSpec | None = None
    recorded: Recorded | None = None
    filters: tuple[FilterRecord, ...] = ()

    @property
    def store(self) -> Path:
        """The working store, or the part of it on this machine."""
        return self.working.folder

    @cached_property
    def working(self) -> WorkingStore:
        """The working store."""
        return WorkingStore.of(self.recipe)

    @property
    def output(self) -> Path:
        """The output folder; of an output at an address the staging folder."""
        place = self.recipe.output.path
        return scratch_of(self.recipe) / "outputs" / content_key(place) if self.is_staged else Path(place)

    @property
    def is_staged(self) -> bool:
        """Whether the output is at an address, and a local folder holds files until they are there."""
        return scheme_of(self.recipe.output.path) is not None

    @property
    def places(self) -> tuple[str, ...]:
        """Where the output goes, as the user calls it: `output.path` first, then its copies."""
        return (self.recipe.output.path, *(self.recipe.output.copies or ()))

    def tasks(self) -> Iterator[tuple[SourcePlan, Task]]:
        """All tasks in source order."""
        for source in self.sources:
            for task in source.tasks:
                yield source, task

    def finished(self, task: Task) -> TaskRecord | None:
        """Return what the store says of a finished task, as far as names and sizes tell.

        One that was scanned with stricter thresholds than the recipe's is not finished.
        """
        found = self.made_here(task) or self._finished_elsewhere.get(task.key)
        scanner = next((one.spec for one in self.sources if one.source.name == task.file.source), None)
        return found if found is None or scanner is None or stands(found.blocks, scanner) else None

    def made_here(self, task: Task) -> TaskRecord | None:
        """Return what is noted of a task whose blocks all stand on this machine."""
        return finished_task(self.working.local, task.key)

    @cached_property
    def _finished_elsewhere(self) -> dict[str, TaskRecord]:
        """Tasks whose blocks stand at the store's address, looked up once."""
        if self.working.address is None:
            return {}
        return self.working.finished([task.key for _, task in self.tasks()])

    @property
    def settings(self) -> dict[str, Any]:
        """What decides how traces are chosen, packed and written, as the engine takes it."""
        return {
            "curate": selection_settings(self.recipe, select_curation(self.recipe), self.lists),
            "pack": self.recipe.pack.model_dump(mode="json"),
            "output": self.recipe.output.model_dump(mode="json", exclude={"path", "copies"}),
        }

    @cached_property
    def write_key(self) -> str:
        """Content key of everything that decides the bytes of shards, provenance and rejects."""
        recipe = self.recipe
        return content_key(
            {
                "version": _octomed.WRITE_VERSION,
                "tasks": [task.identity for _, task in self.tasks()],
                **({"images": states} if (states := self.image_folders()) else {}),
                "bad_files": [sorted(source.bad_files) for source in self.sources],
                "curate": self.settings["curate"],
                **({"evaluation": self._evaluation_key()} if self.evaluation else {}),
                "pack": recipe.pack.model_dump(mode="json"),
                "output": recipe.output.model_dump(mode="json", exclude={"path", "copies", "mode"}),
            }
        )

    def _evaluation_key(self) -> list[Any]:
        """Return what the tables of evaluation sets depend on, besides the recipe's section."""
        return [self.evaluation.found.key if self.evaluation else None, self.shows_texts]

    @property
    def shows_texts(self) -> bool:
        """Whether tables may hold texts of rows."""
        report = getattr(self.recipe, "report", None)
        return report is None or bool(report.samples)

    def image_folders(self) -> dict[str, str]:
        """Return the state of the folders of images, by source."""
        if self.recorded is not None:
            return self.recorded.images
        written = local_folders(self.recipe)
        found = {
            source.source.name: folders_state(roots_in(source.spec.images), written)
            for source in self.sources
            if source.spec.images is not None
        }
        return {name: state for name, state in found.items() if state is not None}

    def left_out(self) -> dict[str, dict[str, LeftOut]]:
        """Return what the sources' folders and globs hold and is not read: by source and reason, a few names.

        Hidden files are not in it: some are this program's own, and come and go.
        """
        return {
            source: {
                reason: LeftOut(len(files), tuple(_a_few(files, reason))) for reason, files in reasons.items()
            }
            for source, found in self.inputs.left_out_by_reason().items()
            if (reasons := {reason: files for reason, files in found.items() if reason != "hidden"})
        }

    def notes(self) -> list[str]:
        """Return what is worth a look before a run."""
        return [*self.recipe.notes(), *self.model.notes, *self.inputs.notes, *self.found_formats]


def _a_few(files: list[str], reason: str) -> list[str]:
    """Return a few names, first those that speak of rows: a misspelt ending is worth a look."""
    if reason != "of an unknown kind":
        return files[:_NAMES_SHOWN]
    return sorted(files, key=lambda name: not names_rows(name))[:_NAMES_SHOWN]


def plan(recipe: Recipe, recorded: Recorded | None = None, filters: tuple[FilterRecord, ...] = ()) -> Plan:
    """Resolve a recipe's model and inputs, and cut them into tasks.

    Parameters
    ----------
    recipe
        The recipe.
    recorded
        What a finished run says of its inputs: asked in place of the sources, where they are not needed.
    filters
        Filters of the user's own that end the scan, in their order.

    Raises
    ------
    RecipeError
        When the model, the template or a path cannot be used.
    DataError
        When an input cannot be read as a whole and its source does not skip such files.
    """
    if any(KINDS.get(Path(path).suffix) in COLUMNAR for source in recipe.sources for path in source.path):
        helper.start()
    model, text, vision = resolved(recipe)
    files: dict[str, list[InputFile]] = {source.name: [] for source in recipe.sources}
    inputs = find_inputs(recipe) if recorded is None else recorded.inputs(recipe)
    recipe, found_formats = with_found_formats(recipe, inputs.files)
    refuse_held_out(recipe, inputs.splits)
    for file in inputs.files:
        files[file.source].append(file)

    def rates_of_rows(paths: Sequence[str]) -> list[PassRate]:
        """Read another model's responses as a source of their own."""
        asked = as_source(recipe, paths)
        rows = find_inputs(asked).files
        source = _source_plan(with_found_formats(asked, rows)[0], 0, text, vision.family, rows)
        mapping = source.scanner.mapping
        blocks = (block for task in source.tasks for block in blocks_of(task, mapping))
        return rates_of(blocks, source.scanner, paths)

    def tables_of(path: str) -> tuple[list[InputFile], list[str]]:
        return tables_among(path, find_inputs(as_source(recipe, (path,))).files, columns_of)

    lists = lists_of(recipe, Rated(tables_of, rates_of_rows))
    sources = [
        _source_plan(recipe, index, text, vision.family, files[one.name], recorded, filters)
        for index, one in enumerate(recipe.sources)
    ]
    return Plan(
        recipe,
        model,
        text.tokenizer,
        tuple(sources),
        inputs,
        text.template.content_hash,
        None if vision.family is None else vision_record(recipe, vision.family, text.tokenizer),
        tuple(found_formats),
        lists,
        _evaluation(recipe, vision.family),
        recorded,
        filters,
    )


def _evaluation(recipe: Recipe, family: Family | None) -> EvaluationSpec | None:
    """Find the evaluation sets of a recipe that names some."""
    settings = recipe.curate.decontaminate
    if settings is None:
        return None
    check_evaluation_images(recipe, settings, family)
    written = local_folders(recipe)
    lookups = Lookups(
        lambda name, path: Source(name=name, path=path, split=("all",)),
        lambda sets: find_inputs(sets).files,
        columns_of,
        lambda source: image_settings(recipe, source, family or families()[0]) or {},
        lambda images: [images_key(images), folders_state(roots_in(images), written)],
    )
    found = find_evaluation_sets(recipe, settings, lookups)
    near = "near" if settings.looks_for_near else settings.images
    look = "if_there" if settings.images == "off" or family is None else near
    return EvaluationSpec(found, look, masks_of(recipe))


def _source_plan(  # noqa: PLR0913, PLR0917 the last stands in the place of the files
    recipe: Recipe,
    index: int,
    text: Text,
    family: Family | None,
    files: list[InputFile],
    recorded: Recorded | None = None,
    filters: tuple[FilterRecord, ...] = (),
) -> SourcePlan:
    source = recipe.sources[index]
    reads = recorded is None or recorded.reads(source.name)
    curation = scan_curation(recipe, source) or None
    mapping_value = source.mapping if curation is None else curated_mapping(source, curation)
    format_at = recipe.written_at("sources", index, "format")
    prompt_at = format_at if recipe.prompt is None else recipe.written_at("prompt")
    layout = recipe.prompt or mapping_value.pop("prompt", None)
    if curation is not None and family is not None and may_have_images(mapping_value):
        curation = with_pictures(recipe, curation)
    with located(format_at, key=f"sources.{source.name}.format"):
        mapping = _octomed.Mapping(mapping_value)
    with located(prompt_at, key="prompt", hint=_PROMPT_HINT):
        prompt = _octomed.Prompt(layout)
    unkeyed = ScannerSpec(
        key="",
        source=source.name,
        model=recipe.model,
        template=recipe.template,
        folder=str(recipe.file.parent),
        tokenizer=text.tokenizer.content_hash,
        template_hash=text.template.content_hash,
        mapping=mapping_value,
        prompt=layout,
        system=recipe.system,
        supervise=recipe.supervise,
        images=image_settings(recipe, source, family) if reads else None,  # its folders may be gone
        curation=curation,
        filters=tuple(one for one in filters if one.sees(source.name)),
    )
    spec = replace(unkeyed, key=scanner_key(unkeyed, text, prompt.content_hash))
    scanner = assembled(spec, text, mapping, prompt)
    key = scan_key(spec, text, prompt.content_hash)
    with located(recipe.written_at("sources", index, "format", "image_root")):
        images = images_key(spec.images) if spec.images and may_have_images(mapping_value) else None
    tasks: list[Task] = []
    bad_files: dict[str, str] = {}

    store = WorkingStore.of(recipe)

    def cut(file: InputFile) -> list[Task]:
        found = tasks_of(file, mapping, key)
        return tasks_of_images(found, images, store) if images else found

    for file in with_ends_ahead(files) if recorded is None else files:
        try:
            tasks += tasks_of(file, mapping, key) if recorded is None else recorded.tasks(file, cut)
        except DataError as error:
            if source.on_bad_file != "skip" or isinstance(error, ChangedInput):
                raise
            bad_files[file.relative] = error.message
    if images and recorded is None:  # all at once: each is looked up
        tasks = tasks_of_images(tasks, images, store)
    return SourcePlan(source, spec, scanner, tuple(tasks), bad_files)
