"""Row formats of rows that are asked: a question is read of them, and no response."""

from __future__ import annotations

from typing import Any

from octomed.recipe.presets import gives_traces, load_preset, preset_names

STUDENT = "Qwen/Qwen2.5-VL-7B-Instruct"
"""Whose chat template and tokenizer tell whether a sample could be learned, where the recipe names none."""


def with_response(row_format: Any) -> Any:  # noqa: ANN401 any YAML value
    """Return a row format as one of traces: rows that are asked need no response, and none is read."""
    mapping = {"preset": row_format} if isinstance(row_format, str) else row_format
    if not isinstance(mapping, dict) or mapping.keys() & {"response", "responses", "messages"}:
        return row_format
    name = mapping.get("preset")
    if name in preset_names() and gives_traces(load_preset(name)):
        return row_format
    asks = name in preset_names() or "question" in mapping
    return {**mapping, "response": "response"} if asks else row_format
