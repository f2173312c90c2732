"""Blobs over HTTP in this process, as Azure's own client asks for them: only reading."""

from __future__ import annotations

import http.server
import re
import threading
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

ACCOUNT, CONTAINER = "octomed", "container"


class _Blobs(http.server.BaseHTTPRequestHandler):
    """Answers as the REST interface of blobs is documented; what it never learned is not there."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        found = self.server.blobs.get(self.path.partition("?")[0])
        if self.server.refuses:
            self._say(403, b"", {"x-ms-error-code": "AuthenticationFailed"})
        elif found is None:
            self._say(404, b"", {"x-ms-error-code": "BlobNotFound"})
        else:
            self._part(found)

    def _part(self, blob: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["x-ms-range"] or "")
        first, last = (int(wanted[1]), int(wanted[2])) if wanted else (0, len(blob))
        part = blob[first : last + 1]
        place = f"bytes {first}-{first + len(part) - 1}/{len(blob)}"
        self._say(206, part, {"Content-Range": place, "x-ms-blob-type": "BlockBlob", "ETag": '"1"'})

    def _say(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        length, now = {"Content-Length": str(len(body))}, {"Last-Modified": formatdate(0, usegmt=True)}
        for name, value in (length | now | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class AzureStore:
    """Blobs under `az://octomed/container/…`; processes that are forked see them too.

    Parameters
    ----------
    monkeypatch
        Sends Azure's client here: neither it nor Streaming can be told another address.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from azure.storage import blob

        self._server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Blobs)
        self._server.blobs, self._server.refuses = {}, False
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{self._server.server_port}/{ACCOUNT}"
        client = blob.BlobServiceClient

        def redirected(account_url: str, **options: Any) -> Any:
            assert account_url == f"https://{ACCOUNT}.blob.core.windows.net"
            return client(here, **options)

        monkeypatch.setattr(blob, "BlobServiceClient", redirected)
        monkeypatch.setenv("AZURE_ACCOUNT_ACCESS_KEY", "bm8gc2VjcmV0")

    def upload(self, folder: Path, name: str) -> str:
        """Put a folder under a name, and return its address."""
        for path in folder.rglob("*"):
            if path.is_file():
                place = f"/{ACCOUNT}/{CONTAINER}/{name}/{path.relative_to(folder).as_posix()}"
                self._server.blobs[place] = path.read_bytes()
        return f"az://{ACCOUNT}/{CONTAINER}/{name}"

    def refuse(self) -> None:
        """Let nobody in from now on."""
        self._server.refuses = True

    def switch_off(self) -> None:
        self._server.shutdown()
        self._server.server_close()
