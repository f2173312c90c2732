"""The run file, `octomed.json`: what a finished run is, and apart from it what depends on machine and time.

Its records are read and written here and nowhere else. Format 2 has digests; a run of format 1 is read with
the defaults of the fields that it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from octomed import file_names
from octomed.errors import RecipeError
from octomed.filter_record import FilterCost, FilterRecord  # noqa: TC001 types of what is read
from octomed.origin import Origin, Versions
from octomed.plain_names import check_basename, check_name
from octomed.state import Damaged, NotThere, StateFile, as_written
from octomed.strict_json import plain, read_as

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from octomed.storage import Mode

RUN_FILE = file_names.RUN_FILE

FORMAT = 2

VALIDATION = file_names.VALIDATION
"""The stream of what is kept out of training."""


@dataclass(frozen=True)
class StreamEntry:
    """A stream of packs.

    Attributes
    ----------
    packs, traces, tokens, raw_bytes, shards
        In it.
    longest_trace
        The upper edge of its bucket.
    index
        Digest of its ``index.json``; format 1 has none.
    """

    packs: int
    traces: int = 0
    tokens: int = 0
    raw_bytes: int = 0
    shards: int = 0
    longest_trace: int = 0
    index: str | None = None


@dataclass(frozen=True)
class SourceCounts:
    """What became of a source's rows and traces: by reason, those that were left out.

    Attributes
    ----------
    near_duplicates, near_clusters
        Traces whose response is near to that of one that stays, and clusters of such; None where nobody
        looked for them.
    train, validation
        Traces that are trained on, and those kept for validation.
    copies
        Copies of traces beyond the first, which are not among the traces.
    """

    rejected: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    rows_refused: dict[str, int] = field(default_factory=dict)
    rows_unreadable: int = 0
    rows_without_trace: int = 0
    supervised_tokens: int = 0
    tokens: int = 0
    traces: int = 0
    train: int = 0
    validation: int = 0
    copies: int = 0
    answers: dict[str, int] = field(default_factory=dict)


def accounts_of(values: Mapping[str, object]) -> dict[str, SourceCounts]:
    """Return the accounts of sources, by name, which the engine and a summary have as plain values."""
    return {name: read_as(SourceCounts, one) for name, one in values.items()}


@dataclass(frozen=True)
class ClassCount:
    """What became of a class of questions (`curate.stratify`).

    Attributes
    ----------
    name
        The right option's text, or the column's value, in small letters.
    read
        Questions of the class.
    accepted
        Of these, the questions with an accepted trace.
    drawn
        Of these, the questions that stay.
    """

    name: str
    read: int
    accepted: int
    drawn: int


@dataclass(frozen=True)
class LeftOut:
    """Files that a source's folders hold and that are not read: how many, and a few names."""

    files: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """Everything that the closing summary counts and that no machine or time changes.

    Attributes
    ----------
    rows_refused
        Rows left out, by reason; ``None`` in a run of an earlier version.
    sources
        By name; none in a run of an earlier version.
    rows_with_images
        Rows of which an image was read, refused ones included.
    images, image_bytes
        Images in the working store, each once a block, and their bytes.
    images_shared
        Images that several sources show, or several files; None where `curate.duplicates.images` is `off`.
    train, validation
        Traces that are trained on, and those kept for validation.
    copies
        Copies of traces beyond the first, which are not among the traces.
    tokens, supervised_tokens
        In all packs, those of validation and of copies too.
    notes
        What the selection has to say besides.
    classes
        Classes of questions, the largest first, where they were drawn by class.
    traces_per_question
        How many questions have so many packed traces, where a rule asked for questions.
    """

    rows: int = 0
    rows_unreadable: int = 0
    rows_without_trace: int = 0
    rows_with_traces: int = 0
    rows_without_pictures: int = 0
    rows_with_images: int = 0
    images: int = 0
    image_bytes: int = 0
    images_shared: int | None = None
    near_duplicates: int | None = None
    near_clusters: int | None = None
    rows_refused: dict[str, int] | None = None
    sources: dict[str, SourceCounts] = field(default_factory=dict)
    traces: int = 0
    train: int = 0
    validation: int = 0
    copies: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    classes: tuple[ClassCount, ...] = ()
    traces_per_question: dict[str, int] = field(default_factory=dict)
    renamed_trace_ids: int = 0
    tokens: int = 0
    supervised_tokens: int = 0
    straddling: int = 0
    packs: int = 0
    packs_lower_bound: int = 0
    capacity: int = 0
    bytes_text: int = 0
    bytes_out: int = 0
    files_skipped: dict[str, str] = field(default_factory=dict)
    files_left_out: dict[str, dict[str, LeftOut]] = field(default_factory=dict)


