"""Checks of single turns, each made on every turn of the ordinary episodes: what `Turn` and `Span` say of one.

A judge looks at one turn and raises Failed; checks have the judges look at many.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

from agents.conformance.bench import Bench, Failed, NotApplicable, Refused, Story, Written, shown
from agents.conformance.games import fell_short, play_all, said
from agents.vocabulary import readable

BUDGETS = (1, 2, 3, 7)
REPEATED = 20
"""So many characters of others, with all that was around them, and nobody writes them again by accident."""


def writes(bench: Bench, turn: Written) -> None:
    """A turn adds something, or ends the solution: the loop would never be over.

    Nothing to say may have who is to go on in the middle of a unit, and a model whose view is full.
    """
    span, asked = turn.span, turn.turn
    goes_on = not asked.opening and not asked.rule.can_open(asked.state)
    if span.written or span.ended or span.cut or goes_on:
        return
    if span.token_ids is None:
        raise Failed("it wrote nothing and did not end the solution", turn.shows())
    if not turn.before:
        raise Failed("it wrote no token, although there was nothing yet that could have filled its view", turn.shows())


def signs(bench: Bench, turn: Written) -> None:
    """`Span.author` is the name that `View.author` gave."""
    if turn.span.author != bench.name:
        raise Failed(f"it sat down as {bench.name!r} and its span is by {turn.span.author!r}", turn.shows())


def adds(bench: Bench, turn: Written) -> None:
    """A span is what one turn *added*: others' text is never written again, let alone changed."""
    so_far = turn.before.strip()
    if turn.read >= REPEATED and readable(turn.span.data).strip().startswith(so_far):
        raise Failed("its span begins with the whole text so far, instead of going on from it", turn.shows())


def stops(bench: Bench, turn: Written) -> None:
    """`Seat.write`: "up to the opening of a unit that it does not hold", by `Turn.holds`."""
    state, unit, rule = turn.turn.state, turn.turn.unit - 1, turn.turn.rule
    for step in turn.span.steps():
        opens, state = rule.step(state, step)
        unit += opens
        if opens and not turn.turn.holds(unit):
            what = f"it opened unit {unit} ({rule.name}), which it does not hold, with {step!r}"
            raise Failed(what, turn.shows())


def opens(bench: Bench, turn: Written) -> None:
    """`Turn.opening`: "the first token must open a unit, or end the solution"."""
    asked, steps = turn.turn, turn.span.steps()
    if asked.opening and steps and not asked.rule.plain and not asked.rule.step(asked.state, steps[0])[0]:
        raise Failed(f"its first token, {steps[0]!r}, opens no {asked.rule.name}", turn.shows())


def leaves_room(bench: Bench, turn: Written) -> None:
    """White space belongs to the unit that follows, so a text that ends in it leaves a place where nothing can open.

    Of a model only where it gave the pen away: else it may be in the middle of its unit.
    """
    span = turn.span
    checked = bool(span.text) if span.token_ids is None else span.cut and span.asks and span.written
    if checked and turn.end().state == turn.turn.rule.empty:
        raise Failed("it ends in white space that belongs to the next unit: nobody could open that now", turn.shows())


def ends(bench: Bench, turn: Written) -> None:
    """`Span.ended`: where its last unit is over and the next one is another's, that author says whether it comes.

    Of models only: an author without tokens may stop in the middle of its own unit, so its end is always its own.
    """
    asked, span = turn.turn, turn.span
    if span.ended and span.cut:
        raise Failed("its span is cut and ends the solution", turn.shows())
    if span.ended and span.token_ids is not None and not asked.rule.plain:
        unit = turn.end().unit + 1
        if not asked.holds(unit):
            raise Failed(f"it ended the solution, but whether unit {unit} comes is another's to say", turn.shows())


def keeps(bench: Bench, turn: Written) -> None:
    """`Turn.budget`: in tokens; in words for an author without tokens."""
    if turn.span.written > turn.turn.budget:
        what = "words" if turn.span.token_ids is None else "tokens"
        raise Failed(f"it wrote {turn.span.written} {what}; its budget was {turn.turn.budget}", turn.shows())


def emits(bench: Bench, turn: Written) -> None:
    """`Turn.emit` gets the pieces of the span as they are written; only of a turn that is cut, more than these."""
    if wrong := next((piece for piece in turn.emitted if not isinstance(piece, bytes)), None):
        raise Failed(f"it emitted {wrong!r:.40}, which is not bytes", turn.shows())
    if len(turn.emitted) > turn.emits:
        raise Failed("it emitted a piece after it had returned its span", turn.shows())
    data = b"".join(turn.emitted)
    if data != turn.span.data and not (turn.span.cut and data.startswith(turn.span.data)):
        raise Failed(f"it emitted {shown(data)}, which is not what it wrote", turn.shows())


def asks(bench: Bench, turn: Written) -> None:
    """`Span.asks` names somebody at the table, only on demand; `Span.cut` is for who was stopped or gave the pen away.

    Whoever has the pen writes something before giving it away: two who did not would pass it on for ever.
    """
    span = turn.span
    if span.asks not in (None, bench.name, bench.other):
        raise Failed(f"it asks that {span.asks!r} write, who does not sit at this table", turn.shows())
    if span.asks and not turn.turn.demand:
        raise Failed(f"it gives the pen to {span.asks!r}, but the pen is not handed over on demand", turn.shows())
    if span.cut and not (turn.turn.stop.is_set() or span.asks):
        raise Failed("its span is marked as cut, but nobody stopped it", turn.shows())
    if span.asks == bench.other and not (span.written or span.ended):
        raise Failed("it gives the pen away before it has written anything", turn.shows())


