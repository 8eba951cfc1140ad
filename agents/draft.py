"""What a person has typed in one turn, until it is sent: joined to the text line by line, and fitted to the turn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agents.contract import Turn
from agents.scripted import fit
from agents.units import CLOSER, IDEOGRAPH, JOINER, character_class, words

HORIZON = 64
"""Units ahead that are looked at to tell a person how many are theirs; who holds them all is told no number."""
ANSWER = "####"
"""Marks the answer, at the beginning of a line."""


@dataclass(frozen=True)
class Added:
    """What became of one line."""

    lead: str
    """What was put before it: a space, a line break, or nothing."""
    kept: str
    dropped: str
    """What was not taken, because the author does not hold those units or the length is used up."""


@dataclass
class Draft:
    """The lines of one turn. ``before`` is the text so far."""

    turn: Turn
    before: str
    _texts: list[str] = field(default_factory=list)
    """The draft after each of its lines, so that the last can be taken back."""
    _goes_on: bool = False
    """The last line ended in a line break that was asked for."""
    full: bool = False
    """The units that the author holds are written, or the length is used up."""
    cut: bool = False
    """... and not all of the last line was taken."""

    @property
    def text(self) -> str:
        return self._texts[-1] if self._texts else ""

    def add(self, line: str) -> Added:
        """Takes one text; a line break at its end was asked for. Raises ValueError for what cannot be."""
        goes_on = line.endswith("\n")
        self._settle()
        drafted = self.text if self._goes_on else self._closed(self.text)
        lead = self._lead(drafted, line)
        text = drafted + lead + line
        # One letter more: what is cut off then does not fit, and white space at the end is judged as it stands.
        whole = fit(f"{text}x", self.turn).startswith(text)
        kept = text if whole else fit(text, self.turn)
        state, unit = self._read(kept if goes_on else self._closed(kept))
        over = self.turn.rule.can_open(state) and not self.turn.holds(unit)
        full = not whole or over or words(kept) >= self.turn.budget
        if full and not fit(kept, self.turn):
            raise ValueError("white space cannot be all of it")
        self._texts.append(kept)
        self._goes_on, self.full, self.cut = goes_on, full, not whole
        return Added(lead, kept[len(drafted) :].strip(), text[len(kept) :])

    def would_keep(self, line: str) -> str:
        """What `add` would keep of a text. Changes nothing; raises as it does."""
        return replace(self, _texts=[*self._texts]).add(line).kept

    def drop(self) -> bool:
        """Takes the last line back; False if there is none."""
        if not self._texts:
            return False
        self._texts.pop()
        self.full = self.cut = False
        self._goes_on = self.text.endswith("\n")
        return True

    def finished(self, *, ended: bool = False) -> str:
        """What is sent: with what closes its last unit, unless the solution ends there."""
        self._settle()
        text = self.text if ended else self._closed(self.text)
        return fit(text, self.turn) if text else ""

    def stopped(self) -> str:
        """What is sent of a turn that is stopped: its whole units."""
        text, rule = self.finished(), self.turn.rule
        if not text or rule.can_open(self._read(text)[0]):
            return text
        state, last = self.turn.state, 0
        for at, character in enumerate(text):
            opens, state = rule.step(state, character)
            last = at if opens else last
        return text[:last].rstrip() if rule.empty >= 0 else text[:last]

    @property
    def unfinished(self) -> bool:
        """The last unit is not over, and no white space can be put there that ends it."""
        state, _ = self._read(self._closed(self.text))
        return bool(self.text) and state != self.turn.rule.empty and not self.turn.rule.can_open(state)

    @property
    def stuck(self) -> bool:
        """Nothing can open where the turn begins: all that is left is to end the solution."""
        return self.turn.opening and not self.text and not self.turn.rule.can_open(self.turn.state)

    @property
    def held(self) -> int | None:
        """How many units may still be opened; None if there is no end to them within the horizon."""
        state, unit = self._read(self.text)
        unit -= state == self.turn.rule.empty  # opened by white space, and nothing in it yet
        for ahead in range(HORIZON):
            try:
                if not self.turn.holds(unit + ahead):
                    return ahead
            except ValueError:  # a schedule that is a function of the user's may not know units so far ahead
                return ahead
        return None

    @property
    def words_left(self) -> int:
        return self.turn.budget - words(self.text)

    def _settle(self) -> None:
        """On demand, a pen that was asked for meanwhile moves where it is first looked at: after what is typed."""
        self.turn.holds(self._read(self.text)[1])

    def _read(self, text: str) -> tuple[int, int]:
        """The state after ``text``, and the index of the unit that is opened next."""
        state, unit = self.turn.state, self.turn.unit
        for character in text:
            opens, state = self.turn.rule.step(state, character)
            unit += opens
        return state, unit

    def _closed(self, text: str) -> str:
        """With the white space that ends its last unit, under rules where only that does (lines, spaced tokens)."""
        if not text:
            return text
        state = self._read(text)[0]
        for end in ("", " ", "\n", "\n\n"):
            after = state
            for character in end:
                after = self.turn.rule.step(after, character)[1]
            if after != self.turn.rule.empty and self.turn.rule.can_open(after):
                return text + end
        return text

    def _lead(self, drafted: str, line: str) -> str:
        """What is put before a line: what it needs to open, or else what people leave out at the beginning of lines."""
        before, rule, first = self.before + drafted, self.turn.rule, line[0]
        state = self._read(drafted)[0]

        def joins(lead: str) -> bool:
            """It can be put there without being a unit of its own."""
            return not rule.step(rule.step(state, lead)[1], first)[0]

        lead = ""
        if line.startswith(ANSWER) and before and not before.endswith("\n") and joins("\n"):
            lead = "\n"
        elif before and not before[-1].isspace() and not first.isspace() and joins(" "):
            kinds = character_class(before[-1]), character_class(first)
            lead = " " if kinds[1] not in (JOINER, CLOSER) and IDEOGRAPH not in kinds else ""
        if self.turn.opening and not drafted and not rule.step(state, (lead + line)[0])[0]:
            if not rule.step(state, " ")[0]:
                raise ValueError(f"it does not open a {rule.name}, with or without a space before it")
            lead = " "
        return lead
