"""The state as text: authors by sign and colour, nothing of theirs taken as markup or control codes."""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style
from rich.text import Text

from agents.plain import visible
from human.app.state import State, clock
from human.marks import mark

WINDOW = 20_000
"""Characters of a solution that are drawn: wrapping a megabyte would take seconds a word."""


@dataclass(frozen=True)
class Look:
    """How things are drawn on this terminal."""

    dark: bool = True
    ascii_only: bool = False

    def shown(self, text: str) -> str:
        safe = visible(text)
        return safe.encode("ascii", "replace").decode() if self.ascii_only else safe

    def sign(self, author: int) -> str:
        return mark(author, ascii_only=self.ascii_only).sign

    def style(self, author: int, *more: str) -> Style:
        return Style.parse(" ".join([mark(author).colour(self.dark), *more]))


def status(state: State, look: Look, width: int, trouble: str = "") -> Text:
    """The line at the top: which problem, who is who, the clock."""
    out = Text(no_wrap=True)
    problem = state.problem
    place = look.shown(state.welcome.title) or "Tandem Arena"
    if problem and problem.number:
        place = f"Problem {problem.number}" + (f" of {problem.of}" if problem.of else "")
    out.append(f" {place}", "bold")
    for author in range(len(problem.authors) if problem else 0):
        you = " (you)" if author == 0 and state.name(0) != "you" else ""
        out.append(f"   {look.sign(author)} {look.shown(state.name(author))[:24]}{you}", look.style(author, "bold"))
    right = _clock(state) if not trouble else look.shown(trouble)
    room = width - len(right) - 1
    if out.cell_len > room - 2:
        out.truncate(max(0, room - 2))
    return out.append(" " * max(1, room - out.cell_len)).append(right, "bold")


def _clock(state: State) -> str:
    if state.time is None or state.spent is None:
        return ""
    limit = f" of {clock(state.time.limit)}" if state.time.limit is not None else ""
    stands = "" if state.time.running else " (stands)"
    return f"{clock(state.spent)}{limit}{stands}"


def solution(state: State, look: Look) -> Text:
    """The solution so far; a turn begins with its author's sign."""
    out = Text()
    turns = [(author, text, "") for author, text in state.turns]
    if state.ask and state.ask.draft:
        turns.append((0, state.ask.draft, "underline"))
    room = WINDOW
    shown: list[tuple[int, str, str]] = []
    for author, text, more in reversed(turns):
        shown.append((author, text[-room:], more))
        room -= len(text)
        if room <= 0:
            break
    if room < 0 or len(shown) < len(turns):
        out.append("(what was written before is not shown)\n", "italic")
    for author, text, more in reversed(shown):
        words = text.lstrip(" \n")
        out.append(text[: len(text) - len(words)])  # the sign stands before a word, at the beginning of a line perhaps
        out.append(look.sign(author), look.style(author))
        out.append(look.shown(words), look.style(author, *([more] if more else [])))
    if not turns:
        out.append("Nothing is written yet.", "italic")
    return out


def outcome(state: State, look: Look) -> Text:
    """The grade."""
    said = look.shown(state.outcome())
    sign = {"right": ("✓", "+"), "wrong": ("✗", "x")}.get(said.partition(":")[0].partition(" ")[0], ("?", "?"))
    return Text(f"{sign[look.ascii_only]} {said}", "bold")
