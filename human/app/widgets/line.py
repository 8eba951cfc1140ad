"""A short text or a number."""

from __future__ import annotations

import math
from typing import Literal

from textual.widgets import Input

from agents.plain import cleaned
from human.messages import TEXT, Question


class Line(Input):
    """One line. Of a number question it takes a number only."""

    def __init__(self, question: Question):
        number = question.kind == "number"
        way = f"type {'a number' if number else 'here'}{', or enter to pass' if question.optional else ''}"
        kind: Literal["number", "text"] = "number" if number else "text"
        super().__init__(placeholder=way, classes="question", compact=True, max_length=TEXT, type=kind)
        self._number = number

    @property
    def unread(self) -> bool:
        """Something is typed, and it is no number."""
        return self.answer is None and bool(cleaned(self.value).strip())

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
        if not math.isfinite(number):  # 1e999 is none that can be sent
            return None
        return int(number) if number.is_integer() else number