@dataclass(frozen=True)
class TokenizerFacts:
    """The tokenizer: its content, the way its text took, and one more than its largest id."""

    content_hash: str = ""
    path: str = ""
    vocabulary_size: int = 0


@dataclass(frozen=True)
class Vision:
    """How the images of a run become what its model takes; a run of text alone has none.

    Attributes
    ----------
    family
        Of the model: `qwen2.5-vl`, `qwen3-vl`.
    patch_size, merge_size, temporal_patch_size, mean, std
        Of the family.
    min_pixels, max_pixels
        Of an image, once it is resized.
    image_token_id, vision_start_token_id, vision_end_token_id
        Ids of the tokens for an image.
    store
        `original`, `resized`, or `both` where sources differ.
    codec, alpha, gray16, max_source_pixels
        As the recipe's `images` has them.
    exif
        What became of the orientation.
    resize
        How images are resized.
    """

    family: str
    patch_size: int
    merge_size: int
    temporal_patch_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    min_pixels: int
    max_pixels: int
    image_token_id: int
    vision_start_token_id: int
    vision_end_token_id: int
    store: str = "original"
    codec: str = "webp"
    alpha: str = "drop"
    gray16: str = "reject"
    max_source_pixels: int = 100_000_000
    exif: str = "applied"
    resize: str = ""


@dataclass(frozen=True)
class Planned:
    """What a run was planned from, as a repair needs it whose sources are gone or changed.

    Attributes
    ----------
    tasks
        Content keys of the tasks, by source and path, in the file's order; of one whose rows may have images
        also its key without what is said of these.
    images
        State of the folders that images were looked up in, by source.
    """

    tasks: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Uploaded:
    """What a run put to stores and to other folders.

    Attributes
    ----------
    targets
        Their addresses and paths.
    files, bytes
        What was put, once for each target.
    skipped
        Files that stood everywhere already.
    waited
        Seconds that workers waited, in all, for files to be uploaded before they could write on.
    """

    targets: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    skipped: int = 0
    waited: float = 0.0


@dataclass(frozen=True)
class StoreTraffic:
    """What a run asked of a store.

    Attributes
    ----------
    requests, retries
        Attempts, and those beyond the first of each.
    bytes_read, bytes_written
        Contents of objects.
    seconds_waited
        Pauses before further attempts.
    """

    requests: int = 0
    retries: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    seconds_waited: float = 0.0


@dataclass(frozen=True)
class Making(Origin):
    """How a run was made: the part `run`, which another machine or time changes.

    Attributes
    ----------
    write_key
        Key of all that decides the bytes below the folder.
    inputs
        Size and time of each input, by source and path; ``None`` in a run of an earlier version.
    made_again
        What did not read of the store or the output, and was made again.
    planned
        What it was planned from; ``None`` in a run of an earlier version.
    peak_memory
        Bytes that its process held at most; 0 in a run of an earlier version.
    files
        Names of the files beside the shards; ``None`` in a run of an earlier version.
    left_out
        What a published copy leaves out: `paths`, `rejects`, `reports`, `machine`; nothing of the run itself.
    uploads
        What it put elsewhere; ``None`` of a run that was written to a folder alone.
    traffic
        What it asked of stores, by their addresses, until it wrote this.
    filters
        What filters of the user's own did in its scan, by name.
    manifest
        Digest of the manifest, which has those of all other files; format 1 has none.
    digest
        Of the run file without it; format 1 has none.
    """

    write_key: str | None = None
    inputs: dict[str, dict[str, str]] | None = None
    planned: Planned | None = None
    model: str = ""
    finished: str = ""
    machine: str = ""
    python: str = ""
    pyarrow: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    workers: int = 0
    blocks_scanned: int = 0
    blocks_reused: int = 0
    shards_written: int = 0
    shards_reused: int = 0
    bytes_in: int = 0
    bytes_store: int = 0
    peak_memory: int = 0
    files: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    made_again: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    uploads: Uploaded | None = None
    traffic: dict[str, StoreTraffic] = field(default_factory=dict)
    filters: dict[str, FilterCost] = field(default_factory=dict)
    manifest: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        """Refuse names that lead out of the folder."""
        for name in self.files or ():
            check_name(name)


