"""What is seen, as rich text: solutions with their authors and rows of the list. No markup is read anywhere.

Every text of models and people goes through `Look.shown`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

from arena.episode import Episode
from human.marks import DARK, LIGHT, Marks
from human.replay.filters import SAID, Entry, outcome
from human.replay.index import VERDICTS, Row
from human.replay.turns import Turn, Turns

WINDOW = 50_000
"""Characters of a solution that are drawn at once: wrapping a megabyte would take seconds a key."""
LONGEST_NAME = 60
HERE = Style(meta={"here": True})
"""Laid over what must be in sight."""
_VERDICTS = {"correct": ("✓", "+", 2), "wrong": ("✗", "x", 5), "unreadable": ("?", "?", 3), "broken": ("!", "!", 4)}


@dataclass(frozen=True)
class Look:
    """How things are drawn on this terminal."""

    marks: Marks
    dark: bool = True

    def shown(self, text: str) -> str:
        return self.marks.shown(text)

    def name(self, text: str, longest: int = LONGEST_NAME) -> str:
        """A name in one line, not longer than that."""
        line = self.shown(text[: longest + 1]).replace("\n", " ")
        return line if cell_len(line) <= longest else set_cell_size(line, longest - 1) + self.marks.sign("…", "~")

    def author(self, name: str, *styles: str) -> Style:
        return Style.parse(" ".join([self.marks.of(name).colour(self.dark), *styles]))

    def signed(self, name: str) -> Text:
        """An author's name behind its mark."""
        return Text(f"{self.marks.of(name).sign} {self.name(name, 24)}", self.author(name, "bold"))

    def verdict(self, verdict: str) -> Text:
        """Its sign."""
        usual, plain, number = _VERDICTS[verdict if verdict in VERDICTS else "unreadable"]
        return Text(self.marks.sign(usual, plain), f"bold {(DARK if self.dark else LIGHT)[number]}")


@dataclass(frozen=True)
class Wanted:
    """How a solution is to be drawn."""

    shown: int
    """So many turns."""
    whole: bool = True
    """All of it, from the beginning, rather than up to the last turn shown."""
    units: bool = False
    query: str = ""
    difference: int | None = None


def page(opened: Turns | str | None, row: Row | None, look: Look, wanted: Wanted) -> Text:
    """An episode for reading: what it is, the question, the solution with its authors, and what became of it."""
    if opened is None or row is None:
        return Text("This run has no such episode.", "italic")
    if isinstance(opened, str):
        return _broken(opened, row, look)
    out = _heading(opened, look)
    out.append_text(solution(opened, look, wanted))
    if wanted.whole or wanted.shown == len(opened):
        out.append("\n\n").append_text(_end(opened.episode, look))
    return out


def _broken(why: str, row: Row, look: Look) -> Text:
    out = Text().append_text(look.verdict("broken")).append(f" line {row.line} of the file is broken\n\n")
    out.append(look.shown(why[:1000]))
    return out.append("\n\nIts text is copied by c or e; python -m arena.validate RUN says more.", "italic")


def _heading(opened: Turns, look: Look) -> Text:
    episode = opened.episode
    out = Text().append(look.name(episode.id, 200), "bold")
    for name in dict.fromkeys([*episode.authors, *(turn.author for turn in opened.turns[:1000])]):
        out.append("  ").append_text(look.signed(name))
    out.append("\n")
    facts = [look.name(episode.policy), f"seed {look.name(str(episode.seed))}", _many(len(opened), "turn")]
    if opened.units is not None:
        facts.append(f"{_many(opened.units, 'unit')} ({look.name(opened.unit)})")
    if episode.p is not None:
        facts.insert(1, f"p {look.name(str(episode.p), 8)}")
    out.append(", ".join(facts), "dim").append("\n")
    if opened.changed:
        out.append("This episode was changed after it was written (python -m arena.validate).", "bold").append("\n")
    return out.append(look.shown(episode.question[:WINDOW]), "italic").append("\n\n")


def _end(episode: Episode, look: Look) -> Text:
    grade = episode.grade or {}
    verdict = str(grade.get("verdict", "unreadable"))
    out = look.verdict(verdict).append(f" {SAID.get(verdict, verdict)}: ")
    answer = grade.get("answer")
    out.append("no answer" if answer is None else look.name(str(answer)))
    if verdict != "correct" and grade.get("expected") is not None:
        out.append(f", expected {look.name(str(grade['expected']))}")
    if grade.get("reason"):
        out.append(f" ({look.name(str(grade['reason']))})")
    if episode.ended != "end":
        out.append(f"; ended by {look.name(episode.ended)}")
    if episode.error:
        out.append(f": {look.name(str(episode.error), 200)}")
    return out


