"""A small server for tests of the page: it serves the files and plays one session by the messages, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from agents.contract import Agent
from agents.person import Person
from arena.engines import play_job
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.tasks import Problem as Task
from human.clock import Clock
from human.desk import MessageDesk
from human.messages import (
    Ack,
    Answer,
    Bye,
    End,
    Extend,
    Give,
    Graded,
    Join,
    Leave,
    Note,
    Numbered,
    Page,
    Pause,
    Pen,
    Problem,
    RefusalError,
    Refused,
    Resume,
    Time,
    ToPerson,
    Try,
    Undo,
    Welcome,
    Withdraw,
    Write,
    from_person,
)
from human.page.files import SOCKET, response_for
from human.server.sockets import Sockets

T = TypeVar("T")
Script = Callable[["Session"], Awaitable[None]]


@dataclass
class Session:
    """One person's session: what is shown, what was done, and who is there."""

    script: Script
    pace: float | None = None
    seconds: float | None = None
    done: list[Any] = field(default_factory=list)
    """Every numbered message, once."""
    joins: list[Join] = field(default_factory=list)
    tries: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    key: str = ""
    socket: ServerConnection | None = None
    screen: list[ToPerson] = field(default_factory=list)
    desk: MessageDesk | None = None
    clock: Clock = field(default_factory=Clock)
    answers: asyncio.Queue[Answer] = field(default_factory=asyncio.Queue)
    playing: asyncio.Task[None] | None = None
    episodes: list[Episode] = field(default_factory=list)
    deaf: bool = False
    """Hears nothing, as if it were lost on its way."""
    mute: bool = False
    """Acknowledges nothing, as if the answers were lost."""
    uses_up: bool = False
    """A refused message uses up its number."""

    def send(self, message: ToPerson) -> None:
        if self.socket:
            data = message.model_dump_json()
            _soon(_quietly(self.socket.send(data)))

    async def page(self, page: Page) -> Answer:
        """Shows a page until its answer comes."""
        self.desk, self.screen = None, [page]
        self.send(page)
        if page.last:
            await asyncio.Event().wait()
        while True:
            answer = await self.answers.get()
            if answer.screen == page.id:
                return answer

    async def problem(
        self, name: str, question: str, partner: Agent, handoff: str = "sentence:alternate", **more: Any
    ) -> Episode:
        """Plays a problem with a partner that writes first."""
        names = ("senior", "ann")
        self.clock = Clock()
        self.desk = MessageDesk(self.send, self.clock, pace=self.pace, demand="demand" in handoff)
        shown = Problem(id=name, question=question, authors=("You", more.get("called", "Partner")), number=1, of=2)
        self.screen = [shown]
        for message in (shown, *self.time()):
            self.send(message)
        job = Job(Task(name, question, "1"), 0, parse(handoff).check(names), names)
        agents: dict[str, Agent] = {"ann": Person(self.desk), "senior": partner}
        made = await play_job(job, agents, seed=3, limit=more.get("limit", 60))
        self.episodes.append(made)
        if more.get("graded"):
            self.send(Graded(verdict="wrong", answer="5", expected="4"))
        return made

    def time(self) -> list[ToPerson]:
        if self.seconds is None:
            return []
        why = "" if self.clock.running else "You asked for a pause."
        return [Time(spent=self.clock.now(), limit=self.seconds, running=self.clock.running, why=why)]

    def joined(self, socket: ServerConnection) -> None:
        if self.socket and self.socket is not socket:
            old, text = self.socket, "This session was opened elsewhere."
            _soon(_quietly(_leave(old, Bye(name="replaced", text=text))))
        self.socket = socket
        key = "" if self.key and self.joins[-1].key else secrets.token_urlsafe(8)
        self.key = key or self.key
        may = self.seconds is not None
        self.send(Welcome(key=key, last=len(self.done), title="Solving together", can_extend=may, can_withdraw=True))
        if self.playing is None:
            self.playing = asyncio.ensure_future(self._play())
            return
        again = self.desk.again() if self.desk else []
        for message in (*self.screen, *(self.time() if self.desk else []), *again):
            self.send(message)

    async def _play(self) -> None:
        await self.script(self)

    def take(self, message: Any) -> None:
        """What came from the screen."""
        if isinstance(message, Try):
            self.tries += 1
            if self.desk:
                self.desk.deliver(message)
            return
        assert isinstance(message, Numbered)
        if self.deaf:
            return
        if message.n > len(self.done):
            if message.n != len(self.done) + 1:
                raise RefusalError("out_of_order")
            try:
                self._do(message)
            except RefusalError:
                if self.uses_up:
                    self.done.append(None)
                raise
            self.done.append(message)
        if not self.mute:
            self.send(Ack(n=message.n))

    def _do(self, message: Any) -> None:
        match message:
            case Answer():
                self.answers.put_nowait(message)
            case Write() | End() | Give() | Undo() | Pen():
                if self.desk is None:
                    raise RefusalError("not_your_turn")
                self.desk.deliver(message)
            case Pause() | Resume():
                self.clock.pause() if isinstance(message, Pause) else self.clock.resume()
                for told in self.time():
                    self.send(told)
            case Extend():
                if self.seconds is None:
                    raise RefusalError("not_allowed")
                self.seconds += 60
                self.send(self.time()[0])
            case Leave() | Withdraw():
                name = "left" if isinstance(message, Leave) else "withdrawn"
                assert self.socket
                _soon(_quietly(_leave(self.socket, Bye(name=name, text="Goodbye."))))
            case Note():
                pass

    @property
    def notes(self) -> list[tuple[str, int]]:
        return [(one.what, one.characters) for one in self.done if isinstance(one, Note)]


