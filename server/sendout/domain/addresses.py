"""Addresses of machines: whether one is a number or a name, and whether it is this machine's own."""

from __future__ import annotations

import ipaddress


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is written as; None where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_here(host: str) -> bool:
    """Whether a host, without brackets and port, can be reached from this machine alone."""
    address = literal(host)
    return host == "localhost" if address is None else address.is_loopback