def text_only(bench: Bench, turn: Written) -> None:
    """`Agent.gives_logprobs` is False: text, no tokens, no factors."""
    span = turn.span
    if not isinstance(span.text, str):
        raise Failed(f"the text of its span is {span.text!r:.40}", turn.shows())
    if span.token_ids is not None or span.pieces or span.logprobs or span.end_logprob is not None or span.tokeniser:
        raise Failed("it says that it gives no log-probabilities, but its span has tokens or factors", turn.shows())


def factors(bench: Bench, turn: Written) -> None:
    """`Agent.gives_logprobs`: tokens, their bytes and log-probabilities, and an end factor where its unit was over."""
    span, asked = turn.span, turn.turn
    ids, pieces, values = span.token_ids, span.pieces, span.logprobs
    if ids is None:
        raise Failed("its span has no tokens", turn.shows())
    if not len(ids) == len(pieces) == len(values):
        raise Failed(
            f"its span has {len(ids)} tokens, {len(pieces)} pieces and {len(values)} log-probabilities", turn.shows()
        )
    if span.text:
        raise Failed("its span has a text besides its pieces: two sources for one thing", turn.shows())
    if not span.tokeniser:
        raise Failed("its span does not say of which tokeniser its tokens are", turn.shows())
    silent = [number for number, piece in enumerate(pieces) if not piece]
    if silent != [len(ids) - 1] * span.ended:
        raise Failed("the end, and no other token, must have no bytes and be the last", turn.shows())
    for value in (*values, *([] if span.end_logprob is None else [span.end_logprob])):
        if not (isinstance(value, float) and math.isfinite(value) and value <= 1e-4):
            raise Failed(f"{value!r} is not a log-probability", turn.shows())
    if span.end_logprob is not None:
        why = {
            "its rule has none": asked.rule.plain,
            "it was stopped": span.cut,
            "it ended the solution": span.ended,
            "its budget was used up": span.written >= asked.budget,
            "the next unit is its own": asked.holds(turn.end().unit + 1) and not span.asks,
        }
        if wrong := next((reason for reason, holds in why.items() if holds), None):
            raise Failed(f"its span has an end factor, but it decided nothing: {wrong}", turn.shows())
    elif fell_short(turn) and turn.again is not None and (turn.again.written or turn.again.ended):
        raise Failed(
            "it stopped without an end factor, and its view was not full: asked again it went on", turn.shows()
        )


Judge = Callable[[Bench, Written], None]
ORDINARY: tuple[Judge, ...] = (signs, stops, opens, leaves_room, ends, keeps, emits, asks)
"""What holds of every turn, whatever was asked."""


def judged(bench: Bench, turn: Written, *judges: Judge) -> None:
    """Has a turn judged, but not once more by those that the agent has failed already."""
    for judge in judges:
        if judge not in bench.known:
            try:
                judge(bench, turn)
            except Failed:
                bench.known.add(judge)
                raise


async def plays_ordinary_episodes(bench: Bench) -> str:
    """`Seat.write` as the Arena calls it. An `AgentError` by its name "fails one episode": all of them, it may not."""
    count, refused = await play_all(bench)
    for turn in bench.turns:
        judged(bench, turn, writes)
    opened = any(turn.turn.opening and turn.span.written for turn in bench.turns)
    if refused and (len(refused) == count or not opened):
        raise refused[0]
    return f"it failed, by its name, in {len(refused)} of {count} episodes: {refused[0].reason}" if refused else ""


def of_every_turn(judge: Judge) -> Callable[[Bench], None]:
    """A check that has every turn of the ordinary episodes judged."""

    def check(bench: Bench) -> None:
        for turn in bench.turns:
            judged(bench, turn, judge)

    return check


def gives_the_pen_away_as_it_may(bench: Bench) -> None:
    """By its spans and, at any time, by `View.ask`."""
    of_every_turn(asks)(bench)
    if strangers := set(bench.called) - {bench.name, bench.other}:
        raise Failed(f"it asked by its view that {min(strangers)!r} write, who does not sit at this table")


async def keeps_small_budgets(bench: Bench) -> None:
    """Of all the ordinary turns, and of some with next to nothing left, at the beginning and after another author."""
    of_every_turn(keeps)(bench)
    for rule in bench.rules:
        for begun in ([], [said(rule, bench.other)]):
            story = Story(rule, begun)
            for budget in BUDGETS:
                if begun and not story.can_open:
                    continue
                turn = bench.turn(story, budget=budget)
                with suppress(Refused):
                    written = await bench.told(None, story, turn, f"unit {rule.name}, a budget of {budget}")
                    judged(bench, written, keeps, writes)


async def gives_factors(bench: Bench) -> None:
    """All spans one by one, and together: a token has the same bytes everywhere, and the record names their source."""
    if not bench.agent.gives_logprobs:
        raise NotApplicable("it gives text")
    of_every_turn(factors)(bench)
    known: dict[int, bytes] = {}
    for turn in bench.turns:
        for token, piece in zip(turn.span.token_ids or (), turn.span.pieces, strict=True):
            if known.setdefault(token, piece) != piece:
                raise Failed(f"token {token} is {known[token]!r} in one span and {piece!r} in another", turn.shows())
    with bench.seated() as seat, bench.asking("give its record"):
        digest = seat.record().get("tokeniser")
    if others := {str(turn.span.tokeniser) for turn in bench.turns} - {str(digest)}:
        raise Failed(f"its record says that its tokeniser is {digest!r}, its spans say {min(others)!r}")


def gives_text(bench: Bench) -> None:
    if bench.agent.gives_logprobs:
        raise NotApplicable("it gives tokens")
    of_every_turn(text_only)(bench)
