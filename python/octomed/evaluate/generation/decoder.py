"""The forward passes of a model in a folder: prompts, and the next tokens of running responses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from octomed.errors import RecipeError
from octomed.evaluate.generation import slots as kept
from octomed.evaluate.generation.pictures import Pictures
from octomed.evaluate.generation.prompts import batch_of
from octomed.stream.collator import Collator
from octomed.stream.tower_tables import TowerTables
from octomed.train.build import build_model, read_configuration, text_configuration
from octomed.train.network import PackedNetwork, decoder
from octomed.train.tower import unrounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PretrainedConfig, PreTrainedModel

    from octomed.evaluate.generation.requests import Request

_CPU_ROOM = 2**30


@dataclass(frozen=True)
class FirstLogits:
    """What prompts give.

    Attributes
    ----------
    values
        Logits of the first token of each response, [responses, vocabulary].
    positions
        Of the first token of each prompt's responses, as the model counts.
    """

    values: torch.Tensor
    positions: list[int]


class Decoder:
    """A language model that generates.

    Parameters
    ----------
    folder
        Of the model.
    model
        Made by `octomed.train.build.build_model`; its attention is changed here.
    pictures
        How it takes images, if it does.
    """

    def __init__(self, folder: Path, model: PreTrainedModel, pictures: Pictures | None) -> None:
        kept.register()
        self.folder = folder
        self._model: Any = model
        self._model.train(mode=False)
        self._model.requires_grad_(requires_grad=False)
        self._network = PackedNetwork(self._model, vision=None if pictures is None else pictures.vision)
        self._text = text_configuration(model.config)
        self._text._attn_implementation = kept.NAME  # noqa: SLF001 where transformers looks it up
        self.pictures = pictures
        self._rows = 1 if pictures is None else 4
        self._collator = _collator(model.config, pictures)
        self.longest = int(self._text.max_position_embeddings)
        self.entries = int(self._text.vocab_size)

    @classmethod
    def of(
        cls,
        folder: Path | str,
        *,
        vision: object = None,
        device: str | torch.device | None = None,
        dtype: str | None = None,
    ) -> Decoder:
        """Read a folder; as `Generator`.

        Raises
        ------
        RecipeError
            When it holds no model that can be read.
        """
        place = Path(folder).expanduser()
        if not (place / "config.json").is_file():
            raise RecipeError(f"`{place}` has no `config.json`", "name a folder that a training exported")
        configuration = read_configuration(str(place))
        _check_attention(configuration, place)
        target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        kind = dtype or ("float32" if target.type == "cpu" else "bfloat16")
        model = build_model(configuration, str(place), dtype=kind)
        model.to(target)  # type: ignore[arg-type]
        return cls(place, model, Pictures.of(place, configuration, vision))

    def slots(self) -> kept.Slots:
        """Return slots for this model, of which there are none yet."""
        heads, width = self._text.num_key_value_heads, self._head_width
        weight = self._model.lm_head.weight
        return kept.Slots(self._text.num_hidden_layers, heads, width, weight.dtype, weight.device)

    def room(self) -> int:
        """Return how many tokens may be kept at a time."""
        weight = self._model.lm_head.weight
        numbers = 2 * self._text.num_hidden_layers * self._text.num_key_value_heads * self._head_width
        free = torch.cuda.mem_get_info(weight.device)[0] // 2 if weight.is_cuda else _CPU_ROOM
        return max(1, int(free // (numbers * weight.element_size())))

    @property
    def _head_width(self) -> int:
        text = self._text
        return int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)

    @torch.inference_mode()
    def prompts(self, slots: kept.Slots, groups: Sequence[Sequence[Request]]) -> FirstLogits:
        """Run prompts, and keep each as often as it has responses.

        Parameters
        ----------
        slots
            With room for them behind those that run.
        groups
            Requests of equal prompts together.

        Raises
        ------
        DataError
            When a prompt's images do not suit it.
        """
        batch = batch_of([group[0] for group in groups], self._collator, self.pictures)
        edges, positions = batch["cu_seqlens"].tolist(), batch["position_ids"].reshape(self._rows, -1)[-3:]
        lengths = [end - begin for begin, end in itertools.pairwise(edges)]
        copies = [len(group) for group in groups]
        device = self._model.lm_head.weight.device
        batch = {name: one.to(device) if torch.is_tensor(one) else one for name, one in batch.items()}
        work = kept.Prompts(slots, lengths, copies)
        hidden = self._hidden(work, self._inputs(batch), batch["position_ids"])[0]
        last = batch["cu_seqlens"][1:].long() - 1
        logits = self._model.lm_head(hidden[last])
        each = torch.arange(len(copies)).repeat_interleave(torch.tensor(copies))
        nexts = [int(one.max()) + 1 for one in positions.split(lengths, dim=1)]
        return FirstLogits(logits[each.to(device)], nexts)

    @torch.inference_mode()
    def step(self, slots: kept.Slots, tokens: Sequence[int], positions: Sequence[int]) -> torch.Tensor:
        """Take the last token of each response, and return the logits of the next, [responses, vocabulary].

        Parameters
        ----------
        slots
            Of the responses that run.
        tokens
            The last of each.
        positions
            Of these, as the model counts.
        """
        device = self._model.lm_head.weight.device
        ids = torch.tensor(tokens, device=device)[:, None]
        places = torch.tensor(positions, device=device)[:, None]
        if self._rows > 1:
            places = places.expand(self._rows, -1, -1)
        hidden = self._hidden(kept.Step.of(slots), {"input_ids": ids}, places)
        logits: torch.Tensor = self._model.lm_head(hidden[:, 0])
        return logits

    def _inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        if not batch.get("image_sizes"):
            return {"input_ids": batch["input_ids"]}
        return self._network.decoder_inputs(unrounded(batch))

    def _hidden(self, work: kept.Work, inputs: Mapping[str, Any], positions: torch.Tensor) -> torch.Tensor:
        found: Any = decoder(self._model)(**inputs, position_ids=positions, use_cache=False, work=work)
        hidden: torch.Tensor = found.last_hidden_state
        return hidden


def _collator(configuration: PretrainedConfig, pictures: Pictures | None) -> Collator:
    """Return what training makes batches of packs with."""
    entries = text_configuration(configuration).vocab_size
    if pictures is None:
        return Collator(positions="text", vocabulary_size=entries)
    tables = TowerTables.of(configuration)
    return Collator(vocabulary_size=entries, vision=pictures.vision, share_images=True, tower_tables=tables)


def _check_attention(configuration: PretrainedConfig, folder: Path) -> None:
    """Refuse layers that attend to the last tokens alone, as transformers would have them do."""
    layers = getattr(text_configuration(configuration), "layer_types", None) or ()
    if any(one != "full_attention" for one in layers):
        raise RecipeError(
            f"layers of `{folder}` attend inside of a sliding window, which is not generated with here",
            "serve the model, and evaluate its endpoint",
        )
