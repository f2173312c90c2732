"""Parquet and Arrow files, read in a process of their own.

A flipped bit in such a file can end the process that reads it: Arrow's libraries abort on values that they do
not know, and read where a file's own numbers point. So the files are opened by a child (`child.py`), which
hands over batches; when it dies, the file is bad and the run continues.

`table.py` is the side of the run, `helper.py` the process and its pipes, `slots.py` the memory that both see;
`parquet_file.py` and `arrow_file.py` are what the child compares before it believes a number.
"""

from __future__ import annotations

from octomed.foreign.broken import BrokenFileError
from octomed.foreign.helper import end_idle, start
from octomed.foreign.table import ForeignTable

__all__ = ["BrokenFileError", "ForeignTable", "end_idle", "start"]
