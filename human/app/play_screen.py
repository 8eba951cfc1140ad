"""The screen that is played on: the state put onto its widgets."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

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

    def __init__(self) -> None:
        super().__init__()
        self._problem: Problem | None = None
        self._page: Page | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="status", markup=False)
        yield Static(id="waiting", markup=False)
        with VerticalScroll(id="problem", can_focus=True):
            yield Static(id="question", markup=False)
        yield Solution()
        with Vertical(id="turn"):
            yield Static(id="told", markup=False)
            yield Composer()
            yield Static(id="hint", markup=False)
        yield Vertical(id="answers")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#problem").border_title = Content("problem")
        self.query_one("#solution").border_title = Content("solution")
        self.post_message(self.Ready())

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    def draw(self, state: State, look: Look) -> None:
        """Everything but the lines."""
        self.set_class(state.problem is None and state.page is None, "-waiting")
        self.set_class(state.page is not None, "-page")
        self.set_class(state.problem is None and state.page is not None, "-alone")
        if state.problem is not None:
            if state.problem is not self._problem:
                self._show_problem(state.problem, look)
            self.query_one(Solution).follow(solution(state, look), state.problem.id)
        if state.page != self._page:  # the same again, of a connection that came back, keeps what is answered
            self._show_page(state.page, look)
        elif state.page and state.notice:
            self.query_one(Form).say(state.notice)

    def draw_lines(self, state: State, look: Look, trouble: str, opening: str) -> None:
        """What changes by itself, and with every key."""
        self.query_one("#status", Static).update(status(state, look, self.size.width, trouble))
        told = self.query_one("#told", Static)
        told.update(outcome(state, look) if state.graded else _told(state, look))
        told.set_class(state.my_turn, "-mine")
        hint = look.shown(state.hint(self.composer.text))
        self.query_one("#hint", Static).update(Text(hint, no_wrap=True, overflow="ellipsis"))
        if self.has_class("-waiting"):
            self.query_one("#waiting", Static).update(look.shown(trouble or opening))

    def scroll_solution(self, pages: int) -> None:
        shown = self.query_one(Solution)
        shown.scroll_relative(y=pages * max(1, shown.size.height - 1), animate=False)

    def _show_problem(self, problem: Problem, look: Look) -> None:
        if self._problem and self._problem.id != problem.id:
            self.composer.load_text("")  # that was for another problem
        self._problem = problem
        self.query_one("#question", Static).update(Text(look.shown(problem.question[:QUESTION].strip())))
        self.query_one("#problem", VerticalScroll).scroll_home(animate=False)
        self.composer.focus()

    def _show_page(self, page: Page | None, look: Look) -> None:
        self._page = page
        place = self.query_one("#answers", Vertical)
        place.remove_children()
        if page is not None:
            place.mount(Form(page, look))
            self.call_after_refresh(self.query_one(Solution).to_end)
        else:
            self.composer.focus()


def _told(state: State, look: Look) -> Text:
    said = look.shown(state.told(keys.END, keys.GIVE, keys.TAKE))
    if state.writing is None:  # else a name comes first
        said = said[:1].upper() + said[1:]
    return Text(said, "bold" if state.my_turn else "")
