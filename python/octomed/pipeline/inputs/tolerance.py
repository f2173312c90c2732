"""Ends the reading of a file as soon as its unreadable rows pass what is tolerated, whatever follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from octomed.pipeline.inputs.bad_files import hopeless, tolerated
from octomed.pipeline.inputs.scanned import Ahead, ScannedTask

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from octomed.pipeline.inputs.scanned import Tolerance
    from octomed.pipeline.inputs.tasks import Task
    from octomed.store_files import BlockHeader

_ROWS_SOON_READ = 1_000_000
"""A file that may have no more rows than that is read to its end, and its error counts all of them."""


@dataclass
class Watch:
    """Looks at the blocks of a task while it is read."""

    task: Task
    tolerance: Tolerance
    store: Path
    ahead: Ahead
    _headers: list[BlockHeader] = field(default_factory=list)
    _seen: int = 0
    _rows: int = 0
    _unreadable: int = 0

    def look_at(self, blocks: list[Future[tuple[list[BlockHeader], bool]]]) -> None:
        """Raise what a block that is done raised, instead of reading a large file to its end first.

        Raises
        ------
        DataError
            When more rows are unreadable already than are tolerated of all that the file may have. A file
            that is skipped where it is bad is read to its end, for it may turn out to be that.
        """
        while self._seen < len(blocks) and blocks[self._seen].done():
            for header in blocks[self._seen].result()[0]:
                self._headers.append(header)
                self._rows += header.rows
                self._unreadable += header.rows_unreadable
            self._seen += 1
        for later in blocks[self._seen :]:  # no more than the workers have at hand
            if later.done():
                later.result()
        most = self.ahead.most_rows
        if most is None or most - self._rows < _ROWS_SOON_READ or self.tolerance.skips_files:
            return
        if self._unreadable > tolerated(most, self.tolerance.unreadable):
            read = ScannedTask(self.task, tuple(self._headers), 0, 0)
            raise hopeless(read, self.tolerance, self.store, most)
