"""A person as an agent. The seat keeps the process; what the person sees and types on is a `Desk`."""

from __future__ import annotations

import time
from itertools import groupby
from typing import Any, NoReturn

from agents.contract import AgentError, Span, Turn, View, joined_text
from agents.desk import Asking, Desk
from agents.draft import Draft
from agents.plain import cleaned, inline

HELP = (
    "What you type is joined to the text by a space, unless it begins with a closing mark; #### begins a line.",
    "A backslash at the end of a line writes a line break, and your turn goes on.",
    "/end ends the solution. /end TEXT writes TEXT and ends it.",
    "/give gives the pen to the next agent, /give NAME to that one; only where the pen is handed over on demand.",
    "/undo takes back the last line of this turn, as long as the turn is not over.",
    "/newline writes a line break. /text shows the whole text so far. /help shows this.",
    "/quit stops the run, which can be gone on with later; this solution is not kept.",
    "// at the beginning of a line writes a slash.",
)
_SPACES = ("token", "spaced-token")
"""Rules under which a space is a unit, so that it can be all of a line."""


class Person:
    """Somebody at a desk, in one episode at a time."""

    deterministic = False
    gives_logprobs = False
    conditions_on_opening = False
    one_at_a_time = True

    def __init__(self, desk: Desk):
        self.desk = desk
        self.ahead: list[str] = []
        """Lines that were typed before they were asked for."""
        self.quits = False

    def sit(self, view: View) -> PersonSeat:
        return PersonSeat(self, view)


