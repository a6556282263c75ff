"""Which hosts a sandbox may reach under `allowlist`, and whether an address is one of the open internet; stdlib only."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

WEB_PORTS = (80, 443)
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    host: str
    """A name in lower case or an address; `*.example.org` is every name below example.org, without itself."""
    ports: tuple[int, ...] = WEB_PORTS
    source: str = "--mlr-allow-host"
    """Who named it: pip, hub, index (where the package index says that its files lie) or the option."""
    private: bool = True
    """Whether it may lie on an address that is not of the open internet: only what the user's own configuration names."""

    @classmethod
    def parse(cls, text: str) -> "Entry":
        """From `HOST`, `HOST:PORT` or `*.DOMAIN`. Raises ValueError saying what was expected."""
        host, colon, port = text.strip().lower().rpartition(":") if not _is_address(text) else (text, "", "")
        if not colon:
            host, port = text.strip().lower(), ""
        host = host.strip("[]")
        name = host.removeprefix("*.")
        if not (_is_address(name) or _NAME.fullmatch(name)) or (colon and not (port.isdigit() and 0 < int(port) < 65536)):
            raise ValueError(f"{text!r} is no host: expected a name, an address, NAME:PORT or *.DOMAIN, without a scheme or path")
        return cls(host, (int(port),) if colon else WEB_PORTS, private=not host.startswith("*."))

    @classmethod
    def of_url(cls, url: str, source: str, *, private: bool = True) -> "Entry | None":
        """The host and port of an http(s) URL; None for any other kind of URL."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        return cls(parts.hostname.lower(), (parts.port or (443 if parts.scheme == "https" else 80),), source, private)

    def covers(self, host: str, port: int) -> bool:
        if port not in self.ports:
            return False
        return host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decision:
    """Whether one connection is made, and where to."""

    reason: str = ""
    """Why not; empty when it is."""
    address: str = ""
    """The resolved address, so that no second look-up can lead elsewhere."""

    @property
    def allowed(self) -> bool:
        return not self.reason


Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, IPv4 first. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in sorted(found, key=lambda one: one[0] != socket.AF_INET)]
    return list(dict.fromkeys(addresses))


def decide(entries: Iterable[Entry], host: str, port: int, resolver: Resolve = resolve) -> Decision:
    """Whether `host`:`port` may be connected to. A name that is not on the list is never looked up: queries carry data too."""
    entry = next((entry for entry in entries if entry.covers(host, port)), None)
    if entry is None:
        return Decision(f"{host}:{port} is not on the list of allowed hosts; --mlr-allow-host adds one")
    try:
        addresses = resolver(host, port)
    except OSError as error:
        return Decision(f"{host} has no address ({error})")
    inner = [address for address in addresses if not is_public(address)]
    if inner and not entry.private:
        return Decision(f"{host} leads to {inner[0]}, which is not of the open internet; --mlr-allow-host={host} would allow that")
    return Decision(address=addresses[0]) if addresses else Decision(f"{host} has no address")


def is_public(address: str) -> bool:
    """Whether it is an address of the open internet: none of this machine, of a private or link-local network, of clouds' metadata.

    IPv6 addresses that stand for an IPv4 one (mapped, 6to4, NAT64) count as that.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
