"""The closing summary of a run: counts whose sums agree, and where the time went."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from octomed.commands import as_argument, in_python, shell_words
from octomed.filter_record import FilterCost
from octomed.names import printable, printable_line, shown
from octomed.report import units
from octomed.report.left_out import not_read
from octomed.report.losses import emptied_classes, large_losses, makes_unreadable, reasons_in_words
from octomed.run_file import LeftOut, StoreTraffic, StreamEntry, Uploaded, accounts_of
from octomed.strict_json import plain, read_as
from octomed.urls import join, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from octomed.run_file import ClassCount, RunFile

_NOT_SHOWN = frozenset({"from_python", "tolerated"})
_WORTH_SAYING = 0.05
"""Seconds that are not `0.0 s`."""
_MOST_CLASSES = 20
"""Classes of questions that are shown."""
_DERIVED = ("sums_agree", "fill", "gap", "warnings", "next_command")


def _tolerated(recipe: dict[str, Any]) -> dict[str, float]:
    """Return the share of unreadable rows that a recipe tolerates of each source, where it says so."""
    sources = recipe.get("sources")
    listed = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    shares = {str(one.get("name")): one.get("max_unreadable") for one in listed}
    return {name: float(share) for name, share in shares.items() if isinstance(share, int | float)}


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did.

    Attributes
    ----------
    output : str
        The output folder.
    rows, rows_unreadable, rows_without_trace, rows_with_traces : int
        Rows read, and what became of them.
    traces, train : int
        Traces made of the rows, and those packed to train on.
    classes : tuple of ClassCount
        What became of each class of questions, where they were drawn by class.
    validation, copies : int
        Traces packed to validate on, and copies of traces beyond the first, which are not among the traces.
    rejected : dict of str to int
        Traces left out, by reason.
    tokens, supervised_tokens : int
        In the packs.
    straddling_tokens : int
        Tokens that lie partly inside a supervised span, and so are not supervised.
    packs, lower_bound_packs, capacity : int
        Packs written, the fewest that the lengths allow, and the tokens a pack holds.
    bytes_in, bytes_text, bytes_store, bytes_out : int
        Of the input files, of the rendered text, in the working store, and of the shards.
    shards, shards_written : int
        Shards of the run, and those that this call wrote.
    streams : dict
        Packs, traces, tokens and shards of each MDS stream.
    blocks_scanned, blocks_reused : int
        Blocks that this call scanned, and those that stood.
    rows_without_pictures : int
        Rows packed as text alone, because the recipe leaves their pictures out.
    rows_with_images : int
        Rows of which an image was read, refused ones included.
    images, image_bytes : int
        Images in the working store, each once a block, and their bytes.
    images_shared : int or None
        Images that several sources show, or several files; None where nobody asked.
    near_duplicates, near_clusters : int or None
        Traces near to one that stays, and clusters of such; None where nobody asked.
    rows_refused : dict of str to int
        Unreadable rows and rows without a trace, by reason.
    sources : dict
        Rows, traces and what became of them, by source.
    tolerated : dict of str to float
        Share of unreadable rows that the recipe tolerates, by source.
    from_python : bool
        Whether what comes next is named as a call.
    files_skipped : dict of str to str
        Files left out by `on_bad_file: skip`, with the reason.
    files_left_out : dict
        What the sources' folders and globs hold and was not read: by source and reason.
    notes : list of str
        What is worth a look about the inputs.
    seconds : dict of str to float
        By stage.
    workers : int
        Threads.
    tokenizer : str
        Which path made the token ids.
    already_done : bool
        Whether nothing had to be done.
    uploads : dict or None
        Where files were put besides, how many and how many bytes, how many stood there already, and how many
        seconds workers waited for that; None of a run that went to a folder alone.
    traffic : dict
        What was asked of stores, by their addresses: requests, those made again, bytes, and seconds between
        attempts.
    filters : dict
        Of each filter of the user's own its version, and of the blocks that this call scanned: traces that it
        looked at, those that it left out, and seconds in its function.
    """

    output: str
    rows: int
    rows_unreadable: int
    rows_without_trace: int
    rows_with_traces: int
    traces: int
    train: int
    rejected: dict[str, int]
    tokens: int
    supervised_tokens: int
    straddling_tokens: int
    packs: int
    lower_bound_packs: int
    capacity: int
    bytes_in: int
    bytes_text: int
    bytes_store: int
    bytes_out: int
    shards: int
    shards_written: int
    streams: dict[str, dict[str, Any]]
    blocks_scanned: int
    blocks_reused: int
    seconds: dict[str, float]
    workers: int
    tokenizer: str
    already_done: bool
    files_skipped: dict[str, str] = field(default_factory=dict)
    files_left_out: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows_refused: dict[str, int] = field(default_factory=dict)
    rows_without_pictures: int = 0
    rows_with_images: int = 0
    images: int = 0
    image_bytes: int = 0
    images_shared: int | None = None
    near_duplicates: int | None = None
    near_clusters: int | None = None
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    tolerated: dict[str, float] = field(default_factory=dict)
    from_python: bool = False
    validation: int = 0
    copies: int = 0
    classes: tuple[ClassCount, ...] = ()
    uploads: dict[str, Any] | None = None
    traffic: dict[str, dict[str, Any]] = field(default_factory=dict)
    filters: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_run_file(cls, found: RunFile, *, output: str, already_done: bool) -> Summary:
        """Read the summary out of a run's `octomed.json`.

        Parameters
        ----------
        found : RunFile
            What the file says.
        output : str
            The folder, as the user calls it.
        already_done : bool
            Whether this call found the run finished.
        """
        counts, run = found.counts, found.run
        return cls(
            output=output,
            rows=counts.rows,
            rows_unreadable=counts.rows_unreadable,
            rows_without_trace=counts.rows_without_trace,
            rows_with_traces=counts.rows_with_traces,
            traces=counts.traces,
            train=counts.train,
            tokens=counts.tokens,
            supervised_tokens=counts.supervised_tokens,
            rejected={reason: number for reason, number in counts.rejected.items() if number},
            straddling_tokens=counts.straddling,
            packs=counts.packs,
            lower_bound_packs=counts.packs_lower_bound,
            capacity=counts.capacity,
            bytes_in=run.bytes_in,
            bytes_text=counts.bytes_text,
            bytes_store=run.bytes_store,
            bytes_out=counts.bytes_out,
            shards=found.shards,
            shards_written=0 if already_done else run.shards_written,
            streams={name: _shown(stream) for name, stream in found.streams.items()},
            blocks_scanned=0 if already_done else run.blocks_scanned,
            blocks_reused=run.blocks_reused + (run.blocks_scanned if already_done else 0),
            seconds={} if already_done else run.seconds,
            workers=run.workers,
            tokenizer=found.tokenizer.path,
            already_done=already_done,
            files_skipped=counts.files_skipped,
            files_left_out=plain(counts.files_left_out),
            notes=[*run.notes, *run.made_again, *counts.notes],
            validation=counts.validation,
            copies=counts.copies,
            classes=counts.classes,
            rows_without_pictures=counts.rows_without_pictures,
            rows_with_images=counts.rows_with_images,
            images=counts.images,
            image_bytes=counts.image_bytes,
            images_shared=counts.images_shared,
            near_duplicates=counts.near_duplicates,
            near_clusters=counts.near_clusters,
            rows_refused=counts.rows_refused or {},
            sources=plain(counts.sources),
            tolerated=_tolerated(found.recipe),
            from_python=in_python(),
            uploads=None if already_done or run.uploads is None else plain(run.uploads),
            traffic={} if already_done else plain(run.traffic),
            filters=_filters(found, already_done=already_done),
        )

    @property
    def sums_agree(self) -> bool:
        """Whether every row and every trace is accounted for."""
        rows = self.rows_unreadable + self.rows_without_trace + self.rows_with_traces
        traces = self.train + self.validation + sum(self.rejected.values())
        return rows == self.rows and traces == self.traces

    @property
    def fill(self) -> float:
        """Share of the packs' capacity that holds tokens."""
        return self.tokens / (self.packs * self.capacity) if self.packs else 0.0

    @property
    def gap(self) -> int:
        """Packs above the lower bound."""
        return self.packs - self.lower_bound_packs

    @property
    def total_seconds(self) -> float:
        """All stages together."""
        return sum(self.seconds.values())

    @property
    def warnings(self) -> list[str]:
        """Large losses and classes of which nothing is left, each with the key to look at."""
        losses = large_losses(
            self.sources, capacity=self.capacity, tolerated=self.tolerated, filters=self.filters
        )
        return [*losses, *emptied_classes(self.classes)]

    @property
    def next_command(self) -> str:
        """What to type next."""
        if self.from_python:
            return f"octomed.verify({self.folder!r})"
        return shell_words(["octomed", "verify", as_argument(self.folder)])

    @property
    def folder(self) -> str:
        """The output folder, from the working directory where it lies below that; or its address."""
        if scheme_of(self.output) is not None:
            return self.output
        inside = Path(self.output).is_relative_to(Path.cwd())
        return str(Path(self.output).relative_to(Path.cwd())) if inside else self.output

    def values(self) -> dict[str, Any]:
        """Return everything as plain values."""
        derived = {name: getattr(self, name) for name in _DERIVED}
        return {name: value for name, value in asdict(self).items() if name not in _NOT_SHOWN} | derived

    def to_json(self) -> str:
        """Return one JSON object on one line."""
        return json.dumps(self.values(), ensure_ascii=False)

    def lines(self) -> list[tuple[str, str]]:
        """Return what is shown: a label and a value each."""
        return [*self._lines_in(), *self._lines_out(), *self._lines_work()]

    def _safe_lines(self) -> list[tuple[str, str]]:
        return [(printable_line(label), printable_line(value)) for label, value in self.lines()]

    def plain(self) -> str:
        """Return the summary as text."""
        width = max(len(label) for label, _ in self._safe_lines())
        rows = [f"  {label.ljust(width)}  {value}" for label, value in self._safe_lines()]
        return "\n".join([self._title(), *rows, f"next: {self.next_command}"])

    def __str__(self) -> str:
        """Return the summary as text, with its warnings."""
        warnings = (f"warning: {printable_line(warning)}" for warning in self.warnings)
        return "\n".join([self.plain(), *warnings])

    def show(self, console: Console) -> None:
        """Print the summary: a table on a terminal, text elsewhere."""
        if not console.is_terminal:
            console.print(Text(printable(self.plain())), soft_wrap=True)
            return
        table = Table(
            title=Text(printable(self._title())),
            title_justify="left",
            show_header=False,
            box=None,
            padding=(0, 2),
        )
        table.add_column(style="dim")
        table.add_column()
        for label, value in self._safe_lines():
            table.add_row(Text(label), Text(value))
        console.print(table)
        console.print(Text(printable(f"next: `{self.next_command}`")))

    def _title(self) -> str:
        if self.already_done:
            return f"nothing to do: the run in `{shown(self.folder)}` is complete"
        return f"packed {units.count(self.train)} traces into `{shown(self.folder)}`"

    def _lines_in(self) -> list[tuple[str, str]]:
        lines = [("rows read", units.count(self.rows))]
        lines += [("  with traces", units.count(self.rows_with_traces))] if self.rows_with_traces else []
        for label, number, unreadable in (
            ("  without a trace", self.rows_without_trace, False),
            ("  unreadable", self.rows_unreadable, True),
        ):
            lines += [(label, units.count(number))] if number else []
            lines += self._lines_of_reasons(unreadable=unreadable)
        if self.rows_with_images:
            stored = f"{units.count(self.images)} images, {units.bytes_of(self.image_bytes)}"
            lines.append(("  with images", f"{units.count(self.rows_with_images)}: {stored}"))
        if self.images_shared is not None:
            listed = f": `{join(self.folder, 'reports/shared_images.parquet')}`" if self.images_shared else ""
            several = f"{units.count(self.images_shared)} in several sources or files"
            lines.append(("  images shared", f"{several}{listed}"))
        if self.rows_without_pictures:
            left_out = units.count(self.rows_without_pictures)
            lines.append(("  note", f"{left_out} rows without their pictures, as asked"))
        lines += [(f"file skipped: {shown(file)}", reason) for file, reason in self.files_skipped.items()]
        lines += [
            (f"not read of {source}", not_read(reason, read_as(LeftOut, left)))
            for source, reasons in self.files_left_out.items()
            for reason, left in reasons.items()
        ]
        lines += [("note", note) for note in self.notes]
        lines.append(("traces made", units.count(self.traces)))
        lines.append(("  packed", units.count(self.train)))
        lines += [("  for validation", units.count(self.validation))] if self.validation else []
        lines += [
            (f"  rejected: {reason}", units.count(number)) for reason, number in sorted(self.rejected.items())
        ]
        lines += [
            (f"  answers of `{name}`", reasons_in_words(account.answers))
            for name, account in accounts_of(self.sources).items()
            if account.answers
        ]
        if self.rows_unreadable or self.rows_without_trace or self.rejected:
            lines.append(("  which, and why", f"`{join(self.folder, 'rejects')}/*.parquet`"))
        if self.near_duplicates is not None:
            found = f"{units.count(self.near_duplicates)} in {units.count(self.near_clusters or 0)} clusters"
            table = join(self.folder, "reports/near_duplicates.parquet")
            lines.append(("near duplicates", f"{found}: `{table}`" if self.near_clusters else found))
        lines += [(f"class {one.name}", f"{_questions(one)}") for one in self.classes[:_MOST_CLASSES]]
        if len(self.classes) > _MOST_CLASSES:
            lines.append(("classes", f"{units.count(len(self.classes))}, all in `octomed.json`"))
        lines += [("copies packed", f"{units.count(self.copies)} beside these")] if self.copies else []
        return [*lines, ("sums", "agree" if self.sums_agree else "DO NOT AGREE: please report this")]

    def _lines_of_reasons(self, *, unreadable: bool) -> Iterator[tuple[str, str]]:
        """Yield how many rows were refused for each reason, and in which sources where there are several."""
        for reason, number in sorted(self.rows_refused.items()):
            if makes_unreadable(reason) != unreadable:
                continue
            accounts = accounts_of(self.sources)
            counts = {name: one.rows_refused.get(reason, 0) for name, one in accounts.items()}
            where = ", ".join(f"`{name}` {units.count(count)}" for name, count in counts.items() if count)
            several = f" ({where})" if len(self.sources) > 1 else ""
            yield f"    {reason}", f"{units.count(number)}{several}"

    def _lines_out(self) -> list[tuple[str, str]]:
        supervised = self.supervised_tokens / self.tokens if self.tokens else 0.0
        tokens = f"{units.count(self.tokens)}, {units.percent(supervised)} supervised"
        bound = "the lower bound" if self.gap == 0 else f"{units.count(self.gap)} above the lower bound"
        size = f"{units.count(self.packs)} of {units.count(self.capacity)} tokens"
        packs = f"{size}, fill {units.percent(self.fill)}, {bound}"
        streams = ", ".join(
            f"`{name}` {units.count(read_as(StreamEntry, one).packs)}" for name, one in self.streams.items()
        )
        sizes = f"{units.bytes_of(self.bytes_in)} in, {units.bytes_of(self.bytes_store)} store"
        return [
            ("tokens", tokens),
            ("  straddling", f"{units.count(self.straddling_tokens)} on the edge of a span, not supervised"),
            ("packs", packs),
            ("streams", streams),
            ("shards", f"{units.count(self.shards)}, {units.count(self.shards_written)} written now"),
            ("bytes", f"{sizes}, {units.bytes_of(self.bytes_out)} out"),
            *(
                ("uploaded", uploaded_line(read_as(Uploaded, one)))
                for one in (self.uploads,)
                if one is not None
            ),
            *(
                (f"store {shown(root)}", traffic_line(read_as(StoreTraffic, one)))
                for root, one in self.traffic.items()
            ),
            ("tokenizer", self.tokenizer),
        ]

    def _filter_line(self, name: str, cost: dict[str, Any]) -> str:
        """Say what a filter left out of the run, and what its function cost."""
        left_out = (
            f"version {shown(cost['version'])}, left out {units.count(self.rejected.get(name, 0))} traces"
        )
        if not cost["traces"]:
            return f"{left_out}; not called, for no block was scanned"
        scan = self.seconds.get("scan", 0.0) * self.workers
        share = f", {units.percent(cost['seconds'] / scan)} of the scan" if scan else ""
        calls = f"{units.seconds(cost['seconds'])} in its function{share}"
        return f"{left_out}; {calls} for {units.count(cost['traces'])} traces"

    def _lines_work(self) -> list[tuple[str, str]]:
        blocks = f"{units.count(self.blocks_scanned)} scanned, {units.count(self.blocks_reused)} reused"
        filters = [(f"filter {name}", self._filter_line(name, one)) for name, one in self.filters.items()]
        if not self.seconds:
            return [("blocks", blocks), *filters]
        stages = ", ".join(f"{name} {units.seconds(spent)}" for name, spent in self.seconds.items())
        speed = units.rate(self.traces / self.total_seconds) if self.total_seconds else "0"
        workers = f"{self.workers} worker" + ("" if self.workers == 1 else "s")
        return [
            ("blocks", blocks),
            *filters,
            ("time", f"{units.seconds(self.total_seconds)} ({stages}) with {workers}: {speed} traces/s"),
        ]


