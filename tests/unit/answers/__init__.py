"""Tests of `octomed.answers`."""
