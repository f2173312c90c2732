"""moto's S3 in a process of its own: started once, with a new bucket for each test."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import boto3

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import logging, sys
logging.disable()
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

class Kept(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass

make_server("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=True,
            request_handler=Kept).serve_forever()
"""
_numbers = itertools.count()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """The process."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = subprocess.Popen([sys.executable, "-c", _SCRIPT, str(self.port)])
        for _ in range(600):
            try:
                urlopen(f"{self.url}/moto-api/data.json", timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class S3:
    """A bucket of a server.

    Attributes
    ----------
    url
        The endpoint that clients are told, which may be a proxy's.
    bucket
        Its name.
    """

    def __init__(self, server: Server, url: str | None = None) -> None:
        self.server = server
        self.url = url or server.url
        self.bucket = f"octomed-{next(_numbers)}"
        self.client().create_bucket(Bucket=self.bucket)

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

    def address(self, path: str = "") -> str:
        return f"s3://{self.bucket}/{path}".rstrip("/")

    def client(self) -> Any:
        """A client of the server itself, whatever is in front of it."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client("s3", endpoint_url=self.server.url, region_name="us-east-1", **keys)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return bytes(self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def write(self, key: str, data: bytes) -> None:
        self.client().put_object(Bucket=self.bucket, Key=key, Body=data)

    def upload(self, folder: Path, name: str) -> str:
        """Put a folder under a name, and return its address."""
        client = self.client()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                client.upload_file(str(path), self.bucket, f"{name}/{path.relative_to(folder).as_posix()}")
        return self.address(name)
