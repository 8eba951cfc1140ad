"""Where a person types: several lines, sent as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from agents.plain import cleaned
from human.app.keys import BREAK
from human.messages import TEXT


class Composer(TextArea):
    """Enter sends; what is sent stays until whoever asked for it has taken it away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.send", "Send", key_display="enter"),
        Binding("f6", "app.undo", "Undo", key_display="F6"),  # else it selects a line
    ]

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
        left_out: int
        """... of these."""

    def __init__(self, acts: Mapping[str, Callable[[], None]]) -> None:
        """``acts``: what keys do at once that are about what is typed; as bindings they would see later keys, too."""
        super().__init__(id="composer", highlight_cursor_line=False, compact=False)
        self._acts = acts
        self.cursor_blink = False  # a steady cursor costs nothing while nobody types

    def _on_key(self, event: events.Key) -> None:  # type: ignore[override]
        """Comes before the one that inserts keys, and keeps it from these."""
        if event.key in self._acts:
            self._acts[event.key]()
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
        self.paste(event.text)

    def paste(self, text: str) -> None:
        """Takes in what was pasted."""
        text = cleaned(text.replace("\r\n", "\n").replace("\r", "\n"))
        taken = text[: TEXT + 1]  # one more than can be sent, so that it is seen to be too long
        self.post_message(self.Pasted(len(text), len(text) - len(taken)))
        self.replace(taken, *self.selection, maintain_selection_offset=False)

    def action_undo(self) -> None:
        before = self.text
        super().action_undo()
        if not before and not self.text:
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
