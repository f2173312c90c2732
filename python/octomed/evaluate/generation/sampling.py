"""Tokens drawn by counters: what is drawn depends on a request's seed and on how many it drew before.

No generator is shared, so requests may share batches in any way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from octomed.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FEW = 128
"""Tokens among which those of top-p are looked for first."""
_DIGITS = 52
"""With 52 the product of a number below 1 and a sum is always below the sum."""


def uniforms(seeds: Sequence[int], drawn: Sequence[int]) -> NDArray[np.float64]:
    """Return numbers from 0 to below 1: of each seed the one after as many as were drawn.

    SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) whose state is begun by the mixed seed.

    Parameters
    ----------
    seeds
        Of 64 bits.
    drawn
        How many numbers each has had.

    Examples
    --------
    >>> uniforms([7, 7, 8], [0, 1, 0]).round(3).tolist()
    [0.722, 0.65, 0.267]
    """
    with np.errstate(over="ignore"):  # sums and products are meant modulo 2**64
        begun = _mixed(np.asarray(seeds, np.uint64) + _GAMMA)
        state = begun + _GAMMA * (np.asarray(drawn, np.uint64) + np.uint64(1))
        bits = _mixed(state) >> np.uint64(64 - _DIGITS)
    return bits.astype(np.float64) / 2.0**_DIGITS


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    first, second, third = _SHIFTS
    values = (values ^ (values >> first)) * _MULTIPLIERS[0]
    values = (values ^ (values >> second)) * _MULTIPLIERS[1]
    return values ^ (values >> third)


class Drawing:
    """How the rows of a batch draw their tokens.

    Parameters
    ----------
    temperatures, top_ps
        Of each row.
    device
        Of the logits.
    """

    def __init__(
        self, temperatures: Sequence[float], top_ps: Sequence[float], device: torch.device | str
    ) -> None:
        self._drawing = _numbers([row for row, one in enumerate(temperatures) if one > 0], device)
        heat = torch.tensor([one for one in temperatures if one > 0], dtype=torch.float32)
        self._temperatures = heat.to(device)[:, None]
        parts = [top for top, one in zip(top_ps, temperatures, strict=True) if one > 0]
        self._whole = _numbers([row for row, one in enumerate(parts) if one >= 1], device)
        self._cut = _numbers([row for row, one in enumerate(parts) if one < 1], device)
        self._top_ps = torch.tensor([one for one in parts if one < 1], dtype=torch.float64, device=device)

    def tokens(self, logits: torch.Tensor, numbers: NDArray[np.float64]) -> torch.Tensor:
        """Return a token for each row.

        Parameters
        ----------
        logits
            [rows, vocabulary].
        numbers
            From 0 to below 1, [rows]: which token a row draws.

        Returns
        -------
        Tensor
            int64, [rows].

        Raises
        ------
        DataError
            When a row's largest logit is no number.
        """
        largest, tokens = logits.max(dim=-1)
        if not len(self._drawing):
            return _checked(largest, tokens)
        drawn = self._drawn(logits, torch.from_numpy(numbers).to(logits.device))
        return _checked(largest, tokens.index_copy(0, self._drawing, drawn))

    def _drawn(self, logits: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        numbers = numbers[self._drawing]
        chances = torch.softmax(logits[self._drawing].float() / self._temperatures, dim=-1)
        found = torch.empty_like(self._drawing)
        if len(self._whole):
            found[self._whole] = _of_all(chances[self._whole], numbers[self._whole])
        if len(self._cut):
            found[self._cut] = _of_likeliest(chances[self._cut], numbers[self._cut], self._top_ps)
        return found


def _of_all(chances: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return the token in whose share of the sum a number falls."""
    sums = chances.cumsum(-1, dtype=torch.float64)
    places = torch.searchsorted(sums, numbers[:, None] * sums[:, -1:], right=True)
    return places[:, 0].clamp_(max=chances.shape[-1] - 1)


def _of_likeliest(chances: torch.Tensor, numbers: torch.Tensor, top_ps: torch.Tensor) -> torch.Tensor:
    """Return the same of the fewest likeliest tokens that together reach a share; the first always stays.

    A few tokens mostly reach it, and finding these costs less than sorting a vocabulary. Which way a row goes
    depends on the row alone.
    """
    few = min(_FEW, chances.shape[-1])
    ordered, order = chances.topk(few, dim=-1)
    found = _reaching(ordered, order, numbers, top_ps)
    rows = torch.nonzero(ordered.sum(-1, dtype=torch.float64) < top_ps)[:, 0]
    if few < chances.shape[-1] and len(rows):
        whole = chances[rows].sort(dim=-1, descending=True)
        found[rows] = _reaching(*whole, numbers[rows], top_ps[rows])
    return found


def _reaching(
    ordered: torch.Tensor, order: torch.Tensor, numbers: torch.Tensor, top_ps: torch.Tensor
) -> torch.Tensor:
    """Return which of the tokens in an order a number draws, [rows]."""
    sums = ordered.cumsum(-1, dtype=torch.float64)
    last = ((sums - ordered) < top_ps[:, None]).sum(-1, keepdim=True) - 1
    places = torch.searchsorted(sums, numbers[:, None] * sums.gather(-1, last), right=True)
    return order.gather(-1, torch.minimum(places, last))[:, 0]


def _numbers(values: list[int], device: torch.device | str) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64, device=device)


def _checked(largest: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Refuse logits that are no numbers: whatever came of them would look like an answer."""
    if not bool(torch.isfinite(largest).all()):
        raise DataError(
            "the model's logits are not finite", "its weights may be damaged, or overflow in this `dtype`"
        )
    return tokens
