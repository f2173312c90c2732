"""Whether the hub can be reached, found out in two seconds: its client tries for half a minute."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_SECONDS = 1.8


def reachable(endpoint: str) -> bool:
    """Tell whether a connection to the hub, or to the proxy before it, is taken.

    Parameters
    ----------
    endpoint : str
        Its address, as the client has it.
    """
    address = urlsplit(_way_to(endpoint))
    if not address.hostname:
        return True  # the client says what is wrong with it
    port = address.port or (80 if address.scheme == "http" else 443)
    found: list[bool] = []

    def connect(host: str = address.hostname) -> None:
        try:
            with contextlib.closing(socket.create_connection((host, port), timeout=_SECONDS)):
                found.append(True)
        except Exception:  # noqa: BLE001 nobody hears what a thread raises, and the answer is the same
            found.append(False)

    # A thread, because nothing bounds the time that looking up a name takes.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return bool(found and found[0])


def _way_to(endpoint: str) -> str:
    address = urlsplit(endpoint)
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    if proxy is None or proxy_bypass(address.hostname or ""):
        return endpoint
    return proxy if "://" in proxy else f"http://{proxy}"
