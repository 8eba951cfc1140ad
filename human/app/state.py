"""What a person's screen shows, folded from what it was told: no terminal, no drawing.

The app draws it, the line client reads it out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agents.asking import in_words, units
from agents.plain import inline
from agents.units import RULES
from arena.tasks.marks import EXAMPLE
from human.link import FromLink, NotDone
from human.messages import (
    TEXT,
    Answer,
    Ask,
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
    Pen,
    Problem,
    Refused,
    Said,
    Time,
    Undo,
    Welcome,
    Whole,
    Write,
    Writing,
)

VERDICTS = {"correct": "right", "wrong": "wrong"}


@dataclass
class State:
    """Everything there is to see. ``now`` gives seconds, as time.monotonic."""

    now: Callable[[], float] = time.monotonic
    welcome: Welcome = field(default_factory=Welcome)
    problem: Problem | None = None
    turns: list[tuple[int, str]] = field(default_factory=list)
    """(author, text), the person being author 0."""
    ask: Ask | None = None
    """It is the person's turn."""
    acted: bool = False
    """... but it has done something, and what became of that is not known yet."""
    writing: Writing | None = None
    asked_for_pen: bool = False
    tried: int = 0
    """Number of the last text that was tried."""
    fits: Fits | None = None
    """What would be kept of it."""
    page: Page | None = None
    answer_sent: bool = False
    """The page was answered, and what comes next is not known yet."""
    graded: Graded | None = None
    over: Over | None = None
    time: Time | None = None
    notice: str = ""
    """The last, until something else is done."""
    researcher: list[str] = field(default_factory=list)
    """What the researcher said and nobody has read yet."""
    bye: Bye | None = None
    no_more_time: bool = False
    """More was asked for, and there is none for this problem."""
    back: str = ""
    """Text that was not taken, or was taken back: it belongs into the input again."""
    _since: float = 0.0
    """When the clock was told."""
    _researcher: list[str] = field(default_factory=list)
    """All that the researcher said, and ..."""
    _again: int = 0
    """... how much of that was said again since the connection came back."""
    _acted_in: int = 0
    """The turn (by its number) that the person acted in last."""
    _typed: list[tuple[str, str]] = field(default_factory=list)
    """(text, the draft before it) of this turn: what can be given back."""

    def take(self, message: FromLink) -> None:
        """Folds in one message."""
        match message:
            case Welcome():
                self.welcome, self.bye, self._again = message, None, 0
            case Problem():
                self._begin(message)
            case Said(author=author, text=text):
                self._append(author, text)
                self.ask = None
            case Whole(turns=turns) if self._acted_in and self.turns == [*turns]:
                self.ask = self.fits = None  # a connection came back in the middle of a turn
            case Whole(turns=turns):
                self.turns = [*turns]
                self._turn_over()
            case Ask():
                self._asked(message)
            case Writing():
                self.writing, self.ask = message, None
            case Fits(number=number):
                self.fits = message if number == self.tried else self.fits
            case Over():
                if self.time:
                    self.time = Time(spent=self.spent or 0.0, limit=self.time.limit, running=False)
                self.over, self.writing = message, None
                self._turn_over()
            case Graded():
                self.graded = message
            case Page():
                self.page, self.answer_sent, self.notice = message, False, ""
                if self.problem and message.problem != self.problem.id:
                    self._leave_problem()
            case _:
                self._hear(message)

    def _hear(self, message: FromLink) -> None:
        match message:
            case Time():
                self.time, self._since = message, self.now()
            case Notice(text=text):
                self.notice = text
            case Refused(n=number, text=text) if number is not None:
                self.notice = f"not done: {text}"
            case NotDone():
                self._not_done(message.message, message.why)
            case FromResearcher(text=text):
                self._hear_researcher(text)
            case Bye():
                self.bye = message

    def _not_done(self, message: Numbered, why: Refused) -> None:
        """What was refused is as if it had not been sent; everything else stays as it is."""
        self.notice = f"not done: {why.text}"
        match message:
            case Write(turn=turn) | End(turn=turn) | Give(turn=turn) | Undo(turn=turn):
                text = "" if isinstance(message, Undo) else message.text
                if turn == self._acted_in:
                    self.acted, self._acted_in = False, 0
                    if text and self._typed and self._typed[-1][0] == text:
                        self._typed.pop()
                self._return(text)
            case Pen():
                self.asked_for_pen = False
            case Answer():
                self.answer_sent = False
            case Extend():
                self.no_more_time |= why.name == "not_allowed"

    def _return(self, text: str) -> None:
        """A text belongs into the input again, behind what is on its way there."""
        self.back = f"{self.back} {text}" if self.back and text else self.back or text

    def _hear_researcher(self, text: str) -> None:
        """Whoever comes back is told everything once more, in the same order."""
        if self._researcher[self._again : self._again + 1] != [text]:
            self._researcher.append(text)
            self.researcher.append(text)
        self._again += 1

    def _begin(self, problem: Problem) -> None:
        if self.problem is None or problem.id != self.problem.id:
            self._leave_problem()
            self.notice = self.back = ""
        self.problem, self.page = problem, None

    def _leave_problem(self) -> None:
        self.problem = self.writing = self.graded = self.over = self.time = None
        self.turns, self.no_more_time = [], False
        self._turn_over()

    def _turn_over(self) -> None:
        self.ask, self.acted, self.fits, self.asked_for_pen = None, False, None, False
        self._acted_in = 0
        self._typed.clear()

    def _asked(self, ask: Ask) -> None:
        if self.asked_for_pen:  # here it is
            self.notice = ""
        self.ask, self.writing, self.asked_for_pen, self.fits = ask, None, False, None
        self.acted = ask.turn == self._acted_in  # asked again, by a connection that came back: it is still on its way
        if self.acted:
            return
        if self._typed and self._typed[-1][1] == ask.draft:  # it was not taken, or was taken back
            self._return(self._typed.pop()[0])

    def _append(self, author: int, text: str) -> None:
        if self.turns and self.turns[-1][0] == author:
            text = self.turns.pop()[1] + text
        self.turns.append((author, text))

    # What the person does

    def did(self, message: Numbered) -> None:
        """The person did this, and it is on its way."""
        if isinstance(message, Write | End | Give | Undo):
            self.acted = True
            text = "" if isinstance(message, Undo) else message.text
            self._acted_in = message.turn
            if text and self.ask:
                self._typed.append((text, self.ask.draft))
            self.fits, self.notice = None, ""

    def typed(self) -> None:
        """The person typed: what was said before is read."""
        self.fits, self.notice = None, ""

    def answered(self) -> None:
        """The page that is shown was answered."""
        self.answer_sent, self.notice = True, ""

    @property
    def my_turn(self) -> bool:
        return self.ask is not None and not self.acted and not self.hidden and self.over is None

    @property
    def may_take(self) -> bool:
        """The pen can be asked for."""
        return bool(self.writing and self.writing.may_take and not self.asked_for_pen and not self.hidden)

    @property
    def may_give(self) -> bool:
        return self.my_turn and bool(self.ask and self.ask.on_demand)

    @property
    def may_undo(self) -> bool:
        return self.my_turn and bool(self.ask and self.ask.goes_on)

    @property
    def may_pause(self) -> bool:
        return self.problem is not None and self.over is None and self.page is None and self.time is not None

    @property
    def may_extend(self) -> bool:
        """More time can be asked for, as far as is known."""
        limited = self.time is not None and self.time.limit is not None
        return self.welcome.can_extend and self.may_pause and limited and not self.no_more_time

    @property
    def hidden(self) -> bool:
        """The clock stands in the middle of a problem: nothing is to be seen."""
        return self.may_pause and bool(self.time and not self.time.running)

    @property
    def spent(self) -> float | None:
        """Seconds on the clock, where there is one."""
        if self.time is None:
            return None
        return self.time.spent + (self.now() - self._since if self.time.running else 0.0)

    def unanswered(self, typed: str) -> bool:
        """No answer is marked, neither in the solution nor in what is typed, though it is known how that is done."""
        mark = self.problem.form.partition(EXAMPLE)[0].strip() if self.problem else ""
        texts = [*(text for _, text in self.turns), self.ask.draft if self.ask else "", typed]
        return bool(mark) and mark not in "".join(texts)

    # In words

    def name(self, author: int) -> str:
        names = self.problem.authors if self.problem else ()
        return inline(names[author]) if author < len(names) else "another"

    def told(self, end: str, give: str, take: str) -> str:
        """What is asked for or going on, in a line; ``end``, ``give`` and ``take`` are how those are done."""
        if self.bye:
            return self.bye.text
        if self.over:
            ended = {"end": "the solution is over", "limit": "the solution is over: its length is used up"}
            return ended.get(self.over.ended, f"the solution is over ({inline(self.over.ended)})")
        if self.ask and not self.acted:
            return in_words(self.ask, end, give)
        if self.writing:
            who = f"{self.name(self.writing.author)} writes"
            if self.asked_for_pen:
                return f"{who}; you asked for the pen, it comes with the next unit"
            return f"{who}; {take} takes over" if self.writing.may_take else who
        if self.turns and self.turns[-1][0] and not self.acted:  # what others wrote before appears
            return f"{self.name(self.turns[-1][0])} writes"
        return "one moment ..." if self.problem else ""

    def way(self, end: str) -> str:
        """How the next thing is done, for who has typed nothing yet; ``end`` is how a solution is finished."""
        if not self.my_turn or self.ask is None or self.problem is None:
            return ""
        if self.ask.stuck:
            return f"{end} finishes the solution"
        answer = f"the answer, as {self.problem.form}, then {end}" if self.problem.form else ""
        return f"Type here, then enter; {f'at the end {answer}' if answer else f'{end} finishes the solution'}"

    def hint(self, typed: str) -> str:
        """What would become of what is typed, or else what was last said."""
        text = typed.strip()
        if self.notice or not text:
            return self.notice
        if len(text) > TEXT:
            return f"too long: {TEXT:,} characters can be sent at once, and these are {len(text):,}"
        if not self.my_turn or self.ask is None:
            return "it is not your turn yet; what you typed stays here"
        if self.fits is None:
            return ""
        if self.fits.why:
            return f"not taken: {self.fits.why}"
        kept = self.fits.kept
        count = len(RULES[self.ask.unit].openings(kept)) if self.ask.unit in RULES and kept else 0
        held = f" of {self.ask.held}" if self.ask.held is not None else ""
        name = units(self.ask.unit, self.ask.held if self.ask.held is not None else count)
        said = f"{count}{held} {name}" if self.ask.unit != "solution" else "all of it"
        if self.fits.all:
            return f"{said}, not over yet" if self.ask.unit == "sentence" and not _over(kept) else said
        rest = text.removeprefix(kept).strip()
        return f"{said}; not taken: {inline(rest[:200])}"

    def outcome(self) -> str:
        """The grade, in a line."""
        grade = self.graded
        if grade is None:
            return ""
        said = VERDICTS.get(grade.verdict, "unreadable")
        answer = f": {inline(grade.answer)}" if grade.answer is not None else ""
        expected = f", expected {inline(grade.expected)}" if grade.expected is not None and said != "right" else ""
        return f"{said}{answer}{expected}" + (f" ({inline(grade.reason)})" if grade.reason else "")


def _over(text: str) -> bool:
    """Is its last sentence over, as soon as white space follows?"""
    rule = RULES["sentence"]
    state = rule.start
    for character in f"{text} ":
        state = rule.step(state, character)[1]
    return rule.can_open(state)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
