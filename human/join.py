"""Somebody else's study, as a person's screen holds on to it: a websocket that comes back when it is lost.

One counted message is on its way at a time, so what was done is known after every break: the server says the number
of the last that was, and the next is sent again, or for the first time.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import os
import random
import ssl
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

from human.link import FromLink, NotDone
from human.messages import (
    Ack,
    Bye,
    Join,
    Leave,
    Note,
    Numbered,
    Refused,
    Try,
    Welcome,
    Withdraw,
    to_person,
)

LARGEST = 1 << 24
"""Bytes of a message to the screen."""
FAREWELL = 1.5
"""Seconds in which a last word may come."""
LONGEST_WAIT = 15.0
"""Seconds between two attempts, at most."""


@dataclass(frozen=True)
class Invitation:
    """Where to go, and what to show there."""

    url: str
    token: str
    host: str
    here: bool
    """It is this machine."""


def invitation(link: str) -> Invitation:
    """Reads a link as it is sent to participants. Raises ValueError, which does not repeat the token."""
    try:
        parts = urlsplit(link.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is no link; it looks like https://HOST/#TOKEN") from None
    schemes = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}
    if parts.scheme not in schemes or not host:
        raise ValueError("is no link; it looks like https://HOST/#TOKEN")
    if not parts.fragment or len(parts.fragment) > 200:
        raise ValueError("has no token; copy the whole link, with what stands behind #")
    here = _loopback(host)
    if schemes[parts.scheme] == "ws" and not here:
        raise ValueError(f"{parts.scheme}:// is not secret on its way to {host}; ask for a link that begins https://")
    path = parts.path.rstrip("/")
    where = f"[{host}]" if ":" in host else host
    url = f"{schemes[parts.scheme]}://{where}{f':{port}' if port else ''}{path.removesuffix('/socket')}/socket"
    return Invitation(url, parts.fragment, host, here)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Keys:
    """What sessions are come back to with: a file each, which nobody else may read."""

    def __init__(self, invited: Invitation):
        home = os.environ.get("XDG_STATE_HOME", "")
        state = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
        name = hashlib.sha256(f"{invited.url}#{invited.token}".encode()).hexdigest()[:32]
        self.path = state / "tandem-arena" / "sessions" / f"{name}.json"

    def read(self) -> str:
        """The key, or nothing."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))["key"]
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return found if isinstance(found, str) and len(found) <= 200 else ""

    def write(self, key: str) -> None:
        """Keeps the key; without one, forgets it."""
        with suppress(OSError):  # a home that cannot be written: one can play, but not come back
            if not key:
                self.path.unlink(missing_ok=True)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            number, name = tempfile.mkstemp(dir=self.path.parent)  # for its owner alone
            with os.fdopen(number, "w", encoding="utf-8") as file:
                json.dump({"key": key}, file)
            os.replace(name, self.path)


