"""Licences as the header of a dataset card names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_KNOWN = """
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0
    cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
    cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0
    cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license
    ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 gemma gfdl gpl gpl-2.0 gpl-3.0 isc lgpl lgpl-2.1
    lgpl-3.0 lgpl-lr llama2 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail openrail++
    osl-3.0 pddl postgresql unlicense wtfpl zlib
"""
KNOWN = frozenset(_KNOWN.split())
"""Names that the Hub has (its documentation, "Licenses"); it refuses a card that has another one."""


def license_fields(named: Iterable[str | None]) -> dict[str, Any]:
    """Return what the header of a card says of the licences of a run's sources.

    Parameters
    ----------
    named
        The licence of each source, as its recipe has it; None where it has none.

    Returns
    -------
    dict
        `license`, one name or several, and `license_name` where one is none that the Hub knows. Nothing where
        no source has one: nobody else can say what may be done with its rows.

    Examples
    --------
    >>> license_fields(["MIT", "cc-by-4.0", "mit"])
    {'license': ['mit', 'cc-by-4.0']}
    >>> license_fields(["PhysioNet Credentialed Health Data License 1.5.0", None])
    {'license': ['other', 'unknown'], 'license_name': 'physionet-credentialed-health-data-license-1.5.0'}
    >>> license_fields([None])
    {}
    """
    listed = list(named)
    if not any(listed):
        return {}
    names, others = [], []
    for one in dict.fromkeys(listed):
        name = (one or "unknown").strip().lower()
        if one and name not in KNOWN:
            others.append("-".join(name.split()))
            name = "other"
        names.append(name)
    distinct = list(dict.fromkeys(names))
    fields: dict[str, Any] = {"license": distinct[0] if len(distinct) == 1 else distinct}
    return {**fields, "license_name": ", ".join(dict.fromkeys(others))} if others else fields
