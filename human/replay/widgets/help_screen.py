"""What every key does, and what is seen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from human.replay.paint import Look
from human.replay.widgets.page import Page
from human.replay.words import help_text


class HelpScreen(ModalScreen[None]):
    """A page of help."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter", "dismiss", "Close"),
        Binding("q", "app.quit", show=False),
    ]

    def __init__(self, look: Look, comparing: bool):
        super().__init__()
        self._look, self._comparing = look, comparing

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Page(id="help")

    def on_mount(self) -> None:
        page = self.query_one(Page)
        page.focus()
        self.call_after_refresh(page.show, help_text(self._look, self._comparing), "help")
