"""Whose a target is: nobody's yet, this run's, or another's, which may be replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import RecipeError
from octomed.file_names import is_name_of_run
from octomed.names import shown
from octomed.pipeline.output.difference import about_run, difference
from octomed.pipeline.output.manifest_file import MISSING, ManifestFile, unpacked_name
from octomed.run_file import RUN_FILE
from octomed.state import Damaged, NotThere, there

if TYPE_CHECKING:
    from octomed.pipeline.output.open_manifest import Wanted
    from octomed.pipeline.output.targets import Target


def claim(target: Target, wanted: Wanted) -> str | None:
    """Make a target the run's: note which files of another run go when this one begins to write.

    Parameters
    ----------
    target
        The target, looked at.
    wanted
        The run that is to be there.

    Returns
    -------
    str or None
        What to tell of its manifest, where that did not read.

    Raises
    ------
    RecipeError
        When it holds another run that is not to be replaced.
    """
    found, run = target.held.manifest, there(target.held.run)
    target.obsolete = ()
    if isinstance(found, NotThere):
        return None
    if isinstance(found, Damaged):
        missing = found.what == MISSING
        if run is not None and run.run.write_key != wanted.key and not wanted.replace:
            why = "is missing" if missing else "cannot be read"
            raise RecipeError(
                f"`{shown(target.location)}` holds another run, and its manifest {why}", wanted.hint
            )
        target.obsolete = tuple(filter(is_name_of_run, target.sizes))
        return f"`{shown(found.file)}` was missing and is made again" if missing else found.note()
    if found.key == wanted.key:
        return None
    held = {name for name in target.sizes if name in names_of(found)}
    if held and not wanted.replace:
        what = difference(about_run(found.key, found.about, run), wanted.about)
        raise RecipeError(f"`{shown(target.location)}` holds a run {what}", wanted.hint)
    target.obsolete = tuple(sorted(held))
    return None


def names_of(manifest: ManifestFile) -> set[str]:
    """Return the names of the files of a run, finished and begun, and of what was unpacked of its shards."""
    names = {RUN_FILE, *manifest.records, *manifest.begun}
    return names | set(filter(None, map(unpacked_name, names)))
