"""The socket of a researcher: whoever has the token sees where people are, pauses, writes to them, ends links."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import secrets
from typing import TYPE_CHECKING

from human.messages import RefusalError
from human.record import Event, RecordError
from human.record.people import AccessError, invite, revoke
from human.server.admin import (
    Denied,
    Done,
    Enter,
    FromResearcher,
    GoOn,
    NewLink,
    PauseStudy,
    Revoke,
    Tell,
    ToResearcher,
    from_researcher,
)
from human.server.limits import Bucket
from human.server.overview import Watch
from human.session.hall import Hall

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

LOG = logging.getLogger("human.server")
EVERY = 1.0
"""Seconds between two looks."""
DAYS = 30.0
"""How long a new link may be used first."""


class Dashboard:
    """Everybody who looks at a study. ``base`` is where its page is opened."""

    def __init__(self, hall: Hall, base: str = "", join_seconds: float = 10.0):
        self.hall, self.base = hall, base
        self.token = secrets.token_urlsafe(32)
        self._join_seconds = join_seconds
        self._watch = Watch(hall)
        self._tries = Bucket(0.2, 5)
        """Wrong tokens, of all together: there is one right one, and nobody types it."""

    @property
    def link(self) -> str:
        return f"{self.base}/dashboard#{self.token}"

    async def serve(self, socket: ServerConnection) -> None:
        """A connection from its first message to its last."""
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            if not await self._enters(socket):
                await self._send(socket, Denied(text="this link does not open the dashboard: take the server's newest"))
                return
            looking = asyncio.create_task(self._look(socket))
            try:
                await self._listen(socket)
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)

    async def _enters(self, socket: ServerConnection) -> bool:
        try:
            async with asyncio.timeout(self._join_seconds):
                message = from_researcher(await socket.recv())
        except (TimeoutError, RefusalError):
            return False
        if not isinstance(message, Enter) or not self._tries.take():
            return False
        given, right = (hashlib.sha256(one.encode("utf-8", "replace")).digest() for one in (message.token, self.token))
        if not hmac.compare_digest(given, right):
            return False
        self._tries.give()
        return True

    async def _look(self, socket: ServerConnection) -> None:
        """Shows what there is whenever it has changed."""
        last = None
        while True:
            view = await self._watch.overview()
            if last is None or view != last.model_copy(update={"now": view.now}):
                await self._send(socket, view)
                last = view
            await asyncio.sleep(EVERY)

    async def _listen(self, socket: ServerConnection) -> None:
        bucket = Bucket(5, 20)
        while True:
            data = await socket.recv()
            if not bucket.take():
                await self._send(socket, Denied(text="too many messages"))
                return
            n = None
            try:
                message = from_researcher(data)
                n = getattr(message, "n", None)
                answer: ToResearcher = await self._do(message)
            except (RefusalError, AccessError, RecordError) as error:
                answer = Denied(n=n, text=str(error))
            await self._send(socket, answer)

    @staticmethod
    async def _send(socket: ServerConnection, message: ToResearcher) -> None:
        await socket.send(message.model_dump_json())

    async def _do(self, message: FromResearcher) -> Done:
        """Does it, recorded first. Raises RefusalError, AccessError and RecordError."""
        match message:
            case Enter():
                raise RefusalError("not_allowed", "this dashboard is open already")
            case PauseStudy() | GoOn():
                return await self._pause(message)
            case Tell():
                return await self._tell(message)
            case Revoke():
                await asyncio.to_thread(revoke, self.hall.record, message.person)
                await self._ends(message.person)
                return Done(n=message.n, text=f"{message.person} cannot go on")
            case NewLink():
                ((person, token),) = await asyncio.to_thread(invite, self.hall.record, 1, DAYS, again=message.person)
                await self._ends(person)
                return Done(n=message.n, text=f"the new link of {person}", link=f"{self.base}/#{token}")

    async def _pause(self, message: PauseStudy | GoOn) -> Done:
        paused = isinstance(message, PauseStudy)
        if paused != self.hall.paused:
            await self.hall.record.write(Event("", "study_paused" if paused else "study_resumed"))
            self.hall.paused = paused
            for session in list(self.hall.sessions.values()):
                session.run_clock()
        return Done(n=message.n, text="the study is paused" if paused else "the study goes on")

    async def _tell(self, message: Tell) -> Done:
        rows = self.hall.record.read("SELECT state FROM people WHERE id = ?", message.person)
        if not rows or rows[0][0] in ("withdrawn", "declined", "revoked"):
            raise AccessError(f"{message.person}: there is nobody of this name who can be written to")
        await self.hall.record.write(Event(message.person, "message", data={"text": message.text}))
        session = self.hall.sessions.get(message.person)
        if session:
            session.from_researcher(message.text)
        there = bool(session and session.here)
        return Done(n=message.n, text=f"{message.person} {'is told' if there else 'is told on coming back'}")

    async def _ends(self, person: str) -> None:
        """Ends the session of somebody whose key is none any more."""
        async with self.hall.doors[person]:  # its screen may be coming just now
            if session := self.hall.sessions.get(person):
                await session.closed()
