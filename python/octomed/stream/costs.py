"""What a training step spends on a pack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """What a training step spends on a pack, in floating-point operations or any other unit.

    The defaults are those of Qwen2.5-VL-7B, all parts trained: six operations for a parameter of a matrix and
    a token, or a patch, and what attention does.

    Attributes
    ----------
    token
        On each token.
    square
        On each square of a document's length.
    patch
        On each patch of an image, which a pack has once however often it is shown.
    patch_square
        On each square of an image's number of patches.
    """

    token: float = 4.24e10
    square: float = 6.0e5
    patch: float = 3.9e9
    patch_square: float = 6.1e4
