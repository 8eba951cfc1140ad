"""One person's questions while typing hold nobody up: few a second, the newest answered, no text looked at in vain."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from agents.scripted import Reciting
from human.messages import TEXT, Ask, End, Fits, Join, Page, Try
from human.record import Record
from human.server.limits import Newest
from tests.studies import made, study_file
from tests.test_message_desk import Screen, play
from tests.test_serve import attend, link, said, serving
from tests.test_session import SHORT
from tests.visitors import Visitor


class Typing(Visitor):
    """Answers every page, and sends no turn."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    def wants(self, message: Page | Ask) -> None:
        if isinstance(message, Ask):
            self.asked.set()
        else:
            super().wants(message)


def test_the_newest_is_done_and_few_a_second() -> None:
    done: list[int] = []

    async def act(one: int) -> None:
        done.append(one)

    async def go() -> None:
        newest = Newest(act, 20, share=1e9)  # however slow the machine is just now
        for one in range(100):
            newest.put(one)
        await asyncio.sleep(0)
        for one in range(100, 200):
            newest.put(one)
        assert done == [99]
        await asyncio.sleep(0.08)
        assert done == [99, 199]
        await asyncio.sleep(0.08)
        newest.put(200)  # nothing waits any more: at once
        await asyncio.sleep(0.01)
        assert done == [99, 199, 200]
        newest.put(201)
        newest.close()
        await asyncio.sleep(0.08)
        assert done == [99, 199, 200]

    asyncio.run(go())


def test_what_takes_long_is_done_less_often() -> None:
    began: list[float] = []
    ended: list[float] = []

    async def act(one: int) -> None:
        began.append(time.monotonic())
        time.sleep(0.02)
        ended.append(time.monotonic())

    async def go() -> None:
        newest = Newest(act, 1000, share=0.1)
        newest.put(0)
        await asyncio.sleep(0)
        newest.put(1)
        async with asyncio.timeout(20):
            while len(ended) < 2:
                await asyncio.sleep(0.01)
        newest.close()

    asyncio.run(go())
    assert began[1] - ended[0] >= 9 * (ended[0] - began[0])


def test_what_fails_is_told_to_whoever_goes_on() -> None:
    async def act(one: int) -> None:
        raise ValueError("no")

    async def go() -> None:
        newest = Newest(act, 1000)
        newest.put(0)
        await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="no"):
            newest.put(1)

    asyncio.run(go())


@pytest.mark.parametrize("text", ["word " * 1600, "so it is", "", " lead", "a\n" * 3000, "x" * TEXT])
def test_a_long_text_is_looked_at_as_far_as_it_can_matter(text: str) -> None:
    """What would be kept is the same as if all of it had been looked at."""
    looked: list[str] = []
    answers: list[Fits] = []

    def act(ask: Ask) -> End:
        asking = screen.desk._asking
        assert asking is not None
        assert asking.would is not None
        would = asking.would

        def looking(text: str) -> str:
            looked.append(text)
            return would(text)

        screen.desk._asking = replace(asking, would=looking)
        screen.desk.deliver(Try(number=1, text=text))
        answers.append(screen.of(Fits)[-1])
        if text:
            assert answers[-1].kept == would(text)
            assert answers[-1].all == (would(text) == text.strip())
        return End(n=1, turn=ask.turn, text="#### 1")

    screen = Screen(act)
    play(screen, "sentence:alternate", Reciting("the cat."))
    assert answers
    assert all(len(one.split()) <= 130 for one in looked)


def test_four_that_try_hold_nobody_up(tmp_path: Path) -> None:
    study = made(study_file(tmp_path, SHORT))[0].path

    async def floods(port: int, record: Record) -> int:
        """Gets to a turn, then asks as often as is allowed; says how many answers came."""
        visitor = Typing()
        going = asyncio.create_task(attend(visitor, port, link(record)))
        await visitor.asked.wait()
        for number in range(40):
            visitor.deliver(Try(number=number, text="x" * TEXT))
            await asyncio.sleep(0.05)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        return sum(isinstance(one, Fits) for one in visitor.heard)

    async def act(port: int, record: Record) -> None:
        found = await asyncio.gather(*(floods(port, record) for _ in range(4)))
        assert all(0 < one <= 12 for one in found), found
        async with connect(f"ws://127.0.0.1:{port}/socket") as socket:
            await socket.send(Join(token=link(record), client="page").model_dump_json())
            assert (await said(socket)).type == "welcome"
            assert isinstance(await said(socket), Page)

    serving(study, act)
