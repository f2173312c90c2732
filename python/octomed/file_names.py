"""Names of the files of an output and of a working store, each once."""

from __future__ import annotations

import re

RUN_FILE = "octomed.json"
"""Written last: an output with this file is complete."""

REPAIR = ".octomed-repair"
"""Folder of an output in which a repair makes files, before it puts them in their places."""

REPORT = "report.html"
CARD = "README.md"
PAGES = (REPORT, CARD)
"""Pages beside a run's files; the card's owner may change it."""
"""The pages beside a run's files, of which no digest is kept."""

VALIDATION = "validation"
"""The stream of what is kept out of training."""
FILES_OF_STREAM = r"index\.json|shard\.\d{5,}\.mds(?:\.(?:zstd|br|gz|bz2|snappy))?"
STREAM_FOLDERS = rf"(?:len-\d+|{VALIDATION})"
FILES_OF_TABLES = {
    "provenance": rf"{STREAM_FOLDERS}-\d{{5,}}\.parquet",
    "rejects": r"[^/]+\.parquet",
    "reports": r"(?:(?:shared_images|near_duplicates|identifying|contaminated|near_pictures)\.parquet"
    r"|decontamination\.json)",
}
UNREACHABLE = ".unreachable"
"""Ending of the note that an image of a block did not come from the web."""

_OURS = re.compile(
    rf"octomed\.json|{STREAM_FOLDERS}/(?:{FILES_OF_STREAM})|"
    + "|".join(f"{folder}/{names}" for folder, names in FILES_OF_TABLES.items())
)


def is_name_of_run(name: str) -> bool:
    """Tell whether a run gives such a name, relative to its output folder, to a file."""
    return _OURS.fullmatch(name) is not None


def task_folder(key: str) -> str:
    """Return the name of the folder of a task's blocks in a store."""
    return f"blocks/{key}"
