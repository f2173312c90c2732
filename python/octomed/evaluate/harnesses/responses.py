"""A response as the extractors of other harnesses read it: without reasoning, its answer in two forms."""

from __future__ import annotations

from octomed.answers import split


def response_for_harness(response: str, label: str | None) -> str:
    """Return a response without its reasoning, with two lines that other harnesses find the answer by.

    `The answer is (C).` is what lm-eval's tasks look for, `ANSWER: C` what inspect's do; VLMEvalKit,
    MedEvalKit and lmms-eval find either, where nothing else stands behind it.

    Parameters
    ----------
    response : str
        With its reasoning.
    label : str or None
        Of the option that `octomed.answers.extract` finds in it; None, where it finds none, adds no line:
        what abstains shall not be made an answer.

    Examples
    --------
    >>> response_for_harness("<think>A or C?</think>I cannot tell.", None)
    'I cannot tell.'
    """
    parts = split(response)
    said = parts.answer.strip() if parts.is_closed else ""
    lines = [said] if said else []
    if label is not None:
        lines += [f"The answer is ({label}).", f"ANSWER: {label}"]
    return "\n".join(lines)
