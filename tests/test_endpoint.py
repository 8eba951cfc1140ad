"""What a turn of an endpoint keeps, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.chance import Chance
from agents.contract import Span, Turn, View
from agents.endpoint import LONGEST_WORD, Intake, UnopenedError
from agents.scripted import fit
from agents.units import RULES
from tests.asking import Server, ask, first, refusal, turn_of, written
from tests.server import TALK

STRANGE = (
    "".join(TALK)
    + "Zoë a\u0300 ｶ\uff70 e\u0301\u0301 \x00\x7f\ufeff\u202e\ud7ff\ufffd«x» 3,000.5 ไม่ 𝒳 👩‍👩‍👧 \u00a0\u3000。」"
)
"""What units are about, and what terminals and encodings trip over."""


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for many questions."""
    with asyncio.Runner() as one:
        yield one


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
