"""What a person's screen shows, folded from messages alone."""

from __future__ import annotations

import pytest

from human.app.state import State, clock
from human.link import FromLink, NotDone
from human.messages import (
    Answer,
    Bye,
    End,
    Extend,
    Fits,
    FromResearcher,
    Give,
    Graded,
    Notice,
    Numbered,
    Over,
    Page,
    Pause,
    Pen,
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
from tests.apps import asked

PROBLEM = Problem(id="1", question="How many?", authors=("ann", "bot"))


def refused(message: Numbered, name: str = "paused", text: str = "the clock stands still") -> NotDone:
    return NotDone(message, Refused(n=message.n, name=name, text=text))


def after(*messages: FromLink) -> State:
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
        (asked(), "your turn: 2 new words (9 words left)"),
        (asked(held=None, on_demand=True, opening=False), "your turn: words until F3 or F2 (9 words left)"),
        (asked(held=1, words_left=1), "your turn: one new word (1 word left)"),
        (asked(unit="token", held=3), "your turn: 3 new characters (9 words left)"),
        (asked(stuck=True), "your turn: no word can open here; F2 is all that is left"),
        (asked(unit="solution"), "your turn: the solution goes on until F2 (9 words left)"),
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
    state.take(asked(draft="some", on_demand=True))
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
    for message in (PROBLEM, Time(spent=5.0, limit=60.0), asked()):
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
    state = after(PROBLEM, asked())
    state.did(message)
    for one in (Notice(text="not taken: why"), asked(2)):
        state.take(one)
    assert (state.back, state.notice) == ("two", "not taken: why")


def test_what_was_refused_comes_back() -> None:
    state = after(PROBLEM, asked())
    sent = Write(n=1, turn=1, text="two")
    state.did(sent)
    state.take(Refused(n=None, name="too_fast", text="of something that is not counted"))
    assert not state.my_turn
    state.take(refused(sent))
    assert (state.back, state.my_turn, state.notice) == ("two", True, "not done: the clock stands still")


@pytest.mark.parametrize("other", [Extend(n=2), Pause(n=2), Pen(n=2), Answer(n=2, screen="a"), Undo(n=2, turn=2)])
def test_what_is_refused_gives_back_no_text_but_its_own(other: Numbered) -> None:
    state = after(PROBLEM, asked())
    state.did(Write(n=1, turn=1, text="one"))
    state.take(asked(2, draft="one"))
    state.did(other)
    state.take(refused(other))
    assert (state.back, state.my_turn) == ("", True)
    state.did(Undo(n=3, turn=2))
    state.take(asked(3))
    assert state.back == "one", "it can be taken back all the same"


def test_what_is_refused_meanwhile_leaves_a_text_on_its_way() -> None:
    state = after(PROBLEM, asked())
    state.did(Write(n=1, turn=1, text="one"))
    state.take(refused(Extend(n=2)))
    assert (state.back, state.my_turn) == ("", False)


@pytest.mark.parametrize("then", ["refused", "not taken", "kept", "turn over"])
def test_a_text_on_its_way_when_a_connection_breaks_is_not_lost(then: str) -> None:
    before: tuple[FromLink, ...] = (PROBLEM, Whole(turns=((1, "Hi."),)), Time(spent=0.0), asked())
    state = after(*before)
    sent = Write(n=1, turn=1, text="My text.")
    state.did(sent)
    if then == "turn over":
        for message in (Welcome(last=1), PROBLEM, Whole(turns=((1, "Hi."), (0, " My text."))), asked(2)):
            state.take(message)
        assert (state.back, state.my_turn) == ("", True)
        return
    for again in (Welcome(last=0), *before):
        state.take(again)
    assert (state.back, state.my_turn) == ("", False), "it is sent again"
    ends: dict[str, FromLink] = {"refused": refused(sent), "not taken": asked(2), "kept": asked(2, draft="My text.")}
    state.take(ends[then])
    assert (state.back, state.my_turn) == ("" if then == "kept" else "My text.", True)


def test_a_refusal_that_comes_late_gives_its_text_back_behind_another() -> None:
    state = after(PROBLEM, asked())
    first, second = Write(n=1, turn=1, text="one"), End(n=2, turn=1, text="two")
    for message in (first, second):
        state.did(message)
    state.take(Whole(turns=((1, "so"),)))
    for message in (first, second):
        state.take(refused(message, "not_your_turn"))
    assert state.back == "one two"


def test_more_time_is_there_until_it_is_refused() -> None:
    state = after(PROBLEM, Time(spent=0.0, limit=60.0))
    assert not state.may_extend
    state.take(Welcome(can_extend=True))
    assert state.may_extend
    state.take(refused(Extend(n=1)))
    assert state.may_extend, "later"
    state.take(refused(Extend(n=1), "not_allowed"))
    assert not state.may_extend
    for message in (Problem(id="2", question="?", authors=("ann",)), Time(spent=0.0)):
        state.take(message)
    assert not state.may_extend, "no end to the time"
    state.take(Time(spent=0.0, limit=60.0))
    assert state.may_extend


def test_what_is_taken_back_comes_back_and_what_counts_does_not() -> None:
    state = after(PROBLEM, asked())
    state.did(Write(n=1, turn=1, text="one"))
    state.take(asked(2, draft="one"))
    assert state.back == ""
    state.did(Write(n=2, turn=2, text="two"))
    state.take(asked(3, draft="one two"))
    state.did(Undo(n=3, turn=3))
    state.take(asked(4, draft="one"))
    assert state.back == "two"
    state.back = ""
    state.did(Give(n=4, turn=4))
    for message in (Whole(turns=((0, "one"),)), asked(5)):
        state.take(message)
    assert state.back == ""


def test_the_hint() -> None:
    state = after(PROBLEM)
    assert state.hint("typed") == "it is not your turn yet; what you typed stays here"
    state.take(asked())
    state.tried = 3
    for fits, hint in (
        (Fits(number=2, kept="old"), ""),
        (Fits(number=3, kept="a", all=True), "1 of 2 words"),
        (Fits(number=3, kept="a b"), "2 of 2 words; not taken: c\u241b"),
        (Fits(number=3, why="because"), "not taken: because"),
    ):
        state.take(fits)
        assert state.hint("a b c\x1b") == hint
    state.take(asked(2, unit="solution", held=None))
    state.tried = 4
    state.take(Fits(number=4, kept="a b c", all=True))
    assert state.hint("a b c") == "all of it"
    state.take(asked(3, held=None))
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
    state.take(refused(Answer(n=1, screen="a"), "not_answered", "please answer"))
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
