"""A person as an agent. The seat keeps the process; what the person sees and acts on is a `Desk`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NoReturn

from agents.contract import AgentError, Span, Turn, View, joined_text
from agents.desk import Action, Asking, Desk, End, Give, Leave, Look, Pen, Slip, Undo, Write
from agents.draft import Draft
from agents.line_commands import line_of
from agents.plain import cleaned, inline

_SPACES = ("token", "spaced-token")
"""Rules under which a space is a unit, so that it can be all of a text."""


class Person:
    """Somebody at a desk, in one episode at a time."""

    deterministic = False
    gives_logprobs = False
    conditions_on_opening = False
    one_at_a_time = True

    def __init__(self, desk: Desk, seconds: Sequence[list[float]] = ()):
        """``seconds`` are those of the turns of an episode that is gone on with."""
        self.desk, self.seconds = desk, [*seconds]
        self.ahead: list[Action] = []
        """What was done before it was asked for."""
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
        self._seconds = [*person.seconds]
        self._said: dict[str, Any] = {}
        self._mine = self._asked = self._explained = False
        self._desk.open(view, self._between)
        self._between(waiting=False)

    # What others do

    def hear(self, author: str, piece: bytes) -> None:
        if author != self._view.author:
            self._desk.hear(author, piece)
            self._between()

    async def room(self) -> None:
        await self._desk.room()

    def read(self, span: Span) -> None:
        self._spans.append(span)
        self._desk.wrote(span.author, joined_text([span]), span.ended)

    def _between(self, *, waiting: bool = True) -> None:
        """Looks at what was done while somebody else writes: text waits for the turn."""
        person, desk = self._person, self._desk
        pen = waiting and self._demand is not False
        # Lines that lie ready are for the turns to come, but for an empty one where that asks for the pen.
        while not self._mine and (desk.live or (pen and not self._asked and not person.ahead)):
            action = desk.take()
            match action:
                case None:
                    return
                case _ if _empty(action):
                    self._ask_for_the_pen(pen)
                case Leave() if desk.live:
                    person.quits = True
                    desk.notice("you leave at your next turn; Ctrl-C leaves sooner")
                case Look(what) if desk.live:
                    self._tell(what)
                case Slip(why) if desk.live:
                    desk.notice(why)
                case _:
                    person.ahead.append(action)
                    if desk.live and waiting:
                        desk.notice(f"it is not your turn yet; kept for it: {inline(line_of(action))}")

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
        draft = Draft(turn, joined_text(self._spans))
        try:
            await self._begin(draft)
            began, first = self._desk.now(), None
            span = None
            while span is None:
                action = await self._action(turn)
                if action is None:
                    span = self._stopped(draft)
                else:
                    first = first or self._desk.now()
                    span = self._act(action, draft)
                if span is None:
                    await self._ask(draft, again=True)
        finally:
            self._mine = False
        now = self._desk.now()
        self._seconds.append([round((first or now) - began, 1), round(now - began, 1)])
        self._spans.append(span)
        self._desk.sent(span.text, self._seconds[-1])
        if span.text:
            turn.emit(span.data)
        return span

    async def _begin(self, draft: Draft) -> None:
        if self._person.quits:
            self._quit()
        if draft.stuck and draft.turn.rule.plain:  # a partner broke off in its piece: even the end is its own
            raise AgentError(f"{self._view.author}: nothing may follow here, as a {draft.turn.rule.name} is not over")
        await self._ask(draft)

    async def _ask(self, draft: Draft, *, again: bool = False) -> None:
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
            draft=draft.text,
            would=draft.would_keep,
        )
        await self._desk.ask(asking)

    async def _action(self, turn: Turn) -> Action | None:
        """The next action; None if the turn is stopped. At the end of the input the person leaves."""
        if not self._desk.live and self._person.ahead:
            return self._person.ahead.pop(0)
        if not await turn.unless_stopped(self._desk.waiting()):
            return None
        action = self._desk.take()
        if action is None:
            self._desk.notice("there is nothing more to read from you")
            self._quit()
        return action

    def _act(self, action: Action, draft: Draft) -> Span | None:
        """Does what the person did. Returns the span if the turn is over by it."""
        ahead = self._person.ahead
        if _empty(action) and ahead and self._desk.live:
            action = ahead.pop(0)
        elif ahead and self._desk.live and not isinstance(action, Undo | Look):
            ahead.clear()
            self._desk.notice("what was typed before your turn is dropped")
        match action:
            case Leave():
                self._quit()
            case Write(text):
                return self._sent(draft) if self._added(text, draft) and draft.full else None
            case End(text):
                return self._end(text, draft)
            case Give(name, text):
                return self._give(name, text, draft)
            case Undo():
                self._undo(draft)
            case Look(what):
                self._tell(what, draft)
            case Pen():
                self._desk.notice(f"nothing was typed{self._desk.hint}")
            case Slip(why):
                self._desk.notice(why)
        return None

    def _added(self, typed: str, draft: Draft, *, whole: bool = False) -> bool:
        """Adds a text to the draft, or only a ``whole`` one, and says what became of it. Was it added?"""
        text = cleaned(typed)
        if text != typed:
            self._desk.notice("control characters were taken out")
        if not text.strip(" \t") and (not text or draft.turn.rule.name not in _SPACES):
            self._desk.notice(f"nothing was typed{self._desk.hint}")
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

    def _end(self, text: str, draft: Draft) -> Span | None:
        if text and not self._added(text, draft, whole=True):
            return None
        return Span(self._view.author, draft.finished(ended=True), ended=True)

    def _give(self, name: str, text: str, draft: Draft) -> Span | None:
        if text and not self._added(text, draft, whole=True):
            return None
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
            self._desk.notice("what was typed last is dropped" if draft.drop() else "nothing was typed in this turn")

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

    def _tell(self, what: str, draft: Draft | None = None) -> None:
        if what == "help":
            self._desk.help()
            return
        turns = [(name, joined_text(list(spans))) for name, spans in groupby(self._spans, lambda span: span.author)]
        unsent = [(f"{self._view.author}, not sent yet", draft.text)] if draft and draft.text else []
        self._desk.show([*turns, *unsent])

    def leave(self) -> None:
        if self._person.ahead and self._desk.live:
            lines = " ".join(line_of(action) for action in self._person.ahead)
            self._desk.notice(f"typed for a turn that did not come, and dropped: {inline(lines)}")
            self._person.ahead.clear()
        self._desk.close()

    async def review(self, ended: str) -> None:
        self._mine = True  # what is done from now on answers the question
        together = any(span.author != self._view.author and span.written for span in self._spans)
        self._said = await self._desk.review(ended, together)

    def record(self) -> dict[str, Any]:
        """What kind of desk, for each turn the seconds until the first action and in all, and what was said of it."""
        return {"person": self._desk.kind, "seconds": self._seconds, **({"review": self._said} if self._said else {})}


def _empty(action: Action) -> bool:
    """Nothing but Enter, perhaps with spaces before."""
    return isinstance(action, Pen) or (isinstance(action, Write) and not action.text.strip(" \t"))
