"""Checks of seats as a whole: what they are, what they leave behind, what they record, and how they fail."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from agents.conformance.bench import OWN, Bench, Failed, NotApplicable, Raised, Refused, Story, difference, shown, until
from agents.conformance.games import said
from agents.conformance.stopping import put_down
from agents.conformance.turns import ORDINARY, judged
from agents.contract import Agent, Seat, Span
from agents.units import RULES
from agents.vocabulary import readable

T = TypeVar("T")
FLAGS = ("deterministic", "gives_logprobs", "conditions_on_opening")
GRACE = 1.0
"""Seconds that tasks and threads may take to end."""
UNUSUAL = {
    "no text": "",
    "control characters": "Tom\x00 has\x07 3 \x1b[31mapples\x1b[0m\r\n\x7f and\x85 4\u2028 pears?\tOk",
    "emoji": "👩‍👩‍👧 has 3 🍎 and 👍🏽 4 🍐\ufe0f. 🇩🇪 How many?",
    "right to left": "\u202eלתום יש 3 תפוחים\u202c ولدى سارة ٤ تفاحات. كم؟",
    "marks and no-break spaces": "Zoe\u0308 a\u0301\u0301 has\u00a03\u3000pens\ufeff\u200b.",
    "what looks like special tokens": "<s></s><unk><|endoftext|><|im_start|>user<|im_end|>[INST]<0x0A>{question}{end}",
    "10,000 characters": ("Tom has 3 apples. " * 600)[:10_000],
}
"""Questions, and things that others write."""
QUESTION, ANSWER = "A plant fills 7,309 boxes with 5,113 nails each. How many nails is that?", "37370917"


def is_an_agent(bench: Bench) -> None:
    """`Agent` and `Seat`: all that they name is there, and the flags are True or False."""
    agent = bench.agent
    if isinstance(agent, type):
        raise Failed("it is a class; give an agent that is made of it")
    for flag in FLAGS:
        if not isinstance(value := getattr(agent, flag, None), bool):
            raise Failed(f"{flag} must be True or False, not {value!r:.40}")
    if not isinstance(agent, Agent):
        raise Failed("it has no sit(view)")
    with bench.seated() as seat:
        if not isinstance(seat, Seat):
            lacks = [name for name in ("write", "read", "leave", "record") if not hasattr(seat, name)]
            raise Failed(f"its seat has no {', '.join(lacks)}")


async def leaves_nothing_behind(bench: Bench) -> None:
    """`Seat.leave`: no tasks after each of the ways in which a seat can be used, and no threads after all of them."""
    before = asyncio.all_tasks()
    for way in ("was never used", "wrote and read", "was stopped", "was cancelled"):
        seat = bench.sit()
        try:
            await _use(bench, seat, way)
        finally:
            bench.leave(seat)
            bench.leave(seat)  # twice is no mistake
        if left := await _gone(lambda: asyncio.all_tasks() - before):
            names = ", ".join(getattr(task.get_coro(), "__qualname__", str(task)) for task in left)
            for task in left:
                task.cancel()
            raise Failed(f"a seat that {way} left {len(left)} tasks running", names[:200])
    if started := await _gone(lambda: _threads(bench)):
        names = ", ".join(sorted(thread.name for thread in started))
        raise Failed(f"it left {len(started)} threads running that were not declared as helpers", names[:200])


async def _use(bench: Bench, seat: Seat, way: str) -> None:
    story = Story(bench.rule)
    turn = bench.turn(story, holds=until(3))
    if way == "wrote and read":
        with suppress(Refused):
            story.add((await bench.write(seat, story, turn)).span)
        bench.read(seat, said(story.rule, bench.other))
    elif way != "was never used":
        writing = asyncio.create_task(bench.write(seat, story, turn))
        await asyncio.sleep(0)
        if way == "was stopped":
            turn.stop.set()
            await asyncio.wait({writing}, timeout=bench.promptly)
        await put_down(bench, writing)
        if not writing.done():
            raise Failed(f"it had not returned {bench.promptly:g} s after its task was cancelled")


def _threads(bench: Bench) -> set[threading.Thread]:
    """What was not there before the first check. The helpers of an event loop (asyncio.to_thread) end with it."""
    new = set(threading.enumerate()) - bench.threads
    helpers = tuple(bench.helpers)
    return {
        one
        for one in new
        if not (one.name.startswith((OWN, "asyncio_")) or (one.daemon and one.name.startswith(helpers)))
    }


async def _gone(left: Callable[[], set[T]]) -> set[T]:
    """Waits for them to end; gives those that do not."""
    until = time.monotonic() + GRACE
    while left() and time.monotonic() < until:
        await asyncio.sleep(0.01)
    return left()


async def sits_again(bench: Bench) -> None:
    """`Seat.leave` "gives everything back": after it the agent sits down once more, and is what it was."""
    story = Story(bench.rule)
    turn = bench.turn(story, budget=16)
    spans, refused = [], []
    for _ in range(3):
        try:
            spans.append((await bench.told(None, story, turn, "sitting again")).span)
        except Refused as error:
            refused.append(error)
    if not spans:
        raise refused[0]
    if bench.repeats and (what := difference(spans[0], spans[-1])):
        raise Failed("when it sits down again it writes something else", what)


async def has_a_record(bench: Bench) -> None:
    """`Seat.record`: it can be stored as JSON, and holds neither the answer nor the text."""
    story = Story(bench.rule)
    solved = Span(bench.other, f"So 7,309 * 5,113 = {ANSWER} nails.\n#### {ANSWER}")
    written = ""
    with bench.seated(QUESTION) as seat:
        with suppress(Refused):
            span = (await bench.write(seat, story, bench.turn(story, holds=until(12)), "before its record")).span
            written = readable(span.data)
        bench.read(seat, solved)
        with bench.asking("give its record"):
            record = seat.record()
        with bench.asking("give its record again"):
            seat.record()
    if not isinstance(record, dict) or not all(isinstance(key, str) for key in record):
        raise Failed(f"its record is {record!r:.60}, not a dict with names")
    try:
        stored = json.dumps(record, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Failed(f"its record cannot be stored as JSON: {error}", f"{record!r:.200}") from None
    said_in_it = re.sub(r"[\s,]", "", " ".join(_texts(json.loads(stored))))
    for what, text in (("the answer", ANSWER), ("what was written", written if len(written) >= 20 else "")):
        if text and re.sub(r"[\s,]", "", text) in said_in_it:
            raise Failed(f"its record holds {what}", shown(stored, 160))


def _texts(value: object) -> Iterable[str]:
    """Every text and number in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [str(value)]


