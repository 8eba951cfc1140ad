"""What goes wrong at an endpoint, and turns that are stopped."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from agents.contract import AgentError, Span, View
from agents.endpoint import Endpoint
from agents.units import RULES
from tests.asking import Server, ask, first, refusal, turn_of, written
from tests.running import ENVIRONMENT, ROOT
from tests.server import FAULTS, HOSTILE_EVENTS


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("500", "HTTP 500: out of [31mcheese"),
        ("429", "HTTP 429: slow down"),
        ("429-for-long", "HTTP 429: come back tomorrow"),
        ("400", "HTTP 400: this model's maximum context length is 9 tokens"),
        ("422", "HTTP 422: {'detail': [{'loc': ['body', 'seed'], 'msg': 'extra fields not permitted'}]}"),
        ("redirect", "HTTP 307: it says nothing more"),
        ("teapot", "HTTP 418: ]0;title I am a teapot very very"),
        ("html", "its answer (text/html) holds no completion"),
        ("json", "its answer is malformed (JSONDecodeError: "),
        ("deep", "its answer is malformed (RecursionError: "),
        ("list", "its answer is no JSON object"),
        ("error-in-200", "it reports an error: no such model"),
        ("chat", "its answer has no text; is it an endpoint for completions, not for chats?"),
        ("nothing", "its answer (text/event-stream) holds no completion"),
        ("hang", "it gave nothing for 0.3 seconds"),
        ("stall", "it gave nothing for 0.3 seconds"),
        ("drip", "it did not write its turn within 1 seconds"),
        ("drop", "its answer broke off (Server disconnected without sending a response.)"),
        ("garbage", "its answer broke off (illegal status line"),
        ("cut", "its answer broke off (peer closed connection"),
        ("eof", "its answer broke off: it ended without a finish_reason"),
        ("utf8", "its answer is malformed (UnicodeDecodeError: "),
    ],
)
def test_a_failure_is_one_plain_line(server: Server, fault: str, said: str) -> None:
    options = {"timeout": 0.3 if fault in ("hang", "stall") else 10, "turn_timeout": 1 if fault == "drip" else 20}
    agent, name = server.agent("Hello there, my friend.", fault=fault, options=options)
    assert refusal(agent).startswith(said)
    assert len(server.requests(name)) == 1


def test_every_fault_is_tried() -> None:
    assert FAULTS.keys() <= {"401", *(mark.args[1][n][0] for mark in _marks() for n in range(len(mark.args[1])))}


def _marks() -> list[Any]:
    return list(test_a_failure_is_one_plain_line.pytestmark)  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", range(len(HOSTILE_EVENTS)))
def test_a_hostile_event_is_one_plain_line(server: Server, number: int) -> None:
    message = refusal(server.agent("Hello there, my friend.", fault=f"event{number}")[0])
    assert message.startswith(("its answer ", "it reports an error: "))
    if "GPU" in HOSTILE_EVENTS[number]:
        assert message == "it reports an error: the GPU [1m is on fire"


def test_other_reasons_to_stop(server: Server) -> None:
    assert written(server.agent("a b", reasons=["eos"])[0], turn_of()).ended
    for reason in ("content_filter", "abort", "\x1b[31m"):
        assert refusal(server.agent("a b", reasons=[reason])[0]).startswith("it stopped with finish_reason '")


def test_an_endpoint_that_is_not_there(server: Server) -> None:
    gone = Endpoint("toy", "http://127.0.0.1:9/v1", retries=0)
    assert refusal(gone).startswith("it cannot be reached (")
    assert refusal(Endpoint("toy", server.url.replace("http:", "https:"), retries=0)).startswith("it cannot be reached")
    with pytest.raises(AgentError) as error:
        written(Endpoint("toy", server.url[:-3], retries=0), turn_of())
    assert str(error.value).endswith(
        "HTTP 404: no such page; its URL is what comes before /completions, often with /v1"
    )


@pytest.mark.parametrize("fault", ["500", "429", "drop"])
def test_what_fails_is_tried_again(server: Server, fault: str) -> None:
    agent, name = server.agent("one two three", fault=fault, times=1, options={"retries": 1})
    began = time.perf_counter()
    span, record = asyncio.run(ask(agent, turn_of(holds=first(2))))
    assert span.text == "one two"
    assert (record["requests"], record["retries"]) == (2, 1)
    assert time.perf_counter() - began > (0.9 if fault == "429" else 0.3)  # it says when: Retry-After
    seeds = {request["seed"] for request in server.requests(name)}
    assert len(seeds) == 1  # the same request once more


@pytest.mark.parametrize("fault", ["cut", "eof", "stall", "event0", "event13", "utf8"])
def test_a_broken_turn_goes_on_from_all_that_came(server: Server, fault: str) -> None:
    out: list[bytes] = []
    options = {"retries": 2, "timeout": 0.5}
    agent, name = server.agent("one two three four", "LL five six", fault=fault, times=1, events=[4], options=options)
    span, record = asyncio.run(ask(agent, turn_of(holds=first(4), emit=out.append)))
    assert span.text == "one two LL five"
    assert (record["requests"], record["retries"]) == (2, 1)
    assert [request["prompt"] for request in server.requests(name)] == ["1+1?\n", "1+1?\none two "]
    assert b"".join(out).decode() == span.text
    # As often as is allowed for a turn, however much came each time.
    agent, name = server.agent("one two three four ", fault="cut", options={"retries": 1})
    assert refusal(agent).startswith("its answer broke off")
    assert len(server.requests(name)) == 2


# Stopping


def test_the_server_stops_when_the_turn_is_over(server: Server) -> None:
    agent, name = server.agent("word " * 500, events=[5], wait=0.01)
    assert written(agent, turn_of(holds=first(3))).text == "word word word"
    assert asyncio.run(until(lambda: server.requests(name)[0]["gone"]))
    assert server.requests(name)[0]["events"] < 60


async def until(true: Callable[[], bool], seconds: float = 10) -> bool:
    for _ in range(int(seconds / 0.02)):
        if true():
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("unit", ["word", "line"])
def test_a_turn_that_is_stopped_keeps_its_whole_units(server: Server, unit: str) -> None:
    text = "one two three\n" * 500
    agent, name = server.agent(text, events=[3], wait=0.01)
    out: list[bytes] = []

    async def act() -> Span:
        seat, turn = agent.sit(View("1+1?", "ann")), turn_of(unit, budget=9999, emit=out.append)
        writing = asyncio.ensure_future(seat.write(turn))
        assert await until(lambda: len(b"".join(out)) > 20)
        turn.stop.set()
        span = await writing
        seat.leave()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return span

    span = asyncio.run(act())
    assert (span.cut, span.ended) == (True, False)
    assert span.text
    assert b"".join(out).decode().startswith(span.text)
    rule = RULES[unit]
    whole = rule.split(span.text)
    assert rule.split(text)[: len(whole)] == whole
    assert asyncio.run(until(lambda: server.requests(name)[0]["gone"]))
    assert server.requests(name)[0]["events"] < 200


def test_a_turn_that_is_stopped_at_once_asks_nothing(server: Server) -> None:
    agent, name = server.agent("one two three", fault="hang")

    async def act(before: bool) -> tuple[Span, dict[str, Any]]:
        seat, turn = agent.sit(View("1+1?", "ann")), turn_of()
        if before:
            turn.stop.set()
        else:
            asyncio.get_running_loop().call_later(0.2, turn.stop.set)
        return await seat.write(turn), seat.record()

    for before in (True, False):
        span, record = asyncio.run(act(before))
        assert (span.text, span.cut, span.ended) == ("", True, False)
        assert record["requests"] == (0 if before else 1)
    assert len(server.requests(name)) == 1


def test_a_seat_may_be_left_at_any_time(server: Server) -> None:
    agent, name = server.agent("word " * 500, events=[5], wait=0.01)

    async def act() -> None:
        seat = agent.sit(View("1+1?", "ann"))
        seat.leave()
        seat = agent.sit(View("1+1?", "ann"))
        writing = asyncio.ensure_future(seat.write(turn_of(budget=9999)))
        assert await until(lambda: bool(server.requests(name)) and server.requests(name)[0]["events"] > 3)
        writing.cancel()
        seat.leave()
        seat.leave()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(act())
    assert asyncio.run(until(lambda: server.requests(name)[0]["gone"]))


LEAVING = """
import asyncio, json, sys
from tests.asking import Server, ask, first, turn_of
server = Server(int(sys.argv[1]))
agent, name = server.agent("one two three four", wait=0.01, options={"connections": 3})
other, _ = server.agent("one two three four", wait=0.01, options={"connections": 3})
asyncio.run(ask(agent, turn_of()))

async def many():
    await asyncio.gather(*(ask(agent, turn_of()) for n in range(24)))
    await asyncio.gather(*(ask(other, turn_of(holds=first(n % 4 + 1))) for n in range(24)))
    # Before anything is cancelled: a server may still be at work on what nobody waits for any more.
    most = server.log(name)["most_at_once"]
    left = [asyncio.ensure_future(ask(agent, turn_of())) for _ in range(6)]
    await asyncio.sleep(0.05)
    for one in left[:3]:
        one.cancel()
    print(len(agent.client._held))  # and the others are left to their loop
    return most

most = asyncio.run(many())
print(len(agent.client._held), most)
"""


def test_many_episodes_at_once_share_few_connections_and_leave_nothing_open(server: Server) -> None:
    port = server.url.rpartition(":")[2].removesuffix("/v1")
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", LEAVING, port],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        timeout=120,
    )
    noise = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert noise == []
    assert done.stdout.split() == ["1", "0", "3"]
