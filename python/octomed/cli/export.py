"""`octomed export`: curated traces for other trainers."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octomed.cli.options import AsJson, RunPath
from octomed.cli.signals import stop_by_signals
from octomed.cli.terminal import log, out
from octomed.errors import RecipeError

if TYPE_CHECKING:
    from octomed.export.formats import Layout
    from octomed.export.traces import Said
    from octomed.export.writing import Exported


class Format(str, Enum):
    """Whose rows are written."""

    MESSAGES = "messages"
    SHAREGPT = "sharegpt"
    LLAMA_FACTORY = "llama-factory"
    MS_SWIFT = "ms-swift"
    AXOLOTL = "axolotl"
    TRL = "trl"


class FileType(str, Enum):
    """What rows are written as."""

    JSONL = "jsonl"
    PARQUET = "parquet"


class Images(str, Enum):
    """Where images are."""

    FILES = "files"
    EMBEDDED = "embedded"


class From(str, Enum):
    """What texts are read from."""

    SOURCES = "sources"
    PACKS = "packs"


def command(  # noqa: PLR0913, PLR0917 each is an option of the verb
    run: RunPath,
    target: Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help="Folder to write.")],
    row_format: Annotated[
        Format, typer.Option("--format", "-f", help="Whose rows.", show_default=False)
    ] = Format.MESSAGES,
    file_type: Annotated[
        FileType, typer.Option("--file-type", help="JSON Lines or Parquet.")
    ] = FileType.JSONL,
    images: Annotated[
        Images, typer.Option("--images", help="Images as files beside the rows, or inside them.")
    ] = Images.FILES,
    texts_from: Annotated[
        From, typer.Option("--from", help="Read the rows again, or decode the packed tokens.")
    ] = From.SOURCES,
    copies: Annotated[
        bool, typer.Option("--copies", help="Write a trace as often as `mix` packed it.")
    ] = False,
    identifying: Annotated[
        bool, typer.Option("--include-identifying", help="Write rows flagged for identifying data, too.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an export that is there.")] = False,
    json_output: AsJson = False,
) -> None:
    """Write a run's curated traces for another trainer: messages, ShareGPT and others.

    Each packed trace is written once, in source order, with the text that its row has after curation and
    masks; what was packed for validation goes into a file of its own. Rows of files that are gone or changed
    are decoded from the packs, which is said. Rows that were flagged for identifying data are left out unless
    `--include-identifying` is given. The folder appears when it is whole.

    \b
    Examples:
      octomed export runs/quickstart --format llama-factory --output exported
      octomed export runs/quickstart --format trl --file-type parquet --images embedded -o exported-trl
    """
    from octomed.export.formats import Layout
    from octomed.export.traces import Said, traces_of
    from octomed.export.writing import refuse_existing, write_export
    from octomed.pipeline.finished.finished_run import read_run
    from octomed.pipeline.finished.run_places import run_folder

    stop_by_signals()
    folder = run_folder(run)
    has_images = bool(read_run(folder).counts.images)
    layout = Layout(row_format.value, file_type.value, images.value, has_images)
    _refuse_what_nobody_reads(layout)
    refuse_existing(target, force=force)
    said = Said()
    traces = traces_of(folder, from_packs=texts_from == From.PACKS, identifying=identifying, said=said)
    exported = write_export(folder, traces, target, layout, copies=copies, force=force)
    if json_output:
        out(json.dumps(_values(target, layout, exported, said), ensure_ascii=False))
        return
    for line in _notes(exported, said):
        log(f"note: {line}")
    rows = ", ".join(f"{number:,} rows for {name}" for name, number in exported.rows.items()) or "no rows"
    pictures = f", {exported.images:,} images" if exported.images else ""
    log(f"`{target}` is written: {rows}{pictures}")


def _refuse_what_nobody_reads(layout: Layout) -> None:
    embedded_text = layout.images == "embedded" and layout.file_type == "jsonl" and layout.has_images
    if embedded_text and layout.format in {"llama-factory", "sharegpt", "trl"}:
        raise RecipeError(
            f"JSON Lines of `{layout.format}` cannot hold images: its loader takes paths there",
            "`--file-type parquet` embeds them, `--images files` writes them beside the rows",
        )


def _notes(exported: Exported, said: Said) -> list[str]:
    notes = [
        f"{number:,} traces of `{source}/{file}` are as the tokenizer decodes their packs"
        for (source, file), number in said.from_packs.items()
    ]
    if said.hidden:
        notes.append(f"{said.hidden:,} traces of rows flagged for identifying data are left out")
    notes += [f"{number:,} traces are left out: {why}" for why, number in exported.left_out.items()]
    if exported.masks_lost:
        notes.append(
            f"{exported.masks_lost:,} traces have turns of the assistant that are not learned here, "
            "which this format cannot say: `ms-swift` and `axolotl` can"
        )
    return notes


def _values(target: Path, layout: Layout, exported: Exported, said: Said) -> dict[str, object]:
    return {
        "output": str(target),
        "format": layout.format,
        "rows": dict(exported.rows),
        "images": exported.images,
        "left_out": dict(exported.left_out) | ({"identifying": said.hidden} if said.hidden else {}),
        "masks_lost": exported.masks_lost,
        "from_packs": {f"{source}/{file}": number for (source, file), number in said.from_packs.items()},
    }
