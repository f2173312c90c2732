"""Traces decoded from the packs of a run, where the rows that they were made of are gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.export.trace import ExportedImage, ExportedTrace, Turn
from octomed.pipeline.finished.finished_run import read_run
from octomed.pipeline.finished.run_places import pack_here
from octomed.pipeline.models.model import BUILTIN_TEMPLATES, resolve_model
from octomed.run_file import VALIDATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from octomed.export.places import FileTraces
    from octomed.run_file import RunFile


@dataclass(frozen=True)
class _Marks:
    """Control tokens by which a template says who speaks."""

    begin: str
    end_of_role: str
    """A control token, or a text."""
    end: str


_QWEN = _Marks("<|im_start|>", "\n", "<|im_end|>")
_LLAMA = _Marks("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_IMAGE = ("<|vision_start|>", "<|vision_end|>")


def traces_in_packs(folder: Path, wanted: Sequence[FileTraces]) -> Iterator[ExportedTrace]:
    """Yield traces as the tokenizer decodes them, in the order of their packs.

    Parameters
    ----------
    folder
        The output of ``octomed pack``.
    wanted
        Which traces.

    Raises
    ------
    RecipeError
        When the tokenizer is not the run's, or its template marks no turns that are known here.
    DataError, StorageError
        When a pack is damaged, or missing.
    """
    run = read_run(folder)
    decoder = _Decoder(run)
    entries = np.concatenate([found.entries for found in wanted])
    of = np.repeat(np.arange(len(wanted)), [len(found.entries) for found in wanted])
    order = np.lexsort((entries["document"], entries["pack"], entries["stream"]))
    content: Any = None
    read: tuple[int, int] | None = None
    streams = wanted[0].streams
    for at in order:
        entry, found = entries[at], wanted[of[at]]
        stream, pack = int(entry["stream"]), int(entry["pack"])
        if read != (stream, pack):
            with pack_here(folder, streams[stream], pack):
                content = _octomed.read_pack(str(folder / streams[stream]), pack)
            read = (stream, pack)
        turns, images = decoder.document(content, int(entry["document"]))
        yield ExportedTrace(
            trace_id=int(entry["trace_id"]),
            source=found.source,
            file=found.file,
            row=int(entry["row"]),
            sample=int(entry["sample"]),
            turns=turns,
            images=images,
            copies=int(entry["copies"]),
            is_validation=streams[stream] == VALIDATION,
        )


class _Decoder:
    """Takes apart what a template wrote."""

    def __init__(self, run: RunFile) -> None:
        base = Path(run.run.recipe_folder or "")
        self.tokenizer = resolve_model(run.run.model, BUILTIN_TEMPLATES[0], base=base).tokenizer()
        if self.tokenizer.content_hash != run.tokenizer.content_hash:
            raise RecipeError(
                f"the tokenizer of `{run.run.model}` is not the one that packed this run",
                "its ids cannot be decoded: put the old tokenizer back",
            )
        ids = dict(self.tokenizer.special_tokens())
        known = [marks for marks in (_QWEN, _LLAMA) if marks.begin in ids and marks.end in ids]
        if not known:
            raise RecipeError(
                "the model's template marks no turns as Qwen's or Llama 3's do: packs cannot be taken apart",
                "put the sources back, of which the traces were made",
            )
        self.begin, self.end = ids[known[0].begin], ids[known[0].end]
        self.end_of_role = ids.get(known[0].end_of_role)
        # No id is negative: of a vocabulary without images none is found.
        self.image: tuple[int, ...] = tuple(ids.get(name, -1) for name in _IMAGE)

    def document(self, content: Any, number: int) -> tuple[tuple[Turn, ...], tuple[ExportedImage, ...]]:  # noqa: ANN401 a pack as the engine reads it
        """Return the turns and images of a document of a pack."""
        offset = sum(content.lengths[:number])
        ids = list(content.input_ids[offset : offset + content.lengths[number]])
        learned = [begin - offset for begin, _ in content.loss_spans if begin >= offset]
        images = self._images(content, offset, ids)
        shown = 0
        turns = []
        for begin, end in self._turns(ids):
            role, pieces = self._turn(ids[begin:end], shown)
            shown += sum(isinstance(piece, int) for piece in pieces)
            turns.append(Turn(role, pieces, any(begin <= at <= end for at in learned)))
        return tuple(turns), images

    def _turns(self, ids: list[int]) -> Iterator[tuple[int, int]]:
        """Yield where each turn begins behind its first token, and where its last one stands."""
        at = 0
        while self.begin in ids[at:]:
            begin = ids.index(self.begin, at) + 1
            end = ids.index(self.end, begin) if self.end in ids[begin:] else len(ids)
            yield begin, end
            at = end

    def _turn(self, ids: list[int], shown: int) -> tuple[str, tuple[str | int, ...]]:
        """Return who speaks, and the texts and images of the turn; images count from `shown`."""
        role = ""
        if self.end_of_role in ids:
            at = ids.index(self.end_of_role)
            role, ids = self._text(ids[:at]), ids[at + 1 :]
        pieces = list(self._pieces(ids, shown))
        first = pieces[0] if pieces and isinstance(pieces[0], str) else ""
        if role:
            rest = first.removeprefix("\n\n")
        else:
            role, _, rest = first.partition("\n")
        pieces[:1] = [rest] if rest else []
        return role, tuple(pieces)

    def _pieces(self, ids: list[int], shown: int) -> Iterator[str | int]:
        at = 0
        while self.image[0] in ids[at:]:
            begin = ids.index(self.image[0], at)
            if begin > at:
                yield self._text(ids[at:begin])
            yield shown
            shown += 1
            at = ids.index(self.image[1], begin) + 1
        if at < len(ids):
            yield self._text(ids[at:])

    def _images(self, content: Any, offset: int, ids: list[int]) -> tuple[ExportedImage, ...]:  # noqa: ANN401 as above
        """Return the images of a document, one for each placeholder."""
        if not content.images:
            return ()
        before = list(content.input_ids[:offset]).count(self.image[0])
        refs = content.image_refs[before : before + ids.count(self.image[0])]
        return tuple(_image(content.images[ref]) for ref in refs)

    def _text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(pa.array(ids, pa.uint32())).decode("utf-8", "replace")


def _image(data: bytes) -> ExportedImage:
    key = _octomed.image_content_hash(np.frombuffer(data, np.uint8))
    return ExportedImage(f"{key:016x}", "", data)
