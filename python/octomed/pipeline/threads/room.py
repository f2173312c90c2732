"""How much work may wait: by number and by memory."""

from __future__ import annotations

import threading


class Room:
    """How many calls, and how many bytes, are queued or running."""

    def __init__(self, calls: int, memory: int) -> None:
        self._most = (calls, memory)
        self._calls = self._memory = 0
        self._left = threading.Condition()

    def enter(self, memory: int, patience: float) -> bool:
        """Take part of the room; return whether there was enough within so many seconds."""
        with self._left:
            if not self._left.wait_for(lambda: self._fits(memory), patience):
                return False
            self._calls += 1
            self._memory += memory
            return True

    def leave(self, memory: int) -> None:
        """Give back what was taken."""
        with self._left:
            self._calls -= 1
            self._memory -= memory
            self._left.notify_all()

    def _fits(self, memory: int) -> bool:
        calls, most = self._most
        return self._calls < calls and (not self._memory or self._memory + memory <= most)
