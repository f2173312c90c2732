"""An emulator of Google's object store in this process, and credentials that a server beside it accepts."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from gcp_storage_emulator.server import create_server

BUCKET = "octomed"


class _Token(http.server.BaseHTTPRequestHandler):
    """Gives anybody a token."""

    def do_POST(self) -> None:
        answer = json.dumps({"access_token": "x", "expires_in": 3600, "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class GoogleStore:
    """Objects under `gs://octomed/…`, read and written by Google's own client.

    Parameters
    ----------
    folder
        Where the file of credentials goes.
    """

    def __init__(self, folder: Path) -> None:
        self._tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Token)
        threading.Thread(target=self._tokens.serve_forever, daemon=True).start()
        self._credentials = folder / "google.json"
        self._credentials.write_text(json.dumps(self._account()))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._server = create_server("127.0.0.1", self._port, in_memory=True, default_bucket=BUCKET)
        self._server.start()

    @property
    def environment(self) -> dict[str, str]:
        """How users name it: credentials, and the emulator's address."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self._credentials),
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self._port}",
        }

    def upload(self, folder: Path, name: str) -> str:
        """Put a folder under a name, and return its address; wants the environment."""
        from google.cloud.storage import Client

        bucket = Client().bucket(BUCKET)
        for path in folder.rglob("*"):
            if path.is_file():
                bucket.blob(f"{name}/{path.relative_to(folder).as_posix()}").upload_from_filename(path)
        return f"gs://{BUCKET}/{name}"

    def switch_off(self) -> None:
        self._server.stop()
        self._tokens.shutdown()

    def _account(self) -> dict[str, str]:
        key = rsa.generate_private_key(65537, 2048)
        return {
            "type": "service_account",
            "project_id": "octomed",
            "private_key_id": "1",
            "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": "octomed@example.org",
            "client_id": "1",
            "token_uri": f"http://127.0.0.1:{self._tokens.server_port}/token",
        }
