"""Engine objects by content key: a call names them, and finds or makes them where it runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The last few values that were made in this process, and those that a caller lends.

    Parameters
    ----------
    most
        How many of those made here are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[str, Value] = OrderedDict()
        self._lent: list[Mapping[str, Value]] = []
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """Return the value of a key; it is made where it is neither lent nor kept.

        Parameters
        ----------
        key
            Content key of the value: two values of one key are equal.
        make
            Makes it.
        """
        with self._lock:  # held while it is made, so that it is made once
            for values in self._lent:
                if key in values:
                    return values[key]
            if key not in self._made:
                self._made[key] = make()
            self._made.move_to_end(key)
            while len(self._made) > self._most:
                self._made.popitem(last=False)
            return self._made[key]

    @contextmanager
    def lend(self, values: Mapping[str, Value]) -> Iterator[None]:
        """Have others find values that the caller holds; they are not kept beyond the block.

        Parameters
        ----------
        values
            By content key.
        """
        with self._lock:
            self._lent.append(values)
        try:
            yield
        finally:
            with self._lock:
                self._lent = [one for one in self._lent if one is not values]
