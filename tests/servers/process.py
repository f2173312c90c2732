"""A server in a process of its own, and what tests ask of it."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tests.servers import credentials

Kind = Literal["s3", "gcs", "azure", "hub", "web", "proxy"]
BUCKET = "octomed"
ROOTS = {"s3": f"s3://{BUCKET}", "gcs": f"gs://{BUCKET}", "azure": f"az://octomedaccount/{BUCKET}",
         "hub": "hf://datasets/octomed/data"}  # fmt: skip
PLACES = {"hub": "octomed/data"}
"""Where a server keeps what is at its root; its bucket by default."""


class Served:
    """A store at `url`, with one empty bucket, repository or site at the address `root`.

    Parameters
    ----------
    kind
        What it speaks.
    folder
        Where credentials and certificates go.
    tls
        Whether it speaks TLS, by a certificate whose authority is `authority`.

    Examples
    --------
    ```python
    server.set(rate=0.2, kinds=["reset", "html"])  # the fields of Faults and Rules
    address = server.upload(folder, "data")  # s3://octomed/data
    server.counts()["requests"]
    ```
    """

    def __init__(self, kind: Kind, folder: Path, *, tls: bool = False) -> None:
        self.kind, self.folder, self.tls = kind, folder, tls
        self.authority = folder / "authority.pem"
        command = [sys.executable, "-m", "tests.servers", kind]
        if tls:
            command.append(str(credentials.certificate(folder, self.authority)))
        place = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            command, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.forget()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def root(self) -> str:
        """The address of the bucket, without a final slash."""
        return ROOTS.get(self.kind, f"{self.url}/{BUCKET}")

    @property
    def environment(self) -> dict[str, str]:
        """How users name the server and their credentials."""
        return credentials.environment(self.kind, self.url, self.folder)

    def set(self, **values: Any) -> None:
        """Change what `Faults` and `Rules` say."""
        self._ask("POST", "set", json.dumps(values).encode())

    def forget(self) -> None:
        """Be as if just started."""
        self._ask("POST", "forget")
        self._ask("PUT", f"objects/{BUCKET}/")

    def counts(self) -> dict[str, Any]:
        """Return requests, bytes_in, bytes_out, faults, fault_*, status_*, each method, cpu in seconds."""
        found: dict[str, Any] = json.loads(self._ask("GET", "counts"))
        return {"requests": 0, "faults": 0, "bytes_in": 0, "bytes_out": 0} | found

    def asked(self) -> list[str]:
        """Return `METHOD target` of each request."""
        found: list[str] = json.loads(self._ask("GET", "asked"))["asked"]
        return found

    def heads(self) -> list[dict[str, str]]:
        """Return the headers of each request."""
        found: list[dict[str, str]] = json.loads(self._ask("GET", "asked?heads"))["heads"]
        return found

    def put(self, name: str, data: bytes) -> str:
        """Store an object past all faults and rules, and return its address."""
        self._ask("PUT", f"objects/{quote(self._place(name))}", data)
        return f"{self.root}/{name}"

    def get(self, name: str) -> bytes:
        return self._ask("GET", f"objects/{quote(self._place(name))}")

    def delete(self, name: str) -> None:
        self._ask("DELETE", f"objects/{quote(self._place(name))}")

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all objects that begin with a prefix, below the root."""
        found = json.loads(self._ask("GET", f"names?prefix={quote(self._place(prefix))}"))
        return [name.removeprefix(self._place("")) for name in found]

    def many(self, pattern: str, count: int, data: str) -> None:
        """Store numbered objects, `{:06}` in their name, of the same content."""
        value = {"name": self._place(pattern), "count": count, "data": data}
        self._ask("POST", "many", json.dumps(value).encode())

    def upload(self, folder: Path, name: str) -> str:
        """Put a folder under a name, and return its address."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"{self.root}/{name}"

    def download(self, name: str, folder: Path) -> Path:
        """Write what is below a name into a folder."""
        for found in self.names(f"{name}/"):
            path = folder / found.removeprefix(f"{name}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.get(found))
        return folder

    def replace(self, name: str, data: bytes, after: int) -> None:
        """Have an object replaced once it has been read so often."""
        self.set(replace={self._place(name): {"after": after, "data": base64.b64encode(data).decode()}})

    def front(self, url: str) -> dict[str, str]:
        """Stand before an S3 server (a proxy only), and return the environment of its users."""
        self.set(upstream=url)
        return self.environment

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def _place(self, name: str) -> str:
        return f"{PLACES.get(self.kind, BUCKET)}/{name}"

    def _ask(self, method: str, what: str, body: bytes | None = None) -> bytes:
        if self.tls:
            context = credentials.trusting(self.authority)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=60, context=context
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, f"/-/{what}", body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status != 200:
            raise FileNotFoundError(what)
        return data
