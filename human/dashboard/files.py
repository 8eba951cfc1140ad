"""The dashboard's own files, under `PATH`, with the headers of the page for participants."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING

from human.page.files import HEADERS, response_for

if TYPE_CHECKING:
    from websockets.http11 import Response

PATH = "/dashboard"
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Content type and bytes of every path."""
    files = {}
    for file in resources.files(__package__).iterdir():
        kind = _KINDS.get(file.name.rpartition(".")[2])
        if kind:
            path = PATH if file.name == "index.html" else f"{PATH}/{file.name}"
            files[path] = (f"{kind}; charset=utf-8", file.read_bytes())
    return files


def dashboard_for(path: str) -> Response:
    """The answer to a GET of ``path``."""
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    if path not in _files():
        return response_for(path)  # which has nothing there, and says so
    kind, body = _files()[path]
    headers = Headers([*HEADERS.items(), ("Content-Type", kind), ("Content-Length", str(len(body)))])
    return Response(HTTPStatus.OK.value, HTTPStatus.OK.phrase, headers, body)
