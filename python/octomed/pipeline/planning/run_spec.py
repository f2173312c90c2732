"""What a run needs to know of its recipe and plan: taken out of both once, so that neither is handed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.commands import python_call
from octomed.origin import rebuild_command
from octomed.pipeline.calls.prefetch import how_stores_are_reached
from octomed.pipeline.calls.specs import LayoutSpec, TaskSpec
from octomed.pipeline.inputs.scanned import Tolerance
from octomed.pipeline.output.difference import About, inputs_of, origin_of, recorded_name, versions
from octomed.run_file import FORMAT, Making, Planned, RunFile, TokenizerFacts
from octomed.storage import content_key

if TYPE_CHECKING:
    from octomed.origin import Origin
    from octomed.pipeline.blocks.working_store import WorkingStore
    from octomed.pipeline.inputs.evaluation_sets import EvaluationSpec
    from octomed.pipeline.planning.plan import Plan, SourcePlan
    from octomed.recipe.schema import Recipe
    from octomed.run_file import LeftOut, Vision
    from octomed.storage import Mode


@dataclass(frozen=True)
class RunSpec:
    """What a run needs to know.

    Attributes
    ----------
    output, output_mode
        Folder that shards are written to, and who may read them.
    place
        The output as the user calls it: that folder, or an address.
    targets
        Addresses and paths that each file is put to from there.
    working, keeps_blocks, most_stored
        Where blocks go, whether they stay when the run is finished, and how many bytes may stay there.
    registered
        How the output is called among those that use blocks of the store.
    write_key
        Content key of everything that decides the bytes of shards, provenance and rejects.
    tasks
        What to scan, in source order.
    sources
        Names of the sources, in the recipe's order.
    files_skipped
        Files that the plan could not read, by source and path, with the reason.
    left_out
        What the sources' folders hold and is not read: by source and reason.
    settings
        The recipe's sections that decide how traces are chosen, packed and written.
    about
        What the run is made of, for the message that refuses another.
    said
        The run file as far as it is known before anything is read: without streams and counts. A finished run
        whose file says something else is not the run that was asked for, even where all its shards are there.
    replacing
        The command that has another run in the output folder go.
    vision
        What the run file says of images, if any was read.
    evaluation
        The evaluation sets that questions are compared with, if there are any.
    shows_texts
        Whether tables may hold texts of rows.
    planned
        What a repair needs to know of the plan, once the sources are gone.
    """

    output: Path
    output_mode: Mode
    working: WorkingStore
    keeps_blocks: bool
    most_stored: int | None
    registered: str
    write_key: str
    tasks: tuple[TaskSpec, ...]
    sources: tuple[str, ...]
    files_skipped: dict[str, str]
    left_out: dict[str, dict[str, LeftOut]]
    settings: dict[str, Any]
    about: About
    said: RunFile
    replacing: str
    vision: Vision | None = None
    evaluation: EvaluationSpec | None = None
    shows_texts: bool = True
    planned: Planned = field(default_factory=Planned)
    place: str = ""
    targets: tuple[str, ...] = ()

    @property
    def is_staged(self) -> bool:
        """Whether the output is at an address, and the folder holds files only until they are there."""
        return self.place in self.targets

    @property
    def store(self) -> Path:
        """The part of the working store on this machine."""
        return self.working.folder

    @property
    def keys(self) -> list[str]:
        """Keys of the tasks."""
        return [spec.task.key for spec in self.tasks]


def run_spec(planned: Plan, workers: int) -> RunSpec:
    """Return what a run needs to know.

    Parameters
    ----------
    planned
        Its plan.
    workers
        Threads of the run.
    """
    recipe = planned.recipe
    written = recipe.canonical()
    origin = origin_of(recipe)
    inputs = inputs_of(task.file for _, task in planned.tasks())
    if planned.evaluation is not None:
        digests = planned.evaluation.found.digests
        inputs |= {f"evaluation set {name}": files for name, files in digests.items()}
    places = planned.places
    skipped = {
        f"{source.source.name}/{file}": reason
        for source in planned.sources
        for file, reason in source.bad_files.items()
    }
    return RunSpec(
        output=planned.output,
        output_mode=recipe.output.mode,
        working=planned.working,
        keeps_blocks=recipe.work.keep,
        most_stored=recipe.work.max_size,
        registered=planned.working.registered(recipe.output.path),
        write_key=planned.write_key,
        tasks=tuple(
            spec
            for source in planned.sources
            for spec in _task_specs(source, planned.store, recipe.work.mode, workers)
        ),
        sources=tuple(source.source.name for source in planned.sources),
        files_skipped=skipped,
        left_out=planned.left_out(),
        settings=planned.settings,
        about=About(
            recipe=written,
            tokenizer=planned.tokenizer.content_hash,
            template=planned.template_hash,
            inputs=inputs,
            versions=versions(),
            command=_command(origin, planned),
            filters=planned.filters,
        ),
        said=_said(recipe, planned, written, origin, inputs),
        replacing=_replacing(planned, origin),
        vision=planned.vision,
        evaluation=planned.evaluation,
        shows_texts=planned.shows_texts,
        planned=_planned(planned),
        place=places[0],
        targets=places if planned.is_staged else places[1:],
    )


def _command(origin: Origin, planned: Plan) -> str:
    """Return what goes on with the run: a call where functions of the user's own belong to it."""
    return _call(origin) if planned.filters else rebuild_command(origin)


