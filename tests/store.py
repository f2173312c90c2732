"""An S3 server in this process that can refuse requests, and be switched off."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    import re
    from pathlib import Path

BUCKET = "octomed"


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


class Store:
    """Objects under `s3://octomed/…`.

    `failing` is the share of requests that end with an error 503; `gone` makes it all of them, `unwritable`
    those that write an object whose key it matches.
    """

    def __init__(self) -> None:
        self.failing = 0.0
        self.gone = False
        self.unwritable: re.Pattern[str] | None = None
        self.refused = 0
        self._draw = random.Random(1)
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server: Any = None
        self.port = 0
        self.switch_on()
        urlopen(
            Request(f"{self.url}/moto-api/reset", method="POST"), timeout=10
        ).close()  # of stores before this one
        self.client().create_bucket(Bucket=BUCKET)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """How users name it: credentials, and `AWS_ENDPOINT_URL` alone."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

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
        if self._refuses(environ):
            self.refused += 1
            start_response("503 Slow Down", [("Content-Type", "text/plain")])
            return [b"try again"]
        return self._app(environ, start_response)

    def _refuses(self, environ: Any) -> bool:
        writes = environ["REQUEST_METHOD"] in {"PUT", "POST"}
        if writes and self.unwritable is not None and self.unwritable.search(environ["PATH_INFO"]):
            return True
        return self.gone or self._draw.random() < self.failing

    def client(self) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def keys(self, ending: str = "") -> list[str]:
        """Names of the objects that end so."""
        listed = self.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [entry["Key"] for entry in listed if entry["Key"].endswith(ending)]

    def upload(self, folder: Path, name: str) -> str:
        """Put a folder under a name, and return its address."""
        client = self.client()
        for path in folder.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), BUCKET, f"{name}/{path.relative_to(folder).as_posix()}")
        return f"s3://{BUCKET}/{name}"

    def delete(self, address: str) -> None:
        self.client().delete_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))
