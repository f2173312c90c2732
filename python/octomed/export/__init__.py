"""Curated traces of a run, in the formats of other trainers."""
