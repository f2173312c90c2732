"""The passes of a run: scan, select, write, and the run from plan to run file."""
