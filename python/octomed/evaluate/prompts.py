"""Prompts as token ids: a question rendered as training renders the turns before a response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.distill.requests import openai_messages
from octomed.errors import DataError
from octomed.recipe.presets import load_preset

if TYPE_CHECKING:
    from octomed.evaluate.items import Item
    from octomed.pipeline.calls.scanners import Text

_RESPONSE = "."
_ANY_SIZE = 1 << 30


class Prompts:
    """Renders questions.

    Parameters
    ----------
    text
        Tokenizer and chat template.
    images
        How the scan of the questions was told to take images; None for a model that takes none.
    """

    def __init__(self, text: Text, images: dict[str, Any] | None) -> None:
        self._mapping = _octomed.Mapping({**load_preset("messages"), "system": None})
        self._scanner = _octomed.Scanner(
            self._mapping, text.template, _octomed.Prompt(), text.tokenizer, supervise="last", images=images
        )

    def ids_of(self, item: Item) -> list[int]:
        """Return the ids of a question, up to where its response begins.

        Parameters
        ----------
        item
            The question; images stand in the ids as many tokens as the model takes each in.

        Raises
        ------
        DataError
            When the chat template refuses the turns.
        """
        messages = openai_messages(item.turns, item.images)["messages"]
        row = {"messages": [*messages, {"role": "assistant", "content": _RESPONSE}]}
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        cutter = _octomed.JsonLinesCutter(0, None, by_offset=False, target=_ANY_SIZE)
        block = next(iter([*cutter.feed(line), *cutter.finish()]))
        found = self._scanner.look(block, 0)
        asked = item.asked
        place = f"{asked.benchmark}/{asked.file} row {asked.row}"
        if found is None or isinstance(found, tuple):
            why = "nothing" if found is None else f"{found[0]}: {found[1]}"
            raise DataError(f"{place} cannot be rendered: {why}")
        _, _, _, ids, spans, _ = found[0]
        if not spans:
            raise DataError(f"{place} cannot be rendered: the chat template gives its response no place")
        return list(ids[: spans[0][0]])
