"""A small packed run, made once, and recipes over it."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="there is no GPU"))


@pytest.fixture(scope="session")
def packed(tmp_path_factory) -> Path:
    """The embedded sample packed at 512 tokens: some 140 packs in two streams."""
    import octomed

    folder = tmp_path_factory.mktemp("packed")
    settings = {
        "output.path": folder / "run",
        "work.path": folder / "work",
        "pack.capacity": 512,
        "output.shard_size": "32KiB",
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    octomed.pack(ROOT / "recipes/quickstart-train.yaml", overrides=overrides, workers=2)
    return folder / "run"


@pytest.fixture(scope="session", autouse=True)
def importable_by_ranks():
    """Processes that are forked import the tests by name."""
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))


class Store:
    """A local S3 whose requests fail now and then."""

    def __init__(self, monkeypatch) -> None:
        import threading

        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self.failing = 0.0
        self.gone = False
        self.draw = random.Random(17)
        self.refused = 0
        self.inner = DomainDispatcherApplication(create_backend_app)
        self.server = make_server("127.0.0.1", 0, self, threaded=True)
        self.address = f"http://127.0.0.1:{self.server.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.address,
            "S3_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def __call__(self, environ, start_response):
        if self.gone or self.draw.random() < self.failing:
            self.refused += 1
            start_response("503 Slow Down", [("Content-Type", "text/plain")])
            return [b""]
        return self.inner(environ, start_response)

    def client(self):
        import boto3

        return boto3.client("s3", endpoint_url=self.address, region_name="us-east-1")

    def keys(self, bucket: str, ending: str) -> list[str]:
        """Names of a bucket's objects that end so."""
        listed = self.client().list_objects_v2(Bucket=bucket).get("Contents", [])
        return [entry["Key"] for entry in listed if entry["Key"].endswith(ending)]

    def upload(self, folder: Path, bucket: str, prefix: str) -> str:
        client = self.client()
        client.create_bucket(Bucket=bucket)
        for path in folder.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
        return f"s3://{bucket}/{prefix}"


@pytest.fixture
def store(monkeypatch):
    pytest.importorskip("moto.server")
    made = Store(monkeypatch)
    yield made
    made.server.shutdown()
