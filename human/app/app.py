"""The app on its screen: what a link says goes into the state, the state onto the widgets, keys to the link."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import TextArea

from agents.plain import cleaned
from human import theme
from human.app import keys
from human.app.calm import Calm
from human.app.paint import Look
from human.app.play_screen import PlayScreen
from human.app.state import State, clock
from human.app.widgets.composer import Composer
from human.app.widgets.confirm import Confirm
from human.app.widgets.form import Form
from human.app.widgets.paused import Paused
from human.app.widgets.reading import Reading
from human.link import UNCOUNTED, Link
from human.messages import (
    TEXT,
    Answer,
    End,
    Extend,
    Give,
    Leave,
    Note,
    Pause,
    Pen,
    Resume,
    Try,
    Undo,
    Withdraw,
    Write,
)

FRAME = 1 / 30
"""Seconds: what is told in that time is drawn at once."""
STILL = 0.12
"""Seconds without a key after which it is asked what would be kept."""
PATIENCE = 2.0
"""Seconds that leaving may take."""


def _while_there(act: Callable[[PersonApp], None]) -> Callable[[PersonApp], None]:
    """What a timer or a message does to the screen, unless that is being taken down."""

    @wraps(act)
    def careful(app: PersonApp) -> None:
        with suppress(NoMatches):
            act(app)

    return careful


class PersonApp(App[str]):
    """One person's screen. Gives what is to be said when the terminal is free again."""

    TITLE = "Tandem Arena"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(name, key.action, key.footer or key.title, show=bool(key.footer) and not more, key_display=key.shown)
        for key in keys.KEYS
        for more, name in enumerate(key.keys.split(","))
    ]

    def __init__(self, link: Link, *, opening: str = "One moment", dark: bool = True, ascii_only: bool = False):
        """``opening`` is what is shown until there is something to do."""
        super().__init__()
        # Processes that are started meanwhile inherit a standard error; Textual's stand-in for it is no file.
        self._capture_stderr = os.fdopen(os.dup(2), "w", errors="replace")  # type: ignore[assignment]
        acts = {"send": self.action_send, "end": self.action_end, "give": self.action_give}
        self.link, self.state = link, State()
        self.play = PlayScreen({name: acts[action] for action, names in keys.OF_TEXT.items() for name in names})
        self.look = Look(dark, ascii_only)
        self._opening, self._opened = opening, self.state.now()
        self._frame: Timer | None = None
        self._still: Timer | None = None
        self._tried = 0
        self._turn: tuple[str, int] | None = None
        """The last that was asked for: problem and turn."""
        self._warned: tuple[str, int] | None = None
        """Where it was said that there is no answer: problem and turn."""
        self._put = ""
        """What was last put into the input by something else than typing, or stood there when something was said."""
        self._paused: Paused | None = None
        self._calm = Calm(lambda: self.state.now())
        self._asked_for = self._typing = False
        """The person did what makes a page or the pause appear; the last key was one that types."""
        self._may: tuple[bool, ...] = ()
        self._ended = False
        self.register_theme(theme.DARK)
        self.register_theme(theme.LIGHT)
        self.theme = theme.DARK.name if dark else theme.LIGHT.name
        self.set_class(ascii_only, "-ascii")

    def get_default_screen(self) -> PlayScreen:
        return self.play

    @on(PlayScreen.Ready)
    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(RuntimeError, ValueError, NotImplementedError):  # not in the main thread
            loop.add_signal_handler(signal.SIGTERM, self.exit)
            loop.add_signal_handler(signal.SIGINT, self.exit)
        self._draw()
        self.run_worker(self._listen())
        self.set_interval(1.0, self._draw_lines)

    async def _listen(self) -> None:
        async for message in self.link.told():
            self.state.take(message)
            if self._frame is None:
                self._frame = self.set_timer(FRAME, self._draw)
        self._ended = True
        if not (self.state.page and self.state.page.last):
            self.exit(self.state.bye.text if self.state.bye else "")

    # What is seen

    @_while_there
    def _draw(self) -> None:
        if self._frame is not None:
            self._frame.stop()
            self._frame = None
        if self.state.page is not None and self.state.page != self.play.page:
            self._appears()
        self.play.draw(self.state, self.look)
        self._draw_lines()
        self._cover()
        self._give_back()
        may = tuple(self._allowed(action) for action in ("send", "give", "take", "undo", "pause"))
        if may != self._may:
            self._may = may
            self.refresh_bindings()
        while self.state.researcher:
            said = Text(self.look.shown(self.state.researcher.pop(0)))
            self._calm.appeared()
            self.push_screen(Reading("From the researcher", said, "escape or F1 closes"))

    def _appears(self) -> None:
        """Something takes the keyboard. Where that was not asked for, or somebody types on, keys are for nobody yet."""
        if not self._asked_for or self._typing:
            self._calm.appeared()
        self._asked_for = False

    @_while_there
    def _draw_lines(self) -> None:
        seconds = int(self.state.now() - self._opened)
        opening = self._opening + (f" ({seconds} s)" if seconds else "")
        self.play.draw_lines(self.state, self.look, self.link.trouble, opening)

    def _cover(self) -> None:
        """Hides everything while the clock stands."""
        if self.state.hidden and self._paused is None:
            why = self.state.time.why if self.state.time else ""
            spent = f"The clock stands at {clock(self.state.spent or 0)}"
            self._appears()
            self._paused = Paused(self.look.shown(f"{spent}: {why}." if why else f"{spent}."))
            self.push_screen(self._paused)
        elif not self.state.hidden and self._paused is not None and self.screen is self._paused:
            self._paused.dismiss()
            self._paused = None

    def _give_back(self) -> None:
        """Text that was not taken goes back where it was typed; a turn that begins asks what would be kept."""
        state, composer = self.state, self.play.composer
        if state.back:
            composer.put(state.back)
            self._put, state.back = composer.text, ""
        turn = (state.problem.id if state.problem else "", state.ask.turn) if state.ask else None
        if turn and turn != self._turn:
            self._turn, self._asked_for = turn, False
            if state.page is None:
                self.play.set_focus(composer, scroll_visible=False)
            self._try()

    @on(PlayScreen.Resized)
    def _fit(self) -> None:
        self._draw_lines()

    def _watch_theme(self, name: str) -> None:
        super()._watch_theme(name)
        look = Look(self.current_theme.dark, self.look.ascii_only)
        if look != self.look and self.is_running:
            self.look = look
            self._draw()

    # What is typed

    async def on_event(self, event: events.Event) -> None:
        """Here every key and paste comes first, in order."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            if self._calm.ignores():
                return
            self._typing = isinstance(event, events.Paste) or event.is_printable or event.key == "backspace"
            if self._typing and self.screen_stack and self.screen is self.play:
                self.play.claim()
        await super().on_event(event)

    @on(TextArea.Changed)
    def _typed(self, said: TextArea.Changed) -> None:
        if said.text_area.text not in ("", self._put):
            self.state.typed()
        if self._still is not None:
            self._still.stop()
        self._still = self.set_timer(STILL, self._try)
        self._draw_lines()

    @_while_there
    def _try(self) -> None:
        """Asks what would be kept."""
        text = cleaned(self.play.composer.text)
        if self.state.my_turn and text.strip() and len(text) <= TEXT:
            self._tried = self.state.tried = self._tried + 1
            self.link.send(Try(number=self._tried, text=text))

    def action_send(self) -> None:
        if (text := self._to_send()) is None or self.state.ask is None:
            return
        if not text.strip(" \t") and self.state.ask.unit not in ("token", "spaced-token"):
            self._say("nothing is typed")
        elif text:
            self._do(Write(n=UNCOUNTED, turn=self.state.ask.turn, text=text))

    def _to_send(self) -> str | None:
        """What is typed, where it may be sent."""
        text = cleaned(self.play.composer.text)
        if not self.state.my_turn:
            self._say("it is not your turn yet; what you typed stays here" if text.strip() else "it is not your turn")
            return None
        return text if len(text) <= TEXT else None

    def _do(self, message: Write | End | Give | Undo) -> None:
        self.state.did(message)
        self._asked_for = isinstance(message, End)
        if not isinstance(message, Undo):
            self.play.composer.load_text("")
        self.link.send(message)
        self._draw()

    def _say(self, line: str) -> None:
        self.state.notice = line
        self._put = self.play.composer.text  # what is known of keys before this comes later, and takes no notice away
        self._draw_lines()

    @on(Composer.Scrolled)
    def _scroll(self, said: Composer.Scrolled) -> None:
        self.play.scroll_solution(said.by)

    @on(Composer.Pasted)
    def _pasted(self, said: Composer.Pasted) -> None:
        self.link.send(Note(n=UNCOUNTED, what="pasted", characters=min(said.characters, 2**31)))
        if said.left_out:
            most = f"{TEXT:,} can be sent at once"
            self._say(f"{said.left_out:,} of {said.characters:,} characters are left out: {most}")

    def on_app_blur(self, event: events.AppBlur) -> None:
        self.link.send(Note(n=UNCOUNTED, what="focus_lost"))

    def on_app_focus(self, event: events.AppFocus) -> None:
        self.link.send(Note(n=UNCOUNTED, what="focus_back"))

    @on(Form.Done)
    def _answer(self, said: Form.Done) -> None:
        if said.page.last:
            self.exit()
        elif said.page == self.state.page and not self.state.answer_sent:
            self.state.answered()
            self._asked_for = True
            self.link.send(Answer(n=UNCOUNTED, screen=said.page.id, answers=said.answers))
            self._draw()

    # Keys

    def _allowed(self, action: str) -> bool:
        state = self.state
        may = {
            "send": state.my_turn,
            "end": state.my_turn,
            "give": state.may_give,
            "take": state.may_take,
            "undo": state.may_undo,
            "pause": state.may_pause,
        }
        return may.get(action, True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._allowed(action)

    def action_end(self) -> None:
        if (text := self._to_send()) is None or self.state.ask is None or self.state.problem is None:
            return
        here = self.state.problem.id, self.state.ask.turn
        if self.state.unanswered(text) and self._warned != here:
            self._warned = here
            self._say(
                f"no answer is marked yet, as in {self.state.problem.form}; {keys.END} again finishes all the same"
            )
        else:
            self._do(End(n=UNCOUNTED, turn=self.state.ask.turn, text=text if text.strip() else ""))

    def action_give(self) -> None:
        if self.state.my_turn and not self.state.may_give:
            self._say("the pen goes on by itself, by this run's rule")
        elif (text := self._to_send()) is not None and self.state.ask:
            self._do(Give(n=UNCOUNTED, turn=self.state.ask.turn, text=text if text.strip() else ""))

    @on(Composer.Emptied)
    def action_undo(self) -> None:
        if self.state.may_undo and self.state.ask:
            self._do(Undo(n=UNCOUNTED, turn=self.state.ask.turn))

    def action_take(self) -> None:
        if self.state.may_take:
            self.state.asked_for_pen = True
            self.link.send(Pen(n=UNCOUNTED))
            self._draw()

    def action_pause(self) -> None:
        if self.state.may_pause:
            self._asked_for = True
            self.link.send(Pause(n=UNCOUNTED))

    def action_resume(self) -> None:
        self.link.send(Resume(n=UNCOUNTED))

    def action_light(self) -> None:
        self.theme = theme.LIGHT.name if self.look.dark else theme.DARK.name

    def action_help(self) -> None:
        if not isinstance(self.screen, Reading):
            self.push_screen(Reading("Help", keys.help_text()))

    @on(Composer.Copied)
    def action_leave(self) -> None:
        if self._ended:
            self.exit()
        elif not isinstance(self.screen, Confirm):
            self.push_screen(Confirm(self.link.on_leaving, "Leave", "Stay"), self._leave)

    def action_help_quit(self) -> None:
        """Ctrl+c, where nothing can be copied."""
        self.action_leave()

    async def action_quit(self) -> None:
        self.action_leave()

    def _leave(self, sure: bool | None) -> None:
        if sure:
            self.link.send(Leave(n=UNCOUNTED))
            self.set_timer(PATIENCE, self.exit)
        else:
            self._draw()

    def _withdraw(self, sure: bool | None) -> None:
        if sure:
            self.link.send(Withdraw(n=UNCOUNTED))
            self.set_timer(PATIENCE, self.exit)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for key in keys.KEYS:
            if self._allowed(key.action):
                yield SystemCommand(
                    f"{key.title} ({key.shown})", key.help, lambda action=key.action: self.run_action(action)
                )
        if self.state.may_extend:
            yield SystemCommand("More time", "Where the study allows it", self._extend)
        if self.state.welcome.can_withdraw:
            yield SystemCommand("Withdraw", "Leave for good: what is stored of you is deleted", self._ask_to_withdraw)
        yield SystemCommand("Screenshot", "Save the screen as an SVG", self.deliver_screenshot)

    def _extend(self) -> None:
        self.link.send(Extend(n=UNCOUNTED))

    def _ask_to_withdraw(self) -> None:
        said = "Withdraw from the study? What is stored of you is deleted, and you cannot come back."
        self.push_screen(Confirm(said, "Withdraw", "Stay"), self._withdraw)
