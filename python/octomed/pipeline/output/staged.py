"""The manifest of a run that goes to an address: of what stands at its targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.pipeline.output.manifest import Manifest
from octomed.pipeline.output.manifest_file import load_manifest
from octomed.state import there

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from octomed.pipeline.output.open_manifest import Wanted
    from octomed.pipeline.output.targets import Target


def staged_manifest(folder: Path, wanted: Wanted, targets: Sequence[Target]) -> Manifest:
    """Return the manifest to go on with: of the files that stand at all targets.

    What stands is what a manifest of this run's key notes, the staging folder's or a target's, and every
    target's listing has, of that size.

    Parameters
    ----------
    folder
        The staging folder.
    wanted
        The run.
    targets
        Looked at, and claimed.
    """
    manifest = Manifest(folder, wanted.key, about=wanted.about)
    local = there(load_manifest(folder))
    held = [one for target in targets if (one := there(target.held.manifest)) is not None]
    ours = [one for one in (local, *held) if one is not None and one.key == wanted.key]

    def stands(name: str, size: int, digest: str | None) -> bool:
        return digest is not None and all(target.sizes.get(name) == size for target in targets)

    for found in ours:
        for name, shard in found.shards.items():
            if stands(name, shard.record.bytes, shard.digest):
                manifest.shards[name] = shard
        for name, record in found.files.items():
            if stands(name, record.bytes, record.digest):
                manifest.files[name] = record
    manifest.forgotten = sorted(
        {name for target in targets for name in _lost(target, wanted.key) if name not in manifest.records}
    )
    return manifest


def _lost(target: Target, key: str) -> list[str]:
    """Return the names that a target's own manifest notes and its listing does not have."""
    found = there(target.held.manifest)
    if found is None or found.key != key:
        return []
    return [name for name, record in found.records.items() if target.sizes.get(name) != record.bytes]
