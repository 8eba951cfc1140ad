"""What is answered to a request before it is a websocket: the page's files, or why not."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from human.server.limits import Limits

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

SOCKET, ADMIN = "/socket", "/admin"
RESEARCHERS = 8
"""Dashboards at once."""


def path_of(request: Request | None) -> str:
    """What a request asks for, to the letter, without its query: the door and what lies behind it must agree."""
    return request.path.partition("?")[0] if request else ""


def dressed(connection: ServerConnection, request: Request, response: Response) -> None:
    """Gives an answer that opens no websocket the page's headers, where it does not have them: ``process_response``."""
    from human.page.files import HEADERS

    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        for name, value in HEADERS.items():
            if name not in response.headers:
                response.headers[name] = value


class Door:
    """Lets websockets in up to a number, and answers everything else."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self.inside = self.watching = 0
        self.origins: set[str] = set()
        """Of pages that may open a websocket. Apps send none; a page of another site always sends its own."""

    def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        from human.dashboard.files import PATH, dashboard_for
        from human.page.files import response_for

        path = path_of(request)
        if path not in (SOCKET, ADMIN):
            return dashboard_for(path) if path.startswith(PATH) else response_for(path)
        if any(origin not in self.origins for origin in request.headers.get_all("Origin")):
            return connection.respond(HTTPStatus.FORBIDDEN, "this page is not the study's\n")
        if self.watching >= RESEARCHERS if path == ADMIN else self.inside >= self._limits.connections:
            return connection.respond(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many people at once; try again in a minute\n"
            )
        return None