class PersonSeat:
    """A person's place in one episode."""

    def __init__(self, person: Person, view: View):
        self._person, self._view, self._desk = person, view, person.desk
        self._demand: bool | None = None
        """May the pen be asked for? The first turn tells."""
        self._spans: list[Span] = []
        self._seconds: list[list[float]] = []
        self._mine = self._asked = self._explained = False
        self._desk.open(view, self._between)
        self._between(waiting=False)

    # What others do

    def hear(self, author: str, piece: bytes) -> None:
        if author != self._view.author:
            self._desk.hear(author, piece)
            self._between()

    def read(self, span: Span) -> None:
        self._spans.append(span)
        self._desk.wrote(span.author, joined_text([span]), span.ended)

    def _between(self, *, waiting: bool = True) -> None:
        """Looks at what was typed while somebody else writes. Enter asks for the pen; text waits for the turn."""
        person, desk = self._person, self._desk
        pen = waiting and self._demand is not False
        # Lines that lie ready are for the turns to come, but for an empty one where that asks for the pen.
        while not self._mine and (desk.live or (pen and not self._asked and not person.ahead)):
            line = desk.take()
            if line is None:
                return
            if not line.strip():
                self._ask_for_the_pen(pen)
            elif not desk.live:
                person.ahead.append(line)
            elif line.strip() == "/quit":
                person.quits = True
                desk.notice("you leave at your next turn; Ctrl-C leaves sooner")
            elif line.strip() in ("/help", "/text"):
                self._tell(line.strip())
            else:
                person.ahead.append(line)
                if waiting:
                    desk.notice(f"it is not your turn yet; kept for it: {inline(line)}")

    def _ask_for_the_pen(self, pen: bool) -> None:
        if pen and not self._asked:
            self._asked = True
            sure = "" if self._demand else "where it is handed over on demand, "
            self._desk.notice(f"you asked for the pen; {sure}it comes with the next unit")
            self._view.ask(self._view.author)

    # The person's turn

    async def write(self, turn: Turn) -> Span:
        if turn.stop.is_set():
            return Span(self._view.author, cut=True)
        self._between(waiting=False)
        self._mine, self._asked, self._demand = True, False, turn.demand
        began, first = time.monotonic(), None
        draft = Draft(turn, joined_text(self._spans))
        try:
            self._begin(draft)
            span = None
            while span is None:
                line = await self._line(turn)
                if line is None:
                    span = self._stopped(draft)
                else:
                    first = first or time.monotonic()
                    span = self._act(line, draft)
                if span is None:
                    self._ask(draft, again=True)
        finally:
            self._mine = False
        now = time.monotonic()
        self._seconds.append([round((first or now) - began, 1), round(now - began, 1)])
        self._spans.append(span)
        if span.text:
            turn.emit(span.data)
        return span

    def _begin(self, draft: Draft) -> None:
        if self._person.quits:
            self._quit()
        if draft.stuck and draft.turn.rule.plain:  # a partner broke off in its piece: even the end is its own
            raise AgentError(f"{self._view.author}: nothing may follow here, as a {draft.turn.rule.name} is not over")
        self._ask(draft)

    def _ask(self, draft: Draft, *, again: bool = False) -> None:
        ahead = self._person.ahead[:1] if self._desk.live else []
        turn = draft.turn
        asking = Asking(
            unit=turn.rule.name,
            held=draft.held,
            words_left=draft.words_left,
            opening=turn.opening and not draft.text,
            goes_on=bool(draft.text),
            unfinished=draft.unfinished,
            stuck=draft.stuck,
            on_demand=turn.demand,
            so_far=None if again else draft.before,
            ahead=ahead[0] if ahead else None,
        )
        self._desk.ask(asking)

    async def _line(self, turn: Turn) -> str | None:
        """The next line; None if the turn is stopped. At the end of the input the person leaves."""
        if not self._desk.live and self._person.ahead:
            return self._person.ahead.pop(0)
        if not await turn.unless_stopped(self._desk.waiting()):
            return None
        line = self._desk.take()
        if line is None:
            self._desk.notice("there is nothing more to read from you")
            self._quit()
        return line

    def _act(self, line: str, draft: Draft) -> Span | None:
        """Does what a line says. Returns the span if the turn is over by it."""
        ahead = self._person.ahead
        if not line.strip() and ahead and self._desk.live:
            line = ahead.pop(0)
        elif ahead and self._desk.live and line.strip() not in ("/undo", "/help", "/text"):
            ahead.clear()
            self._desk.notice("what was typed before your turn is dropped")
        if not line.startswith("/") or line.startswith("//"):
            return self._write(line[line.startswith("//") :], draft)
        command, _, rest = line[1:].partition(" ")
        if command == "quit":
            self._quit()
        if command == "end":
            return self._end(rest, draft)
        if command == "give":
            return self._give(rest.strip(), draft)
        if command == "newline":
            return self._write("\\", draft)
        if command == "undo":
            self._undo(draft)
        elif command in ("help", "text"):
            self._tell(f"/{command}", draft)
        else:
            self._desk.notice(f"there is no /{inline(command)}; /help lists what there is, and // writes a slash")
        return None

    def _write(self, line: str, draft: Draft) -> Span | None:
        """Text: taken into the draft, which is sent when the units are written."""
        return self._sent(draft) if self._added(line, draft) and draft.full else None

    def _added(self, line: str, draft: Draft, *, whole: bool = False) -> bool:
        """Adds a line to the draft, or only a ``whole`` one, and says what became of it. Was it added?"""
        text = cleaned(line)
        if text != line:
            self._desk.notice("control characters were taken out")
        if not text.strip() and (not text or draft.turn.rule.name not in _SPACES):
            self._desk.notice("nothing was typed; /help lists the commands")
            return False
        try:
            added = draft.add(text)
        except ValueError as error:
            self._desk.notice(f"not taken: {error}")
            return False
        if whole and draft.cut:
            draft.drop()
            self._desk.notice(f"not taken, and not ended: only {inline(added.kept)} would fit into your turn")
            return False
        if added.lead == "\n":
            self._desk.notice("a line break was put before it")
        elif added.lead and not self._explained:
            self._explained = True
            self._desk.notice("a space was put before it; this is not said again")
        if added.dropped.strip() or "\n" in added.dropped:
            self._desk.notice(f"kept: {inline(added.kept)}; not taken: {inline(added.dropped)}")
        return True

    def _end(self, rest: str, draft: Draft) -> Span | None:
        if rest.strip() and not self._added(rest, draft, whole=True):
            return None
        return Span(self._view.author, draft.finished(ended=True), ended=True)

    def _give(self, name: str, draft: Draft) -> Span | None:
        others = self._view.others
        name = name or next(iter(others), "")
        why = ""
        if not draft.turn.demand:
            why = "it is not handed over on demand here"
        elif name not in others:
            why = f"there is no {inline(name)}; there is {', '.join(map(inline, others)) or 'nobody else'}"
        elif draft.unfinished:
            why = f"the {draft.turn.rule.name} is not over, so nobody else can go on"
        elif not draft.finished():
            why = "whoever has it writes something before it goes on"
        if why:
            self._desk.notice(f"the pen stays with you: {why}")
            return None
        return Span(self._view.author, draft.finished(), asks=name)

    def _undo(self, draft: Draft) -> None:
        if self._person.ahead and self._desk.live:
            self._person.ahead.clear()
            self._desk.notice("what was typed before your turn is dropped")
        else:
            self._desk.notice("the last line is dropped" if draft.drop() else "nothing was typed in this turn")

    def _sent(self, draft: Draft) -> Span:
        return Span(self._view.author, draft.finished())

    def _stopped(self, draft: Draft) -> Span:
        text = draft.stopped()
        self._desk.notice(f"your turn was stopped; kept: {inline(text) or 'nothing'}")
        return Span(self._view.author, text, cut=True)

    def _quit(self) -> NoReturn:
        """Ends the run, as Ctrl-C does: it can be gone on with, and plays this episode again.

        An AgentError would store a failed episode and put the next question to somebody who has left.
        """
        self._person.quits = False
        self._desk.notice("you left; this solution is not kept")
        raise KeyboardInterrupt

    def _tell(self, command: str, draft: Draft | None = None) -> None:
        if command == "/help":
            for line in HELP:
                self._desk.notice(line)
            return
        turns = [(name, joined_text(list(spans))) for name, spans in groupby(self._spans, lambda span: span.author)]
        unsent = [(f"{self._view.author}, not sent yet", draft.text)] if draft and draft.text else []
        self._desk.show([*turns, *unsent])

    def leave(self) -> None:
        if self._person.ahead and self._desk.live:
            self._desk.notice(
                f"typed for a turn that did not come, and dropped: {inline(' '.join(self._person.ahead))}"
            )
            self._person.ahead.clear()
        self._desk.close()

    def record(self) -> dict[str, Any]:
        """What kind of desk, and for each turn the seconds until the first line and in all."""
        return {"person": self._desk.kind, "seconds": self._seconds}