_UNDER_WAY: set[asyncio.Task[None]] = set()


def _soon(doing: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(doing)
    _UNDER_WAY.add(task)
    task.add_done_callback(_UNDER_WAY.discard)


async def _leave(socket: ServerConnection, bye: Bye) -> None:
    await socket.send(bye.model_dump_json())
    await socket.close()


async def _quietly(doing: Awaitable[None]) -> None:
    with contextlib.suppress(ConnectionClosed):
        await doing


class PageServer:
    """Serves the page on this machine. ``reachable`` is the network."""

    def __init__(self) -> None:
        self.reachable = True
        self.sessions: list[Session] = []
        self.asked: list[str] = []
        self.sockets: set[ServerConnection] = set()
        self._connections = Sockets()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: Server = self.call(self._start)
        self.host = f"localhost:{self._server.sockets[0].getsockname()[1]}"

    async def _start(self) -> Server:
        more: dict[str, Any] = {"create_connection": self._connections.kind, "process_request": self._answer}
        return await serve(self._talk, "127.0.0.1", 0, max_size=65_536, **more)

    def call(self, do: Callable[[], Awaitable[T]]) -> T:
        """Does something in the server's thread."""

        async def doing() -> T:
            return await do()

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(20)

    def begin(self, script: Script, **how: Any) -> Session:
        async def made() -> Session:
            self.sessions.append(Session(script, **how))
            return self.sessions[-1]

        return self.call(made)

    def link(self, session: Session) -> str:
        return f"http://{self.host}/#{session.token}"

    def send(self, session: Session, message: ToPerson) -> None:
        async def sent() -> None:
            session.send(message)

        self.call(sent)

    def send_raw(self, session: Session, data: str) -> None:
        async def sent() -> None:
            if session.socket:
                await session.socket.send(data)

        self.call(sent)

    def cut(self) -> None:
        """Every connection is lost, and none comes through."""

        async def cut() -> None:
            self.reachable = False
            for socket in self.sockets:
                socket.transport.abort()

        self.call(cut)

    def mend(self) -> None:
        self.reachable = True

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request.path)
        if request.path != SOCKET:
            return response_for(request.path)
        return None if self.reachable else connection.respond(503, "not now")

    async def _talk(self, socket: ServerConnection) -> None:
        session: Session | None = None
        self.sockets.add(socket)
        try:
            async for data in socket:
                try:
                    message = from_person(data)
                    if session is None:
                        session = self._session(message)
                        if session is None:
                            await _leave(socket, Bye(name="unknown", text="This link is not known."))
                            return
                        assert isinstance(message, Join)
                        session.joins.append(message)
                        session.joined(socket)
                    else:
                        session.take(message)
                except RefusalError as error:
                    n = getattr(message, "n", None) if error.name != "malformed" else None
                    await socket.send(Refused(n=n, name=error.name, text=str(error)).model_dump_json())
        except ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)
            if session and session.socket is socket:
                session.socket = None

    def _session(self, message: Any) -> Session | None:
        if not isinstance(message, Join):
            raise RefusalError("not_joined")
        for one in self.sessions:
            if (message.key and message.key == one.key) or (message.token and message.token == one.token):
                return one
        return None

    def close(self) -> None:
        async def closed() -> None:
            self._server.close()
            playing = [session.playing for session in self.sessions if session.playing]
            for task in playing:
                task.cancel()
            await asyncio.gather(*playing, return_exceptions=True)
            self._connections.abort()
            async with asyncio.timeout(5):
                await self._server.wait_closed()

        self.call(closed)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