@dataclass(frozen=True)
class RunFile:
    """A finished run.

    Attributes
    ----------
    recipe
        As written, defaults filled in.
    model
        What `model:` resolved to.
    capacity
        Tokens that a pack holds.
    columns
        Encodings of the shards' columns.
    vision
        How its images are prepared; None of a run of text alone.
    filters
        Filters of the user's own that the scan ended with, in their order.
    """

    streams: dict[str, StreamEntry]
    format: int = 1
    name: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    tokenizer: TokenizerFacts = field(default_factory=TokenizerFacts)
    capacity: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    vision: Vision | None = None
    filters: tuple[FilterRecord, ...] = ()
    counts: Counts = field(default_factory=Counts)
    versions: Versions = field(default_factory=Versions)
    run: Making = field(default_factory=Making)

    def __post_init__(self) -> None:
        """Refuse names that lead out of the folder."""
        for name in self.streams:
            check_basename(name)

    @property
    def shards(self) -> int:
        """Shards of all streams."""
        return sum(stream.shards for stream in self.streams.values())

    @property
    def has_digests(self) -> bool:
        """Whether every file's digest is known."""
        return self.run.manifest is not None

    @property
    def sources(self) -> list[str]:
        """Names of the recipe's sources, in its order."""
        sources = self.recipe.get("sources")
        named = (
            [one.get("name") for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
        )
        return [name for name in named if isinstance(name, str)]


_STATE = StateFile(RunFile, "`octomed pack RECIPE` writes it again", format=FORMAT, part="run")


def load_run_file(folder: Path) -> RunFile | NotThere | Damaged:
    """Read the run file of an output folder.

    Raises
    ------
    RecipeError
        When it is of a newer format.
    StorageError
        When it cannot be read at all.
    """
    return _STATE.load(folder / RUN_FILE)


def read_run_file(data: bytes, file: str) -> RunFile | Damaged:
    """Read the bytes of a run file; arguments and errors are those of `StateFile.read`."""
    return _STATE.read(data, file)


def parse_run_file(data: bytes, file: str) -> RunFile:
    """Return what the bytes of a run file say.

    Parameters
    ----------
    data
        The whole file.
    file
        Its path or address, for messages.

    Raises
    ------
    RecipeError
        When it is of a newer format, or nothing that `octomed pack` writes.
    StorageError
        When it is damaged.
    """
    return usable(_STATE.read(data, file))


def usable(found: RunFile | NotThere | Damaged, hint: str | None = None) -> RunFile:
    """Return a run file that is there and sound; only `octomed pack` can make another one again.

    Raises
    ------
    RecipeError, StorageError
        As `parse_run_file`.
    """
    if isinstance(found, RunFile):
        return found
    if isinstance(found, NotThere):
        raise RecipeError(f"there is no `{found.file}`", hint or _STATE.hint)
    if found.foreign:
        raise RecipeError(f"`{found.file}` is not what `octomed pack` writes", hint or found.hint)
    raise found.error(hint)


def run_file_bytes(run: RunFile) -> bytes:
    """Return the run file of a finished run, as `write_run_file` writes it."""
    return as_written(_STATE.signed(plain(run)))


def write_run_file(folder: Path, run: RunFile, mode: Mode = "umask") -> None:
    """Write the run file of a finished run."""
    _STATE.write(folder / RUN_FILE, run, mode)
