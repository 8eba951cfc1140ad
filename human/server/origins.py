"""Where a study's page may be opened: scheme and host, in the clear on this machine alone."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from arena.command import fail


def check_origin(flag: str, origin: str) -> None:
    """Raises UserError for what is no place to open a page at, or would send people's words in the clear."""
    try:
        parts = urlsplit(origin)
        host, _ = parts.hostname, parts.port
        bare = parts.scheme in ("https", "http") and parts.path in ("", "/") and not set("?#@") & set(origin)
    except ValueError:
        host, bare = None, False
    if not host or not bare:
        fail(f"{flag} {origin}: give scheme and host, as https://study.example.org")
    if parts.scheme == "http" and not loopback(host):
        fail(f"{flag} {origin}: plain http is for this machine only; use https")


def loopback(host: str) -> bool:
    """Is it this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
