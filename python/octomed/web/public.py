"""Which addresses of the network are public: a row's words never lead to others."""

from __future__ import annotations

import ipaddress

_METADATA = frozenset({"168.63.129.16", "100.100.100.200", "192.0.0.192"})
"""Addresses at which clouds tell a machine its keys; the others are of a kind that is refused as a whole."""

_REFUSED_4 = tuple(ipaddress.IPv4Network(one) for one in ("192.88.99.0/24",))
_REFUSED_6 = tuple(
    ipaddress.IPv6Network(one)
    for one in ("::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2002::/16", "3fff::/20", "5f00::/16")
)
"""Forms that carry another address or lead into a tunnel, and those for documents."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Say whether an address of the network is one of the public internet.

    Parameters
    ----------
    address
        An address in numbers, as the system resolves a name to; a zone behind `%` makes it local.

    Examples
    --------
    >>> is_public("1.1.1.1"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a zone, or no address
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = _inner(found)
        if inner is not None:
            return _is_public_4(inner)
        return _is_global(found) and not any(found in network for network in _REFUSED_6)
    return _is_public_4(found)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the address of version 4 that one of version 6 stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def _is_public_4(address: ipaddress.IPv4Address) -> bool:
    listed = str(address) in _METADATA or any(address in network for network in _REFUSED_4)
    return _is_global(address) and not listed


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Say whether an address is of none of the kinds that are nobody's or one network's own."""
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or site_local
    )
