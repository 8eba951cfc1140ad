"""A text over everything else, until it is read."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from human.replay.widgets.page import Page


class Reading(ModalScreen[None]):
    """Help, or what a researcher says."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1", "dismiss", "Close")]

    def __init__(self, title: str, text: Text, footer: str = ""):
        super().__init__()
        self._title, self._text, self._footer = title, text, footer

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title, box.border_subtitle = self._title, self._footer
            yield Page(id="reading")

    def on_mount(self) -> None:
        page = self.query_one(Page)
        page.focus()
        self.call_after_refresh(page.show, self._text, "reading")
