"""Verify: a finished run is what its files say it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octomed import _octomed
from octomed.errors import OctomedError, RecipeError
from octomed.names import shown
from octomed.pipeline.accounts import check_counts, check_rejects, table_names, unreadable
from octomed.pipeline.finding import Finding
from octomed.pipeline.manifest import NAME, RUN_FILE, unpacked_name
from octomed.pipeline.rebuild import rebuild_command
from octomed.recipe.opening import native
from octomed.storage import read_json

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Verified:
    """What was checked, and what was found.

    Attributes
    ----------
    shards, packs, traces, tokens
        Read and checked.
    findings
        Empty when all is well.
    rebuild
        The command that writes again what is missing.
    """

    shards: int
    packs: int
    traces: int
    tokens: int
    findings: tuple[Finding, ...]
    rebuild: str


def read_run(folder: Path) -> dict[str, Any]:
    """Read a finished run's ``octomed.json``.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    """
    run = read_json(folder / RUN_FILE)
    if not isinstance(run, dict):
        begun = read_json(folder / NAME) or {}
        command = begun.get("about", {}).get("command")
        hint = f"`{command}` goes on with it" if command else "`octomed pack RECIPE` makes or resumes one"
        raise RecipeError(f"`{shown(str(folder))}` holds no finished run", hint)
    return run


def verify(folder: Path, *, workers: int = 2) -> Verified:
    """Check every byte of a finished run.

    Sizes, digests and offsets of shards, those that the run wrote and what is unpacked beside them; ids
    against the vocabulary; lengths, spans and capacity of packs; the counts of ``octomed.json`` and
    their sums; that provenance names every trace, once, where it lies; and that what was left out is listed.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    workers
        Threads.

    Raises
    ------
    RecipeError
        When the folder holds no finished run.
    """
    run = read_run(folder)
    findings: list[Finding] = []
    totals = {"shards": 0, "packs": 0, "traces": 0, "tokens": 0}
    for name, expected in run["streams"].items():
        checks, whole = _check_stream(folder, name, run, workers, findings)
        found = {
            "shards": len(checks),
            "packs": sum(check["packs"] for check in checks),
            "traces": sum(len(check["trace_ids"]) for check in checks),
            "tokens": sum(check["tokens"] for check in checks),
        }
        for key, value in found.items():
            totals[key] += value
            if whole and value != expected[key]:
                findings.append(Finding(RUN_FILE, f"stream `{name}` has {value} {key}, not {expected[key]}"))
        findings += _check_provenance(folder, name, run, checks if whole else None)
    strays = {path.parent.name for path in folder.glob("*/index.json")} - set(run["streams"])
    findings += [
        Finding(f"{name}/index.json", "`octomed.json` names no such stream") for name in sorted(strays)
    ]
    findings += check_counts(run) + check_rejects(folder, run)
    return Verified(**totals, findings=tuple(findings), rebuild=rebuild_command(run["run"]))


def _check_stream(
    folder: Path, name: str, run: dict[str, Any], workers: int, findings: list[Finding]
) -> tuple[list[dict[str, Any]], bool]:
    """Return what was read of the shards, and whether that is all of them."""
    stream = folder / name
    try:
        damage = _octomed.mds_verify(str(stream), workers)
        written = [file for file, _ in _octomed.MdsReader(str(stream)).shards]
    except OctomedError as error:
        missing = not (stream / "index.json").exists()
        findings.append(Finding(f"{name}/index.json", error.message, missing=missing))
        return [], False
    findings += _damage_by_file(stream, damage, written)
    broken = {shard for shard, _, _ in damage if shard is not None}
    for number, file in enumerate(written):
        unpacked = unpacked_name(file)
        if unpacked and (stream / unpacked).exists() and not (stream / file).exists():
            broken.add(number)
            what = f"it is missing; what was unpacked of it, `{unpacked}`, is there, and Streaming reads that"
            findings.append(Finding(f"{name}/{file}", what, missing=True))
    vocabulary, capacity = run["tokenizer"]["vocabulary_size"], run["capacity"]
    numbers = [number for number in range(len(written)) if number not in broken]

    def check(number: int) -> dict[str, Any] | None:
        try:
            return _octomed.check_shard(str(stream), number, vocabulary, capacity)
        except OctomedError as error:
            findings.append(Finding(f"{name}/{written[number]}", error.message))
            return None

    with ThreadPoolExecutor(workers) as pool:
        checks = [
            (number, result)
            for number, result in zip(numbers, pool.map(check, numbers), strict=True)
            if result
        ]
    for number, result in checks:
        findings += [
            Finding(f"{name}/{written[number]}", f"pack {row}: {what}") for row, what in result["faults"]
        ]
    return [result for _, result in checks], len(checks) == len(written)


def _damage_by_file(
    stream: Path, damage: list[tuple[int | None, str, str]], written: list[str]
) -> list[Finding]:
    """Name each file once: one that is wrong as a whole is mostly wrong in many places."""
    by_file: dict[str, list[str]] = {}
    for shard, file, what in damage:
        # What was seen unpacked in memory is wrong with the file that the run wrote.
        name = file if shard is None or (stream / file).exists() else written[shard]
        by_file.setdefault(name, []).append(what)
    findings = []
    for file, (first, *more) in by_file.items():
        missing = not (stream / file).exists()
        what = f"{first} (and {len(more)} more of this file)" if more else first
        findings.append(Finding(f"{stream.name}/{file}", "it is missing" if missing else what, missing))
    return findings


def _check_provenance(
    folder: Path, name: str, run: dict[str, Any], checks: list[dict[str, Any]] | None
) -> list[Finding]:
    """Read a stream's provenance, and compare it with its shards, unless some of them could not be read."""
    tables, findings = [], []
    for file in table_names(folder, run, f"provenance/{name}-"):
        try:
            with native(str(folder / file)) as source:
                tables.append(pq.read_table(source, columns=["trace_id", "length", "pack", "document"]))
        except (OSError, pa.ArrowException) as error:
            findings.append(unreadable(file, error))
    if findings or not checks:
        return findings
    if not tables:
        return [Finding("provenance", f"stream `{name}` has none", missing=True)]
    table = pa.concat_tables(tables).sort_by([("pack", "ascending"), ("document", "ascending")])
    for column, key in (("trace_id", "trace_ids"), ("length", "lengths")):
        packed = pa.chunked_array([check[key] for check in checks])
        if len(packed) != table.num_rows or not pc.all(pc.equal(packed, table[column])).as_py():
            what = f"column `{column}` is not what the shards hold"
            return [Finding(f"provenance/{name}-*.parquet", what)]
    return []