def _replacing(planned: Plan, origin: Origin) -> str:
    if planned.filters:
        return _call(origin, "replace=True")
    return planned.recipe.command("pack", "--replace", arguments=("replace=True",))


def _call(origin: Origin, *arguments: str) -> str:
    recipe = None if origin.recipe_file is None else str(Path(origin.recipe_folder or "", origin.recipe_file))
    return python_call("pack", recipe, origin.overrides, "filters=[…]", *arguments)


def _planned(planned: Plan) -> Planned:
    """Return what is kept of a plan."""
    tasks: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {}
    for _, task in planned.tasks():
        of_source = tasks.setdefault(task.file.source, {})
        name = recorded_name(task.file)
        keys = tuple(filter(None, (task.identity, task.without_images)))
        of_source[name] = (*of_source.get(name, ()), keys)
    return Planned(tasks, planned.image_folders())


def _said(
    recipe: Recipe,
    planned: Plan,
    written: dict[str, Any],
    origin: Origin,
    inputs: dict[str, dict[str, str]],
) -> RunFile:
    tokenizer = planned.tokenizer
    return RunFile(
        streams={},
        format=FORMAT,
        name=recipe.name,
        recipe=written,
        model=planned.model.record() | {"name": written["model"]},
        tokenizer=TokenizerFacts(tokenizer.content_hash, tokenizer.path, tokenizer.vocabulary_size),
        capacity=recipe.pack.capacity,
        columns=dict(_octomed.COLUMNS),
        versions=versions(),
        filters=planned.filters,
        run=Making(
            recipe_file=origin.recipe_file,
            recipe_folder=origin.recipe_folder,
            overrides=origin.overrides,
            write_key=planned.write_key,
            inputs=inputs,
            model=recipe.model,
            notes=(*planned.model.notes, *planned.inputs.notes, *planned.found_formats),
        ),
    )


def _task_specs(source: SourcePlan, store: Path, mode: Mode, workers: int) -> list[TaskSpec]:
    tolerance = Tolerance(source.source.on_bad_file == "skip", source.source.max_unreadable)
    reach = how_stores_are_reached([task.file for task in source.tasks])
    return [
        TaskSpec(task, source.spec, tolerance, store, mode, workers, reach=reach) for task in source.tasks
    ]


def layout_of(spec: RunSpec, blocks: list[tuple[Path, int]]) -> LayoutSpec:
    """Return what the layout of a run follows from.

    Parameters
    ----------
    spec
        The run. Its write key has the keys of all tasks, but not which files a scan left out.
    blocks
        Paths of the blocks in source order, without extension, each with its task's first row number.
    """
    # Whole paths: of two runs in one process, each reads the blocks of its own store.
    named = tuple((str(path), first_row) for path, first_row in blocks)
    key = content_key({"write": spec.write_key, "blocks": named})
    near = spec.settings["curate"]["duplicates"].get("near") is not None
    scanner = spec.tasks[0].scanner if near and spec.tasks else None
    return LayoutSpec(key, named, spec.settings, scanner, spec.evaluation)
