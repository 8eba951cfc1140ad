"""A person by messages: what the screen is told adds up to the text, nothing comes early, stale turns are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agents.chance import Chance
from agents.contract import Agent, Span, Turn, View
from agents.person import Person
from agents.scripted import Reciting
from agents.units import RULES
from arena.engines import play_job
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.tasks import Problem
from human.clock import Clock
from human.desk import MessageDesk
from human.messages import (
    MESSAGE,
    Ask,
    End,
    Fits,
    Give,
    Notice,
    Over,
    Pen,
    RefusalError,
    Said,
    ToPerson,
    Try,
    Undo,
    Whole,
    Write,
    Writing,
    from_person,
    to_person,
)
from tests.models import embedded

PARTNER = "the cat. Sat on!\n\nIt {end}"


class Screen:
    """Keeps what a screen would show, from the messages alone, and does what `act` says whenever something is asked."""

    def __init__(self, act: Callable[[Ask], Any] = lambda ask: None, pace: float | None = None):
        self.heard: list[ToPerson] = []
        self.turns: list[tuple[int, str]] = []
        self.desk = MessageDesk(self.tell, Clock(), pace=pace)
        self.act = act

    def tell(self, message: ToPerson) -> None:
        message = to_person(message.model_dump_json())  # as it would come over the wire
        self.heard.append(message)
        match message:
            case Said(author=author, text=text):
                last = self.turns.pop() if self.turns and self.turns[-1][0] == author else (author, "")
                self.turns.append((author, last[1] + text))
            case Whole(turns=turns):
                self.turns = list(turns)
            case Ask() if answer := self.act(message):
                asyncio.get_running_loop().call_soon(self.desk.deliver, answer)
        assert self.turns == self.desk.turns

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.turns)

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.heard if isinstance(message, kind)]


def play(screen: Screen, handoff: str, partner: Agent, *, pair: str = "senior:ann", **options: Any) -> Episode:
    names = tuple(pair.split(":"))
    agents: dict[str, Agent] = {"ann": Person(screen.desk), "senior": partner}
    job = Job(Problem("p/0", "How many?", "1"), 0, parse(handoff).check(names), names)
    made = asyncio.run(play_job(job, agents, seed=3, limit=60, **options))
    assert problems_of(made) == []
    return made


def told(texts: list[str]) -> Callable[[Ask], Any]:
    """Writes these texts, one a turn, and ends with the last."""
    left = list(texts)

    def act(ask: Ask) -> Any:
        if ask.stuck:
            return End(n=1, turn=ask.turn)
        text = left.pop(0)
        return Write(n=1, turn=ask.turn, text=text) if left else End(n=1, turn=ask.turn, text=text)

    return act


def test_notices_name_no_command_of_line_mode() -> None:
    """There are none on a page or in an app."""
    given: list[Callable[[int], Any]] = [
        lambda turn: Write(n=1, turn=turn, text=" "),
        lambda turn: Undo(n=1, turn=turn),
        lambda turn: Give(n=1, turn=turn),
        lambda turn: Write(n=1, turn=turn, text="\x1bA b c. D"),
        lambda turn: Undo(n=1, turn=turn),
        lambda turn: End(n=1, turn=turn, text="so. Then"),
        lambda turn: End(n=1, turn=turn, text="5."),
    ]
    screen = Screen(lambda ask: given.pop(0)(ask.turn))
    play(screen, "sentence:alternate", Reciting("One. Two."), pair="ann:senior")
    said = [notice.text for notice in screen.of(Notice)]
    assert "nothing was typed" in said
    assert len(said) >= 4
    for one in said:
        assert "/" not in one
        assert "Ctrl" not in one


@pytest.mark.parametrize("pace", [None, 400.0])
@pytest.mark.parametrize("handoff", ["word:alternate", "sentence:alternate"])
def test_the_screen_shows_the_text_as_it_counts(handoff: str, pace: float | None) -> None:
    screen = Screen(told(["One. More", "two.", "three. four", "5."]), pace)
    made = play(screen, handoff, embedded("senior"))
    assert screen.text == made.text
    assert [(0 if span.author == "ann" else 1) for span in made.spans if span.end > span.start] == [
        author for author, _ in screen.turns
    ]
    assert screen.of(Over) == [Over(ended="end")]
    for before, after in zip(screen.heard, screen.heard[1:], strict=False):
        assert not (isinstance(before, Ask) and isinstance(after, Said)), "text came after the person was asked"


def test_what_is_said_is_said_unit_by_unit() -> None:
    screen = Screen(told(["#### 5"]), 1000.0)
    play(screen, "sentence:alternate", Reciting(PARTNER))
    assert [message.text for message in screen.of(Said)] == ["the", " cat."]


def test_a_partner_keeps_the_pace() -> None:
    """It writes no further than a unit ahead of what is seen, so that the pen can be taken anywhere."""

    async def slow() -> None:
        screen = Screen(pace=50.0)
        screen.desk.open(View("?", "ann", ("senior",)), lambda: None)
        for word in ("so", " she", " has", " two", " left"):
            screen.desk.hear("senior", word.encode())
            await screen.desk.room()
            assert len(screen.text) >= len("so she has two left"[: len(screen.text)])
        assert screen.text.startswith("so she")
        screen.desk.wrote("senior", "so she has two left", False)
        await screen.desk.review("end", True)
        assert screen.text == "so she has two left"

    asyncio.run(slow())


@pytest.mark.parametrize("kept", ["so she has", "so she", "so", ""])
@pytest.mark.parametrize("seen", [0, 1, 2, 3])
def test_a_turn_that_was_stopped_takes_back_what_does_not_count(kept: str, seen: int) -> None:
    async def stop() -> None:
        screen = Screen(pace=1e9)
        screen.desk.open(View("?", "ann", ("senior",)), lambda: None)
        screen.desk.wrote("senior", "Before.", False)
        await screen.desk.review("end", True)
        screen.desk.clock.pause()  # nothing is shown by itself
        for word in (" so", " she", " has", " two", " left"):
            screen.desk.hear("senior", word.encode())
        for _ in range(seen):
            screen.desk._show()
        screen.desk.wrote("senior", f" {kept}" if kept else "", False)
        screen.desk.clock.resume()
        await screen.desk.review("end", True)
        assert screen.text == ("Before. " + kept).rstrip()

    asyncio.run(stop())


def test_the_pen_is_taken_and_given_back() -> None:
    def act(ask: Ask) -> Any:
        first = len(screen.of(Ask)) == 1
        return Give(n=1, turn=ask.turn, text="two") if first else End(n=1, turn=ask.turn, text="#### 3")

    screen = Screen(act, 200.0)
    seen = screen.tell

    def tell(message: ToPerson) -> None:
        seen(message)
        if isinstance(message, Said) and message.author == 1 and screen.text.count(" ") > 3 * len(screen.of(Ask)):
            asyncio.get_running_loop().call_soon(take)

    def take() -> None:
        if not screen.desk.asked:
            screen.desk.deliver(Pen(n=1))

    screen.desk.send = tell
    screen.desk.demand = True
    made = play(screen, "word:demand", embedded("senior"))
    assert [span.author for span in made.spans if span.end > span.start][:3] == ["senior", "ann", "senior"]
    assert [name for _, name in made.pens or ()][:2] == ["ann", "senior"]
    assert screen.of(Writing)[0].may_take
    assert screen.text == made.text


def test_only_the_turn_that_is_asked_for_can_be_written() -> None:
    screen = Screen()
    with pytest.raises(RefusalError) as refused:
        screen.desk.deliver(Write(n=1, turn=0, text="x"))
    assert refused.value.name == "not_your_turn"
    with pytest.raises(RefusalError) as refused:
        screen.desk.deliver(Pen(n=1))
    assert refused.value.name == "not_allowed"
    numbers: list[int] = []

    def act(ask: Ask) -> Any:
        numbers.append(ask.turn)
        for stale in numbers[:-1]:
            with pytest.raises(RefusalError):
                screen.desk.deliver(Undo(n=1, turn=stale))
        return End(n=1, turn=ask.turn, text="1.") if len(numbers) > 2 else Write(n=1, turn=ask.turn, text="a b")

    screen.act = act
    play(screen, "word:alternate", Reciting(PARTNER))
    assert numbers == sorted(set(numbers))


def test_what_would_be_kept_is_told_and_changes_nothing() -> None:
    screen = Screen()

    def act(ask: Ask) -> Any:
        for number, text in enumerate(["", "two words", "one", "\u0301"]):
            screen.desk.deliver(Try(number=number, text=text))
        return End(n=1, turn=ask.turn, text="12.")

    screen.act = act
    made = play(screen, "word:alternate", Reciting(PARTNER), pair="ann:senior")
    assert made.text == "12."
    assert screen.of(Fits)[:3] == [
        Fits(number=0, all=True),
        Fits(number=1, kept="two"),
        Fits(number=2, kept="one", all=True),
    ]


def test_a_new_screen_is_told_all_there_is() -> None:
    screen = Screen()
    other: list[list[ToPerson]] = []

    def act(ask: Ask) -> Any:
        other.append(screen.desk.again())
        return End(n=1, turn=ask.turn, text="#### 1")

    screen.act = act
    play(screen, "sentence:alternate", Reciting(PARTNER))
    assert other == [[Whole(turns=((1, "the cat."),)), screen.of(Ask)[0]]]


def test_the_clock_stands_still() -> None:
    time = [0.0]
    clock = Clock(5.0, lambda: time[0])
    time[0] = 2.0
    assert clock.now() == 7
    clock.pause()
    time[0] = 9.0
    clock.pause()
    assert (clock.now(), clock.running) == (7, False)
    clock.resume()
    time[0] = 10.0
    assert clock.now() == 8

    async def through_a_pause() -> float:
        real = Clock()
        waiting = asyncio.ensure_future(real.sleep(0.02))
        await asyncio.sleep(0)
        real.pause()
        await asyncio.sleep(0.06)
        assert not waiting.done()
        real.resume()
        await waiting
        return real.now()

    assert 0.02 <= asyncio.run(through_a_pause()) < 0.06


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("{", "malformed"),
        ("[]", "malformed"),
        ('{"type": "nothing"}', "malformed"),
        ('{"type": "write", "n": "1", "turn": 1, "text": "x"}', "malformed"),
        ('{"type": "write", "n": 1, "turn": 1, "text": "x", "more": 1}', "malformed"),
        ('{"type": "write", "n": 1, "turn": 1, "text": "\\ud83d"}', "malformed"),
        ('{"type": "answer", "n": 1, "screen": "a", "answers": {"q": NaN}}', "malformed"),
        ('{"type": "answer", "n": 0, "screen": "a"}', "malformed"),
        ('{"type": "write", "n": 1, "turn": 1, "text": "' + "x" * 9000 + '"}', "malformed"),
        ("[" * 60000, "malformed"),
        ("x" * (MESSAGE + 1), "too_large"),
    ],
)
def test_what_is_no_message_has_a_name(sent: str, name: str) -> None:
    with pytest.raises(RefusalError) as refused:
        from_person(sent)
    assert refused.value.name == name


def test_a_seat_is_told_what_of_its_turn_counts() -> None:
    screen = Screen(lambda ask: Write(n=1, turn=ask.turn, text="one two"))
    seat = Person(screen.desk).sit(View("?", "ann", ("senior",)))
    turn = Turn(RULES["word"], RULES["word"].start, 0, 0, lambda unit: unit == 0, Chance(0, 1), 9, False)
    assert asyncio.run(seat.write(turn)) == Span("ann", "one")
    assert screen.turns == [(0, "one")]


def test_a_script_gives_the_pen_where_it_is_seen() -> None:
    """Its whole text is known at once, and is written no faster than it is read."""
    screen = Screen(lambda ask: End(n=1, turn=ask.turn, text="#### 3"), 200.0)
    seen = screen.tell

    def tell(message: ToPerson) -> None:
        seen(message)
        if isinstance(message, Said) and screen.text.endswith(" c"):
            screen.desk.deliver(Pen(n=1))

    screen.desk.send, screen.desk.demand = tell, True
    made = play(screen, "word:demand", Reciting("a b c d e f g h i j {end}"))
    assert [span.author for span in made.spans] == ["senior", "ann"]
    assert made.text.startswith("a b c")
    assert len(made.text.split("\n")[0].split()) <= 6
