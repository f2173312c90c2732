"""What is taken of an answer, and what is refused: bytes, time, ways, and where they lead."""

from __future__ import annotations

import socket
import time

import pytest
from octomed.web.errors import NoImage
from octomed.web.request import Limits, ask

from tests.web_server import moved, serving, slowly

LIMITS = Limits(size=1000, seconds=0.6, silence=0.3, redirects=2)


@pytest.fixture
def server(monkeypatch):
    with serving(monkeypatch) as found:
        yield found


def refused(address):
    with pytest.raises(NoImage) as caught:
        list(ask(address, LIMITS))
    assert "key" not in caught.value.detail
    return caught.value


def test_the_bytes_come_as_they_are_and_little_is_told(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answers["/a.png"] = bytes(range(250)) * 4
    assert b"".join(ask(server.url("/a.png?key=1#part"), LIMITS)) == bytes(range(250)) * 4
    assert server.asked == ["/a.png?key=1"]
    assert set(server.heads[0]) == {"Host", "Accept", "Accept-Encoding", "Connection", "User-Agent"}
    assert server.heads[0]["Accept-Encoding"] == "identity"


def test_an_answer_in_pieces_and_one_without_a_length_are_read(server):
    def in_pieces(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

    def until_the_end(handler):
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nabc")
        handler.close_connection = True

    server.answers |= {"/pieces": in_pieces, "/end": until_the_end}
    assert b"".join(ask(server.url("/pieces"), LIMITS)) == b"abcde"
    assert b"".join(ask(server.url("/end"), LIMITS)) == b"abc"


def test_too_many_bytes_are_refused_before_they_are_read_where_that_is_said(server):
    server.answers["/said"] = b"x" * 1001

    def endless(handler):
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 5000)
        handler.close_connection = True

    server.answers["/unsaid"] = endless
    assert refused(server.url("/said")).reason == "image_too_large"
    assert refused(server.url("/unsaid")).reason == "image_too_large"


@pytest.mark.parametrize(
    ("status", "passes"), [(404, False), (403, False), (206, False), (204, False), (429, True), (503, True)]
)
def test_any_other_status_is_no_image(server, status, passes):
    server.answers["/a"] = lambda handler: handler.send(status)
    error = refused(server.url("/a?key=1"))
    assert (str(status) in error.detail, error.passes, error.reason) == (True, passes, "image_unreachable")


def test_what_is_cut_or_compressed_or_no_answer_at_all_is_refused(server):
    server.answers |= {
        "/cut": lambda handler: handler.send(200, b"abc", Content_Length="9", Connection="close"),
        "/gzip": lambda handler: handler.send(200, b"abc", Content_Encoding="gzip"),
        "/noise": slowly(b"\x00\x01 noise\r\n\r\n", 0, 1),
        "/chunk": slowly(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, 1),
    }
    server.answers["/cut"] = slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 0, 1)
    details = [refused(server.url(path)).detail for path in ("/cut", "/gzip", "/noise", "/chunk")]
    assert "less than it says" in details[0]
    assert "compressed" in details[1]


@pytest.mark.parametrize("size", [b"-1", b"-5", b"-0x1"])
def test_a_piece_of_less_than_nothing_is_not_all_that_comes(server, size):
    """Python reads `int(size, 16)` bytes: all there is for one below 0, past every limit."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n"
    server.answers["/pieces"] = slowly(head + b"x" * 200_000, 0, 1)
    assert "does not answer as a server" in refused(server.url("/pieces")).detail


def test_a_slow_answer_ends_by_the_clock_whatever_drips(server):
    server.answers |= {
        "/body": slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", 0.1, 30),
        "/head": slowly(b"HTTP/1.1 200 OK\r\nX: ", 0.1, 30),
        "/closed": slowly(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 900\r\n\r\n", 0.1, 30),
        "/old": slowly(b"HTTP/1.0 200 OK\r\n\r\n", 0.1, 30),
        "/pieces": slowly(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n384\r\n", 0.1, 30),
        "/silent": slowly(b"", 2, 1),
    }
    dripping = dict.fromkeys(("/body", "/head", "/closed", "/old", "/pieces"), "0.6 seconds")
    for path, words in (dripping | {"/silent": "in time"}).items():
        begin = time.monotonic()
        error = refused(server.url(path))
        assert words in error.detail, path
        assert error.passes
        assert time.monotonic() - begin < 2


def test_nobody_at_a_port_is_said(server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = refused(f"http://127.0.0.1:{port}/a?key=1")
    assert (error.reason, error.passes) == ("image_unreachable", True)
    assert "encrypted" in refused(server.url("/a").replace("http:", "https:")).detail


def test_an_answer_may_lead_on_but_not_without_end(server):
    server.answers |= {
        "/one": moved("/two?key=1", 301),
        "/two": moved(server.url("/image"), 307),
        "/three": moved("/one"),
        "/image": b"image",
        "/self": moved("/self"),
        "/nowhere": lambda handler: handler.send(302),
    }
    assert b"".join(ask(server.url("/one"), LIMITS)) == b"image"
    assert "2 times" in refused(server.url("/three")).detail
    assert "2 times" in refused(server.url("/self")).detail
    assert "2 times" in refused(server.url("/nowhere")).detail


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.2:{port}/image?key=1",
        "http://localhost.:{port}/image",
        "http://[::1]:{port}/image",
        "http://[::ffff:127.0.0.1]:{port}/image",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/image",
        "//192.168.0.1/image",
        "file:///etc/passwd",
        "ftp://127.0.0.1/image",
        "http://user:key@127.0.0.1:{port}/image",
    ],
)
def test_no_answer_leads_into_a_network_of_ones_own(server, monkeypatch, to):
    resolve = socket.getaddrinfo

    def resolved(host, *words, **options):
        return resolve("127.0.0.3" if host == "localhost." else host, *words, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    server.answers |= {"/a": moved(to.format(port=server.server_address[1])), "/image": b"image"}
    refused(server.url("/a"))
    assert server.asked == ["/a"]


def test_a_name_is_looked_up_once_so_that_it_cannot_be_another_host_afterwards(server, monkeypatch):
    asked = []

    def rebinding(host, port, **_):
        asked.append(host)
        where = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (where, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    server.answers["/a"] = b"image"
    address = f"http://example.org:{server.server_address[1]}/a"
    assert b"".join(ask(address, LIMITS)) == b"image"
    assert asked == ["example.org"]
    assert server.heads[0]["Host"].startswith("example.org:")
    refused(address)
    assert server.asked == ["/a"]