def solution(opened: Turns, look: Look, wanted: Wanted) -> Text:
    """The solution as far as it is shown. A turn begins with its author's mark; the turn at hand is bold."""
    turns, text = opened.turns[: wanted.shown], opened.episode.text
    end = turns[-1].end if turns else 0
    first, last = (0, min(end, WINDOW)) if wanted.whole else (max(0, end - WINDOW), end)
    out = Text()
    if first:
        out.append(f"({first:,} characters before)\n", "dim italic")
    matches = _matches(text, wanted.query, first, last)
    marked = {wanted.difference} if wanted.difference is not None and first <= wanted.difference <= last else set()
    here = min(marked, default=matches[0][0] if matches else None) if wanted.whole else None
    unit = 0
    for number, turn in enumerate(turns):
        if turn.end < first or turn.start > last:
            continue
        now = not wanted.whole and number == len(turns) - 1
        before = len(out)
        lead = turn.start + len(text[turn.start : turn.end]) - len(text[turn.start : turn.end].lstrip("\n"))
        edges = {turn.start, lead, turn.end, first, last, *marked, *(edge for match in matches for edge in match)}
        edges |= set(turn.opens) if wanted.units else set()
        cuts = sorted(edge for edge in edges if max(first, turn.start) <= edge <= min(last, turn.end))
        for a, b in pairwise([*cuts, cuts[-1]]):
            if a == lead or (a == first and lead < first):  # at the beginning of a line rather than at the end of one
                _begin(out, turn, turns[number - 1] if number else None, look, now)
            unit += wanted.units and a < b and a in turn.opens
            if a < b and a in marked:
                out.append(look.marks.sign("≠", "!="), "bold reverse")
            found = any(start <= a < stop for start, stop in matches)
            styles = ["bold"] * now + ["dim italic"] * turn.prefix + ["reverse"] * found + ["underline"] * (unit % 2)
            out.append(look.shown(text[a:b]), look.author(turn.author, *styles))
            if here is not None and a <= here < b:
                out.stylize(HERE, len(out) - 1)
        if now:
            out.stylize(HERE, before)
    if wanted.difference is not None and wanted.difference in marked and wanted.difference == end == len(text):
        out.append(look.marks.sign("≠", "!="), "bold reverse")
    if last < end:
        out.append(f"\n({end - last:,} characters more: step back from the end to see them)", "dim italic")
    return out


def _begin(out: Text, turn: Turn, before: Turn | None, look: Look, now: bool) -> None:
    """The mark of a turn, and of where a prefix ends."""
    if turn.prefix and before is None:
        out.append("(prefix)", "dim")
    elif before is not None and before.prefix and not turn.prefix:
        out.append("(end of the prefix)", "dim")
    mark = look.marks.of(turn.author).sign
    out.append(mark, look.author(turn.author, *["bold"] * now))


def _matches(text: str, query: str, first: int, last: int) -> list[tuple[int, int]]:
    """Where the query stands, in what is drawn; at most a thousand times."""
    if not query:
        return []
    found = []
    for match in re.compile(re.escape(query), re.IGNORECASE).finditer(text, first, last):
        found.append(match.span())
        if len(found) == 1000:
            break
    return found


def turn_line(opened: Turns | str | None, shown: int, look: Look) -> Text:
    """Where one is: the turn, its author and units, and who writes next."""
    if not isinstance(opened, Turns):
        return Text("no turns")
    out = Text().append(f"turn {shown} of {len(opened)}", "bold")
    if shown:
        turn = opened.turns[shown - 1]
        out.append("  ").append_text(look.signed(turn.author))
        if turn.prefix:
            out.append(" (prefix)")
        if turn.units is not None:
            a, b = turn.units
            of = "" if opened.units is None else f" of {opened.units}"
            out.append(f"  unit {a + 1}{of}" if a == b else f"  units {a + 1} to {b + 1}{of}")
    after = opened.next_author(shown)
    if after is None:
        return out.append(f"  ends by {look.name(opened.episode.ended)}" if opened.episode.ended != "end" else "  ends")
    return out.append("  next ").append_text(look.signed(after))


CHANGES = {"gained": ("↑", "^"), "lost": ("↓", "v"), "same text": ("=", "="), "other text, same verdict": ("≠", "#")}


def row_text(entry: Entry, look: Look, width: int) -> Text:
    """A line of the list: verdicts, id, handoffs, jargon."""
    out = Text()
    for row in entry:
        out.append_text(look.verdict(row.verdict) if row is not None else Text(" "))
    row = next(row for row in entry if row is not None)
    out.append(" ")
    if len(entry) > 1:
        out.append(look.marks.sign(*CHANGES.get(outcome(entry), (" ", " ")))).append(" ")
    tail = "" if row.broken else "".join(map(_counted, entry))
    room = max(4, width - cell_len(out.plain) - len(tail) - 1)
    said = f"{row.id}: {row.broken}" if row.broken else row.id
    name = look.name(said, min(room, 2 * LONGEST_NAME))
    out.append(set_cell_size(name, room)).append(" ").append(tail, "dim")
    return out


def _counted(row: Row | None) -> str:
    if row is None or row.broken:
        return "    -   "
    return f"{row.handoffs:>5} {'<<' if row.jargon else '  '}"


def list_head(compared: bool, width: int) -> str:
    """What stands over the list."""
    left = "    episode" if compared else "  episode"
    tail = "handoffs <<"
    return left + tail.rjust(max(len(tail) + 1, width - len(left)))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
