"""One connection of a participant's screen: it says who it is, then messages go both ways until it goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from human.messages import Bye, Join, RefusalError, Refused, ToPerson, from_person
from human.record import Event
from human.record.people import AccessError, Person, by_key, by_token, set_state
from human.server.limits import Bucket, Limits
from human.session.flow import take_part
from human.session.hall import Hall
from human.session.session import Send, Session

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

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
            await _listen(socket, session, limits, send)
    except ConnectionClosed:
        pass
    except Exception:
        LOG.exception("a connection failed")
        if session:
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
    try:
        session, key = await _session(hall, message)
    except AccessError as error:
        send(Bye(name="no_access", text=str(error)))
        return None
    await session.attach(send, message.client, key)
    return session


async def _session(hall: Hall, join: Join) -> tuple[Session, str]:
    """The session of a link or a key, and the key of a new one. Raises AccessError."""
    key = ""
    if join.token:
        person, key = await by_token(hall.record, join.token)
    else:
        person = by_key(hall.record, join.key)
    if person.id not in hall.sessions:
        session = Session(hall, person, take_part)
        await _in_time(hall, person, session)
        hall.sessions.setdefault(person.id, session)
    return hall.sessions[person.id], key


async def _in_time(hall: Hall, person: Person, session: Session) -> None:
    """Raises AccessError for somebody who was away for longer than the study allows, and frees the slot."""
    minutes, at = hall.study.withdrawal.rejoin_minutes, session.past.at
    late = bool(minutes and at and time.time() - at > 60 * minutes)
    if person.state == "joined" and late:
        await set_state(hall.record, person.id, "left", Event(person.id, "left", data={"by": "time"}))
    if person.state == "left" or (person.state == "joined" and late):
        raise AccessError(f"you were away for more than {minutes} minutes, so this place is closed now")


async def _listen(socket: ServerConnection, session: Session, limits: Limits, send: Send) -> None:
    """Hands messages to the session, in order."""
    bucket, refused = Bucket(limits.messages_per_second, limits.burst), 0
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
        await session.handle(message)
