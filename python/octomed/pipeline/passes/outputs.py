"""Where a run's output goes: a local folder, and the targets that its files are put to from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from octomed.aside import aside, held_aside
from octomed.leftovers import clear_output
from octomed.names import shown
from octomed.pipeline.output.claims import claim
from octomed.pipeline.output.output_folder import is_finished, refuse_foreign_files
from octomed.pipeline.output.staging import clear_staging
from octomed.pipeline.output.targets import FolderStore, Target, target_at
from octomed.pipeline.passes.closing import says_the_same
from octomed.state import NotThere, there
from octomed.storage import make_folder
from octomed.store import LocalStore

if TYPE_CHECKING:
    import contextlib

    from octomed.pipeline.output.open_manifest import Wanted
    from octomed.pipeline.planning.run_spec import RunSpec
    from octomed.run_file import RunFile
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
            As `octomed.pipeline.output.output_folder.refuse_foreign_files` says.
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
            target.lease = locks.enter_context(held_aside(lock))

    @property
    def notes(self) -> list[str]:
        """What is worth saying of the locks: whose was taken over."""
        notes = (getattr(target.lease, "note", None) for target in self.targets)
        return [note for note in notes if note]

    def look(self) -> None:
        """Look at what stands at the targets, and remove what killed runs left in the folder."""
        spec = self.spec
        for target in self.targets:
            if isinstance(target.store, FolderStore):
                clear_output(target.store.folder)
            aside(target.look)
        if self.is_staged:
            clear_staging(spec.output, spec.write_key)
            self.whole = next(filter(self._holds, self.targets), None)
        else:
            clear_output(spec.output)

    @property
    def found(self) -> RunFile | NotThere | Damaged:
        """What the targets say of a run: where this one is whole, of that."""
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

    def lacking(self, run: RunFile) -> list[Target]:
        """Return the targets that do not hold a run whole, which another place does."""
        others = (target for target in self.targets if target is not self.whole)
        return [one for one in others if one.held.run != run or not aside(partial(one.is_whole, run))]

    def claim(self, wanted: Wanted) -> list[str]:
        """Make the targets the run's; return what is to be told of their manifests.

        Raises
        ------
        RecipeError
            When one holds another run that is not to be replaced.
        """
        return [note for target in self.targets if (note := claim(target, wanted)) is not None]

    def close(self) -> None:
        """Remove what a staging folder still holds of a run that is whole elsewhere."""
        if self.is_staged:
            clear_staging(self.spec.output)
