"""One of several."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from human.messages import Question


class Choice(Widget, can_focus=True):
    """One option, by up and down or by its number."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("backspace,delete", "clear", show=False),
    ]

    class Changed(Message):
        """Another option, or none, is chosen."""

    def __init__(self, question: Question, shown: tuple[str, ...]):
        """``shown`` are the options, fit to be drawn."""
        super().__init__(classes="question")
        self._options, self._shown = question.options, shown
        self._at: int | None = None

    @property
    def value(self) -> str | None:
        return None if self._at is None else self._options[self._at]

    def render(self) -> Text:
        lines = []
        for number, option in enumerate(self._shown):
            chosen = number == self._at
            lines.append(Text(f"({'*' if chosen else ' '}) {number + 1}. {option}", "bold" if chosen else ""))
        return Text("\n").join(lines)

    def on_key(self, event: events.Key) -> None:
        if event.character and event.character in "123456789" and int(event.character) <= len(self._options):
            self._choose(int(event.character) - 1)
            event.stop()

    def action_move(self, by: int) -> None:
        first = 0 if by > 0 else len(self._options) - 1
        self._choose(first if self._at is None else min(len(self._options) - 1, max(0, self._at + by)))

    def action_clear(self) -> None:
        self._choose(None)

    def _choose(self, at: int | None) -> None:
        self._at = at
        self.post_message(self.Changed())
        self.refresh()
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        """Scrolls what is chosen into sight: whoever goes on must have seen it."""
        if self._at is None or not isinstance(self.parent, Widget):
            return
        rows = [
            len(Text(f"( ) {number}. {option}").wrap(self.app.console, max(1, self.content_size.width)))
            for number, option in enumerate(self._shown[: self._at + 1], start=1)
        ]
        top = self.virtual_region.y + sum(rows[:-1])
        self.parent.scroll_to_region(Region(0, top, 1, rows[-1]), animate=False)
