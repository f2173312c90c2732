"""The shards of a finished run's stream: sizes, digests, offsets, and every pack in them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import OctomedError
from octomed.pipeline.output.manifest_file import unpacked_name
from octomed.report.views import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.run_file import RunFile


def check_stream(
    folder: Path, name: str, run: RunFile, workers: int, findings: list[Finding]
) -> tuple[list[_octomed.ShardCheck], bool]:
    """Return what was read of the shards, and whether that is all of them."""
    stream = folder / name
    pipes = [path for path in sorted(stream.glob("*")) if path.exists() and not _is_plain(path)]
    if pipes:  # to open one is to wait for a writer without end
        findings += [Finding(f"{name}/{path.name}", "it is not a file") for path in pipes]
        return [], False
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
    vocabulary, capacity, images = run.tokenizer.vocabulary_size, run.capacity, _image_rules(run)
    numbers = [number for number in range(len(written)) if number not in broken]

    def check(number: int) -> _octomed.ShardCheck | None:
        try:
            return _octomed.check_shard(str(stream), number, vocabulary, capacity, images)
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
            Finding(f"{name}/{written[number]}", f"pack {row}: {what}") for row, what in result.faults
        ]
    return [result for _, result in checks], len(checks) == len(written)


def decode_stream(
    stream: Path, decoding: _octomed.ImageDecoding, workers: int, findings: list[Finding]
) -> int:
    """Decode the images of a stream's shards, each that was not decoded before; return how many.

    Parameters
    ----------
    stream
        Folder of the stream, which was checked before: a shard that cannot be read is named already.
    decoding, workers, findings
        Of the verification.
    """
    try:
        written = [file for file, _ in _octomed.MdsReader(str(stream)).shards]
    except OctomedError:
        return 0

    def decode(number: int) -> int:
        try:
            images, faults = decoding.shard(str(stream), number)
        except OctomedError:
            return 0
        findings.extend(
            Finding(f"{stream.name}/{written[number]}", f"pack {row}: {what}") for row, what in faults
        )
        return images

    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(decode, range(len(written))))


def _image_rules(run: RunFile) -> tuple[int, int] | None:
    """Return the token of images and the patches along a side of one; nothing for a run of text."""
    vision = run.vision
    return None if vision is None else (vision.image_token_id, vision.merge_size)


def _is_plain(path: Path) -> bool:
    return path.is_file() or path.is_dir()


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
