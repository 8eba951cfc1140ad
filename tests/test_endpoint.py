"""Agents behind a completions endpoint, against a real server in a process of its own (`tests.server`)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from itertools import accumulate, count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.chance import Chance
from agents.contract import AgentError, Span, Turn, View
from agents.distribution import Sampling
from agents.endpoint import LONGEST_WORD, Endpoint, Intake, UnopenedError
from agents.endpoint_client import parse_address, without_credentials
from agents.language_model import LanguageModel
from agents.loading import load_language_model
from agents.registry import EMBEDDED
from agents.scripted import Reciting, fit
from agents.units import RULES
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.run import cli
from arena.tasks import Problem, load_task
from tests.running import ENVIRONMENT, ROOT
from tests.server import FAULTS, HOSTILE_EVENTS, TALK

T = TypeVar("T")
KEY = "sk-no-0123456789abcdef"
STRANGE = (
    "".join(TALK)
    + "Zoë a\u0300 ｶ\uff70 e\u0301\u0301 \x00\x7f\ufeff\u202e\ud7ff\ufffd«x» 3,000.5 ไม่ 𝒳 👩‍👩‍👧 \u00a0\u3000。」"
)
"""What units are about, and what terminals and encodings trip over."""


class Server:
    """The test server: where it is, and what it was asked."""

    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}/v1"
        self._ids = count()

    def log(self, name: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url[:-3]}/log/{name}", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def requests(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.log(name)["requests"]
        return found

    def agent(self, *texts: str, options: dict[str, Any] | None = None, **behave: Any) -> tuple[Endpoint, str]:
        """An endpoint that answers with these texts (without any, the talker answers), and its id in the log."""
        name = f"t{next(self._ids)}"
        if texts:
            behave["texts"] = json.dumps(texts)
        given = {"retries": 0, "timeout": 10, "turn_timeout": 20, **(options or {})}
        return Endpoint("toy", self.url, extra={"behave": {"id": name, **behave}}, **given), name


def serving(*command: str) -> Iterator[str]:
    """The first line that a server prints; it is ended at the end."""
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=ENVIRONMENT)
    try:
        assert child.stdout
        yield child.stdout.readline().strip()
    finally:
        child.terminate()
        child.communicate(timeout=20)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    for port in serving("-m", "tests.server"):
        yield Server(int(port))


@pytest.fixture(scope="module")
def served_junior() -> Iterator[str]:
    """The address of the embedded junior, served by the example."""
    yield from serving("examples/serve_embedded.py", "junior", "--port", "0")


@pytest.fixture(scope="module")
def senior() -> Iterator[LanguageModel]:
    """The embedded senior on one thread: two processes that compute on every core slow each other down tenfold."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_language_model(str(EMBEDDED / "senior"))
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for many questions."""
    with asyncio.Runner() as one:
        yield one


def turn_of(unit: str = "word", holds: Callable[[int], bool] = lambda u: True, so_far: str = "", **given: Any) -> Turn:
    """A turn after ``so_far``, which another author wrote."""
    rule = RULES[unit]
    state, opened = rule.start, 0
    for character in so_far:
        opens, state = rule.step(state, character)
        opened += opens
    made = {"position": opened, "chance": Chance(5, 6), "budget": 100, "opening": bool(so_far), **given}
    return Turn(rule, state, opened, holds=holds, **made)


def first(units: int) -> Callable[[int], bool]:
    return lambda u: u < units


async def ask(agent: Endpoint, turn: Turn, so_far: str = "") -> tuple[Span, dict[str, Any]]:
    seat = agent.sit(View("1+1?", "ann"))
    if so_far:
        seat.read(Span("bob", so_far))
    span = await seat.write(turn)
    record = seat.record()
    seat.leave()
    return span, record


def written(agent: Endpoint, turn: Turn, so_far: str = "") -> Span:
    return asyncio.run(ask(agent, turn, so_far))[0]


def refusal(agent: Endpoint, turn: Turn | None = None, so_far: str = "") -> str:
    """The message of the AgentError, which is one plain line and says who and where."""
    with pytest.raises(AgentError) as error:
        written(agent, turn or turn_of(), so_far)
    message = str(error.value)
    assert message.startswith(("ann: toy at http://127.0.0.1:", "ann: toy at https://127.0.0.1:"))
    assert message.isprintable()
    assert len(message) <= 500
    return message.split("/v1: ", 1)[1]


# What a turn keeps


pieces_of = st.lists(st.sampled_from(TALK) | st.sampled_from(STRANGE), max_size=30)
anything = st.text() | pieces_of.map("".join)


@given(
    st.sampled_from(sorted(RULES)),
    anything,
    pieces_of.map("".join),
    st.lists(st.booleans(), min_size=1, max_size=5),
    st.integers(1, 12),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_a_draft_keeps_what_fit_keeps_however_the_text_is_cut(
    unit: str, so_far: str, text: str, holds: list[bool], budget: int, sizes: list[int]
) -> None:
    out: list[bytes] = []

    def turn() -> Turn:
        made = turn_of(unit, so_far=so_far, budget=budget, emit=out.append)
        made.holds = lambda u: u == made.unit or holds[u % len(holds)]
        return made

    intake, pieces = Intake(turn()), [text[a:b] for a, b in cuts(text, sizes)]
    try:
        any(intake.add(piece) for piece in pieces)
    except UnopenedError:
        assert not turn().rule.step(turn().state, text[0])[0]
        assert turn().opening
        return
    assert intake.text == fit(text, turn())
    assert b"".join(out).decode() == intake.text
    assert intake.written.startswith(intake.text)
    assert intake.text.startswith(intake.whole)
    # Its whole units are units of the text: what is left out begins a unit.
    units, whole = turn().rule.split(so_far + intake.written), turn().rule.split(so_far + intake.whole)
    assert units[: len(whole)] == whole or not intake.whole


def cuts(text: str, sizes: list[int]) -> Iterator[tuple[int, int]]:
    ends = [end for end in accumulate(sizes * (len(text) // min(sizes) + 1)) if end < len(text)]
    yield from zip([0, *ends], [*ends, len(text)], strict=True)


@pytest.mark.parametrize(
    ("unit", "units", "so_far", "text", "kept"),
    [
        ("word", 2, "", "She has 29 cookies.", "She has"),
        ("word", 3, "She has", " 29 + 6 = 35", " 29"),
        ("word", 2, "", "a  \r\n b c", "a  \r\n b"),
        ("word", 2, "", "3,000.5+1", "3,000.5+"),
        ("word", 3, "", "漢字、です", "漢字、で"),
        ("word", 2, "", "e\u0301t\u0301 e\u0301\u0301 x", "e\u0301t\u0301 e\u0301\u0301"),
        ("word", 2, "", "a\u2028b\x85c d", "a\u2028b"),
        ("word", 2, "", "a 👩\u200d👩\u200d👧 b", "a 👩\u200d👩\u200d👧"),
        ("sentence", 1, "", "Yes. No. Yes", "Yes."),
        ("sentence", 2, "Yes.", " It (3.5) is!) So? ", " It (3.5) is!)"),
        ("sentence", 2, "", "是。不是。是", "是。不是。"),
        ("line", 2, "", "a\r\nb \u2028 c\r\n\r\nd", "a\r\nb \u2028 c\r\n"),
        ("line", 2, "a\n", "b\n", "b\n"),
        ("paragraph", 1, "", "a\nb\n\nc", "a\nb\n\n"),
        ("token", 3, "", "abcd", "abc"),
        ("spaced-token", 1, "", "ab cd", "ab "),
    ],
)
def test_a_turn_ends_where_the_next_unit_opens(
    server: Server, unit: str, units: int, so_far: str, text: str, kept: str
) -> None:
    agent, name = server.agent(text, events=[1])
    span = written(agent, turn_of(unit, first(units), so_far), so_far)
    assert (span.text, span.ended, span.cut) == (kept, False, False)
    (request,) = server.requests(name)
    assert request["prompt"] == "1+1?\n" + so_far


@pytest.mark.parametrize("halves", [False, True])
@given(
    pieces=st.lists(st.sampled_from(TALK) | st.characters(), max_size=12),
    unit=st.sampled_from(sorted(RULES)),
    units=st.integers(1, 9),
    events=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    writes=st.none() | st.lists(st.integers(1, 99), min_size=1, max_size=4),
    escaped=st.booleans(),
    whole=st.booleans(),
)
@settings(max_examples=60)
def test_the_span_is_the_same_however_the_stream_is_cut(
    server: Server,
    runner: asyncio.Runner,
    halves: bool,
    pieces: list[str],
    unit: str,
    units: int,
    events: list[int],
    writes: list[int] | None,
    escaped: bool,
    whole: bool,
) -> None:
    text = "".join(pieces)
    behave: dict[str, Any] = {"events": events, "ascii": escaped, "halves": halves, "whole": whole}
    if writes:
        behave["writes"] = writes
    agent, _ = server.agent(text, **behave)
    span, record = runner.run(ask(agent, turn_of(unit, first(units))))
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # half a pair is replaced
    intake = Intake(turn_of(unit, first(units)))
    over = intake.add(text)
    assert span.text == intake.text == fit(text, turn_of(unit, first(units)))
    assert span.ended == (not over and intake.may_end)
    assert record["requests"] == 1


def test_half_a_surrogate_pair_is_replaced_and_a_pair_in_two_events_is_one_character(server: Server) -> None:
    for texts, kept in ((["a \ud83d"], "a \ufffd"), (["\ude00 b"], "\ufffd b"), (["x\ud83dy"], "x\ufffdy")):
        for events in ([1], [9]):
            assert written(server.agent(*texts, events=events)[0], turn_of()).text == kept
    assert written(server.agent("a 😀 b", events=[1], halves=True)[0], turn_of()).text == "a 😀 b"


def test_strange_text_comes_through_as_it_is(server: Server) -> None:
    agent, name = server.agent(STRANGE, "!", events=[3], reasons=["length", "stop"])
    span = written(agent, turn_of(budget=1000))
    assert span.text == STRANGE + "!"
    assert server.requests(name)[1]["prompt"] == "1+1?\n" + STRANGE


def test_a_question_may_hold_half_a_surrogate_pair(server: Server) -> None:
    agent, name = server.agent("yes")

    async def act() -> Span:
        return await agent.sit(View("q\ud800{question}", "ann")).write(turn_of())

    assert asyncio.run(act()).text == "yes"
    assert server.requests(name)[0]["prompt"] == "q?{question}\n"


# How a turn ends


def test_the_end_of_a_completion_ends_the_solution_in_the_middle_of_a_turn_only(server: Server) -> None:
    """At the end of its last unit it says only that this is over (HANDOFF.md, section 3: the draw is dropped)."""
    for units, ended in ((9, True), (4, True), (3, False)):
        span = written(server.agent("one two three")[0], turn_of(holds=first(units)))
        assert (span.text, span.ended) == ("one two three", ended)
    # White space at the end opened a unit that was its own: it ended rather than write it.
    span = written(server.agent("one two \n")[0], turn_of(holds=first(3)))
    assert (span.text, span.ended) == ("one two", True)
    span = written(server.agent("one two \n")[0], turn_of(holds=first(2)))
    assert (span.text, span.ended) == ("one two", False)


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_an_empty_completion_ends_the_solution(server: Server, text: str) -> None:
    for so_far in ("", "She has"):
        span = written(server.agent(text)[0], turn_of(so_far=so_far), so_far)
        assert (span.text, span.ended, span.cut) == ("", True, False)


def test_a_length_is_asked_on_until_the_turn_is_over(server: Server) -> None:
    texts = ["one tw", "o  ", "three", " four five"]
    agent, name = server.agent(*texts, reasons=["length", "length", "length", "stop"])
    assert written(agent, turn_of(holds=first(4))).text == "one two  three four"
    requests = server.requests(name)
    assert [request["prompt"] for request in requests] == ["1+1?\n" + "".join(texts[:n]) for n in range(4)]
    assert len({request["seed"] for request in requests}) == 4
    agent, _ = server.agent("a ", "", reasons=["length"])
    assert "is its context full?" in refusal(agent)


def test_words_are_counted_against_the_budget(server: Server) -> None:
    for unit in ("word", "line", "solution"):
        # White space behind the third word begins a fourth; only the end of the text can come before that.
        for text, ended in (("one two three four", False), ("one two three  ", False), ("one two three", True)):
            span = written(server.agent(text, events=[2])[0], turn_of(unit, budget=3))
            assert (span.text, span.ended, span.written) == ("one two three", ended, 3)


def test_text_without_words_ends_somewhere(server: Server) -> None:
    for endless in (" " * (LONGEST_WORD + 5), "a" * (LONGEST_WORD + 5)):
        agent, _ = server.agent(endless, events=[500])
        assert refusal(agent) == f"it wrote {LONGEST_WORD} characters without a new word"
    many = "word " * LONGEST_WORD
    assert written(server.agent(many, events=[4000])[0], turn_of(budget=4000)).written == 4000


def test_an_opening_is_asked_for_again(server: Server) -> None:
    agent, name = server.agent("ies", "0", "n't", " cookies now", options={"openings": 3})
    span, record = asyncio.run(ask(agent, turn_of(holds=first(2), so_far="cook"), "cook"))
    assert span.text == " cookies"
    assert (record["requests"], record["asked_again"], record["retries"]) == (4, 3, 0)
    requests = server.requests(name)
    assert {request["prompt"] for request in requests} == {"1+1?\ncook"}
    assert len({request["seed"] for request in requests}) == 4
    # One time more, and the episode fails by name.
    for options, times in (({"openings": 2}, "3 times"), ({"openings": 0}, "once"), ({"temperature": 0}, "once")):
        agent, _ = server.agent("ies\x1b[31m", "0", "n't\x1b[31m", " cookies now", options=options)
        assert f"which does not open a word; it was asked {times}" in refusal(agent, turn_of(so_far="cook"), "cook")


@pytest.mark.parametrize(
    ("unit", "so_far"),
    [("solution", "a"), ("line", "a"), ("paragraph", "a\n"), ("sentence", "A b"), ("sentence", "A. "), ("word", "a ")],
)
def test_where_nothing_can_open_the_end_is_all_that_is_left(server: Server, unit: str, so_far: str) -> None:
    """As for a language model, which draws among what opens and the end."""
    agent, name = server.agent("x")
    span = written(agent, turn_of(unit, so_far=so_far), so_far)
    assert (span.text, span.ended) == ("", True)
    assert server.requests(name) == []


def test_in_the_middle_of_a_plain_unit_the_end_is_anothers(server: Server) -> None:
    assert refusal(server.agent("")[0], turn_of("spaced-token", so_far="a"), "a").endswith("no spaced-token can open")


def test_the_turn_is_seeded_by_its_place(server: Server) -> None:
    agent, name = server.agent("a b")
    for turn in (turn_of(), turn_of(), turn_of(position=7), turn_of(chance=Chance(6, 6))):
        written(agent, turn)
    written(agent, turn_of("token", so_far="x"), "x")
    seeds = [request["seed"] for request in server.requests(name)]
    assert seeds[0] == seeds[1] == int(Chance(5, 6).token[0] * 2**31)
    assert seeds[4] == int(Chance(5, 6).open[1] * 2**31)
    assert len(set(seeds)) == 4
    agent, name = server.agent("a b", options={"seeded": False})
    written(agent, turn_of())
    assert "seed" not in server.requests(name)[0]


def test_what_is_asked_for(server: Server) -> None:
    options = {"prompt": "Q: {question}\nA:", "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": ["\nQ:"]}
    agent, name = server.agent("a", options=options)
    written(agent, turn_of())
    (request,) = server.requests(name)
    assert request.pop("headers")["content-type"] == "application/json"
    del request["behave"], request["seed"], request["events"], request["gone"]
    assert request == {
        "model": "toy", "prompt": "Q: 1+1?\nA:", "stream": True, "temperature": 0.5, "top_p": 0.9, "max_tokens": 7,
        "stop": ["\nQ:"],
    }  # fmt: skip


def test_the_record_says_what_was_asked_and_nothing_that_gives_access(server: Server) -> None:
    _, record = asyncio.run(ask(server.agent("a")[0], turn_of()))
    assert len(record.pop("prompt")) == 16
    assert record == {
        "model": "toy", "url": server.url, "temperature": 1.0, "top_p": 1.0, "max_tokens": 256, "seeded": True,
        "requests": 1, "retries": 0, "asked_again": 0,
    }  # fmt: skip


# What goes wrong


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
from tests.test_endpoint import Server, ask, first, turn_of
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


# Keys and addresses


def test_a_key_goes_where_it_belongs_and_nowhere_else(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "sk-somebody-elses")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    agent, name = server.agent("a")
    written(agent, turn_of())
    assert "elses" not in json.dumps(server.requests(name))
    assert "authorization" not in server.requests(name)[0]["headers"]
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    agent, name = server.agent("a", fault="401", options={"api_key_env": "MY_KEY"})
    assert refusal(agent) == "HTTP 401: Bearer [the key] is no good key"
    assert server.requests(name)[0]["headers"]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(vars(agent)) + repr(vars(agent.client))
    monkeypatch.delenv("MY_KEY")
    assert refusal(agent) == "api_key_env: MY_KEY is not set in the environment"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is not set"),
        ({"api_key_env": "sknokey"}, "that variable is not set"),
        ({"api_key_env": KEY}, "never the key itself"),
        ({"api_key_env": "BAD_KEY"}, "characters that no key has"),
        ({"prompt": "Solve!"}, "{question}"),
        ({"temperature": -1}, "temperature must be 0"),
        ({"temperature": float("nan")}, "temperature must be 0"),
        ({"top_p": 0}, "top_p must be"),
        ({"max_tokens": 0}, "max_tokens must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"turn_timeout": float("inf")}, "turn_timeout must be"),
        ({"retries": -1}, "retries must be"),
        ({"openings": -1}, "openings must be"),
        ({"connections": 0}, "connections must be"),
        ({"extra": {"n": 2}}, "extra cannot set"),
        ({"extra": {"seed": 2}}, "extra cannot set"),
        ({"extra": {"x": {1}}}, "cannot be sent as JSON"),
        ({"extra": {"x": float("nan")}}, "cannot be sent as JSON"),
        ({"stop": ["\ud800"]}, "cannot be sent as JSON"),
        ({"model": ""}, "name of a model"),
    ],
)
def test_what_cannot_be_is_said_at_once(options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD_KEY", "sk-\u0430bc")
    model = options.pop("model", "toy")
    with pytest.raises(ValueError, match=said.replace("{", r"\{")) as error:
        Endpoint(model, "http://127.0.0.1:8000/v1", **options)
    assert KEY not in str(error.value)
    assert "sknokey" not in str(error.value)


def test_openais_own_host_needs_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="OPENAI_API_KEY is not set"):
        Endpoint("toy", "https://api.openai.com/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Endpoint("toy", "https://api.openai.com/v1")


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("m@http://127.0.0.1:8000/v1", ("m", "http://127.0.0.1:8000/v1")),
        ("m@https://there.example/v1/", ("m", "https://there.example/v1")),
        ("org/m:free@http://[::1]:80", ("org/m:free", "http://[::1]:80")),
        ("@cf/org/m@2@https://there.example/x@y", ("@cf/org/m@2", "https://there.example/x@y")),
    ],
)
def test_an_address_is_a_model_at_a_url(address: str, parts: tuple[str, str]) -> None:
    assert parse_address(address) == parts


@pytest.mark.parametrize(
    "address",
    [
        "m", "m@", "@http://there.example", "m@there.example/v1", "m@ftp://there.example", "m@http://", "m@http:///v1",
        "m@http://there.example:x/v1", "m@http://there.example:99999/v1", "m@http://there.example:0",
        "m@http://[::1/v1", "m@http://there.example/a b", "m@http://there.example/\x1b[1m", "m@http://thére.example",
        f"m@https://me:{KEY}@there.example/v1", f"m@https://{KEY}@there.example/v1", f"m@https://a:b/{KEY}@there.example",
        f"m@https://there.example/v1?key={KEY}", f"m@https://there.example/v1#{KEY}",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_without_repeating_them(address: str) -> None:
    with pytest.raises(ValueError, match="URL") as error:
        parse_address(address)
    assert KEY not in str(error.value)
    assert KEY not in without_credentials(address)
    assert "there" not in str(error.value)


def test_nothing_heavy_is_imported_before_an_endpoint_is_made() -> None:
    code = "import sys, agents.endpoint; print([m for m in ('openai', 'httpx2', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


# Whole episodes


def played(agents: dict[str, Any], policy: str, problems: int, limit: int = 60) -> list[Episode]:
    """Episodes of the reference engine, proven."""
    engine = ReferenceEngine(agents, seed=3, limit=limit)
    jobs = (Job(Problem(f"p/{n}", f"{n} + {n}?", str(2 * n)), 0, parse(policy), tuple(agents)) for n in range(problems))
    episodes = list(engine.episodes(jobs))
    for episode in episodes:
        assert problems_of(episode) == []
    return episodes


@pytest.mark.parametrize("policy", ["p=0.5", "alternate", "p=0.3,0.3,0.4", "script=ann,ann,bob", "demand"])
@pytest.mark.parametrize("unit", ["word", "sentence", "line", "paragraph", "token", "spaced-token", "solution"])
def test_episodes_with_scripts_are_proven(server: Server, unit: str, policy: str) -> None:
    script = " so\n 3 + 4 = 7.\n\nThen 漢字。 #### 7\n"
    agents: dict[str, Any] = {"ann": server.agent()[0], "bob": Reciting(script)}
    if policy.count(",") == 2 and "p=" in policy:
        agents["cid"] = server.agent()[0]
    for episode in played(agents, f"{unit}:{policy}", 4):
        # The only failure there is: what one wrote leaves the other no way to open.
        assert episode.ended in ("end", "limit") or " open" in str(episode.error)


def test_the_command_seats_an_endpoint(served_junior: str, tmp_path: Path) -> None:
    flags = ["--episodes", "4", "--limit", "60", "--show", "0", "--out", str(tmp_path / "run")]
    code = cli(["--pair", "senior:helper", "--agent", f"helper={served_junior}", *flags])
    assert code in (0, 1)  # 1 where an episode failed: so weak a junior cannot always open
    stored = [json.loads(line) for line in (tmp_path / "run" / "episodes.jsonl").read_text().splitlines()]
    assert {span["author"] for episode in stored for span in episode["spans"]} == {"senior", "helper"}


def test_the_same_run_gives_the_same_episodes(server: Server) -> None:
    def run() -> list[Any]:
        agents = {"ann": server.agent()[0], "bob": Reciting(" so 3 + 4 = 7. ")}
        return [[episode.text, episode.spans, episode.ended] for episode in played(agents, "word:p=0.5", 6)]

    assert run() == run()


@pytest.mark.parametrize(
    "policy", ["word:p=0.5", "sentence:alternate", "line:alternate", "token:p=0.5", "word:solo=ann"]
)
def test_episodes_with_a_language_model_are_proven(server: Server, senior: LanguageModel, policy: str) -> None:
    authors = set()
    for episode in played({"senior": senior, "ann": server.agent()[0]}, policy, 3):
        assert episode.ended in ("end", "limit") or " open" in str(episode.error)
        authors |= {span.author for span in episode.spans}
    assert authors == ({"ann"} if "solo" in policy else {"senior", "ann"})


def test_a_failing_endpoint_fails_the_episode_by_name(server: Server, senior: LanguageModel) -> None:
    agents = {"senior": senior, "ann": server.agent("a b c", fault="500")[0]}
    (episode,) = played(agents, "word:alternate", 1)
    assert episode.ended == "error"
    assert episode.error == f"ann: toy at {server.url}: HTTP 500: out of [31mcheese"
    assert episode.views["ann"]["requests"] == 1


# The example that serves an embedded model


@pytest.mark.parametrize("policy", ["solution:solo=x", "line:alternate", "sentence:p=0.5", "word:p=0.8"])
def test_greedy_it_writes_what_the_model_itself_writes(served_junior: str, senior: LanguageModel, policy: str) -> None:
    """Text, authors and ends, wherever its text opens: the process is the same from both sides."""
    model, url = parse_address(served_junior.removeprefix("openai:"))
    junior = load_language_model(str(EMBEDDED / "junior"))
    greedy = Sampling(temperature=0)
    first_one = LanguageModel(senior.model, senior.tokenizer, sampling=greedy)
    seconds = (
        Endpoint(model, url, temperature=0, max_tokens=20),
        LanguageModel(junior.model, junior.tokenizer, sampling=greedy),
    )
    problems = load_task("arithmetic").problems("test")
    runs = []
    for second in seconds:
        engine = ReferenceEngine({"senior": first_one, "x": second}, seed=7, limit=150)
        jobs = [Job(problems[n], 0, parse(policy), ("senior", "x")) for n in range(10)]
        runs.append(list(engine.episodes(jobs)))
    pairs = [(served, own) for served, own in zip(*runs, strict=True) if {served.ended, own.ended} == {"end"}]
    assert len(pairs) >= 2
    for served, own in pairs:
        assert served.text == own.text
        assert [(one.author, one.end) for one in served.spans] == [(one.author, one.end) for one in own.spans]


def test_with_a_partner_a_served_model_is_proven_and_the_same_again(served_junior: str, senior: LanguageModel) -> None:
    model, url = parse_address(served_junior.removeprefix("openai:"))
    agents = {"senior": senior, "x": Endpoint(model, url)}
    runs = [played(agents, "word:p=0.5", 3, limit=80) for _ in range(2)]
    assert [episode.text for episode in runs[0]] == [episode.text for episode in runs[1]]


def test_the_example_as_a_server(served_junior: str) -> None:
    import openai

    model, url = parse_address(served_junior.removeprefix("openai:"))
    given: dict[str, Any] = {"model": model, "prompt": "Lily has 3 coins. She finds 4 more.\n", "max_tokens": 30}
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        whole = client.completions.create(**given, seed=1).choices[0]
        streamed = list(client.completions.create(**given, seed=1, stream=True))
        assert "".join(chunk.choices[0].text for chunk in streamed) == whole.text
        assert streamed[-1].choices[0].finish_reason == whole.finish_reason
        assert client.completions.create(**given, seed=2).choices[0].text != whole.text
        stop = whole.text[6:9]
        for stream in (False, True):
            short: Any = client.completions.create(**given, seed=1, stop=["\x00", stop], stream=stream)
            said = "".join(chunk.choices[0].text for chunk in (short if stream else [short]))
            assert said == whole.text[: whole.text.index(stop)]
        assert [one.id for one in client.models.list()] == [model]
        wrongs: list[dict[str, Any]] = [
            {"model": "other"}, {"prompt": [1, 2]}, {"n": 2}, {"temperature": -1}, {"max_tokens": 0}, {"stop": [""]},
            {"prompt": "x " * 9999},
        ]  # fmt: skip
        for wrong in wrongs:
            with pytest.raises(openai.BadRequestError):
                client.completions.create(**{**given, **wrong})
