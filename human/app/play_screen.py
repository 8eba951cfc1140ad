"""The screen that is played on: the state put onto its widgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from agents.plain import inline
from human.app import keys
from human.app.paint import Look, outcome, solution, status
from human.app.state import State
from human.app.widgets.composer import Composer
from human.app.widgets.form import Form
from human.app.widgets.solution import Solution
from human.messages import Page, Problem

QUESTION = 20_000
"""Characters of a question that are shown."""


class PlayScreen(Screen[None]):
    """Problem, solution, whose turn it is, the input; or a page to answer, below the solution or alone."""

    class Ready(Message):
        """It can be drawn on."""

    class Resized(Message):
        """Its lines have another width."""

    def __init__(self, acts: Mapping[str, Callable[[], None]]) -> None:
        """``acts``: what keys do with what is typed, by their names."""
        super().__init__()
        self._acts = acts
        self._problem: Problem | None = None
        self.page: Page | None = None
        """The one that is shown."""
        self._unsent = ""
        """What stood in the input and was shown with a page, as it was not sent."""

    def compose(self) -> ComposeResult:
        yield Static(id="status", markup=False)
        yield Static(id="waiting", markup=False)
        with Container(id="middle"), Vertical(id="column"):
            with VerticalScroll(id="problem", can_focus=True):
                yield Static(id="question", markup=False)
            yield Solution()
            with Vertical(id="turn"):
                yield Static(id="told", markup=False)
                yield Composer(self._acts)
                yield Static(id="hint", markup=False)
            yield Vertical(id="answers")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#problem").border_title = Content("problem")
        self.query_one("#solution").border_title = Content("solution")
        self.post_message(self.Ready())

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def on_key(self, event: events.Key) -> None:
        """What is typed before there is anything to do waits, as it does before a turn; nothing is done with it."""
        if not self.has_class("-waiting"):
            return
        if event.key == "backspace":
            self.composer.action_delete_left()
        elif event.is_printable and event.character:
            self.composer.insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        if self.has_class("-waiting"):
            self.composer.paste(event.text)

    def claim(self) -> None:
        """Somebody types: that is for the input, whatever part of the screen has the focus."""
        with suppress(NoMatches):
            if not (self.has_class("-waiting") or self.has_class("-page")) and self.focused is not self.composer:
                self.set_focus(self.composer, scroll_visible=False)  # at once: this key is to come there

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    def draw(self, state: State, look: Look) -> None:
        """Everything but the lines."""
        self.set_class(state.problem is None and state.page is None, "-waiting")
        self.set_class(state.page is not None, "-page")
        self.set_class(state.problem is None and state.page is not None, "-alone")
        if state.problem is not None:
            if state.problem is not self._problem and (unsent := self._show_problem(state.problem, look)):
                state.notice = f"not sent, and not for this problem: {inline(unsent)}"
            self.query_one(Solution).follow(solution(state, look), state.problem.id)
        if state.page != self.page:  # the same again, of a connection that came back, keeps what is answered
            self._show_page(state.page, look)
        elif state.page and state.notice:
            self.query_one(Form).say(state.notice)

    def draw_lines(self, state: State, look: Look, trouble: str, opening: str) -> None:
        """What changes by itself, and with every key."""
        self.query_one("#status", Static).update(status(state, look, self.size.width, trouble))
        told = self.query_one("#told", Static)
        told.update(outcome(state, look) if state.graded else _told(state, look))
        self.composer.placeholder = Content(look.shown(state.way(keys.END)))
        told.set_class(state.my_turn, "-mine")
        hint = look.shown(state.hint(self.composer.text))
        self.query_one("#hint", Static).update(Text(hint, no_wrap=True, overflow="ellipsis"))
        if self.has_class("-waiting"):
            typed = inline(self.composer.text)
            said = f"\n\nwhat you typed stays here: {typed}" if typed else ""
            self.query_one("#waiting", Static).update(look.shown(f"{trouble or opening}{said}"))

    def scroll_solution(self, pages: int) -> None:
        shown = self.query_one(Solution)
        shown.scroll_relative(y=pages * max(1, shown.size.height - 1), animate=False)

    def _show_problem(self, problem: Problem, look: Look) -> str:
        """Gives what was typed for another problem and nobody was shown since."""
        unsent = ""
        if self._problem and self._problem.id != problem.id:
            unsent = "" if self.composer.text == self._unsent else self.composer.text
            self.composer.load_text("")
            self._unsent = ""
        self._problem = problem
        self.query_one("#question", Static).update(Text(look.shown(problem.question[:QUESTION].strip())))
        self.query_one("#problem", VerticalScroll).scroll_home(animate=False)
        self.set_focus(self.composer, scroll_visible=False)  # at once: the next key may be there already
        return unsent

    def _show_page(self, page: Page | None, look: Look) -> None:
        self.page = page
        place = self.query_one("#answers", Vertical)
        place.remove_children()
        if page is not None:
            unsent = "" if self.composer.text == self._unsent else self.composer.text
            self._unsent = self.composer.text
            if self._problem is None:
                self.composer.load_text("")  # that was for this page at most, and is no part of a solution
                self._unsent = ""
            place.mount(Form(page, look, unsent))
            self.call_after_refresh(self.query_one(Solution).to_end)
        else:
            self.set_focus(self.composer, scroll_visible=False)


def _told(state: State, look: Look) -> Text:
    said = look.shown(state.told(f"{keys.END} (finish)", f"{keys.GIVE} (hand back)", keys.TAKE))
    if state.writing is None:  # else a name comes first
        said = said[:1].upper() + said[1:]
    return Text(said, "bold" if state.my_turn else "")
