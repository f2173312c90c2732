"""Packs to the tensors of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch

from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.stream.contract import CONTRACT, REQUIRED, Axis
from octomed.stream.deferred_batch import DeferredBatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from octomed.stream.deferred_batch import Columns

    Pack = Mapping[str, Any]

_COLUMNS = {"input_ids": np.uint32, "lengths": np.uint32, "loss_spans": np.uint32, "trace_ids": np.uint64}
_POSITION_ROWS: dict[str, tuple[int, ...]] = {"text": (), "mrope": (4,)}


@dataclass(frozen=True)
class Collator:
    """Makes a batch of packs: whole documents one after another, without padding.

    Called with the samples of `PackedDataset`, it returns a dict of

    ``packs`` : int64, shape [packs, 2]
        Tokens and documents of each pack. It comes first, because ``StreamingDataLoader`` takes the length of
        the first value for the number of samples, and resumes by it.
    ``input_ids`` : int64, shape [1, tokens]
    ``labels`` : int64, shape [1, tokens]
        The token itself where it is learned, ``-100`` elsewhere and at each document's first token. Not
        shifted: the loss does that.
    ``position_ids`` : int64, shape [4, 1, tokens] or [1, tokens]
        Position in the document; for mRoPE a plain row and then time, height and width, equal for text.
    ``cu_seqlens`` : int32, shape [documents + 1]
        Edges of the documents.
    ``max_length`` : int
        Tokens of the longest document.
    ``trace_ids`` : int64, shape [documents]
        The bits of the unsigned ids.
    ``supervised_tokens`` : int64, shape [documents]
        Labels that count.

    Attributes
    ----------
    positions
        ``mrope`` for Qwen-VL models, ``text`` for text models.
    transformers_lengths
        Add ``cu_seq_lens_q``, ``cu_seq_lens_k``, ``max_length_q`` and ``max_length_k``, by which the
        variable-length attention of transformers (flash-attn) finds the documents.
    vocabulary_size
        Entries of the model's embedding: a larger id is an error. ``None`` checks nothing.

    Raises
    ------
    RecipeError
        When ``positions`` is neither, or a batch has more tokens than 32 bits count.
    DataError
        When called with what is not a pack.

    Examples
    --------
    >>> pack = {
    ...     "input_ids": np.array([5, 6, 7, 8, 9], np.uint32),
    ...     "lengths": np.array([3, 2], np.uint32),  # tokens of each document
    ...     "loss_spans": np.array([[1, 3], [4, 5]], np.uint32),  # half-open, in tokens of the pack
    ...     "trace_ids": np.array([40, 41], np.uint64),
    ... }
    >>> batch = Collator(positions="text")([pack])
    >>> batch["labels"]
    tensor([[-100,    6,    7, -100,    9]])
    >>> batch["position_ids"]
    tensor([[0, 1, 2, 0, 1]])
    >>> batch["cu_seqlens"]
    tensor([0, 3, 5], dtype=torch.int32)
    """

    positions: Literal["text", "mrope"] = "mrope"
    transformers_lengths: bool = False
    vocabulary_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no model has."""
        if self.positions not in _POSITION_ROWS:
            raise RecipeError(f"unknown positions `{self.positions}`", "choose `text` or `mrope`")

    def __call__(self, packs: Sequence[Pack]) -> dict[str, Any]:
        """Make the batch of some packs; in a loader worker, what becomes it on arrival."""
        rows = [_columns(number, pack) for number, pack in enumerate(packs)]
        if torch.utils.data.get_worker_info() is None:
            return self.batch(rows)
        # `fill_batch` checks them again in the training process, since it takes anybody's packs and writes by
        # what they say. Here an error reaches the loader as one; raised where a batch is unpickled it would
        # end the pinning thread instead. A check takes a few microseconds a pack.
        _octomed.check_packs(rows, self.vocabulary_size)
        return cast("dict[str, Any]", DeferredBatch(self.batch, rows))

    def batch(self, rows: Sequence[Columns]) -> dict[str, Any]:
        """Make the batch of the columns of some packs: ids, lengths, loss spans, trace ids."""
        shapes: dict[Axis, tuple[int, ...]] = {
            Axis.PACKS: (len(rows), 2),
            Axis.TOKENS: (1, sum(len(ids) for ids, *_ in rows)),
            Axis.DOCUMENTS: (documents := sum(len(lengths) for _, lengths, *_ in rows),),
            Axis.EDGES: (documents + 1,),
        }
        batch: dict[str, Any] = {}
        for name in REQUIRED:
            axis = CONTRACT[name]
            leading = _POSITION_ROWS[self.positions] if name == "position_ids" else ()
            dtype = torch.int32 if axis is Axis.EDGES else torch.int64
            batch[name] = torch.empty((*leading, *shapes[axis]), dtype=dtype)
        packs, *others = (tensor.numpy() for tensor in batch.values())
        buffers = (packs, *(buffer.reshape(-1) for buffer in others))
        batch["max_length"] = _octomed.fill_batch(rows, buffers, self.vocabulary_size)
        if self.transformers_lengths:
            batch |= dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), batch["cu_seqlens"])
            batch |= dict.fromkeys(("max_length_q", "max_length_k"), batch["max_length"])
        return batch


def _columns(number: int, pack: Pack) -> Columns:
    """Return the columns that a batch is made of, as aligned arrays."""
    if not isinstance(pack, dict) or not _COLUMNS.keys() <= pack.keys():
        raise DataError(f"sample {number} of the batch is not a pack: it has no {_missing(pack)}", _HINT)
    for name, dtype in _COLUMNS.items():
        if getattr(pack[name], "dtype", None) != dtype or pack[name].ndim != 1 + (name == "loss_spans"):
            raise DataError(
                f"`{name}` of sample {number} of the batch is not an array of {np.dtype(dtype)}", _HINT
            )
    ids, lengths, spans, trace_ids = (np.require(pack[name], requirements=("C", "A")) for name in _COLUMNS)
    return ids, lengths, spans, trace_ids


_HINT = "batches are made of the samples of a `PackedDataset`"


def _missing(pack: object) -> str:
    present = pack.keys() if isinstance(pack, dict) else ()
    return ", ".join(f"`{name}`" for name in _COLUMNS if name not in present)
