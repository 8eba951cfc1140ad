"""A short text or a number."""

from __future__ import annotations

from textual.widgets import Input

from agents.plain import cleaned
from human.messages import TEXT, Question


class Line(Input):
    """One line. Of a number question it takes a number only."""

    def __init__(self, question: Question):
        number = question.kind == "number"
        super().__init__(classes="question", compact=True, max_length=TEXT, type="number" if number else "text")
        self._number = number

    @property
    def answer(self) -> str | int | float | None:
        """None where there is none, or none that is a number."""
        text = cleaned(self.value).strip()
        if not self._number or not text:
            return text or None
        try:
            number = float(text)
        except ValueError:
            return None
        return int(number) if number.is_integer() else number
