"""Where a request comes from: the client's address, and the network that limits and log lines are about."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Protocol

from jwt_drf_passwordless.conf import settings

#: Most characters of what a client says of itself: browsers name themselves last, after more than a hundred.
AGENT_LENGTH = 255

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class HasMeta(Protocol):
    @property
    def META(self) -> Mapping[str, Any]: ...  # noqa: N802


def client_address(request: HasMeta | None) -> Address | None:
    """The client's address; None where it is unknown.

    That is REMOTE_ADDR, or with `TRUSTED_PROXIES` n the n-th entry of X-Forwarded-For from the right,
    which the outermost of those proxies wrote: what stands before it is the client's own word.
    """
    if request is None:
        return None
    written = str(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUSTED_PROXIES:
        entries = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
        if len(entries) >= settings.TRUSTED_PROXIES:
            return _parse(entries[-settings.TRUSTED_PROXIES]) or _parse(written)
    return _parse(written)


def user_agent(request: HasMeta | None) -> str:
    """What the client says of itself (User-Agent, RFC 9110 section 10.1.5), in printable characters; "" for nothing."""
    said = "" if request is None else str(request.META.get("HTTP_USER_AGENT", ""))
    return "".join(filter(str.isprintable, said)).strip()[:AGENT_LENGTH]


def _parse(text: str) -> Address | None:
    """An address without the port or zone that a proxy may have added."""
    found = re.fullmatch(r"\s*(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+|([^\s\[\]]+))\s*", text)
    if not found:
        return None
    try:
        address = ipaddress.ip_address((found[1] or found[2] or found[3]).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def counted_as(address: Address | None) -> str:
    """What the requests of a client are counted by: its IPv4 address or IPv6 /64; empty where that is unknown."""
    if address is None:
        return ""
    return str(address) if address.version == 4 else address.exploded[:19]


def network(request: HasMeta | None) -> str | None:
    """The client's network: the first 24 bits of an IPv4 address, 64 of an IPv6 one; None where unknown."""
    address = client_address(request)
    if address is None:
        return None
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))