class JoinedStudy:
    """The link. ``trouble`` says why it is not connected."""

    on_leaving = "Leave now? The same command brings you back to where you are."

    def __init__(
        self, invited: Invitation, client: Literal["app", "line"], *, first_wait: float = 0.5, patience: float = 5.0
    ):
        """``first_wait`` and ``patience``: seconds before connecting again, and before saying something again."""
        self.invited, self.client = invited, client
        self.trouble = f"Connecting to {invited.host} ..."
        self._keys = Keys(invited)
        self._first_wait = self._wait = first_wait
        self.patience = patience
        self._socket: ClientConnection | None = None
        """Where messages can be sent: there was a Welcome."""
        self._owed: deque[Numbered] = deque()
        """Not done yet; the first is on its way, if anything is."""
        self._on_its_way = False
        self._last = 0
        """Number of the last message that was done."""
        self._sending: set[asyncio.Task[None]] = set()
        self._by_token = False
        """The key opened nothing; the token may."""
        self._no_key = ""
        """What was said of the key."""
        self._over = self._leaving = False
        self._hurry = asyncio.Event()

    def send(self, message: Numbered | Try) -> None:
        if isinstance(message, Numbered):
            self._owed.append(message)
            self._next()
        elif self._socket:
            self._put(message)
        if isinstance(message, Leave | Withdraw) and self._socket is None:
            self._over = True
            self._hurry.set()

    async def told(self) -> AsyncIterator[FromLink]:
        while not (self._over or self._leaving):
            try:
                async with connect(
                    self.invited.url, max_size=LARGEST, proxy=None if self.invited.here else True
                ) as socket:
                    async for message in self._connected(socket):
                        yield message
                self._lost("the connection was closed")
            except InvalidStatus as error:
                status = error.response.status_code
                if status < 500:
                    yield Bye(name="refused", text=f"{self.invited.host} does not let you in (it says {status})")
                    return
                self._lost(f"it says {status}")
            except ssl.SSLCertVerificationError as error:
                yield Bye(name="refused", text=f"{self.invited.host} cannot prove who it is ({error.verify_message})")
                return
            except (OSError, InvalidHandshake, WebSocketException) as error:
                number = getattr(error, "errno", None)
                self._lost(os.strerror(number) if number and number > 0 else "no answer")
            await self._pause()

    async def _connected(self, socket: ClientConnection) -> AsyncIterator[FromLink]:
        key = "" if self._by_token else self._keys.read()
        join = Join(token="" if key else self.invited.token, key=key, client=self.client)
        await socket.send(join.model_dump_json())
        async for data in socket:
            try:
                message = to_person(data)
            except ValueError:  # of a later version, perhaps
                continue
            match message:
                case Welcome():
                    self._welcomed(socket, message)
                    yield message
                case Ack(n=n):
                    self._done(n)
                case Refused() | Bye() if self._socket is None:
                    if key:
                        self._by_token, self._no_key, self._wait = True, message.text, 0.0
                        return
                    self._over = True
                    yield Bye(name=message.name, text=self._no_key or message.text)
                case Refused():
                    if (refused := self._refused(message)) is not None:
                        yield refused
                case _:
                    self._over |= isinstance(message, Bye)
                    yield message
            if self._over:
                return

    def _welcomed(self, socket: ClientConnection, welcome: Welcome) -> None:
        self._socket, self.trouble, self._wait = socket, "", self._first_wait
        self._by_token, self._no_key = False, ""
        if welcome.key:
            self._keys.write(welcome.key)
        if self._on_its_way and welcome.last > self._last:
            self._left(self._owed.popleft())
        self._last, self._on_its_way = welcome.last, False
        self._next()

    def _next(self) -> None:
        if self._owed and self._socket and not self._on_its_way:
            self._on_its_way = True
            self._send_first()

    def _send_first(self) -> None:
        """Sends what is on its way, again and again until that is known: a server that is asked too much drops some."""
        self._put(self._owed[0].model_copy(update={"n": self._last + 1}))
        asyncio.get_running_loop().call_later(self.patience, self._ask_again, self._socket, self._last)

    def _ask_again(self, socket: ClientConnection | None, last: int) -> None:
        if self._on_its_way and (socket, last) == (self._socket, self._last):
            self._send_first()

    def _done(self, n: int) -> None:
        if self._on_its_way and n == self._last + 1:
            self._last, self._on_its_way = n, False
            self._left(self._owed.popleft())
            self._next()

    def _refused(self, why: Refused) -> FromLink | None:
        """Nothing was done, so the number is free again. Gives what is to be told of it; None: nobody needs to know."""
        if why.n is None or not self._on_its_way or why.n != self._last + 1:
            return why
        self._on_its_way = False
        if why.name == "out_of_order":  # who is wrong shows when both say where they are
            self._drop()
            return None
        refused = self._owed.popleft()
        self._next()
        return None if isinstance(refused, Note) else NotDone(refused, why)

    def _left(self, done: Numbered) -> None:
        if isinstance(done, Leave | Withdraw):
            self._leaving = True
            asyncio.get_running_loop().call_later(FAREWELL, self._drop)
        if isinstance(done, Withdraw):
            self._keys.write("")

    def _drop(self) -> None:
        if self._socket:
            self._keep(asyncio.ensure_future(self._socket.close()))

    def _put(self, message: Numbered | Try) -> None:
        assert self._socket

        async def put(socket: ClientConnection, data: str) -> None:
            with suppress(WebSocketException, OSError):  # it is sent again when there is a connection again
                await socket.send(data)

        self._keep(asyncio.ensure_future(put(self._socket, message.model_dump_json())))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _lost(self, why: str) -> None:
        self._socket = None
        self.trouble = f"Not connected to {self.invited.host} ({why}); trying again ..."

    async def _pause(self) -> None:
        if not (self._over or self._leaving):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait * random.uniform(0.8, 1.2)):
                    await self._hurry.wait()
            self._wait = min(LONGEST_WAIT, 2 * self._wait or self._first_wait)
