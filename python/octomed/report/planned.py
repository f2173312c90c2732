"""A plan as plain values, and as lines of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from octomed.names import shown
from octomed.report import units
from octomed.report.left_out import unread_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from octomed.run_file import LeftOut


@dataclass(frozen=True)
class PackedImages:
    """What the packs hold of images, for a choice of `pack.traces_per_image`.

    Attributes
    ----------
    traces_per_image
        The choice.
    bytes, patches
        Of the images of all packs: what shards hold of them, and the work of a vision tower in an epoch.
    """

    traces_per_image: int
    bytes: int
    patches: int


@dataclass(frozen=True)
class ImageEstimate:
    """What a plan expects of images.

    Attributes
    ----------
    exact
        Whether it follows from a finished scan, and not from a sample of rows.
    images, traces
        Distinct images, and the places of traces where one stands.
    stores
        Their bytes for each choice of `images.store`: `original`, and `resized` by codec; from a sample.
    packed
        What the packs hold, for a few choices of `pack.traces_per_image`.
    run_bytes
        Of images that are read at a time when shards are written, in the mean; None before the scan.
    """

    exact: bool
    images: int
    traces: int
    stores: dict[str, int]
    packed: tuple[PackedImages, ...]
    run_bytes: int | None = None


@dataclass(frozen=True)
class Estimate:
    """What a plan expects; measured on a sample of rows, so near and not exact.

    Attributes
    ----------
    tasks, tasks_standing
        Tasks in all, and those that are finished already.
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
    images
        Of images; None where no row of the samples has one.
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
    images: ImageEstimate | None = None


@dataclass(frozen=True)
class SourceView:
    """A source of a plan.

    Attributes
    ----------
    name
        Its name.
    files, bytes
        Its files, and their size.
    tasks, tasks_finished
        Its reads, and those whose blocks are in the working store.
    bad_files
        Files that are skipped because they cannot be read, with the reason.
    left_out
        What its folders and globs hold and is not read: by reason.
    """

    name: str
    files: int
    bytes: int
    tasks: int
    tasks_finished: int
    bad_files: Mapping[str, str]
    left_out: Mapping[str, LeftOut]


@dataclass(frozen=True)
class Standing:
    """What an earlier run left where a plan's output goes.

    Attributes
    ----------
    place
        The output, as the user calls it.
    run
        `complete`; `begun`: of this run, not complete; `told_otherwise`: complete, but `octomed.json` says
        something else of it; `other`: another run.
    what
        In what another run differs.
    shards, bytes
        Shards of this run that stand, and their size.
    command
        What writes this run in place of another.
    """

    place: str
    run: Literal["complete", "begun", "told_otherwise", "other"]
    what: str = ""
    shards: int = 0
    bytes: int = 0
    command: str = ""


@dataclass(frozen=True)
class PlanView:
    """A plan to look at.

    Attributes
    ----------
    sources
        Its sources.
    model, tokenizer
        Its model, and how that tokenizes.
    estimate
        What it expects.
    standing
        What is at its output; None where nothing is.
    targets
        Addresses and paths that files are put to besides a local output.
    """

    sources: tuple[SourceView, ...]
    model: str
    tokenizer: str
    estimate: Estimate
    standing: Standing | None = None
    targets: tuple[str, ...] = ()


def plan_lines(view: PlanView) -> Iterator[str]:
    """Yield what `octomed plan` shows: figures from a sample are marked with `about`."""
    estimate = view.estimate
    for source in view.sources:
        size = units.bytes_of(source.bytes)
        tasks = f"{units.count(source.tasks)} tasks, {units.count(source.tasks_finished)} finished"
        yield f"source `{source.name}`: {units.count(source.files)} files, {size}, {tasks}"
        yield from unread_lines(source.bad_files, source.left_out)
    yield f"model     {view.model}, tokenizer: {view.tokenizer}"
    yield f"rows      about {units.count(estimate.rows)}, traces about {units.count(estimate.traces)}"
    yield f"tokens    about {units.count(estimate.tokens)}"
    if estimate.images is not None:
        yield from _image_lines(estimate.images)
    yield f"tasks     {units.count(estimate.tasks)}, of which {units.count(estimate.tasks_standing)} finished"
    store, output = units.bytes_of(estimate.store_bytes), units.bytes_of(estimate.output_bytes)
    free = units.bytes_of(estimate.free_bytes)
    yield f"disk      about {store} for the store, {output} for the output; {free} free"
    yield f"time      about {units.seconds(estimate.seconds)}"
    if view.standing is not None:
        yield from _standing_lines(view.standing, estimate)
    if view.targets and (view.standing is None or view.standing.run != "complete"):
        left = max(0, estimate.output_bytes - (view.standing.bytes if view.standing is not None else 0))
        targets = ", ".join(f"`{shown(one)}`" for one in view.targets)
        yield f"upload    about {units.bytes_of(left)}, to {targets}"


def _standing_lines(standing: Standing, estimate: Estimate) -> Iterator[str]:
    """Yield what stands of an earlier run, and what is made again."""
    place = f"output    `{shown(standing.place)}`"
    shards = f"{units.count(standing.shards)} shards, {units.bytes_of(standing.bytes)}"
    if standing.run == "complete":
        yield f"{place} holds this run, complete: nothing is written"
    elif standing.run == "told_otherwise":
        yield f"{place} holds this run's {shards}: they stand, and the run file is written again"
    elif standing.run == "begun":
        yield f"{place} holds {shards} of this run: they stand, and the others are written"
    else:
        tasks = f"{units.count(estimate.tasks_standing)} of {units.count(estimate.tasks)} tasks"
        yield f"{place} holds another run: {standing.what}"
        yield f"  stands  {tasks} in the working store: their rows are not read again"
        size = units.bytes_of(estimate.output_bytes)
        yield f"  again   all shards and tables, about {size}: each shard mixes traces of all sources"
        yield f"  how     `{standing.command}` deletes that run's files; another `output.path` keeps them"


def _image_lines(images: ImageEstimate) -> Iterator[str]:
    about = "" if images.exact else "about "
    runs = "" if images.run_bytes is None else f", read {units.bytes_of(images.run_bytes)} at a time"
    shown = f"shown {about}{units.count(images.traces)} times"
    yield f"images    {about}{units.count(images.images)}, {shown}{runs}"
    sizes = ", ".join(f"{choice} {units.bytes_of(size)}" for choice, size in images.stores.items())
    if sizes:
        yield f"  stored  about {sizes} (`images.store`, `images.codec`)"
    for packed in images.packed:
        size = f"{about}{units.bytes_of(packed.bytes)} in packs"
        work = f"{about}{units.count(packed.patches)} patches for the vision tower an epoch"
        yield f"  packed  {size}, {work} (`pack.traces_per_image: {packed.traces_per_image}`)"
