"""An S3 server in this process that can fail, and be switched off."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "runs"


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


class Store:
    """Objects under `s3://runs/…`; `failing` is the share of requests that end with an error 503."""

    def __init__(self) -> None:
        self.failing = 0.0
        self.failed = 0
        self._draw = random.Random(1)
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server: Any = None
        self.port = 0
        self.switch_on()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def switch_on(self) -> None:
        self._server = make_server(
            "127.0.0.1", self.port, self._answer, threaded=True, request_handler=_Silent
        )
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def switch_off(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        if self._draw.random() < self.failing:
            self.failed += 1
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"try again"]
        return self._app(environ, start_response)

    def client(self) -> Any:
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1")

    def upload(self, folder: Path, name: str) -> str:
        """Put a folder under a name, and return its address."""
        client = self.client()
        client.create_bucket(Bucket=BUCKET)
        for path in folder.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), BUCKET, f"{name}/{path.relative_to(folder)}")
        return f"s3://{BUCKET}/{name}"

    def delete(self, address: str) -> None:
        self.client().delete_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))
