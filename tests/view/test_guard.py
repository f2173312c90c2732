"""Who may see the pages, and how the program begins and ends."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import pytest
from octomed.cli.app import run as command_line
from octomed.view.app import application
from octomed.view.guard import Guard
from octomed.view.pages import Site
from octomed.view.run import ViewedRun

from tests.view.conftest import TestClient


@pytest.fixture
def guarded(run):
    return TestClient(
        Guard(application(Site([ViewedRun(run)])), "secret"),
        base_url="http://127.0.0.1:8000",
        follow_redirects=False,
    )


def test_without_the_token_nothing_is_shown(guarded):
    for address in ("/", "/0/", "/?token=other", "/static/view.css", "/0/?token="):
        answer = guarded.get(address)
        assert answer.status_code == 403
        assert "made" not in answer.text


def test_the_token_becomes_a_cookie_and_leaves_the_address(guarded):
    answer = guarded.get("/0/traces?source=rows&token=secret")
    assert (answer.status_code, answer.headers["location"]) == (303, "/0/traces?source=rows")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert guarded.get("/0/").status_code == 200  # the client has the cookie now


def test_no_address_leads_to_another_machine(guarded):
    for path in ("//evil.example/", "///evil.example"):
        answer = guarded.get(f"http://127.0.0.1:8000{path}?token=secret")
        assert answer.headers["location"].startswith("/")
        assert not answer.headers["location"].startswith("//")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "169.254.1.1"]
)
def test_a_name_that_was_made_to_lead_here_is_refused(guarded, host):
    guarded.get("/?token=secret")
    answer = guarded.get("/0/", headers={"Host": host})
    assert answer.status_code == 400
    assert "set-cookie" not in guarded.get("/?token=secret", headers={"Host": host}).headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "localhost:99"])
def test_a_tunnel_may_have_another_port(guarded, host):
    assert guarded.get("/?token=secret", headers={"Host": host}).status_code == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_is_written(guarded, method):
    guarded.get("/?token=secret")
    assert guarded.request(method, "/0/").status_code == 405


def test_every_answer_has_its_headers(guarded):
    for address in ("/", "/?token=secret", "/0/", "/none", "/static/view.js"):
        headers = guarded.get(address).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def started(*words):
    """Start the program with the signals of a terminal, and return it with the address that it prints."""
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from octomed.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "view", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_program_serves_until_a_signal_ends_it(run, number, code):
    process, address = started(run)
    try:
        assert address.startswith("http://127.0.0.1:")
        opened = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        assert "Run made" in opened.open(address, timeout=30).read().decode()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.partition("?")[0], timeout=30)
        port = int(address.partition("?")[0].rpartition(":")[2].strip("/"))
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=5).close()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == code
    assert said.splitlines()[0] == "open it in a browser of this machine; Ctrl-C ends"
    assert len(said.splitlines()) == 2
    assert said.splitlines()[1].startswith("error: ")


def test_a_port_that_is_taken_is_said(run, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert command_line(["view", str(run), "--port", str(taken.getsockname()[1])]) == 2
    assert "in use by another program" in capsys.readouterr().err


def test_what_cannot_be_shown_is_said(run, training, tmp_path, capsys):
    assert command_line(["view", str(tmp_path / "none")]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert command_line(["view", str(run), "--train", str(tmp_path)]) == 2
    assert "is not the folder of a training run" in capsys.readouterr().err
    assert command_line(["view", str(training), "--train", str(training)]) == 2
    copy = shutil.copytree(run, tmp_path / "copy")
    text = (copy / "octomed.json").read_text()
    (copy / "octomed.json").write_text(text[: len(text) // 2])
    assert command_line(["view", str(copy)]) == 4
    (copy / "octomed.json").unlink()
    manifest = copy / ".octomed-run.json"
    manifest.write_text(manifest.read_text()[:100])
    capsys.readouterr()
    assert command_line(["view", str(copy)]) in {2, 4}


def test_a_package_that_is_missing_is_named(run, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith(("starlette", "octomed.view"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert command_line(["view", str(run)]) == 2
    said = capsys.readouterr().err
    assert "needs the package `starlette" in said
    assert "pip install '.[view]'" in said
