"""Who holds a lease: a process, told from every other one of any machine, and whether it still lives."""

from __future__ import annotations

import json
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Owner"]


@dataclass(frozen=True)
class Owner:
    """A process that holds something.

    Attributes
    ----------
    token
        Of this holding.
    host, pid
        For people.
    machine
        The boot of the system and the space of process numbers: where both are equal, a process can be found.
    started
        When the process began, as its system counts.
    seconds
        How long what it holds lasts without being renewed.
    """

    token: str
    host: str
    pid: int
    machine: str
    started: str
    seconds: float

    @classmethod
    def of_this_process(cls, seconds: float) -> Owner:
        """Return this process, with a new token."""
        pid = os.getpid()
        return cls(secrets.token_hex(8), socket.gethostname(), pid, _machine(), _started(pid) or "", seconds)

    @classmethod
    def read(cls, content: bytes) -> Owner:
        """Read what an owner wrote; what nobody of us wrote is an owner of whom nothing is known."""
        try:
            said = json.loads(content)
            return cls(
                str(said["token"]), str(said["host"]), int(said["pid"]), str(said["machine"]),
                str(said["started"]), float(said["seconds"]),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError):
            return cls("", "unknown", 0, "", "", 60.0)

    def is_gone(self) -> bool:
        """Say whether it was a process of this machine that has ended."""
        if not self.started or self.machine != _machine():
            return False
        return _started(self.pid) != self.started


def _machine() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 it is no path that this leads to
    return ""


def _started(pid: int) -> str | None:
    """Return when a process began, in ticks since the system did; ``None`` where there is none."""
    with suppress(OSError, IndexError):
        return (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[19]
        )
    return None
