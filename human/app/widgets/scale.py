"""A scale with words at its two ends."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from human.messages import Question

_MOST = 11
"""Points that are all shown."""


class Scale(Widget, can_focus=True):
    """A number between two ends: by its digit, or by left and right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,down", "move(-1)", show=False),
        Binding("right,up", "move(1)", show=False),
        Binding("pagedown", "move(-10)", show=False),
        Binding("pageup", "move(10)", show=False),
        Binding("backspace,delete", "clear", show=False),
    ]

    class Changed(Message):
        """Another point, or none, is chosen."""

    def __init__(self, question: Question, shown: tuple[str, ...]):
        """``shown`` are the words at the ends, fit to be drawn."""
        super().__init__(classes="question")
        self.low, self.high = question.low, question.high
        self.value: int | None = None
        self._ends = (*shown, "", "")[:2]

    def render(self) -> Text:
        low, high = self._ends
        out = Text(f"{low}  " if low else "")
        if self.high - self.low < _MOST:
            for point in range(self.low, self.high + 1):
                chosen = point == self.value
                out.append(f"[{point}]" if chosen else f" {point} ", "bold reverse" if chosen else "")
        else:
            at = "?" if self.value is None else str(self.value)
            out.append(f"{self.low} .. ").append(f"[{at}]", "bold reverse").append(f" .. {self.high}")
        out.append(f"  {high}" if high else "")
        if self.has_focus and self.value is None:
            ways = f"press {self.low} to {self.high}" if self.high <= 9 else "left, right, page up, page down"
            out.append(f"   ({ways})", "italic")
        return out

    def on_key(self, event: events.Key) -> None:
        if event.character and event.character in "0123456789" and self.low <= int(event.character) <= self.high:
            self._choose(int(event.character))
            event.stop()

    def on_click(self, event: events.Click) -> None:
        offset = event.x - (len(self._ends[0]) + 2 if self._ends[0] else 0)
        if self.high - self.low < _MOST and 0 <= offset < 3 * (self.high - self.low + 1):
            self._choose(self.low + offset // 3)

    def action_move(self, by: int) -> None:
        middle = (self.low + self.high) // 2
        self._choose(middle if self.value is None else min(self.high, max(self.low, self.value + by)))

    def action_clear(self) -> None:
        self._choose(None)

    def _choose(self, value: int | None) -> None:
        self.value = value
        self.post_message(self.Changed())
        self.refresh()
