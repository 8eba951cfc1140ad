"""Where a person types: several lines, sent as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from agents.plain import cleaned
from human.app.keys import BREAK, SEND
from human.messages import TEXT


class Composer(TextArea):
    """Enter sends; what is sent stays until whoever asked for it has taken it away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f6", "app.undo", show=False)]

    class Sent(Message):
        """Enter was pressed."""

    class Emptied(Message):
        """Undo was pressed, and there is nothing here to undo."""

    class Copied(Message):
        """Ctrl+c was pressed with nothing selected."""

    @dataclass
    class Scrolled(Message):
        """A page up (-1) or down of what is above."""

        by: int

    @dataclass
    class Pasted(Message):
        characters: int

    def __init__(self) -> None:
        super().__init__(id="composer", highlight_cursor_line=False, compact=False)
        self.cursor_blink = False  # a steady cursor costs nothing while nobody types

    def _on_key(self, event: events.Key) -> None:  # type: ignore[override]
        """Comes before the one that inserts keys, and keeps it from these."""
        if event.key in SEND:
            self.post_message(self.Sent())
        elif event.key in BREAK:
            self.insert("\n")
        else:
            return
        event.stop()
        event.prevent_default()

    def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        """No more than can be sent, and nothing that acts on a terminal."""
        event.stop()
        event.prevent_default()
        text = cleaned(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        self.post_message(self.Pasted(len(text)))
        self.replace(text[: TEXT + 1], *self.selection, maintain_selection_offset=False)

    def action_undo(self) -> None:
        if self.text:
            super().action_undo()
        else:
            self.post_message(self.Emptied())

    def action_copy(self) -> None:
        if self.selected_text:
            super().action_copy()
        else:
            self.post_message(self.Copied())

    def action_cursor_page_up(self) -> None:
        self.post_message(self.Scrolled(-1))

    def action_cursor_page_down(self) -> None:
        self.post_message(self.Scrolled(1))

    def put(self, text: str) -> None:
        """Puts a text back, before what was typed since."""
        self.load_text(text + (f" {self.text}" if self.text else ""))
        self.move_cursor(self.document.end)
