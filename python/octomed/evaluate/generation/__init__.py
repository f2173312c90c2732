"""Answers of a model in a folder, generated here: no server, any number of requests at a time.

>>> from octomed.evaluate.generation import Request
>>> Request("q1", prompt_ids=(9, 7), max_tokens=8).temperature
0.6
"""

from octomed.evaluate.generation.generator import Generator
from octomed.evaluate.generation.requests import Generated, Request

__all__ = ["Generated", "Generator", "Request"]
