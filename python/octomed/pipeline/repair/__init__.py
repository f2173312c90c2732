"""Damaged files of a finished run are made again, byte for byte."""
