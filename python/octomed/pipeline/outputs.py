"""Where a run's output goes: a local folder, and the targets that its files are put to from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from octomed.leftovers import clear_output
from octomed.names import shown
from octomed.pipeline.aside import aside
from octomed.pipeline.closing import says_the_same
from octomed.pipeline.copies import complete
from octomed.pipeline.open_manifest import Wanted, open_manifest
from octomed.pipeline.output_folder import is_finished, refuse_foreign_files
from octomed.pipeline.staged import claim, clear_staging, staged_manifest
from octomed.pipeline.targets import Target, target_at
from octomed.pipeline.uploads import Uploads
from octomed.run_file import RunFile, Uploaded, load_run_file
from octomed.state import NotThere, there
from octomed.storage import make_folder
from octomed.store import LocalStore

if TYPE_CHECKING:
    import contextlib

    from octomed.pipeline.manifest import Manifest
    from octomed.pipeline.run_spec import RunSpec
    from octomed.report.progress import Progress
    from octomed.state import Damaged


@dataclass
class Outputs:
    """The places of a run's output.

    Attributes
    ----------
    spec
        The run. Its folder is the output itself, or a staging folder where that is at an address.
    targets
        What each file is put to from there.
    whole
        The target that holds this run whole, if one does.
    """

    spec: RunSpec
    targets: list[Target] = field(default_factory=list)
    whole: Target | None = None

    @classmethod
    def of(cls, spec: RunSpec) -> Outputs:
        """Return the places of a run; none is asked anything yet.

        Raises
        ------
        RecipeError
            When nothing can be written to one of them.
        """
        return cls(spec, [target_at(location, spec.output_mode) for location in spec.targets])

    @property
    def is_staged(self) -> bool:
        """Whether the folder holds files only until they are uploaded."""
        return self.spec.is_staged

    def refuse_foreign_files(self) -> None:
        """Refuse places that hold what no run wrote; nothing is written to look.

        Raises
        ------
        RecipeError, StorageError
            As `octomed.pipeline.output_folder.refuse_foreign_files` says.
        """
        spec = self.spec
        if not self.is_staged:
            refuse_foreign_files(spec.output, store=spec.store)
        for target in self.targets:
            aside(target.refuse_foreign_files)

    def lock(self, locks: contextlib.ExitStack) -> None:
        """Hold all places against other runs.

        Raises
        ------
        RecipeError
            When another run holds one.
        """
        spec = self.spec
        make_folder(spec.output, spec.output_mode)
        busy = f"another run is writing to `{shown(spec.place)}`"
        locks.enter_context(LocalStore(spec.output, spec.output_mode).lock(exclusive=True, busy=busy))
        for target in self.targets:
            busy = f"another run is writing to `{shown(target.location)}`"
            lock = target.store.lock(exclusive=True, busy=busy)
            aside(partial(locks.enter_context, lock))

    def look(self) -> RunFile | NotThere | Damaged:
        """Look at what stands, and return what is said there of a run: where this one is whole, of that."""
        spec = self.spec
        for target in self.targets:
            aside(target.look)
        if not self.is_staged:
            clear_output(spec.output)
            return load_run_file(spec.output)
        clear_staging(spec.output, spec.write_key)
        self.whole = next(filter(self._holds, self.targets), None)
        found = [target.held.run for target in ([self.whole] if self.whole else self.targets)]
        return next((one for one in found if not isinstance(one, NotThere)), found[0])

    def _holds(self, target: Target) -> bool:
        run = there(target.held.run)
        return run is not None and says_the_same(run, self.spec) and aside(partial(target.is_whole, run))

    def is_finished(self, run: RunFile) -> bool:
        """Tell whether this run is whole in its folder, or at a target."""
        if self.is_staged:
            return self.whole is not None
        return says_the_same(run, self.spec) and is_finished(self.spec.output, run)

    def complete(self, run: RunFile, progress: Progress, workers: int, *, replace: bool) -> Uploaded | None:
        """Put a run that is whole in one place to those where it is not.

        Returns
        -------
        Uploaded or None
            What was put; None where every place had all of it.
        """
        others = [
            target
            for target in self.targets
            if target is not self.whole
            and not (target.held.run == run and aside(partial(target.is_whole, run)))
        ]
        uploaded = None
        if others:
            for target in others:
                claim(target, self._wanted(replace=replace))
            uploaded = complete(self.spec.output, self.whole, others, progress, workers)
        if self.is_staged:
            clear_staging(self.spec.output)
        return uploaded

    def manifest(self, run: RunFile | None, *, replace: bool) -> Manifest:
        """Return the manifest to go on with.

        Raises
        ------
        RecipeError
            When a place holds another run that is not to be replaced.
        """
        spec, wanted = self.spec, self._wanted(replace=replace)
        notes = [note for target in self.targets if (note := claim(target, wanted)) is not None]
        if self.is_staged:
            manifest = staged_manifest(spec.output, wanted, self.targets)
            manifest.damaged = next(iter(notes), None)
        else:
            manifest = open_manifest(spec.output, wanted, run)
        manifest.give_mode(spec.output_mode)
        if self.targets:
            manifest.uploads = Uploads(spec.output, self.targets, keeps=not self.is_staged)
        return manifest

    def _wanted(self, *, replace: bool) -> Wanted:
        spec = self.spec
        return Wanted(spec.write_key, spec.about, replace, spec.replacing)

    def close(self) -> None:
        """Remove what a staging folder still holds of a run that is whole elsewhere."""
        if self.is_staged:
            clear_staging(self.spec.output)
