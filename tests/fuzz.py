"""What no screen would send, over several connections at once, between what a person says: bounded, by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from human.bots import Bot, Known, play
from human.messages import ERRORS, FromPerson, Join, Said, Whole, to_person
from human.record import Record
from human.record.people import invite
from human.server.house import record_of
from human.study import Stimuli, Study
from tests.test_serve import HOSTILE

ENDS = {"replaced", "no_access", "idle"}
"""How a connection may be ended, besides the names of errors."""
NEVER = ("jargon", "trained", "senior", '"verdict"', '"condition"', '"graded"', '"right"', "Traceback", '"seed"')
ODD = [
    "\u202e\u2066",
    "\x00\x1b[2J\x07",
    "\ud83d",
    "\u200d" * 50,
    "a" * 60_000,
    "<img src=x onerror=alert(1)>",
    "𝕏" * 99,
]
CONNECTIONS = 4
PATIENCE = 1.0
"""Units that may be on a screen before their time: what one step of the pace is, and the machine's own."""


def nonsense(rng: random.Random, bot: Bot, sent: list[bytes], others: list[str]) -> bytes:
    """One message, never one that could be next in its order."""
    odd = rng.choice(ODD)
    far = rng.choice([0, -1, 2**31, 2**63, bot.n + 2 + rng.randrange(99)])
    kinds: list[Callable[[], bytes]] = [
        lambda: rng.choice(HOSTILE),
        lambda: rng.choice(sent) if sent else b"",
        lambda: rng.randbytes(rng.randrange(300)),
        lambda: json.dumps({"type": "join", "client": "page", "key": rng.choice(others)}).encode(),
        lambda: json.dumps({"type": "write", "n": far, "turn": rng.randrange(9), "text": odd}).encode(),
        lambda: json.dumps({"type": "answer", "n": far, "screen": odd, "answers": {odd: odd}}).encode(),
        lambda: json.dumps({"type": "try", "number": 1, "text": odd}).encode(),
        lambda: json.dumps({"type": rng.choice(["pen", "give", "undo", "extend", "withdraw"]), "n": far}).encode(),
        lambda: b"x" * (1_000_000 if rng.random() < 0.1 else 70_000),
        lambda: json.dumps({"type": "write", "n": 10**400}).encode(),
        lambda: b'{"type": "write", "n": NaN, "turn": Infinity, "text": "\\ud83d"}',
    ]
    return rng.choice(kinds)()


class Ear:
    """Everything that one connection was told, judged as it comes."""

    def __init__(self, known: Known, marks: list[str]):
        self.marks, self.pace = marks, known.study.trials.pace
        self.names: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.bytes = 0
        self._began = 0.0
        self._said = 0

    def hear(self, data: str) -> Any:
        self.bytes += len(data)
        self.wrong += [f"was told {never!r}: {data[:200]}" for never in (*NEVER, *self.marks) if never in data]
        message = to_person(data)
        if message.type in ("refused", "bye"):
            self.names[message.name] += 1
            if message.name not in ERRORS and message.name not in ENDS:
                self.wrong.append(f"unnamed: {data[:200]}")
        if message.type == "problem":
            self._began, self._said = time.monotonic(), 0
        elif isinstance(message, Whole):  # after coming back: what was there is there
            self._said -= sum(len(text.split()) for author, text in message.turns if author)
        elif isinstance(message, Said):
            self._said += len(message.text.split())
            if self._said > (time.monotonic() - self._began) * self.pace + PATIENCE:
                self.wrong.append(f"{self._said} units too soon")
        return message


async def fuzz(bot: Bot, url: str, token: str, ear: Ear, rng: random.Random, others: list[str], until: float) -> int:
    """Takes part as a bot does, with nonsense between; says how many pieces of it there were."""
    sent: list[bytes] = []
    pieces = 0
    while time.monotonic() < until and not (bot.over.is_set() and bot.bye is None):
        bot.over.clear()
        bot.bye = None
        with contextlib.suppress(ConnectionClosed, OSError):
            async with connect(url, compression=None, max_queue=None, close_timeout=1) as socket:
                waiting: asyncio.Queue[FromPerson] = asyncio.Queue()
                bot.deliver = waiting.put_nowait
                await socket.send(Join(token="" if bot.key else token, key=bot.key, client="bot").model_dump_json())

                async def listen(socket: Any = socket) -> None:
                    async for data in socket:
                        bot.tell(ear.hear(data))

                listening = asyncio.create_task(listen())
                try:
                    while time.monotonic() < until and not bot.over.is_set() and not listening.done():
                        while not waiting.empty():
                            sent.append(waiting.get_nowait().model_dump_json().encode())
                            await socket.send(sent[-1])
                        if bot.key:
                            await socket.send(nonsense(rng, bot, sent, others))
                            pieces += 1
                        await asyncio.sleep(0.06 if rng.random() < 0.98 else 0.0)
                finally:
                    bot.deliver = lambda message: None
                    listening.cancel()
                    (ended,) = await asyncio.gather(listening, return_exceptions=True)
                if isinstance(ended, Exception):
                    raise ended
    bot.stop()
    return pieces


def fuzzing(study: Study, stimuli: Stimuli, seconds: float, seed: int) -> list[str]:
    """Violations."""
    from tests.fault import Marked, Server

    with record_of(study, "draft") as record:
        links = invite(record, CONNECTIONS + 1, 1)
    (honest, first), *rest = links
    server, known = Server(study.path), Known(study, stimuli, {})
    ears = [Ear(known, [honest, *(person for person, _ in rest if person != name)]) for name, _ in rest]
    pieces: list[int] = []
    wrong: list[str] = []

    async def go() -> None:
        url = f"ws://127.0.0.1:{server.port}"
        beside = Marked(known, "fast", 99, seed, 4.0, mark=honest)
        beside.behaviour = replace(beside.behaviour, leaves=0.0)
        quiet = asyncio.create_task(play([beside], url, [first], seconds))
        while not beside.key:
            await asyncio.sleep(0.1)
        others = [honest, "x" * 43, *(name for name, _ in rest)]
        until = time.monotonic() + seconds
        bots = [Bot(known, "fast", number, seed, 4.0) for number in range(CONNECTIONS)]
        pieces.extend(
            await asyncio.gather(
                *(
                    fuzz(bot, url + "/socket", token, ear, random.Random(seed + number), others, until)
                    for number, (bot, (_, token), ear) in enumerate(zip(bots, rest, ears, strict=True))
                )
            )
        )
        await quiet
        if beside.lost or len(beside.written) < 5:
            wrong.append(f"who took part beside them lost {beside.lost} connections, wrote {len(beside.written)} lines")

    server.start()
    try:
        asyncio.run(go())
        if server.process and server.process.poll() is not None:
            wrong.append("the server ended")
    finally:
        if server.process and server.process.poll() is None:
            server.kill(15)
    names: Counter[str] = sum((ear.names for ear in ears), Counter())
    with Record(study.path.with_suffix(".sqlite")) as record:
        for person, _ in rest:
            numbers = [event.n for event in record.events(person) if event.n]
            if numbers != list(range(1, len(numbers) + 1)):
                wrong.append(f"{person}: recorded numbers {numbers}")
    told = ", ".join(f"{name} {count}" for name, count in names.most_common())
    wrong += [one for ear in ears for one in ear.wrong]
    print(
        f"{sum(pieces)} pieces of nonsense over {CONNECTIONS} connections in {seconds:.0f} s, "
        f"{sum(ear.bytes for ear in ears)} bytes told ({told}), {len(wrong)} violations"
    )
    return wrong
