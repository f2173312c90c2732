"""Packs of a finished run and the documents in them, as the model sees them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from octomed.library.shown import MASKED, facts_html, images_html, text_html
from octomed.report import units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from octomed import _octomed
    from octomed.report.views import ImageView


class Piece(NamedTuple):
    """A stretch of a document: text that is all supervised or all not, or one image.

    Attributes
    ----------
    text : str
        What is written there; of an image `[image 1]`, with its number in the document.
    supervised : bool
        Whether its tokens carry loss.
    image : ImageView or None
        The image that stands there.
    """

    text: str
    supervised: bool
    image: ImageView | None = None


@dataclass(frozen=True, eq=False)
class Document:
    """A trace inside a pack.

    Attributes
    ----------
    trace_id : int
        Of the trace; copies of one have the same.
    source, file, row, sample
        Where it is from; rows count from 0, `sample` is the response of the row.
    stream, pack, number
        Where it lies: the pack's number in its stream, and the document's in the pack.
    offset : int
        Tokens of the pack before it.
    input_ids : ndarray of uint32, shape [tokens]
        Its token ids.
    loss_spans : tuple of (int, int)
        Learned tokens, half-open, counted from its first.
    images : tuple of ImageView
        What it shows, in the order of their placeholders.
    """

    trace_id: int
    source: str
    file: str
    row: int
    sample: int
    stream: str
    pack: int
    number: int
    offset: int
    input_ids: NDArray[np.uint32] = field(repr=False)
    loss_spans: tuple[tuple[int, int], ...] = field(repr=False)
    images: tuple[ImageView, ...] = field(default=(), repr=False)
    _words: Words | None = field(default=None, repr=False)

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return len(self.input_ids)

    @property
    def supervised(self) -> int:
        """How many tokens carry loss."""
        return sum(end - begin for begin, end in self.loss_spans)

    @property
    def loss_mask(self) -> NDArray[np.bool_]:
        """Which tokens carry loss: a bool each, shape [tokens]."""
        mask = np.zeros(self.tokens, np.bool_)
        for begin, end in self.loss_spans:
            mask[begin:end] = True
        return mask

    @property
    def is_flagged(self) -> bool:
        """Whether the run found data in its row that says whom it is about: it is masked where shown."""
        return self._words is not None and self._words.is_flagged((self.source, self.file, self.row))

    @property
    def text(self) -> str:
        """All of it as text, control tokens included; an image is `[image 1]`."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def pieces(self) -> list[Piece]:
        """Its text in stretches that are all supervised or all not, and its images."""
        if self._words is None:
            raise ValueError("a document that was not read from a run has no text")
        return list(self._words.pieces(self))

    def __len__(self) -> int:
        """Return how many tokens it has."""
        return self.tokens

    def _repr_html_(self) -> str:
        """Show its place, its text with what is supervised marked, and its images."""
        facts = facts_html(
            [
                ("trace", self.trace_id),
                ("from", f"{self.source}/{self.file} row {self.row} sample {self.sample}"),
                ("packed", f"{self.stream} pack {self.pack} document {self.number}"),
                ("tokens", f"{units.count(self.tokens)}, {units.count(self.supervised)} supervised"),
            ]
        )
        if self.is_flagged:
            return f"{facts}<p>{MASKED}</p>"
        return (
            facts
            + text_html((piece.text, piece.supervised) for piece in self.pieces)
            + images_html(self.images)
        )


@dataclass(frozen=True)
class Words:
    """What turns ids of a run into text.

    Attributes
    ----------
    tokenizer
        Loads the run's tokenizer, when it is first needed.
    image_token
        Id of the token for images; None of a run of text alone.
    is_flagged
        Tells of a place (source, file, row) whether it is not to be shown.
    """

    tokenizer: Callable[[], _octomed.Tokenizer]
    image_token: int | None
    is_flagged: Callable[[tuple[str, str, int]], bool]

    def pieces(self, document: Document) -> Iterator[Piece]:
        """Yield the stretches of a document."""
        ids, mask = document.input_ids, document.loss_mask
        is_image = np.zeros(len(ids), np.bool_) if self.image_token is None else ids == self.image_token
        changes = (mask[1:] != mask[:-1]) | (is_image[1:] != is_image[:-1])
        edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(ids)] if len(ids) else []
        shown = 0
        for begin, end in itertools.pairwise(edges):
            if is_image[begin]:
                image = document.images[shown] if shown < len(document.images) else None
                shown += 1
                yield Piece(f"[image {shown}]", bool(mask[begin]), image)
            else:
                yield Piece(self._decoded(ids[begin:end]), bool(mask[begin]))

    def _decoded(self, ids: NDArray[np.uint32]) -> str:
        data = self.tokenizer().decode(pa.array(np.ascontiguousarray(ids), pa.uint32()))
        return bytes(data).decode("utf-8", "replace")


@dataclass(frozen=True, eq=False)
class Pack:
    """A pack: documents side by side, up to the run's capacity.

    It is a sequence of its documents.

    Attributes
    ----------
    stream, number
        Where it lies.
    capacity : int
        Tokens that a pack of the run holds.
    documents : tuple of Document
        In their order.
    """

    stream: str
    number: int
    capacity: int
    documents: tuple[Document, ...] = field(repr=False)

    @property
    def tokens(self) -> int:
        """How many tokens it holds."""
        return sum(document.tokens for document in self.documents)

    @property
    def input_ids(self) -> NDArray[np.uint32]:
        """The ids of all documents, one after the other, shape [tokens]."""
        return np.concatenate([document.input_ids for document in self.documents])

    @property
    def loss_mask(self) -> NDArray[np.bool_]:
        """Which tokens carry loss, shape [tokens]."""
        return np.concatenate([document.loss_mask for document in self.documents])

    def __len__(self) -> int:
        """Return how many documents it holds."""
        return len(self.documents)

    def __getitem__(self, number: int) -> Document:
        """Return a document."""
        return self.documents[number]

    def __iter__(self) -> Iterator[Document]:
        """Yield the documents."""
        return iter(self.documents)

    def _repr_html_(self) -> str:
        """Show each document, folded."""
        fill = f"{units.count(self.tokens)} of {units.count(self.capacity)} tokens"
        title = facts_html([("pack", f"{self.stream} {self.number}"), ("filled", fill)])
        shown = (
            f"<details{' open' if number == 0 else ''}><summary>document {number}, "
            f"{units.count(document.tokens)} tokens</summary>{document._repr_html_()}</details>"
            for number, document in enumerate(self.documents)
        )
        return title + "".join(shown)
