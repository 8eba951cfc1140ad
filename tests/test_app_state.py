"""What a person's screen shows, folded from messages alone."""

from __future__ import annotations

import pytest

from human.app.state import State, clock
from human.messages import (
    Ask,
    Bye,
    End,
    Fits,
    FromResearcher,
    Give,
    Graded,
    Notice,
    Over,
    Page,
    Problem,
    Refused,
    Said,
    Time,
    ToPerson,
    Undo,
    Welcome,
    Whole,
    Write,
    Writing,
)

PROBLEM = Problem(id="1", question="How many?", authors=("ann", "bot"))


def ask(turn: int = 1, draft: str = "", **other: object) -> Ask:
    given = {
        "unit": "word",
        "held": 2,
        "words_left": 9,
        "opening": True,
        "goes_on": bool(draft),
        "unfinished": False,
        "stuck": False,
        "on_demand": False,
        **other,
    }
    return Ask.model_validate({"turn": turn, "draft": draft, **given})


def after(*messages: ToPerson) -> State:
    state = State(now=lambda: 0.0)
    for message in messages:
        state.take(message)
    return state


def told(state: State) -> str:
    return state.told("F2", "F3", "F4")


def test_the_text_adds_up() -> None:
    state = after(PROBLEM, Said(author=1, text="so"), Said(author=1, text=" she"), Said(author=0, text=" has"))
    assert state.turns == [(1, "so she"), (0, " has")]
    state.take(Whole(turns=((1, "so"),)))
    assert state.turns == [(1, "so")]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (ask(), "your turn: 2 new words (9 words left)"),
        (ask(held=None, on_demand=True, opening=False), "your turn: words until F3 or F2 (9 words left)"),
        (ask(held=1, words_left=1), "your turn: one new word (1 word left)"),
        (ask(unit="token", held=3), "your turn: 3 new characters (9 words left)"),
        (ask(stuck=True), "your turn: no word can open here; F2 is all that is left"),
        (ask(unit="solution"), "your turn: the solution goes on until F2 (9 words left)"),
        (Writing(author=1), "bot writes"),
        (Writing(author=1, may_take=True), "bot writes; F4 takes over"),
        (Writing(author=7), "another writes"),
        (Over(ended="end"), "the solution is over"),
        (Over(ended="limit"), "the solution is over: its length is used up"),
        (Over(ended="stop\x1b"), "the solution is over (stop\u241b)"),
        (Bye(name="x", text="good bye"), "good bye"),
    ],
)
def test_what_is_going_on_in_words(message: ToPerson, line: str) -> None:
    assert told(after(PROBLEM, message)) == line


def test_what_may_be_done() -> None:
    state = after(PROBLEM)
    assert not any((state.my_turn, state.may_take, state.may_give, state.may_undo, state.may_pause))
    state.take(Writing(author=1, may_take=True))
    assert state.may_take
    state.asked_for_pen = True
    assert not state.may_take
    state.take(ask(draft="some", on_demand=True))
    assert state.my_turn
    assert state.may_give
    assert state.may_undo
    state.did(Write(n=1, turn=1, text="x"))
    assert not state.my_turn
    state.take(Time(spent=1.0))
    assert state.may_pause
    state.take(Over(ended="end"))
    assert not state.may_pause


def test_the_clock_runs_stands_and_hides() -> None:
    now = [10.0]
    state = State(now=lambda: now[0])
    for message in (PROBLEM, Time(spent=5.0, limit=60.0), ask()):
        state.take(message)
    now[0] = 12.5
    assert (state.spent, state.hidden) == (7.5, False)
    state.take(Time(spent=7.5, running=False, why="paused"))
    now[0] = 99.0
    assert (state.spent, state.hidden, state.my_turn) == (7.5, True, False)
    state.take(Time(spent=7.5))
    now[0] = 100.0
    state.take(Over(ended="end"))
    now[0] = 200.0
    assert (state.spent, state.hidden) == (8.5, False), "a solution that is over hides nothing"
    assert clock(61.9) == "1:01"


@pytest.mark.parametrize("message", [Write(n=1, turn=1, text="two"), End(n=1, turn=1, text="two")])
def test_what_was_not_taken_comes_back(message: Write | End) -> None:
    state = after(PROBLEM, ask())
    state.did(message)
    for one in (Notice(text="not taken: why"), ask(2)):
        state.take(one)
    assert (state.back, state.notice) == ("two", "not taken: why")