async def takes_the_unusual(bench: Bench) -> str:
    """`View.question` and `Seat.read` may hold anything. It may refuse that, if it does so by its name."""
    refused = []
    for what, text in UNUSUAL.items():
        for asked in (True, False):
            story = Story(bench.rule, [] if asked else [Span(bench.other, text)])
            if story.spans and not story.can_open:
                continue
            where = f"{what} in {'the question' if asked else 'what others wrote'}"
            try:
                turn = bench.turn(story, budget=16)
                written = await bench.told(text if asked else None, story, turn, where)
            except Refused:
                refused.append(where)
                continue
            judged(bench, written, *ORDINARY)
    return f"it refused {', '.join(refused)}" if refused else ""


async def fails_by_name(bench: Bench) -> None:
    """`AgentError`: whatever it raised so far, and where nothing can open: that can only be ended or refused."""
    rule = bench.rule if bench.rule.empty >= 0 else RULES["word"]
    story = Story(rule, [Span(bench.other, "She has 3 boxes. ")])
    try:
        where = "after white space that nobody can open after"
        span = (await bench.told(None, story, bench.turn(story, budget=16), where)).span
        if span.steps():
            raise Failed("it went on where nothing can open, neither ending the solution nor failing", shown(span.data))
    except Raised:
        pass
    for doing, error in bench.raised:
        if not bench.by_name(error):
            what = f"it raised {type(error).__name__}, not an AgentError that begins with {bench.name!r}: {error}"
            raise Failed(what[:300], f"when asked to {doing}")
    if not bench.raised:
        raise NotApplicable("nothing that was tried made it fail")
