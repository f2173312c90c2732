"""A tunnel through a proxy, as clients of `HTTPS_PROXY` ask for one."""

from __future__ import annotations

import contextlib
import selectors
import socket


def tunnel(client: socket.socket, target: str) -> None:
    """Carry bytes between a client and the server `host:port` until either ends."""
    host, _, port = target.rpartition(":")
    try:
        server = socket.create_connection((host, int(port)), timeout=10)
    except OSError:
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    with server, selectors.DefaultSelector() as watched, contextlib.suppress(OSError):
        watched.register(client, selectors.EVENT_READ, server)
        watched.register(server, selectors.EVENT_READ, client)
        while True:
            for ready, _ in watched.select():
                source: socket.socket = ready.fileobj  # type: ignore[assignment]
                data = source.recv(1 << 16)
                if not data:
                    return
                ready.data.sendall(data)
