"""What the images of a plan will cost: from the first rows of each source, or from a finished scan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octomed import _octomed, machine
from octomed.errors import DataError
from octomed.pipeline.calls.counting import blocks_of_run
from octomed.pipeline.inputs.scanned import ScannedTask
from octomed.report.planned import ImageEstimate, PackedImages

if TYPE_CHECKING:
    from octomed.pipeline.planning.plan import Plan
    from octomed.store_files import BlockHeader, TaskRecord

CHOICES = (1, 4, 8)
"""Of `pack.traces_per_image`, of which the cost is shown."""
STORES = ("original", "resized (webp)", "resized (png)", "resized (jpeg)")
SAMPLE_IMAGES = 16
"""Images of a source that are resized, to see what that saves."""


@dataclass
class ImageSample:
    """What a sample of a source's rows has of images.

    Attributes
    ----------
    images, placeholders, bytes
        Distinct images, places where one stands, and bytes of the images as the recipe has them stored.
    looked_at, patches
        Images that were looked at closely, and their patches.
    stores
        Bytes of these as they came, and resized by each codec.
    """

    images: int = 0
    placeholders: int = 0
    bytes: int = 0
    looked_at: int = 0
    patches: int = 0
    stores: tuple[int, ...] = (0, 0, 0, 0)

    def add(self, header: BlockHeader) -> None:
        """Add what the header of a block says."""
        self.images += header.images
        self.placeholders += header.image_placeholders
        self.bytes += header.image_bytes

    def look_at(self, scanner: _octomed.Scanner, block: _octomed.Block) -> None:
        """Look closely at a few images of a block."""
        self.looked_at, self.patches, *stores = scanner.store_choices(block, SAMPLE_IMAGES)
        self.stores = tuple(stores)


@dataclass
class ImageTotals:
    """Estimates of all sources together."""

    images: float = 0.0
    placeholders: float = 0.0
    bytes: float = 0.0
    stores: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    packed_bytes: tuple[float, ...] = (0.0,) * len(CHOICES)
    patches: tuple[float, ...] = (0.0,) * len(CHOICES)

    def add(self, sample: ImageSample, ratio: float) -> None:
        """Add a source of which a sample is one in `ratio`.

        An image of *n* traces has *n* copies in packs at most: where traces meet by chance, there are fewer.
        """
        if not sample.images:
            return
        self.images += sample.images * ratio
        self.placeholders += sample.placeholders * ratio
        self.bytes += sample.bytes * ratio
        closely = sample.images * ratio / max(1, sample.looked_at)
        self.stores = tuple(
            one + size * closely for one, size in zip(self.stores, sample.stores, strict=True)
        )
        shown = sample.placeholders / sample.images
        copies = [math.ceil(shown / choice) / shown * sample.placeholders * ratio for choice in CHOICES]
        size = sample.bytes / sample.images
        patches = sample.patches / max(1, sample.looked_at)
        self.packed_bytes = _plus(self.packed_bytes, [size * number for number in copies])
        self.patches = _plus(self.patches, [patches * number for number in copies])

    def packed_at(self, traces_per_image: int) -> int:
        """Return the bytes of images in packs for the choice that is nearest to one."""
        nearest = min(range(len(CHOICES)), key=lambda place: abs(CHOICES[place] - traces_per_image))
        return round(self.packed_bytes[nearest])

    def estimate(self) -> ImageEstimate | None:
        """Return what is shown; nothing where no row has an image."""
        if not self.images:
            return None
        packed = zip(CHOICES, self.packed_bytes, self.patches, strict=True)
        return ImageEstimate(
            exact=False,
            images=round(self.images),
            traces=round(self.placeholders),
            stores={name: round(size) for name, size in zip(STORES, self.stores, strict=True)},
            packed=tuple(PackedImages(choice, round(size), round(work)) for choice, size, work in packed),
        )


def exact_images(plan: Plan, stores: dict[str, int]) -> ImageEstimate | None:
    """Return what a finished scan says of images; nothing where a task is not finished, or none has any.

    Parameters
    ----------
    plan
        The plan.
    stores
        What the choices of storing take, from a sample: a scan has made one of them.
    """
    here = [(task, plan.made_here(task)) for _, task in plan.tasks()]
    records = [(task, record and plan.finished(task)) for task, record in here]
    found = [(task, record) for task, record in records if record is not None]
    if len(found) != len(records) or not any(_images(record) for _, record in found):
        return None
    scanned = [ScannedTask(task, record.blocks, record.rows, 0) for task, record in found]
    blocks = [(str(path), first_row) for path, first_row in blocks_of_run(scanned, plan.store)]
    threads, cancel = machine.cores(), _octomed.Cancel()
    try:
        layout = _octomed.Layout(blocks, _without_near(plan.settings), threads=threads, cancel=cancel)
        cost = layout.image_cost(list(CHOICES), threads=threads, cancel=cancel)
    except DataError:  # a damaged block, or a trace that is too long: the run says so
        return None
    placeholders = sum(header.image_placeholders for _, record in found for header in record.blocks)
    return ImageEstimate(
        exact=True,
        images=cost.images,
        traces=placeholders,
        stores=stores,
        packed=tuple(PackedImages(one.traces_per_image, one.image_bytes, one.patches) for one in cost.packed),
        run_bytes=cost.image_bytes // max(1, cost.runs),
    )


def _without_near(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a selection that reads no texts: near ones change little of what images cost."""
    curate = settings["curate"]
    duplicates = {name: value for name, value in curate["duplicates"].items() if name != "near"}
    return settings | {"curate": curate | {"duplicates": duplicates}}


def _plus(sums: tuple[float, ...], more: list[float]) -> tuple[float, ...]:
    return tuple(one + other for one, other in zip(sums, more, strict=True))


def _images(record: TaskRecord) -> int:
    return sum(header.images for header in record.blocks)
