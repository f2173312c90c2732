"""`python -m octomed`: the command line."""

from __future__ import annotations

from octomed.cli import main

main()
