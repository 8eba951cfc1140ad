"""The solution: it follows what is written, unless somebody scrolled back."""

from __future__ import annotations

from rich.text import Text

from human.replay.widgets.page import Page


class Solution(Page):
    """Stays at the end when it was there."""

    def __init__(self) -> None:
        super().__init__(id="solution")
        self._drawn: Text | None = None

    def follow(self, text: Text, about: object) -> None:
        if text == self._drawn and self._drawn.spans == text.spans:
            return
        self._drawn = text
        at_end = self.scroll_y >= self.max_scroll_y - 1
        self.show(text, about)
        if at_end:
            self.to_end()

    def to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:  # type: ignore[override]
        self.call_after_refresh(self.to_end)
