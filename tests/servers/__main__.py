"""`python -m tests.servers KIND [CERTIFICATE]`: serves until its input ends; its first line is the port."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from tests.servers.azure_calls import Azure
from tests.servers.faults import Faults
from tests.servers.gcs_calls import Google
from tests.servers.hub_calls import Hub
from tests.servers.listener import Desk, Listener, Service
from tests.servers.objects import Objects
from tests.servers.proxy_calls import Proxy
from tests.servers.rules import Rules
from tests.servers.s3_calls import S3
from tests.servers.web_calls import Web

KINDS: dict[str, Any] = {"s3": S3, "gcs": Google, "azure": Azure, "hub": Hub, "web": Web, "proxy": Proxy}


def main() -> None:
    kind, *rest = sys.argv[1:]
    rules = Rules()
    objects = Objects(rules)
    service: Service = KINDS[kind](objects, rules)
    listener = Listener(Desk(service, objects, rules, Faults()), *rest)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    sys.stdout.write(f"{listener.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # threads that hold clients are not waited for


if __name__ == "__main__":
    main()
