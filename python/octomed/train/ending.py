"""How the ranks of a machine end together, with the exit code of the one that failed.

A launcher ends all ranks when one fails, and returns the code of the lowest rank that did not end well: that
of one it killed itself, when another failed. So whoever fails tells the first rank its code before it ends,
through a socket without a file: nothing is left behind, and nothing can be stale.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 15.0
"""Seconds after which a first rank that hangs in a collective ends by itself; a launcher kills after 30."""


class Others:
    """What the other ranks of a machine have told its first one.

    Attributes
    ----------
    code
        Exit code of the first that failed; None while none has.
    """

    def __init__(self) -> None:
        self._code: int | None = None
        self._told = threading.Event()

    @property
    def code(self) -> int | None:
        """Return the code, after a moment for one that is on its way."""
        self._told.wait(0.2)
        return self._code

    def leave(self, code: int) -> int:
        """Return the code to end with, and let the launcher's signal no longer change it."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return code

    def listen(self, ear: socket.socket) -> None:
        """Wait for a code until the socket is shut down."""
        while self._code is None:
            data = ear.recv(16)
            if not data:
                return
            self._code = int(data)
        self._told.set()
        time.sleep(PATIENCE)
        os._exit(self._code)  # a collective whose other side is gone may never return


@contextlib.contextmanager
def together() -> Iterator[Others]:
    """Listen to the other ranks of this machine while the block runs; on its first rank."""
    others = Others()
    if not _has_others() or _local_rank() != 0:
        yield others
        return
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        ear.bind(_address())
        threading.Thread(target=others.listen, args=(ear,), daemon=True).start()
    except OSError:  # no such sockets on this system: codes are what the launcher makes of them
        yield others
        return
    try:
        yield others
    finally:
        with contextlib.suppress(OSError):
            ear.shutdown(socket.SHUT_RDWR)
        ear.close()


def tell(code: int, seconds: float) -> None:
    """Tell the first rank of this machine an exit code, and let it end first.

    Parameters
    ----------
    code
        Of this rank.
    seconds
        How long to wait for the first rank to end: it may be about to say the same.
    """
    if not _has_others() or _local_rank() == 0:
        return
    until = time.monotonic() + seconds
    heard = False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        while time.monotonic() < until:
            try:
                mouth.sendto(str(code).encode(), socket.MSG_DONTWAIT, _address())
                heard = True
            except BlockingIOError:
                heard = True
            except OSError:  # not there yet, or no longer
                if heard:
                    time.sleep(0.5)  # while its process ends
                    return
            time.sleep(0.05)


def _has_others() -> bool:
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) > 1


def _local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))


def _address() -> str:
    return f"\0octomed-{os.getppid()}-{os.environ.get('MASTER_PORT', '')}"
