"""Packs to the tensors of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

import torch

from octomed import _octomed
from octomed.errors import DataError, RecipeError
from octomed.stream.columns import columns_of, image_counts, images_of
from octomed.stream.contract import CONTRACT, REQUIRED, Axis
from octomed.stream.deferred_batch import Decoded, DeferredBatch
from octomed.stream.images import Vision
from octomed.stream.pixels import decoded, pixel_values, repeated
from octomed.stream.placed import told_by_pack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from octomed.stream.columns import Pack
    from octomed.stream.deferred_batch import Columns
    from octomed.stream.tower_tables import TowerTables

_POSITION_ROWS: dict[str, tuple[int, ...]] = {"text": (), "mrope": (4,)}


@dataclass(frozen=True)
class Collator:
    """Makes a batch of packs: whole documents one after another, without padding.

    Called with the samples of `PackedDataset`, it returns a dict of

    ``packs`` : int64, shape [packs, 2], with ``vision`` [packs, 4]
        Tokens and documents of each pack, and its images and placeholders. It comes first, because
        ``StreamingDataLoader`` takes the length of the first value for the number of samples, and resumes by
        it.
    ``input_ids`` : int64, shape [1, tokens]
    ``labels`` : int64, shape [1, tokens]
        The token itself where it is learned, ``-100`` elsewhere and at each document's first token. Not
        shifted: the loss does that.
    ``position_ids`` : int64, shape [4, 1, tokens] or [1, tokens]
        Position in the document; for mRoPE a plain row and then time, height and width, equal for text and,
        where there are images, those that the model's ``get_rope_index`` gives the document alone.
    ``cu_seqlens`` : int32, shape [documents + 1]
        Edges of the documents.
    ``max_length`` : int
        Tokens of the longest document.
    ``trace_ids`` : int64, shape [documents]
        The bits of the unsigned ids.
    ``supervised_tokens`` : int64, shape [documents]
        Labels that count.

    and, with ``vision``,

    ``image_patches`` : uint8, shape [patches, 3 · P · P]
        Of each image of the packs once, one image after another: `octomed.stream.pixel_values` makes what a
        vision tower takes of them, on the device. Or
    ``pixel_values`` : float32, shape [patches, 3 · T · P · P]
        What the model's image processor gives.
    ``image_grid_thw`` : int64, shape [images, 3]
        Patches of each image along time, height and width.
    ``image_refs`` : int64, shape [placeholders]
        The image, a row of ``image_grid_thw``, of each run of image tokens in ``input_ids``.

    and, with ``tower_tables``, what the model's vision tower would derive from the grids in each step:

    ``image_sizes`` : tuple of (time, height, width)
        The grids once more, as numbers that stay on the host.
    ``image_tokens`` : tuple of int
        How many tokens of each pack stand for images; on the host, too.
    ``image_counts`` : int64, shape [images, 3]
        Patches, units (squares of patches that become one token) and windows of each image, by which the
        values below are cut between images.
    ``image_positions`` : int32, shape [patches, 2]
        Row and column of each patch in its image.
    ``image_window_order`` : int32, shape [units]
        Qwen2.5-VL: the units of each image, numbered in it, in the order of its windows.
    ``image_window_lengths`` : int32, shape [windows]
        Qwen2.5-VL: patches of each window.
    ``image_corner_indices``, ``image_corner_weights`` : int32 and float32, shape [patches, 4]
        Qwen3-VL: the position embeddings around each patch, and the weight of each.

    Attributes
    ----------
    positions
        ``mrope`` for Qwen-VL models, ``text`` for text models.
    transformers_lengths
        Add ``cu_seq_lens_q``, ``cu_seq_lens_k``, ``max_length_q`` and ``max_length_k``, by which the
        variable-length attention of transformers (flash-attn) finds the documents.
    vocabulary_size
        Entries of the model's embedding: a larger id is an error. ``None`` checks nothing.
    vision
        How the run's images are prepared, ``dataset.vision``. Without, a pack that has images is refused.
    pixel_values
        Give ``pixel_values`` instead of ``image_patches``, for models and trainers that expect them. A batch
        without an image has then no key of images, as they expect, too.
    share_images
        Give an image that several placeholders of a pack show once. ``False`` repeats it, so that features
        are in the order of the placeholders, and is the default with ``pixel_values``.
    threads
        That decode images at the same time, in each loader worker.
    tower_tables
        `octomed.stream.tower_tables.TowerTables.of` the model's configuration. They are of images that stand
        once, so they do not go with ``share_images=False``.

    Raises
    ------
    RecipeError
        When ``positions`` is neither, settings do not go together, or a batch has more tokens than 32 bits
        count.
    DataError
        When called with what is not a pack, or an image does not decode.

    Examples
    --------
    >>> import numpy as np
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
    vision: Vision | Mapping[str, Any] | None = None
    pixel_values: bool = False
    share_images: bool | None = None
    threads: int = 1
    tower_tables: TowerTables | None = None

    def __post_init__(self) -> None:
        """Refuse what no model has."""
        if self.positions not in _POSITION_ROWS:
            raise RecipeError(f"unknown positions `{self.positions}`", "choose `text` or `mrope`")
        if not isinstance(self.threads, int) or self.threads < 1:
            raise RecipeError(f"{self.threads!r} threads decode no image", "set `threads` to 1 or more")
        if self.vision is not None:
            object.__setattr__(self, "vision", Vision.of(self.vision))
            if self.positions == "text":
                raise RecipeError("`text` positions know no images", "leave `positions` out, for `mrope`")
            self._check_tables()
        elif self.pixel_values or self.share_images is not None or self.tower_tables is not None:
            raise RecipeError("there are no pixels without `vision`", "set `vision=dataset.vision`")

    def _check_tables(self) -> None:
        """Refuse tables of other images than the batch has."""
        tables, vision = self.tower_tables, cast("Vision", self.vision)
        if tables is None:
            return
        if not self._shared:
            raise RecipeError("`tower_tables` are of images that stand once", "set `share_images=True`")
        if tables.merge_size != vision.merge_size:
            raise RecipeError(
                f"`tower_tables` are of units of {tables.merge_size} patches a side, "
                f"and the run's images have {vision.merge_size}",
                "make them of the configuration of a model that takes the run's images",
            )

    def __call__(self, packs: Sequence[Pack]) -> dict[str, Any]:
        """Make the batch of some packs; in a loader worker, what becomes it on arrival."""
        rows = [columns_of(number, pack) for number, pack in enumerate(packs)]
        worker = torch.utils.data.get_worker_info() is not None
        if self._vision is None and not worker:
            return self.batch(rows)
        # `fill_batch` checks them again in the training process, since it takes anybody's packs and writes by
        # what they say. Here an error reaches the loader as one; raised where a batch is unpickled it would
        # end the pinning thread instead. A check takes a few microseconds a pack.
        _octomed.check_packs(rows, self.vocabulary_size, self._rules)
        images = self._images(packs, rows, shared=worker)
        if not worker:
            return self.batch(rows, images)
        return cast("dict[str, Any]", DeferredBatch(self.batch, rows, images))

    def batch(self, rows: Sequence[Columns], shown: Decoded | None = None) -> dict[str, Any]:
        """Make the batch of the columns of some packs, and of their images."""
        batch: dict[str, Any] = self._empty(rows)
        arrays = {name: tensor.numpy() for name, tensor in batch.items()}
        packs, *others = (arrays[name] for name in REQUIRED)
        buffers: Any = (packs, *(buffer.reshape(-1) for buffer in others))
        images: Any = None if shown is None else tuple(arrays[name] for name in _IMAGES)
        batch["max_length"] = _octomed.fill_batch(rows, buffers, self.vocabulary_size, self._rules, images)
        if self.transformers_lengths:
            batch |= dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), batch["cu_seqlens"])
            batch |= dict.fromkeys(("max_length_q", "max_length_k"), batch["max_length"])
        return batch if shown is None else self._with_pixels(batch, shown)

    def _empty(self, rows: Sequence[Columns]) -> dict[str, torch.Tensor]:
        """Return tensors for what `fill_batch` writes."""
        documents = sum(len(lengths) for _, lengths, *_ in rows)
        shapes: dict[Axis, tuple[int, ...]] = {
            Axis.PACKS: (len(rows), 2 if self.vision is None else 4),
            Axis.TOKENS: (1, sum(len(ids) for ids, *_ in rows)),
            Axis.DOCUMENTS: (documents,),
            Axis.EDGES: (documents + 1,),
        }
        names: tuple[str, ...] = REQUIRED
        if self.vision is not None:
            counts = [image_counts(columns) for columns in rows]
            shapes[Axis.IMAGES] = (sum(images for images, _ in counts), 3)
            shapes[Axis.PLACEHOLDERS] = (sum(placeholders for _, placeholders in counts),)
            names = (*REQUIRED, *_IMAGES)
        batch = {}
        for name in names:
            axis = CONTRACT[name]
            leading = _POSITION_ROWS[self.positions] if name == "position_ids" else ()
            dtype = torch.int32 if axis is Axis.EDGES else torch.int64
            batch[name] = torch.empty((*leading, *shapes[axis]), dtype=dtype)
        return batch

    def _images(self, packs: Sequence[Pack], rows: Sequence[Columns], *, shared: bool) -> Decoded | None:
        """Return the patches of all images of some packs that have been checked, and their tables."""
        if self._vision is None:
            return None
        numbered = enumerate(zip(packs, rows, strict=True))
        images = [images_of(number, pack, columns) for number, (pack, columns) in numbered]
        decode = partial(decoded, vision=self._vision, threads=self.threads, shared=shared)
        try:
            patches = decode(images)
        except DataError as error:
            raise told_by_pack(error, packs, images, decode) from None
        if self.tower_tables is None:
            return Decoded(patches, {})
        grids = [grid for pack in images if pack is not None for grid in pack[2]]
        return Decoded(patches, self.tower_tables.of_images(grids))

    def _with_pixels(self, batch: dict[str, Any], shown: Decoded) -> dict[str, Any]:
        """Add the pixels to a batch, as they are asked for."""
        patches, grids, refs = shown.patches, *(batch.pop(name) for name in _IMAGES)
        images = {"image_grid_thw": grids, "image_refs": refs, **shown.tables}
        if shown.tables:
            images["image_tokens"] = _tokens_of_packs(batch["packs"], shown.tables["image_counts"], refs)
        if not self._shared:
            patches = repeated(patches, grids, refs)
            images = {"image_grid_thw": grids[refs], "image_refs": torch.arange(len(refs))}
            batch["packs"][:, 2] = batch["packs"][:, 3]
        if not self.pixel_values:
            return batch | {"image_patches": patches} | images
        if not len(refs):
            return batch
        return batch | {"pixel_values": pixel_values(patches, cast("Vision", self.vision))} | images

    @property
    def _vision(self) -> Vision | None:
        return cast("Vision | None", self.vision)

    @property
    def _shared(self) -> bool:
        """Whether an image that several placeholders of a pack show stands once."""
        return not self.pixel_values if self.share_images is None else self.share_images

    @property
    def _rules(self) -> tuple[int, int] | None:
        return None if self._vision is None else self._vision.rules


_IMAGES = ("image_grid_thw", "image_refs")
"""What `fill_batch` writes of images, in its order."""


def _tokens_of_packs(packs: torch.Tensor, counts: torch.Tensor, refs: torch.Tensor) -> tuple[int, ...]:
    """Return how many tokens of each pack stand for images: an image's units, once for each placeholder."""
    units = torch.split(counts[refs, 1], packs[:, 3].tolist())
    return tuple(int(one.sum()) for one in units)
