"""A study that breaks connections, for those who join one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from human.join import Invitation, JoinedStudy, invitation
from human.messages import (
    Ack,
    Bye,
    FromPerson,
    Join,
    Page,
    Problem,
    Question,
    Refused,
    ToPerson,
    Try,
    Welcome,
    from_person,
)
from tests import apps

PROBLEM = Problem(id="1", question="How many?", authors=("you", "bot"), number=1, of=2)
RATE = Page(id="r", title="Rate", questions=(Question(id="ease", text="Easy?", kind="scale"),), problem="1")
LAST = Page(id="end", title="Thanks", text=("Your code: X",), last=True)


asked = partial(apps.asked, held=1, opening=False)


class Study:
    """Speaks the messages as the server of a study does: in order, each once, acknowledged when it is done."""

    def __init__(self, act: Callable[[Study, Any], Awaitable[None]]) -> None:
        self.act = act
        self.joins: list[Join] = []
        self.done: list[FromPerson] = []
        self.tried: list[Try] = []
        self.seen: list[tuple[str, int]] = []
        """Every counted message as it came, done before or not."""
        self.last = 0
        self.greeting: list[ToPerson] = []
        self.breaks: list[str] = []
        """At the next counted messages: break before it is done, or after, or drop or refuse it; "" does it."""
        self.socket: ServerConnection | None = None
        self.port = 0

    async def tell(self, *messages: ToPerson) -> None:
        assert self.socket
        for message in messages:
            await self.socket.send(message.model_dump_json())

    async def serve(self, socket: ServerConnection) -> None:
        joined = from_person(await socket.recv())
        assert isinstance(joined, Join)
        self.joins.append(joined)
        self.socket = socket
        if joined.key not in ("", "the key"):
            await self.tell(Bye(name="no_access", text="this key opens nothing"))
            return
        if not joined.key and self.last:
            await self.tell(Bye(name="no_access", text="this link was used already"))
            return
        await self.tell(Welcome(key="the key" if joined.token else "", last=self.last, title="A study"))
        await self.tell(*self.greeting)
        async for data in socket:
            message = from_person(data)
            if isinstance(message, Try):
                self.tried.append(message)
            elif not await self.take(message):
                return

    async def take(self, message: Any) -> bool:
        self.seen.append((message.type, message.n))
        if message.n <= self.last:
            await self.tell(Ack(n=message.n))
            return True
        assert message.n == self.last + 1
        then = self.breaks.pop(0) if self.breaks else ""
        if then == "before":
            return False
        if then == "drop":
            await self.tell(Refused(name="too_fast", text="too many messages at once"))
            return True
        if then == "refuse":
            await self.tell(Refused(n=message.n, name="not_your_turn", text="this turn is over"))
            return True
        if then == "order":
            await self.tell(Refused(n=message.n, name="out_of_order", text="a message before it is missing"))
            return True
        self.last = message.n
        self.done.append(message)
        if then == "after":
            return False
        await self.tell(Ack(n=message.n))
        await self.act(self, message)
        return True


async def nothing(study: Study, message: Any) -> None:
    pass


def at(port: int) -> Invitation:
    return invitation(f"http://127.0.0.1:{port}/#the-token")


def studying(study: Study, visit: Callable[[JoinedStudy], Awaitable[None]], client: Any = "app") -> None:
    async def go() -> None:
        async with serve(study.serve, "127.0.0.1", 0) as server, asyncio.timeout(50):
            study.port = next(iter(server.sockets)).getsockname()[1]
            await visit(JoinedStudy(at(study.port), client, first_wait=0.02, patience=0.2))

    asyncio.run(go())
