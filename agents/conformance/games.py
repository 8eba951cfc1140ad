"""Ordinary episodes of an agent and a partner, under every unit rule and several patterns of who writes what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

from agents.conformance.bench import Bench, Failed, Holds, Raised, Refused, Story, Written, everything
from agents.contract import Seat, Span, Turn, View
from agents.scripted import Scripted
from agents.units import UnitRule

TALK = (
    "Then she has 29 + 6 = <<29+6=35>>35 cookies.\n\nDon't pay $3,000.50! (ok)\nМама мыла раму. 他有三個蘋果。"
    "日本語です。 😀 naïve café\n\nSo each bag holds 35 / 7 = 5 of them.\n\n"
)
"""What the kit itself says: everything that units are about. After its end comes its beginning."""
QUESTIONS = (
    "Tom has 3 apples and buys 4 more. How many apples does he have?",
    "A box holds 12 pens. Ann has 5 boxes and gives away 7 pens. How many pens are left?",
    "There are 45 birds. Then 18 fly away and 9 come back. How many birds are there?",
)
PATTERNS: dict[str, Holds] = {
    "everything": everything,
    "every other unit": lambda unit: unit % 2 == 0,
    "one unit of four": lambda unit: unit % 4 == 1,
    "three units of six": lambda unit: unit % 6 < 3,
}
"""Which units the agent holds."""
LIMIT = 56
"""Words or tokens of an episode."""
GIVEN = 3
"""So many units the partner writes when it is given the pen."""
ENOUGH = 3
"""After so many episodes in which it wrote nothing but an error, an agent is not asked to play more."""


class PartnerFailed(Failed):
    """It is not the agent's fault."""


def _talk(view: View, so_far: str, turn: Turn) -> str:
    units = turn.rule.split(TALK)
    start = turn.unit % len(units)
    return "".join(units[start:]) + TALK * 3


def talker() -> Scripted:
    """The partner, unless one is given: it always has something to say, up to the end of its turn."""
    return Scripted(_talk)


def said(rule: UnitRule, author: str, size: int = 40, skip: int = 0) -> Span:
    """Some whole units of the talk, at least ``size`` characters, after which a unit can open if that can be at all."""
    units, text = (rule.split(TALK) * 3)[skip:], ""
    while units and len(text) < size:
        text += units.pop(0)
    return Span(author, text)


@dataclass(frozen=True)
class Game:
    """One episode to be played."""

    rule: UnitRule
    pattern: str
    holds: Holds
    question: str
    prefix: tuple[Span, ...] = ()
    demand: bool = False
    """The pen may be given away: then the partner has it for some units."""

    def __str__(self) -> str:
        after = " after a prefix" if self.prefix else " on demand" if self.demand else ""
        return f"unit {self.rule.name}, holding {self.pattern}{after}"


def games(bench: Bench) -> Iterator[Game]:
    """Every rule with every pattern, and also on demand, and after a prefix that both have written."""
    questions = cycle(bench.questions)
    for rule in bench.rules:
        begun = (said(rule, bench.name, 20), said(rule, bench.other, 20, skip=5))
        prefix = tuple(span for span in begun if span.text)
        for pattern, holds in PATTERNS.items():
            yield Game(rule, pattern, holds, next(questions))
        yield Game(rule, "everything", everything, next(questions), prefix)
        yield Game(rule, "everything", everything, next(questions), demand=True)


async def play(bench: Bench, game: Game, turns: list[Written]) -> None:
    """Plays one episode; the agent's turns are added to ``turns`` as they are written."""
    partner: Seat = bench.partner.sit(View(game.question, bench.other, (bench.name,)))
    try:
        with bench.seated(game.question) as seat:
            table = _Table(bench, game, seat, partner, Story(game.rule), turns)
            for span in game.prefix:
                table.story.add(span)
                partner.read(span)
                bench.read(seat, span)
            while table.story.written < LIMIT and await table.goes_on():
                pass
    finally:
        partner.leave()


@dataclass
class _Table:
    """An episode as it is played: the rules of `arena.reference`, for one agent whose turns are looked at."""

    bench: Bench
    game: Game
    seat: Seat
    partner: Seat
    story: Story
    turns: list[Written]
    given: list[int] = field(default_factory=list)
    """The units from which on the agent gave the pen away."""

    def mine(self, unit: int) -> bool:
        """Does the agent hold this unit? The partner has what it is given for some units only."""
        return self.game.holds(unit) and not any(first <= unit < first + GIVEN for first in self.given)

    async def goes_on(self) -> bool:
        """One turn more; False where the episode is over."""
        bench, story = self.bench, self.story
        prefixed = 0 < len(story.spans) == len(self.game.prefix)
        last = story.spans[-1] if story.spans and not prefixed else None
        author = bench.name if self.mine(story.unit) else bench.other
        if last is not None and last.token_ids is None and not story.can_open:
            author = last.author  # its text broke off in the middle of a unit, where nobody else could go on
        opening = prefixed or (last is not None and last.author != author)
        draws = author == bench.name and bench.agent.conditions_on_opening
        if opening and not story.can_open and not draws:
            return False  # the end is all that could follow, and this author has no distribution to draw it from
        return await (self._agents(opening) if author == bench.name else self._partners(opening))

    async def _partners(self, opening: bool) -> bool:
        holds, left = (lambda unit: not self.mine(unit)), LIMIT - self.story.written
        try:
            span = await self.partner.write(self.bench.turn(self.story, holds=holds, budget=left, opening=opening))
        except Exception as error:
            why = f"the partner could not write: {type(error).__name__}: {error}"
            raise PartnerFailed(why, str(self.game)) from error
        self.story.add(span)
        self.bench.read(self.seat, span)
        return bool(span.written) and not span.ended

    async def _agents(self, opening: bool) -> bool:
        bench, story, demand = self.bench, self.story, self.game.demand
        turn = bench.turn(story, holds=self.mine, budget=LIMIT - story.written, opening=opening, demand=demand)
        written = await bench.write(self.seat, story, turn, str(self.game))
        span = written.span
        self.turns.append(written)
        story.add(span)
        self.partner.read(span)
        if span.asks == bench.other:
            self.given.append(story.unit)
            return not span.ended
        if fell_short(written):
            # Now everything is its own, so that only a view that is full keeps it from going on.
            turn = bench.turn(story, budget=turn.budget - span.written, opening=False)
            written.again = (await bench.write(self.seat, story, turn, str(self.game))).span
            return False
        return bool(span.written) and not span.ended


def fell_short(written: Written) -> bool:
    """Did an author with tokens stop without a word, as one does whose view is full?"""
    span, turn = written.span, written.turn
    if span.token_ids is None or span.ended or span.cut or span.written >= turn.budget:
        return False
    return not turn.rule.step(written.end().state, "")[0] if turn.rule.plain else span.end_logprob is None


async def play_all(bench: Bench) -> tuple[int, list[Refused]]:
    """Plays all of them. Gives how many there are, and what the agent refused: each of that ended an episode.

    An episode that fails does not keep the others from being played: the first failure is raised.
    """
    failed: Failed | None = None
    refused: list[Refused] = []
    every = list(games(bench))
    for game in every:
        try:
            await play(bench, game, bench.turns)
        except Refused as error:
            refused.append(error)
        except Raised as error:
            failed = failed or error
        if not bench.turns and (failed or len(refused) == ENOUGH):
            break  # it cannot do the least; there is no need to hear it for every rule
    if failed:
        raise failed
    return len(every), refused
