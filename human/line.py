"""A person's screen line by line: whole lines in, whole lines out, nothing redrawn, for a screen reader or a pipe.

Partners are read out turn by turn, and sentence by sentence in a long turn; questions are asked one by one.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TextIO

from agents import desk
from agents.asking import in_words
from agents.line_commands import HELP, action_of, line_of
from agents.line_desk import TAIL, LineReader, reader_of
from agents.plain import cleaned, inline, visible
from agents.units import RULES
from arena.terminal import say
from human.app.state import State, clock
from human.line_form import LineForm
from human.link import UNCOUNTED, FromLink, Link, NotDone
from human.messages import (
    TEXT,
    Answer,
    Ask,
    Bye,
    End,
    Extend,
    FromResearcher,
    Give,
    Graded,
    Leave,
    Notice,
    Numbered,
    Over,
    Page,
    Pause,
    Pen,
    Problem,
    Refused,
    Resume,
    Said,
    Time,
    Undo,
    Welcome,
    Whole,
    Withdraw,
    Write,
    Writing,
)

MORE_HELP = (
    "/pause stops the clock, and Enter lets it run again. /time says how long you have been at it.",
    "/more asks for more time, /withdraw deletes what is stored of you; where the study allows it.",
)


class LineScreen:
    """Reads out what a link says, and sends what is typed."""

    def __init__(self, link: Link, typed: TextIO | None = None, shown: TextIO | None = None):
        stream = typed or sys.stdin
        self.link, self.state = link, State()
        self._lines: LineReader = reader_of(stream)
        self._live = stream.isatty()
        self._shown = shown
        self._heard = ""
        """What a partner wrote since its turn began, and ..."""
        self._read_out = 0
        """... how much of that was read out."""
        self._author = 0
        self._known = ""
        """The text as it was read out or typed."""
        self._clock = ""
        """What was last said of the time."""
        self._ahead: list[str] = []
        self._form: LineForm | None = None
        self._leaving = ""
        """The command that was not confirmed yet."""
        self._over = False
        """The last page was read."""
        self._asked = asyncio.Event()
        """Something is wanted of the person: the lines of a pipe wait for it."""

    async def run(self) -> str:
        """Until nothing comes any more; gives what is to be said at the end."""
        tasks = [asyncio.ensure_future(part()) for part in (self._listen, self._type, self._watch)]
        try:
            await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
            if not self._over:  # the input has ended
                await tasks[0]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.state.bye.text if self.state.bye else ""

    async def _listen(self) -> None:
        async for message in self.link.told():
            self.state.take(message)
            self._hear(message)

    async def _watch(self) -> None:
        """Says when the connection is lost, and when it is back."""
        before = ""
        while True:
            if self.link.trouble != before:
                before = self.link.trouble
                self._say(before or "connected")
            await asyncio.sleep(0.2)

    # What is read out

    def _say(self, line: str) -> None:
        say(line, self._shown)

    def _hear(self, message: FromLink) -> None:
        if isinstance(message, Ask | Whole | Over | Page) or (
            isinstance(message, Said | Writing) and message.author != self._author
        ):
            self._rest()
        match message:
            case Welcome(title=title) if title:
                self._say(visible(title))
            case Problem():
                self._begin(message)
            case Said(author=author, text=text):
                self._author = author
                self._heard += text
                self._known += text
                self._sentences()
            case Whole(turns=turns):
                self._whole(turns)
            case Ask():
                self._ask(message)
            case Writing(may_take=True) if not self.state.asked_for_pen:
                self._say(f"{self.state.name(message.author)} writes; Enter asks for the pen")
            case Page():
                self._form = LineForm(message, self._say)
                self._asked.set()
            case _:
                self._note(message)

    def _note(self, message: FromLink) -> None:
        match message:
            case Over():
                self._say(self.state.told("/end", "/give", "Enter"))
            case Graded():
                self._say(f"the answer is {self.state.outcome()}")
            case Notice(text=text):
                self._say(visible(text))
            case Refused(text=text) | NotDone(why=Refused(text=text)):
                self._say(f"not done: {visible(text)}")
                if isinstance(message, NotDone) and isinstance(message.message, Answer) and self.state.page:
                    self._form = LineForm(self.state.page, self._say)  # it is still to be answered
                self._go_on()
            case FromResearcher(text=text):
                self._say(f"from the researcher: {visible(text)}")
            case Time():
                self._time(message)
                self._go_on()
            case Bye(text=text):
                self._say(visible(text))

    def _time(self, time: Time) -> None:
        if self.state.hidden:
            self._say(f"the clock stands at {clock(time.spent)}: {visible(time.why)}; Enter lets it run again")
        elif time.limit is not None:
            before, self._clock = self._clock, f"{clock(time.spent)} of {clock(time.limit)} are used"
            if self._clock != before:
                self._say(self._clock)

    def _go_on(self) -> None:
        """What was done last is settled: if something is wanted of the person still, the next line is for that."""
        if self.state.my_turn or self.state.hidden or self._form:
            self._asked.set()

    def _begin(self, problem: Problem) -> None:
        place = f" {problem.number} of {problem.of}" if problem.number and problem.of else ""
        self._say(f"problem{place}: {visible(problem.question).strip()}")
        names = ", ".join(self.state.name(number) for number in range(1, len(problem.authors)))
        own = self.state.name(0)
        who = "you write" if own == "you" else f"you are {own},"
        self._say(f"{who} {f'with {names}' if names else 'alone'}; /help lists the commands")
        self._known = self._clock = ""

    def _sentences(self) -> None:
        rest = self._heard[self._read_out :]
        over = max([*RULES["sentence"].openings(rest), rest.rfind("\n")])
        if rest[:over].strip():
            self._say(f"{self.state.name(self._author)}: {inline(rest[:over])}")
            self._read_out += over

    def _rest(self) -> None:
        """A partner's turn is over: the rest of it."""
        if rest := self._heard[self._read_out :]:
            self._say(f"{self.state.name(self._author)}: {inline(rest) or '(white space)'}")
        self._heard, self._read_out = "", 0

    def _whole(self, turns: tuple[tuple[int, str], ...]) -> None:
        """Read out only where it is not what was heard, with the person's own text behind."""
        text = "".join(part for _, part in turns)
        own = turns[-1][1] if turns and turns[-1][0] == 0 else ""
        if not (text.startswith(self._known) and own.endswith(text[len(self._known) :])):
            self._say("the text so far:")
            self._text()
        self._known = text

    def _text(self) -> None:
        for author, part in self.state.turns:
            self._say(f"[{self.state.name(author)}]{visible(part)}")
        if self.state.ask and self.state.ask.draft:
            self._say(f"[not sent yet]{visible(self.state.ask.draft)}")
        if not self.state.turns:
            self._say("nothing is written yet")

    def _ask(self, ask: Ask) -> None:
        self._say(in_words(ask))
        if self._known and not ask.goes_on:
            tail = self._known[-TAIL:]
            self._say(f"so far: {'... ' if tail != self._known else ''}{inline(tail)}")
        if self._ahead:
            self._say(f"typed before your turn: {inline(' '.join(self._ahead))}. Enter takes it, /undo drops it")
        self.state.back = ""  # the person has it on the terminal
        self._asked.set()

    # What is typed

    async def _type(self) -> None:
        while True:
            if not self._live:
                await self._asked.wait()
            await self._lines.waiting()
            line = self._lines.take()
            if line is None:
                self._do(Leave(n=UNCOUNTED))
                return
            if not self._live:
                self._say(f"> {visible(line)}")
            self._asked.clear()
            self._take(line)
            if self._over:
                return

    def _take(self, line: str) -> None:
        if self._leaving:
            self._confirm(line)
        elif line in ("/quit", "/withdraw"):
            self._leaving = line
            self._say(self.link.on_leaving if line == "/quit" else "withdraw, so that all that is stored is deleted?")
            self._say("y for yes; anything else stays")
            self._asked.set()
        elif self.state.hidden:
            self._do(Resume(n=UNCOUNTED))
        elif self._form:
            self._reply(self._form, line)
        else:
            self._act(line)

    def _reply(self, form: LineForm, line: str) -> None:
        form.reply(line)
        if form.page.last:
            self._over = True
        elif form.done:
            self._form = None
            self.state.answered()
            self._do(Answer(n=UNCOUNTED, screen=form.page.id, answers=form.answers))
        else:
            self._asked.set()

    def _confirm(self, line: str) -> None:
        command, self._leaving = self._leaving, ""
        if line.strip().lower() in ("y", "yes"):
            self._do(Leave(n=UNCOUNTED) if command == "/quit" else Withdraw(n=UNCOUNTED))
        else:
            self._say("you stay")
            self._asked.set()

    def _act(self, line: str) -> None:
        simple: dict[str, Numbered] = {"/pause": Pause(n=UNCOUNTED), "/more": Extend(n=UNCOUNTED)}
        if line in simple:
            self._do(simple[line])
        elif line == "/time":
            self._say(clock(self.state.spent) if self.state.spent is not None else "no clock runs")
            self._asked.set()
        elif self.state.my_turn and self.state.ask:
            ready = not line and bool(self._ahead)
            action = action_of(cleaned(self._ahead.pop(0) if ready else line))
            if not ready and self._ahead and not isinstance(action, desk.Look | desk.Slip):
                self._ahead.clear()
                self._say("what was typed before your turn is dropped")
                if line == "/undo":
                    self._asked.set()
                    return
            self._in_turn(action, self.state.ask)
        else:
            self._meanwhile(line)

    def _in_turn(self, action: desk.Action, ask: Ask) -> None:
        match action:
            case desk.Write(text) if len(text) > TEXT:
                self._say(f"too long: {TEXT:,} characters can be sent at once")
                self._asked.set()
            case desk.Write(text) if text.strip(" \t") or (text and ask.unit in ("token", "spaced-token")):
                self._do(Write(n=UNCOUNTED, turn=ask.turn, text=text))
            case desk.End(text):
                self._do(End(n=UNCOUNTED, turn=ask.turn, text=text[:TEXT]))
            case desk.Give():
                self._do(Give(n=UNCOUNTED, turn=ask.turn))
            case desk.Undo():
                self._do(Undo(n=UNCOUNTED, turn=ask.turn))
            case _:
                self._look(action)
                self._asked.set()

    def _meanwhile(self, line: str) -> None:
        """It is not the person's turn."""
        action = action_of(cleaned(line))
        if isinstance(action, desk.Pen):
            if self.state.may_take:
                self.state.asked_for_pen = True
                self._do(Pen(n=UNCOUNTED))
                self._say("you asked for the pen; it comes with the next unit")
        elif isinstance(action, desk.Look | desk.Slip):
            self._look(action)
        else:
            self._ahead.append(line_of(action))
            self._say(f"it is not your turn yet; kept for it: {inline(line)}")

    def _look(self, action: desk.Action) -> None:
        match action:
            case desk.Look("help"):
                for line in (*HELP, *MORE_HELP):
                    self._say(line)
            case desk.Look("text"):
                self._text()
            case desk.Slip(why):
                self._say(why)
            case _:
                self._say("nothing was typed; /help lists the commands")

    def _do(self, message: Numbered) -> None:
        self.state.did(message)
        self.link.send(message)
