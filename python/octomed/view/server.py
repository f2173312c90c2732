"""The web server of the pages: on this machine's own address, for as long as the program runs."""

from __future__ import annotations

import errno
import secrets
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from octomed.errors import RecipeError, StorageError
from octomed.view.guard import HOSTS, TOKEN, Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

_ADDRESS = HOSTS[0]
_SECONDS_TO_END = 1


def serve(app: ASGIApp, port: int, said: Callable[[str], None]) -> None:
    """Serve pages until a signal ends the program.

    Parameters
    ----------
    app
        The pages.
    port
        Where; 0 for any that is free.
    said
        Is told the address, token included, once it can be opened.

    Raises
    ------
    RecipeError
        When another program has the port.
    """
    token = secrets.token_urlsafe(24)
    listener = _listening(port)
    settings = uvicorn.Config(
        Guard(app, token),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    server = uvicorn.Server(settings)
    # In a thread of its own it takes no signals: they end the program as they end every verb.
    thread = threading.Thread(target=server.run, args=([listener],), name="view", daemon=True)
    thread.start()
    said(f"http://{_ADDRESS}:{listener.getsockname()[1]}/?{TOKEN}={token}")
    try:
        while thread.is_alive():
            thread.join(1)
    finally:
        server.should_exit = True
    raise StorageError("the web server has ended")


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_ADDRESS, port))
        listener.listen()
    except OSError as error:
        listener.close()
        taken = error.errno in {errno.EADDRINUSE, errno.EACCES}
        why = "in use by another program" if error.errno == errno.EADDRINUSE else error.strerror
        if taken:
            raise RecipeError(f"port {port} is {why}", "choose another `--port`, or none") from error
        raise StorageError(f"port {port} cannot be opened: {error.strerror or error}") from error
    return listener
