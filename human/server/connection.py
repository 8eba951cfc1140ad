"""One connection of a participant's screen: it says who it is, then messages go both ways until it goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from human.messages import Bye, FromPerson, Join, RefusalError, Refused, ToPerson, Try, from_person
from human.record import ClosedError
from human.record.people import AccessError, by_key, by_token, people
from human.server.limits import Bucket, Limits, Newest
from human.session.flow import take_part
from human.session.hall import Hall
from human.session.session import Send, Session, goodbye
from human.session.stopping import OVER, turned_away

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

_BUCKETS: weakref.WeakKeyDictionary[Session, Bucket] = weakref.WeakKeyDictionary()
"""Of each person, however often it comes."""
LOG = logging.getLogger("human.server")


async def serve_screen(socket: ServerConnection, hall: Hall, limits: Limits) -> None:
    """A connection from its first message to its last."""
    from websockets.exceptions import ConnectionClosed

    waiting: asyncio.Queue[ToPerson | None] = asyncio.Queue()

    def send(message: ToPerson) -> None:
        if waiting.qsize() < limits.waiting:
            waiting.put_nowait(message)
        else:  # a screen that reads too slowly: what it missed is told when it comes back; a goodbye would wait, too
            socket.transport.abort()

    writer = asyncio.create_task(_write(socket, waiting))
    session: Session | None = None
    try:
        session = await _join(socket, hall, limits, send)
        if session:
            with contextlib.closing(Newest(partial(session.handle, send=send), limits.tries_per_second)) as tries:
                await _listen(socket, session, limits, send, tries)
    except ConnectionClosed:
        pass
    except Exception:
        LOG.exception("a connection failed")
        if session:
            await session.detach(send)  # while its clock is known
            await drop(hall, session)
        send(Bye(name="error", text="something went wrong here; what was acknowledged is kept, so come again"))
    finally:
        if session:
            await session.detach(send)
        waiting.put_nowait(None)
        with contextlib.suppress(ConnectionClosed):
            await writer


async def drop(hall: Hall, session: Session) -> None:
    """Forgets a session that failed: whoever comes back goes on from the record."""
    hall.forgets(session)
    await session.stop()


async def _write(socket: ServerConnection, waiting: asyncio.Queue[ToPerson | None]) -> None:
    while (message := await waiting.get()) is not None:
        await socket.send(message.model_dump_json())
        if isinstance(message, Bye):
            break
    await socket.close()


async def _join(socket: ServerConnection, hall: Hall, limits: Limits, send: Send) -> Session | None:
    """The session that the first message opens; None where it opens none, which is said."""
    try:
        async with asyncio.timeout(limits.join_seconds):
            message = from_person(await socket.recv())
    except TimeoutError:
        send(Bye(name="not_joined", text=f"nobody said within {limits.join_seconds:g} seconds who is there"))
        return None
    except RefusalError as error:
        send(Bye(name=error.name, text=str(error)))
        return None
    if not isinstance(message, Join):
        send(Bye(name="not_joined", text="the first message must be a join"))
        return None
    if message.client == "bot" and not hall.draft:  # before its link is looked at: that stays as it is
        send(Bye(name="no_bots", text="this study is locked, and for people; bots take part in drafts (--draft)"))
        return None
    try:
        return await _opened(hall, message, send)
    except AccessError as error:
        send(Bye(name="no_access", text=str(error)))
    except ClosedError:
        send(goodbye("revoked"))
    return None


async def _opened(hall: Hall, join: Join, send: Send) -> Session:
    """The session of a link or a key, with this screen. Raises AccessError and ClosedError."""
    key = ""
    if join.token:
        person, key = await by_token(hall.record, join.token)
        if turned_away(hall.study, person, people(hall.record), date.today()):
            raise AccessError(OVER)
    else:
        person = by_key(hall.record, join.key)
    async with hall.doors[person.id]:
        if person.id not in hall.sessions:
            hall.sessions[person.id] = Session(hall, person, take_part)
        session = hall.sessions[person.id]
        try:
            await session.attach(send, join.client, key)
        except BaseException:
            await session.detach(send)
            raise
    return session


async def _listen(
    socket: ServerConnection, session: Session, limits: Limits, send: Send, tries: Newest[FromPerson]
) -> None:
    """Hands messages to the session, in order."""
    bucket, refused = _BUCKETS.setdefault(session, Bucket(limits.messages_per_second, limits.burst)), 0
    bucket.take()  # coming is something, too
    while not session.done or session.here:
        try:
            async with asyncio.timeout(60 * limits.idle_minutes):
                data = await socket.recv()
        except TimeoutError:
            send(Bye(name="idle", text="nothing happened for a long time; come back to go on"))
            return
        if not bucket.take():
            refused += 1
            if refused > limits.burst:
                send(Bye(name="too_fast", text="too many messages"))
                return
            send(Refused(name="too_fast", text="too many messages at once"))
            await asyncio.sleep(1 / limits.messages_per_second)
            continue
        try:
            message = from_person(data)
        except RefusalError as error:
            send(Refused(name=error.name, text=str(error)))
            continue
        if isinstance(message, Try):
            tries.put(message)
        else:
            await session.handle(message, send)
