"""The tokenizer of an exported model: texts of responses, what ends them, what ends their reasoning."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from octomed.errors import RecipeError
from octomed.pipeline.models.model import Template, find_model
from octomed.pipeline.models.model_files import json_object
from octomed.pipeline.models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

OPENING, CLOSING = "<think>", "</think>"
EXIT = f"\n{CLOSING}\n\n"
"""What stands where a reasoning is ended by force: as training has it between reasoning and answer."""
_ENDS = ("<|im_end|>", "<|eot_id|>")
_TAIL = 16
"""Tokens of a prompt's end in which an opening may stand; a token may be as short as a byte."""


@dataclass(frozen=True)
class Vocabulary:
    """A model's tokenizer.

    Attributes
    ----------
    tokenizer
        Of the model's folder.
    stops
        Tokens that end a response.
    exit
        Tokens that end a reasoning by force.
    """

    tokenizer: Tokenizer
    stops: frozenset[int]
    exit: tuple[int, ...]

    @classmethod
    def of(cls, folder: Path, stops: Sequence[int] | None = None) -> Vocabulary:
        """Read a model's folder.

        A response ends by what the model's configuration, that of its generation and its tokenizer call the
        end of a sequence, as far as these are special tokens, and by the ends of turns of ChatML and Llama.

        Parameters
        ----------
        folder
            Of the model.
        stops
            Tokens that end a response, instead of those that are found.

        Raises
        ------
        RecipeError
            When there is no tokenizer, or nothing ends a response.
        """
        resolved = find_model(str(folder), Template("", "none"), base=Path.cwd())
        tokenizer = Tokenizer(resolved.tokenizer())
        found = frozenset(_ends(folder, tokenizer) if stops is None else stops)
        if not found:
            raise RecipeError(
                f"nothing in `{folder}` says which token ends a response",
                "give `eos_token_id` in its `generation_config.json`",
            )
        return cls(tokenizer, found, tuple(tokenizer.encode(EXIT).tolist()))

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of a response's tokens; an id that the tokenizer lacks is a U+FFFD.

        A model's embedding may have more entries than its tokenizer has tokens.
        """
        parts = itertools.groupby(ids, key=self.tokenizer.vocabulary_size.__gt__)
        return "".join(
            self.tokenizer.decode(np.fromiter(part, np.uint32))
            if is_known
            else "\N{REPLACEMENT CHARACTER}" * len(list(part))
            for is_known, part in parts
        )

    def is_reasoning(self, prompt: Sequence[int] | NDArray[np.integer[Any]], response: Sequence[int]) -> bool:
        """Return whether a response is in the middle of its reasoning: it was opened, and is not closed."""
        text = self.text(response)
        opened = text.lstrip().startswith(OPENING) or self._opens(prompt)
        return opened and CLOSING not in text

    def _opens(self, prompt: Sequence[int] | NDArray[np.integer[Any]]) -> bool:
        return self.text(np.asarray(prompt)[-_TAIL:].tolist()).rstrip().endswith(OPENING)


def _ends(folder: Path, tokenizer: Tokenizer) -> Iterator[int]:
    special = tokenizer.special_tokens
    configuration = json_object(folder / "config.json")
    sources = (
        json_object(folder / "generation_config.json"),
        configuration,
        configuration.get("text_config"),
    )
    for values in sources:
        found: Any = values.get("eos_token_id") if isinstance(values, dict) else None
        for token in found if isinstance(found, list) else [found]:
            if token in special.values():  # configurations of small models carry ends of other tokenizers
                yield token
    for name in (*_ENDS, _named(json_object(folder / "tokenizer_config.json").get("eos_token"))):
        if name in special:
            yield special[name]


def _named(token: object) -> str:
    value = token.get("content") if isinstance(token, dict) else token
    return str(value)
