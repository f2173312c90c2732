"""A cluster joined, or started on this machine, for as long as a run takes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from octomed.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STORE_BYTES = 100 * 2**20
"""Ray's object store of a cluster that is started here: only specifications and results go through it."""

_CONNECT_SECONDS = 10.0


def ray_module() -> Any:  # noqa: ANN401 a module
    """Load Ray.

    Raises
    ------
    ClusterError
        When it is not installed.
    """
    # Else it speaks to its makers, copies what `uv run` ran with, and warns of GPUs.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray  # noqa: PLC0415 loads for a second, and only who asks for it has it
    except ImportError as error:
        raise ClusterError(
            f"Ray cannot be loaded: {error}", "`pip install '.[ray]'` in the folder of the project"
        ) from None
    return ray


@contextlib.contextmanager
def connected(address: str | None, workers: int) -> Iterator[str]:
    """Join a cluster while the block runs, or start one here; yields what is said of it.

    Parameters
    ----------
    address
        Of the cluster's head; None for that of `RAY_ADDRESS`, and without one a cluster is started here.
    workers
        Cores of a cluster that is started here.

    Raises
    ------
    ClusterError
        When there is none at the address, or one of another version.
    """
    ray = ray_module()
    if ray.is_initialized():  # by who calls us: it is theirs to end
        yield "over the cluster that this process has joined"
        return
    address = address or os.environ.get("RAY_ADDRESS") or None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        said = _start(ray, workers) if address in {None, "local"} else _join(ray, str(address))
        _restore(handlers)
        yield said
    finally:
        ray.shutdown()
        _restore(handlers)


def _start(ray: Any, workers: int) -> str:  # noqa: ANN401
    try:
        ray.init(
            address="local",
            num_cpus=workers,
            num_gpus=0,
            include_dashboard=False,
            object_store_memory=_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
        )
    except Exception as error:  # it raises the class itself where its processes do not come up in time
        text = " ".join(str(error).split())
        hint = "without `--executor ray` this machine does the work in threads, and needs no Ray"
        raise ClusterError(f"Ray does not start on this machine: {text}", hint) from error
    cores = f"{workers} core{'s' if workers > 1 else ''}"
    return f"started here with {cores}, at 127.0.0.1 without dashboard, as `RAY_ADDRESS` is not set"


def _join(ray: Any, address: str) -> str:  # noqa: ANN401
    _refuse_unreachable(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:  # though the port is open: it is no Ray, or wants a token
        hint = (
            "a cluster that was started beside `~/.ray/auth_token` wants that file, and `RAY_AUTH_MODE=token`"
        )
        raise ClusterError(f"what answers at `{address}` does not let this run in ({error})", hint) from None
    except (RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())
        if "ersion mismatch" in text:
            hint = (
                "run the driver in the environment that the cluster was started from: `ray job submit` does"
            )
            raise ClusterError(f"the cluster at `{address}` is of another version. {text}", hint) from None
        raise _no_cluster(address, text) from None
    return f"joined the cluster at `{address}`"


def _refuse_unreachable(address: str) -> None:
    """Refuse an address where nobody answers: Ray would try for a minute."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"`{address}` is the address of a Ray Client, whose driver is not in the cluster",
            "start the run inside: `ray job submit -- octomed pack …`",
        )
    host, _, port = address.rpartition(":")
    if not port.isdigit() or not host:
        if address == "auto":
            return
        raise ClusterError(f"`{address}` is no address of a cluster", "write `HOST:6379`, or `auto`")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, why: str) -> ClusterError:
    return ClusterError(
        f"no Ray cluster answers at `{address}` ({why})",
        "`ray start --head` starts one, and `RAY_ADDRESS` names it; without that one is started here",
    )


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    """Have signals end the run as before: Ray sets what SIGTERM does."""
    for number, handler in handlers.items():
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(number, handler)
