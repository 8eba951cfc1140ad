"""A server's connections, with those on which nothing was said yet."""

from __future__ import annotations

import weakref
from typing import Any

from websockets.asyncio.server import ServerConnection


class Sockets:
    """All connections of a `websockets` server, which makes them of ``kind`` (its ``create_connection``).

    Browsers open sockets ahead. `websockets` would wait for them until the opening handshake's time is over.
    """

    def __init__(self) -> None:
        self._made = made = weakref.WeakSet[ServerConnection]()

        class Known(ServerConnection):
            def __init__(self, *given: Any, **how: Any) -> None:
                super().__init__(*given, **how)
                made.add(self)

        self.kind: type[ServerConnection] = Known

    def abort(self) -> None:
        """Ends those that are left, without a word."""
        for one in list(self._made):
            if hasattr(one, "transport"):
                one.transport.abort()