def _filters(found: RunFile, *, already_done: bool) -> dict[str, dict[str, Any]]:
    """Return what each filter of the user's own is, and what it did in the scan of this call."""
    costs = {} if already_done else found.run.filters
    return {
        one.name: {"version": one.version, **plain(costs.get(one.name, FilterCost()))}
        for one in found.filters
    }


def uploaded_line(done: Uploaded) -> str:
    """Return what was put elsewhere, in words."""
    stood = f", {units.count(done.skipped)} stood there" if done.skipped else ""
    waited = f"; workers waited {units.seconds(done.waited)}" if done.waited >= _WORTH_SAYING else ""
    places = ", ".join(f"`{shown(target)}`" for target in done.targets)
    return f"{units.count(done.files)} files, {units.bytes_of(done.bytes)}, to {places}{stood}{waited}"


def traffic_line(asked: StoreTraffic) -> str:
    """Return what was asked of a store, in words."""
    again = f", {units.count(asked.retries)} of them again" if asked.retries else ""
    waited = f"; {units.seconds(asked.seconds_waited)} between attempts" if asked.retries else ""
    moved = f"{units.bytes_of(asked.bytes_read)} read, {units.bytes_of(asked.bytes_written)} written"
    return f"{units.count(asked.requests)} requests{again}, {moved}{waited}"


def _questions(count: ClassCount) -> str:
    numbers = (("read", count.read), ("accepted", count.accepted), ("drawn", count.drawn))
    return "questions " + ", ".join(f"{what} {units.count(number)}" for what, number in numbers)


def _shown(stream: StreamEntry) -> dict[str, Any]:
    """Return what the summary says of a stream."""
    return {name: value for name, value in sorted(plain(stream).items()) if name != "index"}