def test_what_was_refused_comes_back() -> None:
    state = after(PROBLEM, ask())
    state.did(Write(n=1, turn=1, text="two"))
    state.take(Refused(n=None, name="too_fast", text="of something that is not counted"))
    assert not state.my_turn
    state.take(Refused(n=1, name="paused", text="the clock stands still"))
    assert (state.back, state.my_turn, state.notice) == ("two", True, "not done: the clock stands still")


def test_what_is_taken_back_comes_back_and_what_counts_does_not() -> None:
    state = after(PROBLEM, ask())
    state.did(Write(n=1, turn=1, text="one"))
    state.take(ask(2, "one"))
    assert state.back == ""
    state.did(Write(n=2, turn=2, text="two"))
    state.take(ask(3, "one two"))
    state.did(Undo(n=3, turn=3))
    state.take(ask(4, "one"))
    assert state.back == "two"
    state.back = ""
    state.did(Give(n=4, turn=4))
    for message in (Whole(turns=((0, "one"),)), ask(5)):
        state.take(message)
    assert state.back == ""


def test_the_hint() -> None:
    state = after(PROBLEM)
    assert state.hint("typed") == "it is not your turn yet; what you typed stays here"
    state.take(ask())
    state.tried = 3
    for fits, hint in (
        (Fits(number=2, kept="old"), ""),
        (Fits(number=3, kept="a", all=True), "1 of 2 words"),
        (Fits(number=3, kept="a b"), "2 of 2 words; not taken: c\u241b"),
        (Fits(number=3, why="because"), "not taken: because"),
    ):
        state.take(fits)
        assert state.hint("a b c\x1b") == hint
    state.take(ask(2, unit="solution", held=None))
    state.tried = 4
    state.take(Fits(number=4, kept="a b c", all=True))
    assert state.hint("a b c") == "all of it"
    state.take(ask(3, held=None))
    state.take(Fits(number=4, kept="a b c", all=True))
    assert state.hint("a b c") == "3 words"
    assert state.hint("x" * 9000) == "too long: 8,000 characters can be sent at once, and these are 9,000"
    state.take(Notice(text="said"))
    assert state.hint("a b c") == "said", "what was said stays until something is typed"
    state.typed()
    assert state.hint("a b c") == ""


def test_pages_stand_alone_or_beside_their_problem() -> None:
    state = after(PROBLEM, Said(author=1, text="so"), Over(ended="end"), Page(id="a", title="?", problem="1"))
    assert state.turns
    state.answered()
    assert state.answer_sent
    state.take(Refused(n=1, name="not_answered", text="please answer"))
    assert not state.answer_sent
    assert state.page
    state.take(Page(id="b", title="?"))
    assert state.problem is None
    assert not state.turns
    state.take(Page(id="c", title="?", problem="1"))
    assert state.problem is None, "whoever comes back in the middle of a page has no problem to show"


def test_a_problem_begins_afresh_and_one_that_is_told_again_does_not() -> None:
    state = after(PROBLEM, Said(author=1, text="so"), Graded(verdict="wrong"), Page(id="a", title="", problem="1"))
    state.take(PROBLEM)
    assert (state.page, state.turns) == (None, [(1, "so")])
    state.take(Problem(id="2", question="?", authors=("ann", "bot")))
    assert (state.graded, state.over, state.turns) == (None, None, [])


@pytest.mark.parametrize(
    ("graded", "line"),
    [
        (Graded(verdict="correct", answer="5", expected="5", reason="equal"), "right: 5 (equal)"),
        (Graded(verdict="wrong", answer="4", expected="5"), "wrong: 4, expected 5"),
        (Graded(verdict="unreadable", reason="no answer"), "unreadable (no answer)"),
        (Graded(verdict="\x1b[2J"), "unreadable"),
    ],
)
def test_the_grade_in_words(graded: Graded, line: str) -> None:
    assert after(PROBLEM, graded).outcome() == line


def test_the_researcher_is_heard_once() -> None:
    state = after(FromResearcher(text="a"), FromResearcher(text="a"), Welcome())
    assert state.researcher == ["a", "a"]
    state.researcher.clear()
    for text in ("a", "a", "b"):
        state.take(FromResearcher(text=text))
    assert state.researcher == ["b"]
