"""Checks of what an agent takes in: what others write, in which pieces, what it hears, and what it keeps to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from agents.conformance.bench import Bench, Failed, NotApplicable, Refused, Story, Written, difference, shown
from agents.conformance.games import PartnerFailed, games, play, said
from agents.contract import Listener, Seat, Span, Turn
from agents.units import UnitRule

STRANGE = "The owl \u2013 она \u2013 has 3 кг 三個 😀 nai\u0308ve and 4 < 5, so 3"
"""A text to be read in pieces, some of them no whole characters."""
_BYTES = "bytes-of-the-conformance-kit"
"""A tokeniser that nobody has: its tokens are the bytes."""


def _in_bytes(author: str, *parts: bytes) -> list[Span]:
    return [
        Span(author, "", tuple(part), tuple(bytes([byte]) for byte in part), (-1.0,) * len(part), tokeniser=_BYTES)
        for part in parts
    ]


def _ways(text: str, author: str, rule: UnitRule) -> dict[str, list[Span]]:
    """The same characters in different spans."""
    data, middle = text.encode(), text.encode().index("三".encode()) + 1
    return {
        "one span": [Span(author, text)],
        f"a span for each {rule.name}": [Span(author, unit) for unit in rule.split(text)],
        "a span for each character": [Span(author, character) for character in text],
        "a span of another tokeniser": _in_bytes(author, data),
        "two spans that divide a character": _in_bytes(author, data[:middle], data[middle:]),
    }


async def reads_others(bench: Bench) -> None:
    """`Seat.read`: its next span, or at least how likely that was, changes with what it read. A script's need not."""
    if not bench.agent.gives_logprobs:
        bench.need_determinism()
    rule = bench.rule
    spans = []
    for skip in (0, 3, 6):
        story = Story(rule, [Span(bench.other, f"{skip + 2} owls are {['old', 'young', 'lost'][skip // 3]}, so it is")])
        # The same turn every time, whatever the text: so all that can change it is what was read.
        turn = bench.turn(Story(rule), opening=False, budget=12)
        spans.append((await bench.told(None, story, turn, "after three different texts")).span)
    if not any(span.steps() for span in spans):
        raise NotApplicable("it wrote nothing")
    same = not any(difference(spans[0], span) for span in spans[1:])
    if bench.agent.gives_logprobs and same:
        what = f"it wrote {shown(spans[0].data)} every time, with the same log-probabilities"
        raise Failed("nothing of what it gives depends on what others wrote", what)
    if same:
        raise NotApplicable("it wrote the same after three different texts, as a script may")


async def reads_in_any_pieces(bench: Bench) -> None:
    """`Seat.read`: the text counts, and not in how many spans or in whose tokens it came."""
    bench.need_determinism()
    rule = bench.rule
    turn = bench.turn(Story(rule, [Span(bench.other, STRANGE)]), opening=False, budget=12)
    ways = {way: Story(rule, spans) for way, spans in _ways(STRANGE, bench.other, rule).items()}
    await _compare(bench, ways, turn)
    if not bench.agent.gives_logprobs:
        return
    # The same once more in its own tokens, which pass as they are.
    own = (await bench.told(None, Story(rule), bench.turn(Story(rule), budget=12))).span
    whole = replace(own, author=bench.other, end_logprob=None)
    parts = [_part(whole, slice(0, 5)), _part(whole, slice(5, None))]
    ways = {"its own tokens": Story(rule, [whole]), "its own tokens in two spans": Story(rule, parts)}
    await _compare(bench, ways, bench.turn(ways["its own tokens"], opening=False, budget=12))


def _part(span: Span, part: slice) -> Span:
    ids = (span.token_ids or ())[: span.written]
    return replace(span, token_ids=ids[part], pieces=span.pieces[part], logprobs=span.logprobs[part], ended=False)


async def _compare(bench: Bench, ways: dict[str, Story], turn: Turn) -> None:
    found = {way: (await bench.told(None, story, turn, f"after {way}")).span for way, story in ways.items()}
    (first, span), *others = found.items()
    for way, other in others:
        if what := difference(span, other):
            raise Failed(f"it makes something else of the same text in {first} and in {way}", what)


