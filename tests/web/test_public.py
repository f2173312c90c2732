"""Which addresses are public, and what of a row's words is asked for or said."""

from __future__ import annotations

import socket

import pytest
from octomed.web import place
from octomed.web.errors import NoImage
from octomed.web.place import found_at, place_of
from octomed.web.public import is_public

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1.1.1.1",
    "2001:0:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "1.1.1.1%eth0",
    "fec0::1",
    "ff02::1",
    "localhost",
    "",
    "127.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_networks_of_ones_own_are_not(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
    ],
)
def test_this_machine_is_not_reached_however_it_is_spelled(host):
    with pytest.raises(NoImage, match=r"not public|nobody knows") as caught:
        found_at(place_of(f"http://{host}/a.png"))
    assert caught.value.reason == "image_unreachable"


def test_one_address_of_a_name_that_is_not_public_is_enough(monkeypatch):
    found = ["1.1.1.1", "10.0.0.7"]

    def resolve(_, port, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(NoImage, match="not public"):
        found_at(place_of("https://example.org/a.png"))
    found.pop()
    assert found_at(place_of("https://example.org/a.png")) == [(socket.AF_INET, ("1.1.1.1", 443))]
    monkeypatch.setattr(place.socket, "getaddrinfo", lambda *_, **__: [(socket.AF_UNIX, 1, 0, "", "/run/x")])
    with pytest.raises(NoImage, match="not public"):
        found_at(place_of("https://example.org/a.png"))


def test_an_address_is_asked_for_as_it_is_and_shown_without_what_may_be_a_key():
    found = place_of("HTTPS://Example.ORG:8443/ä b/%20.png?sig=a/b&x=[1]#part")
    assert (found.scheme, found.host, found.port) == ("https", "example.org", 8443)
    assert found.target == "/%C3%A4%20b/%20.png?sig=a/b&x=[1]"
    assert found.shown == "https://example.org/%C3%A4%20b/%20.png"
    assert place_of("http://bücher.example").host == "xn--bcher-kva.example"
    assert (place_of("http://a").target, place_of("http://a?x").target) == ("/", "/?x")
    assert len(place_of(f"http://a/{'b' * 500}").shown) == 121


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http:///a.png",
        "http://a:99999/",
        "http://a:0/",
        "http://[::1/",
        "http://a\r\nHost: b/",
        "http://a/\x00",
        "ftp://a/b",
        f"http://a/{'b' * 9000}",
        f"http://{'a' * 70}.org/",
        "http://user@a/",
        "http://user:sesame@a/",
        "http://:@a/",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(address):
    with pytest.raises(NoImage) as caught:
        place_of(address)
    assert caught.value.reason == "image_url"
    assert not any(word in caught.value.detail for word in ("sesame", "Host", "//", "bbb"))
