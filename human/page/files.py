"""What the server answers to a browser that asks for the page: these files at these paths, and nothing else."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.http11 import Response

SOCKET = "/socket"
"""Where the page opens its websocket: the one path that the server answers itself."""

_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_DENIED = (
    "accelerometer",
    "autoplay",
    "camera",
    "clipboard-read",
    "display-capture",
    "geolocation",
    "gyroscope",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{name}=()" for name in _DENIED),
        "Connection": "close",
    }
)
"""With every answer, whatever was asked for."""


@cache
def _files() -> Mapping[str, tuple[str, bytes]]:
    """Content type and bytes of every path. Read once: a page of two versions would be none."""
    files = {}
    for file in resources.files(__package__).iterdir():
        kind = _KINDS.get(file.name.rpartition(".")[2])
        if kind:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            files[path] = (f"{kind}; charset=utf-8", file.read_bytes())
    return MappingProxyType(files)


def paths() -> tuple[str, ...]:
    """Every path there is."""
    return tuple(sorted(_files()))


def response_for(path: str) -> Response:
    """The answer to a GET of ``path``: for a websockets server's ``process_request``, wherever it is not `SOCKET`."""
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    status, found = HTTPStatus.OK, _files().get(path)
    if found is None:
        status, found = HTTPStatus.NOT_FOUND, ("text/plain; charset=utf-8", b"There is nothing here.\n")
    kind, body = found
    headers = Headers([*HEADERS.items(), ("Content-Type", kind), ("Content-Length", str(len(body)))])
    return Response(status.value, status.phrase, headers, body)
