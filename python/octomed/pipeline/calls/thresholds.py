"""Whether blocks that stand have all that thresholds let pass; sources of which nothing is accepted."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from octomed import _octomed
from octomed.errors import DataError
from octomed.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from octomed.pipeline.calls.scanners import ScannerSpec
    from octomed.pipeline.calls.specs import TaskSpec
    from octomed.pipeline.inputs.scanned import ScannedTask
    from octomed.store_files import BlockHeader


def stands(headers: Iterable[BlockHeader], scanner: ScannerSpec) -> bool:
    """Tell whether blocks have all that a scanner's thresholds let pass: equal or looser ones made them.

    What looser ones let pass beyond that is left out by the selection.
    """
    asked = json.dumps(scanner.limits) if scanner.limits else ""
    held = {header.limits for header in headers}
    return all(_octomed.limits_allow(one, asked) for one in held if one)


def scanned_again(spec: TaskSpec) -> str:
    """Return what to say of a task whose blocks were made with stricter thresholds."""
    source = shown(spec.task.file.source)
    return (
        f"thresholds of `curate` for source `{source}` are looser than those of its last scan: scanned again"
    )


def refuse_without_gold(scanned: Sequence[ScannedTask], specs: Sequence[TaskSpec]) -> None:
    """Refuse a source whose responses are to be compared with a right answer that no row has.

    Raises
    ------
    DataError
        Naming the source.
    """
    traces: Counter[str] = Counter()
    without: Counter[str] = Counter()
    for done in scanned:
        for header in () if done.bad else done.headers:
            traces[header.source] += header.traces
            without[header.source] += header.answers.get("no_gold", 0)
    for source in dict.fromkeys(spec.task.file.source for spec in specs if _compares(spec.scanner)):
        if traces[source] and traces[source] == without[source]:
            key = f"sources.{source}"
            raise DataError(
                f"no row of source `{source}` has a right answer: none of its responses can be accepted",
                f"name the column: `{key}.format` takes `answer: …`; or accept them as they are: "
                f"`{key}.curate.accept: off`, in the source or in its group",
            )


def _compares(scanner: ScannerSpec) -> bool:
    accept = (scanner.curation or {}).get("accept")
    return accept is not None and accept["answer"] == "match"
