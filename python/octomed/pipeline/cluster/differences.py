"""What a node has that the driver has not, or has otherwise: each an error that names the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping


def refuse_another_program(node: str, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Refuse a node whose program is not the driver's.

    Parameters
    ----------
    node
        What messages call it.
    there, here
        What `octomed.pipeline.cluster.probe.probe` found on the node and on the driver.

    Raises
    ------
    ClusterError
        When the node has no octomed, or another one, or another Python.

    Examples
    --------
    >>> here = {"python": "3.11.4", "octomed": "1", "stages": "1.1"}
    >>> here |= {"code": "a", "processor": "p", "extension": "e"}
    >>> refuse_another_program("b", here, here)
    """
    if "missing" in there:
        raise ClusterError(
            f"node `{node}` cannot load octomed: {there['missing']}",
            f"install {here['octomed']} there, for Python {there['python']}: `pip install '.[ray]'`",
        )
    if _minor(there["python"]) != _minor(here["python"]):
        raise ClusterError(
            f"node `{node}` has Python {there['python']}, and this machine has {here['python']}",
            "start Ray on all nodes from one environment, or one image",
        )
    for what, one, other in _compared(there, here):
        if one != other:
            raise ClusterError(
                f"node `{node}` has {what} {one}, and this machine has {other}",
                f"install the same octomed everywhere; there it is in `{there.get('folder', '?')}`",
            )


def _compared(there: Mapping[str, str], here: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return what must be equal; the extension's bytes are those of a processor."""
    found = [("octomed", there["octomed"], here["octomed"])]
    found.append(("an octomed whose stages are", there["stages"], here["stages"]))
    found.append(("an octomed whose code is", there["code"], here["code"]))
    if there["processor"] == here["processor"]:
        found.append(("an octomed whose extension is", there["extension"], here["extension"]))
    return found


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
