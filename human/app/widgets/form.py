"""A page to read and, perhaps, to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Static

from agents.plain import inline
from human.app.paint import Look
from human.app.widgets.choice import Choice
from human.app.widgets.line import Line
from human.app.widgets.scale import Scale
from human.messages import Page, Question

UNSENT = 400
"""Characters of what was not sent that are shown."""


class Form(VerticalScroll, can_focus=False):
    """Enter goes from one question to the next, and from the last one on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "Go on", key_display="enter", priority=True),
        Binding("pageup", "scroll_by(-1)", show=False),
        Binding("pagedown", "scroll_by(1)", show=False),
    ]

    @dataclass
    class Done(Message):
        """It is answered."""

        page: Page
        answers: dict[str, Any]

    def __init__(self, page: Page, look: Look, unsent: str = ""):
        """``unsent`` is what stood in the input when the page came: it is shown, as nobody sent it."""
        super().__init__()
        self.page, self._look, self._unsent = page, look, unsent
        self._fields: list[tuple[Question, Widget]] = []

    def compose(self) -> ComposeResult:
        if self.page.title:
            yield Static(Text(self._look.shown(self.page.title), "bold"), classes="title", markup=False)
        if self._unsent.strip():
            unsent = inline(self._unsent)
            said = f"Typed and not sent: {unsent[:UNSENT]}{' ...' if len(unsent) > UNSENT else ''}"
            yield Static(Text(self._look.shown(said), "italic"), classes="paragraph", markup=False)
        for paragraph in self.page.text:
            yield Static(Text(self._look.shown(paragraph)), classes="paragraph", markup=False)
        for question in self.page.questions:
            yield Static(self._asked(question), classes="asked", markup=False)
            field = self._field(question)
            self._fields.append((question, field))
            yield field
        yield Static(id="missing", markup=False)
        yield Button(Text(self._look.shown(self.page.button)), id="go", compact=True)

    def say(self, line: str) -> None:
        """What keeps it from being done."""
        missing = self.query_one("#missing", Static)
        missing.update(Text(self._look.shown(line), "bold"))
        missing.display = True

    def _asked(self, question: Question) -> Text:
        out = Text(self._look.shown(question.text))
        if question.kind == "choice":
            out.append(f" (press 1 to {min(9, len(question.options))}, or up and down)", "italic")
        if question.optional:
            out.append(" (may be left out)", "italic")
        if question.id in self.page.wrong:
            out.append(" - this was not right; please look again", "bold")
        return out

    def _field(self, question: Question) -> Widget:
        shown = tuple(self._look.shown(option).replace("\n", " ") for option in question.options)
        if question.kind == "scale":
            return Scale(question, shown)
        return Choice(question, shown) if question.kind == "choice" else Line(question)

    def on_mount(self) -> None:
        self.query_one("#missing").display = False
        wrong = [field for question, field in self._fields if question.id in self.page.wrong]
        first = (wrong or [field for _, field in self._fields] or [self.query_one("#go")])[0]
        self.screen.set_focus(first, scroll_visible=bool(wrong))

    @on(Choice.Changed)
    @on(Scale.Changed)
    @on(Line.Changed)
    def _unsay(self) -> None:
        self.query_one("#missing").display = False

    def action_next(self) -> None:
        fields = [field for _, field in self._fields]
        here = self.screen.focused
        if here in fields and here is not fields[-1]:
            self.screen.set_focus(fields[fields.index(here) + 1])  # at once: the next key may be there already
        else:
            self._finish()

    def action_scroll_by(self, pages: int) -> None:
        self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False)

    @on(Button.Pressed)
    def _finish(self) -> None:
        answers: dict[str, Any] = {}
        for question, field in self._fields:
            answer = field.answer if isinstance(field, Line) else getattr(field, "value", None)
            unread = isinstance(field, Line) and field.unread
            if unread or (answer is None and not question.optional):
                self.say(f"{'Type a number' if unread else 'Not answered yet'}: {question.text}")
                field.focus()
                return
            if answer is not None:
                answers[question.id] = answer
        self.post_message(self.Done(self.page, answers))
