"""A page's questions, asked one by one, line by line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agents.plain import cleaned, inline, visible
from human.messages import TEXT, Page, Question


class LineForm:
    """Asks as it is made, and then after each reply, until it is ``done``."""

    def __init__(self, page: Page, say: Callable[[str], None]):
        self.page, self._say = page, say
        self.answers: dict[str, Any] = {}
        self._left = list(page.questions)
        self.done = False
        for line in (page.title, *page.text):
            if line:
                say(visible(line))
        if page.wrong:
            say("not all answers were right; here are the questions again")
        if self._left:
            self._ask()
        else:
            say("Enter leaves" if page.last else f"Enter: {inline(page.button)}")

    def reply(self, line: str) -> None:
        """Takes a line that was typed."""
        if self._left:
            question = self._left[0]
            text = cleaned(line).strip()
            if text or not question.optional:
                answer = answer_of(question, text)
                if answer is None:
                    self._ask()
                    return
                self.answers[question.id] = answer
            self._left.pop(0)
        if self._left:
            self._ask()
        else:
            self.done = True

    def _ask(self) -> None:
        question = self._left[0]
        wrong = " (this was not right)" if question.id in self.page.wrong else ""
        self._say(f"{visible(question.text)}{wrong}")
        if question.kind == "choice":
            for number, option in enumerate(question.options, 1):
                self._say(f"{number}: {inline(option)}")
        low, high = (f" ({inline(end)})" if end else "" for end in (*question.options, "", "")[:2])
        ways = {
            "choice": f"a number from 1 to {len(question.options)}",
            "scale": f"a number from {question.low}{low} to {question.high}{high}",
            "number": "a number",
            "text": "a line",
        }
        self._say(ways[question.kind] + (", or Enter to pass" if question.optional else ""))


def answer_of(question: Question, text: str) -> str | int | float | None:
    """What was typed as an answer; None where it is none."""
    if question.kind == "text":
        return text[:TEXT] or None
    with suppress(ValueError):
        number = float(text)
        if question.kind == "number" and abs(number) < float("inf"):
            return int(number) if number.is_integer() else number
        if question.kind == "scale" and number.is_integer() and question.low <= number <= question.high:
            return int(number)
        if question.kind == "choice" and number.is_integer() and 1 <= number <= len(question.options):
            return question.options[int(number) - 1]
    return None
