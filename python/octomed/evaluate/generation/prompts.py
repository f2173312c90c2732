"""Prompts as the batches that training makes of packs: ids, positions, images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from octomed.evaluate.generation.pictures import Pictures
    from octomed.evaluate.generation.requests import Request
    from octomed.stream.collator import Collator


def same_prompts(requests: Iterable[Request]) -> list[list[Request]]:
    """Put requests of equal prompts together, in the order of the first of each.

    Examples
    --------
    >>> from octomed.evaluate.generation import Request
    >>> asked = [Request(key, ids, max_tokens=2) for key, ids in (("a", (1, 2)), ("b", (3,)), ("c", (1, 2)))]
    >>> [[one.key for one in group] for group in same_prompts(asked)]
    [['a', 'c'], ['b']]
    """
    groups: dict[Any, list[Request]] = {}
    for one in requests:
        ids = np.asarray(one.prompt_ids, np.int64).tobytes()
        shown = tuple(image if isinstance(image, bytes) else image.tobytes() for image in one.images)
        groups.setdefault((ids, shown), []).append(one)
    return list(groups.values())


def batch_of(prompts: Sequence[Request], collator: Collator, pictures: Pictures | None) -> dict[str, Any]:
    """Make the batch of prompts that stand one after another, each a document of one pack.

    Parameters
    ----------
    prompts
        Of them.
    collator
        Of the model.
    pictures
        How it takes images, if it does.

    Raises
    ------
    DataError
        When an image does not decode.
    """
    pack: dict[str, Any] = {
        "input_ids": np.concatenate([np.asarray(one.prompt_ids, np.uint32) for one in prompts]),
        "lengths": np.array([len(one.prompt_ids) for one in prompts], np.uint32),
        "loss_spans": np.empty((0, 2), np.uint32),
        "trace_ids": np.arange(len(prompts), dtype=np.uint64),
    }
    if pictures is not None:
        pack |= pictures.columns(prompts)
    return collator([pack])
