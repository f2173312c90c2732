"""The state files of a repaired run: its manifest, and `octomed.json` after all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.pipeline.output.manifest_file import MANIFEST, NAME, ManifestFile
from octomed.run_file import FORMAT, RUN_FILE, run_file_bytes
from octomed.state import as_written
from octomed.strict_json import plain

if TYPE_CHECKING:
    from octomed.pipeline.repair.damage import Damage
    from octomed.pipeline.repair.passes import Rebuilt
    from octomed.pipeline.repair.staging import Staging
    from octomed.run_file import RunFile


def put_state_files(damage: Damage, staging: Staging, made: Rebuilt) -> None:
    """Write the state files that were damaged; the others stay as they are.

    Parameters
    ----------
    damage, staging
        Of the repair, whose other files are in their places.
    made
        What the passes came to.
    """
    if damage.run is None:
        digest = damage.place.digest(NAME)
        run = replace(made.run, run=replace(made.run.run, manifest=digest))
        _put_run_file(damage, staging, run)
    elif damage.manifest is None:
        _put_manifest(damage, damage.run, staging, made)


def _put_manifest(damage: Damage, run: RunFile, staging: Staging, made: Rebuilt) -> None:
    """Write the manifest as a run writes it that nothing interrupted.

    Where that is not what the run file was written with, the run file gets its digest.
    """
    manifest = made.manifest
    about = replace(manifest.about, inputs=None)
    stored = ManifestFile(manifest.key, dict(manifest.shards), dict(manifest.files), made.shards, about)
    data = as_written(MANIFEST.signed(plain(stored)))
    damage.place.write(NAME, data, staging.mode)
    staging.rebuilt.append(NAME)
    digest = _octomed.digest(data)
    if digest != run.run.manifest:
        streams = {
            name: replace(entry, index=made.run.streams[name].index) for name, entry in run.streams.items()
        }
        _put_run_file(
            damage,
            staging,
            replace(run, format=FORMAT, streams=streams, run=replace(run.run, manifest=digest)),
        )


def _put_run_file(damage: Damage, staging: Staging, run: RunFile) -> None:
    damage.place.write(RUN_FILE, run_file_bytes(run), staging.mode)
    staging.rebuilt.append(RUN_FILE)
