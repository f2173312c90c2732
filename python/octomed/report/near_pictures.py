"""What a page shows of pictures that are nearly equal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NearPictures:
    """A picture that is nearly one of an evaluation set.

    Attributes
    ----------
    place, evaluation
        Where both are shown: source or set, file and row.
    distance
        Bits in which the hashes of their gradients differ.
    difference
        Mean difference of their grey levels, of 256.
    pictures
        Both as PNG.
    """

    place: str
    evaluation: str
    distance: int
    difference: float
    pictures: tuple[bytes, bytes]
