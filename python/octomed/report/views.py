"""What `inspect`, `rejects` and `verify` show, as plain values: whoever looks fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.names import shown

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from octomed.run_file import SourceCounts
    from octomed.storage import Mode


@dataclass(frozen=True)
class ImageView:
    """An image that a trace shows.

    Attributes
    ----------
    place
        Where the row has it; of a pack which of its images it is.
    hash
        Of its bytes as they came: what provenance calls it.
    height, width
        As its source has it, upright; of a pack as it is stored.
    grid
        Patches along height and width.
    tokens
        That stand for it.
    format
        Of the stored file, by its content.
    bytes
        Of the stored file.
    at
        The first of its tokens, counted from the trace's; None of a row, whose traces may differ.
    data
        The stored file.
    """

    place: str
    hash: int
    height: int
    width: int
    grid: tuple[int, int]
    tokens: int
    format: str
    bytes: int
    at: int | None = None
    data: builtins.bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class TraceView:
    """A trace to look at.

    Attributes
    ----------
    place
        Source, file, row and sample it comes from.
    verdict
        ``kept``, or why it is rejected. Of a recipe's row this is what the row itself decides, and the
        capacity: which of two duplicates stays is decided by the run.
    token_ids
        Its ids.
    token_texts
        The bytes of each token; a character may be cut between two.
    loss_spans
        Supervised tokens, half-open, counted from the trace's first token.
    trace_id
        Its id, where a run gave it one.
    at
        Where it lies in the output: stream, pack, document and offset.
    capacity
        Tokens that a pack of the recipe holds; ``None`` for a trace of a run.
    may_be_duplicate
        Whether a run has yet to look for an earlier trace of the same text.
    images
        The images that it shows, in the order of their placeholders; of a row in the row's own.
    answer
        What became of its answer, where a recipe's `curate` measures responses.
    measures
        What was measured of its response, by name: counts, and shares between 0 and 1.
    """

    place: str
    verdict: str
    token_ids: tuple[int, ...]
    token_texts: tuple[bytes, ...]
    loss_spans: tuple[tuple[int, int], ...]
    trace_id: int | None = None
    at: str | None = None
    capacity: int | None = None
    may_be_duplicate: bool = False
    images: tuple[ImageView, ...] = ()
    answer: str | None = None
    measures: dict[str, float] = field(default_factory=dict)

    @property
    def supervised(self) -> int:
        """Tokens that carry loss."""
        return sum(end - begin for begin, end in self.loss_spans)


@dataclass(frozen=True)
class StepTrace:
    """A trace that a step learned from.

    Attributes
    ----------
    rank
        Which rank had it.
    trace_id
        Its id.
    source, file, row, sample
        Where it is from.
    stream, pack, document, length
        Where it lies in the packed run, and its tokens.
    run
        Folder or address of that.
    images
        The images that it shows, in the order of their placeholders.
    """

    rank: int
    trace_id: int
    source: str
    file: str
    row: int
    sample: int
    stream: str
    pack: int
    document: int
    length: int
    run: str
    images: tuple[ImageView, ...] = ()


@dataclass(frozen=True)
class StepView:
    """A step to look at.

    Attributes
    ----------
    step
        Its number, from 1.
    loss
        Its mean loss, where it was logged.
    data
        Folder or address of the packed run; the first of several.
    traces
        What it learned from, rank by rank.
    mode
        Who may read what is written of it: the fewest of those who may read one of the runs.
    """

    step: int
    loss: float | None
    data: str
    traces: tuple[StepTrace, ...]
    mode: Mode = "umask"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Attributes
    ----------
    file
        Path relative to the run's folder.
    what
        What is wrong with it.
    missing
        Whether it is not there, so that there is nothing to delete before it is written again.
    """

    file: str
    what: str
    missing: bool = False


@dataclass(frozen=True)
class Repaired:
    """What a repair did.

    Attributes
    ----------
    rebuilt
        Files that were made again, by path relative to the run's folder; each has the digest that it had.
    removed
        What Streaming had unpacked of damaged shards.
    left
        What is still not as it should be, and why.
    blocks_scanned
        Blocks that the working store had lost, and that were made again from the sources.
    notes
        What did not read of the working store.
    """

    rebuilt: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    left: tuple[Finding, ...] = ()
    blocks_scanned: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """What was checked, and what was found.

    Attributes
    ----------
    files
        Files of the manifest that were compared with it; 0 where no manifest says which there are.
    shards, packs, traces, tokens
        Read and checked. Where only names and sizes were compared, the shards among the files, and None for
        what is in them, which nobody counted.
    findings
        Empty when all is well.
    rebuild
        The command that writes again what is missing.
    quick
        Whether only names and sizes were compared.
    has_digests
        Whether the run says the digest of each of its files.
    images
        Distinct images that were decoded; None where none was asked for.
    not_covered
        What lies in the folder and was not checked, as no digest of it is kept.
    left_out
        What a published copy of a run does not have.
    repaired
        What was made again before; None where nobody asked for that.
    """

    files: int
    shards: int
    packs: int | None
    traces: int | None
    tokens: int | None
    findings: tuple[Finding, ...]
    rebuild: str
    quick: bool = False
    has_digests: bool = True
    not_covered: tuple[str, ...] = ()
    images: int | None = None
    left_out: tuple[str, ...] = ()
    repaired: Repaired | None = None


@dataclass(frozen=True)
class StreamView:
    """A stream to look at: what is in it, how full its packs are, and percentiles of its traces' lengths."""

    packs: int
    traces: int
    tokens: int
    shards: int
    fill: float
    lengths: dict[str, int]


@dataclass(frozen=True)
class RunView:
    """A run to look at.

    Attributes
    ----------
    folder, name
        The output, and the name in its recipe.
    capacity
        Tokens that a pack holds.
    packs, traces, tokens, supervised_tokens
        Packed.
    fill
        Share of the packs' capacity that holds tokens.
    streams
        By name: packs, traces, tokens, shards, fill, and percentiles of the traces' lengths.
    lengths
        Percentiles of the lengths of all packed traces, in tokens.
    rows, rows_refused, rejected
        Rows read, and by reason the rows and traces that were left out.
    sources
        By name: rows, traces, tokens and what was left out; empty for a run of an earlier version.
    """

    folder: str
    name: str
    capacity: int
    packs: int
    traces: int
    tokens: int
    supervised_tokens: int
    fill: float
    streams: dict[str, StreamView]
    lengths: dict[str, int]
    rows: int
    rows_refused: dict[str, int]
    rejected: dict[str, int]
    sources: dict[str, SourceCounts]


@dataclass(frozen=True)
class Reject:
    """A row or a trace that did not get in.

    Attributes
    ----------
    source, file, row
        Where it is from; rows count from 0.
    sample
        Which response of the row; ``None`` for the whole row.
    reason, detail
        Why: never a value of the row.
    images
        Hashes of the images that a trace shows; the detail of a row names the image that it is refused for.
    """

    source: str
    file: str
    row: int
    sample: int | None
    reason: str
    detail: str
    images: Sequence[int] = ()

    @property
    def place(self) -> str:
        """Where it is from, in words."""
        whole = f"{self.source}/{shown(self.file)} row {self.row}"
        return whole if self.sample is None else f"{whole} sample {self.sample}"