async def hears(bench: Bench) -> None:
    """`Listener.hear` gets each piece as it comes, and `Seat.read` the span after that: the text is there only once."""
    span = Span(bench.other, STRANGE)
    story, data = Story(bench.rule, [span]), span.data
    turn = bench.turn(story, opening=False, budget=12)
    with bench.seated() as seat:
        if not isinstance(seat, Listener):
            raise NotApplicable("its seat does not listen")
        for piece in (data[:7], data[7:20], b"", data[20:]):
            with bench.asking("hear a piece"):
                seat.hear(bench.other, piece)
        bench.read(seat, span)
        heard = (await bench.write(seat, story, turn, "after hearing")).span
    deaf = (await bench.told(None, story, turn, "without hearing")).span
    if bench.repeats and (what := difference(heard, deaf)):
        raise Failed("it writes something else when it has also heard what it read", what)


async def repeats_itself(bench: Bench) -> None:
    """`Agent.deterministic`: "equal views, turns and chances give equal spans". Some ordinary episodes once more."""
    bench.need_determinism()
    for game in list(games(bench))[::3]:
        first, again = [turn for turn in bench.turns if turn.where == str(game)], list[Written]()
        with suppress(Refused):
            try:
                await play(bench, game, again)
            except PartnerFailed as failed:
                raise NotApplicable(failed.reason) from None
        for one, other in zip(first, again, strict=False):
            if one.before != other.before:
                break  # the partner wrote something else
            if what := difference(one.span, other.span):
                bench.repeats = False
                raise Failed("it wrote something else the second time, and it says that it is deterministic", what)


async def keeps_seats_apart(bench: Bench) -> None:
    """`Seat` is "an agent's place in one episode": two at once, writing together, each write what they do alone."""
    bench.need_determinism()
    if getattr(bench.agent, "one_at_a_time", False):
        raise NotApplicable("it sits in one episode at a time")
    questions = [bench.questions[0], bench.questions[-1] + " Count again."]
    rule = bench.rule
    talks = [said(rule, bench.other), said(rule, bench.other, 60, skip=3)]
    alone = [await _alone(bench, rule, question, talk) for question, talk in zip(questions, talks, strict=True)]
    with bench.seated(questions[0]) as seat:
        stories = [Story(rule), Story(rule)]
        with bench.seated(questions[1]) as second:
            both = await asyncio.gather(_step(bench, seat, stories[0]), _step(bench, second, stories[1]))
            _hear_out(bench, seat, stories[0], talks[0])
            _hear_out(bench, second, stories[1], talks[1])
            last = await _last(bench, second, stories[1])
        found = [[both[0], *await _last(bench, seat, stories[0])], [both[1], *last]]
    for spans, others in zip(alone, found, strict=True):
        for one, other in zip(spans, others, strict=True):
            if what := difference(one, other):
                raise Failed("it writes something else while another seat is taken: they share something", what)


async def _alone(bench: Bench, rule: UnitRule, question: str, talk: Span) -> Sequence[Span]:
    story = Story(rule)
    with bench.seated(question) as seat:
        first = await _step(bench, seat, story)
        _hear_out(bench, seat, story, talk)
        return [first, *await _last(bench, seat, story)]


async def _step(bench: Bench, seat: Seat, story: Story) -> Span:
    """A first turn of two units."""
    turn = bench.turn(story, holds=lambda unit: unit < 2, budget=16)
    span = (await bench.write(seat, story, turn, "two seats")).span
    story.add(span)
    return span


def _hear_out(bench: Bench, seat: Seat, story: Story, talk: Span) -> None:
    story.add(talk)
    bench.read(seat, talk)


async def _last(bench: Bench, seat: Seat, story: Story) -> list[Span]:
    """Another turn, where one can be had: an end, or a text in the middle of a unit, leaves nothing to write."""
    if any(span.ended for span in story.spans) or not story.can_open:
        return []
    try:
        return [(await bench.write(seat, story, bench.turn(story, budget=16), "two seats")).span]
    except Refused:
        return []
