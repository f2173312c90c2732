"""Packs that know where they are stored, so that an error of an image names its shard, and the repair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from octomed.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from octomed.stream.pixels import PackImages


class Place(NamedTuple):
    """Where a pack is stored.

    Attributes
    ----------
    shard
        Path or address of its shard.
    row
        Its row there, from 0.
    rebuild
        The command that writes missing shards again.
    """

    shard: str
    row: int
    rebuild: str


class PlacedPack(dict[str, Any]):
    """A pack, and where it is stored.

    Parameters
    ----------
    columns
        Of the pack.
    place
        Where it is.
    """

    def __init__(self, columns: Mapping[str, Any], place: Place) -> None:
        super().__init__(columns)
        self.place = place

    def __reduce__(self) -> tuple[type[PlacedPack], tuple[dict[str, Any], Place]]:
        """Pickle with the place."""
        return type(self), (dict(self), self.place)


def told_by_pack(
    error: DataError,
    packs: Sequence[Any],
    images: Sequence[PackImages | None],
    decode: Callable[[Sequence[PackImages | None]], object],
) -> DataError:
    """Return the error of an image that does not decode with the shard that its pack is in.

    Parameters
    ----------
    error
        Of some packs, which stands where none knows its place.
    packs, images
        The packs, and their images.
    decode
        What raised it: it is asked once more for each pack.
    """
    for pack, shown in zip(packs, images, strict=True):
        place = getattr(pack, "place", None)
        if place is None or shown is None:
            continue
        try:
            decode([shown])
        except DataError as found:
            of_pack = found.message.replace(" of pack 0: ", f" of pack {place.row} of `{place.shard}`: ", 1)
            hint = f"delete that shard and run `{place.rebuild}`: only what is missing is written again"
            return DataError(of_pack, hint)
    return error
