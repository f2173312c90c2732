"""Benchmarks in the forms of other harnesses, and responses as their extractors read them.

>>> from octomed.evaluate.harnesses import response_for_harness
>>> print(response_for_harness("<think>A fails.</think> So C.", "C"))
So C.
The answer is (C).
ANSWER: C
"""

from octomed.evaluate.harnesses.exporting import Exported, Harness, export_benchmarks
from octomed.evaluate.harnesses.responses import response_for_harness

__all__ = ["Exported", "Harness", "export_benchmarks", "response_for_harness"]
