"""The clock stands still: nothing of the problem is to be seen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class Paused(ModalScreen[None]):
    """Covers the screen until the clock runs again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,ctrl+r,enter,space", "app.resume", "Go on"),
        Binding("f10,ctrl+q,ctrl+c", "app.leave", "Quit"),
    ]

    def __init__(self, said: str):
        super().__init__()
        self._said = said

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._said, markup=False)
            yield Static("The text is hidden meanwhile.\nEnter, space or F5 goes on; F10 quits.", markup=False)
