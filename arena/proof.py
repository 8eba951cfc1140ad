"""Proves from a stored episode alone that every character and token has an author and that every switch of author is
one that the recorded policy allows at that place.

Nothing is taken on trust but the unit rule and the coins, both of which are pure functions: units are cut again from
the stored text, coins are drawn again from the recorded seed and episode, and the author of every unit is compared.
What neither can tell (which characters a token spells, how likely it was) the digest guards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

from agents.chance import Chance, episode_key
from agents.replay import Reader
from agents.units import words
from arena.episode import Episode, EpisodeError, SpanRecord, episode_id, surfaces
from arena.policy import Bernoulli, Call, Once, OnDemand, Policy, PolicyError, Situation, authors_of, parse

ENDINGS = ("end", "limit", "context", "stopped", "error")


def problems_of(episode: Episode, *, new: bool = False) -> list[str]:
    """Everything that is wrong with an episode, in words; empty if it proves to be what it claims.

    Of a ``new`` one the digest has just been taken.
    """
    try:
        if not new and episode.digest != episode.fingerprint():
            return ["digest: the episode was changed after it was written"]
        found = list(_shape(episode))
        if found:  # what follows reads the spans and needs them in shape
            return found
        policy = parse(episode.policy)
        if not isinstance(policy.schedule, Call):  # a reader never runs a function that a file names
            policy.check(episode.authors)
        return [*_authors(episode, policy), *_factors(episode, policy)]
    except PolicyError as error:
        return [f"policy: {error}"]
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError) as error:
        return [f"malformed: {type(error).__name__}: {error}"]


def check(episode: Episode) -> Episode:
    """Returns an episode that was just made; raises EpisodeError, naming it, if it is not what it claims to be."""
    if found := problems_of(episode, new=True):
        raise EpisodeError(f"episode {episode.id}: {found[0]}")
    return episode


def _shape(episode: Episode) -> Iterator[str]:
    """Names, and spans that join to the text."""
    if episode.id != episode_id(episode.problem_id, episode.sample, episode.condition, episode.step):
        yield f"id {episode.id!r} does not belong to problem {episode.problem_id!r}, sample {episode.sample}"
    if episode.ended not in ENDINGS:
        yield f"ended: {episode.ended!r} is none of {', '.join(ENDINGS)}"
    if (episode.ended == "error") != (episode.error is not None):
        yield "error: given if and only if the episode ended by an error"
    if not episode.authors or len(set(episode.authors)) != len(episode.authors):
        yield "authors: must be different names"
    at = 0
    for number, span in enumerate(episode.spans):
        where = f"span {number}"
        if span.author not in episode.authors:
            yield f"{where}: its author {span.author!r} did not sit down"
        if span.start != at or span.end < span.start:
            yield f"{where}: begins at {span.start}, but the spans before it end at {at}"
            return
        if number and episode.spans[number - 1].author == span.author and number != episode.prefix_spans:
            yield f"{where}: has the author of the span before it; they are one turn"
        at = span.end
        yield from _tokens(episode, number, span)
    if at != len(episode.text):
        yield f"text: characters {at} to {len(episode.text)} have no author"
    yield from _prefix(episode)
    yield from _length(episode)


def _prefix(episode: Episode) -> Iterator[str]:
    """A prefix is of a parent, and its spans are there."""
    given = (episode.parent_id is None, episode.prefix_units is None, episode.prefix_spans is None)
    if len(set(given)) != 1:
        yield "prefix_units, prefix_spans and parent_id: all or none"
    elif episode.prefix_spans is not None and not 0 <= episode.prefix_spans <= len(episode.spans):
        yield f"prefix_spans is {episode.prefix_spans}, but there are {len(episode.spans)} spans"


def _length(episode: Episode) -> Iterator[str]:
    """The end is there if and only if it was written, and the length is within the limit, where tokens tell it."""
    prefix = episode.prefix_spans or 0
    own = episode.spans[prefix:]
    ended = episode.ended == "end"
    if ended and not own:
        yield "ended: nobody ended the solution"
    elif ended and (ends := own[-1].token_ends) and [own[-1].start, *ends][-2] != own[-1].end:
        yield f"span {len(episode.spans) - 1}: the episode ended, but its last token is not the end"
    if any(span.token_ids is None for span in episode.spans):
        # Words are counted as they are written, turn by turn: a word that was cut in two counts twice.
        texts = (episode.text[span.start : span.end] for span in own if span.token_ids is None)
        if own and sum(map(words, texts)) > episode.limit:
            yield f"limit: more words were written than the limit of {episode.limit}"
        return
    written = sum(len(span.token_ids or ()) for span in episode.spans) - ended
    if own and written > episode.limit:
        yield f"limit: {written} tokens were written, and the limit is {episode.limit}"
    if episode.ended == "limit" and written < episode.limit:
        yield f"ended by the limit of {episode.limit} after {written} tokens"


def _tokens(episode: Episode, number: int, span: SpanRecord) -> Iterator[str]:
    where = f"span {number}"
    prefix = number < (episode.prefix_spans or 0)
    last = number == len(episode.spans) - 1
    if span.token_ids is None:
        if span.token_ends is not None or span.logprobs or span.end_logprob is not None or span.partial:
            yield f"{where}: factors without tokens"
        if span.end == span.start and not (last and episode.ended == "end"):
            yield f"{where}: is empty"
        return
    ends, size = span.token_ends, len(span.token_ids)
    if not size:
        yield f"{where}: is empty"
    if ends is None or len(ends) != size:
        yield f"{where}: has {size} tokens but {len(ends or [])} token ends"
        return
    if len(span.logprobs or []) != (0 if prefix else size):
        yield f"{where}: has {size} tokens but {len(span.logprobs or [])} log-probabilities"
    path = [span.start, *ends]
    if path != sorted(path) or path[-1] != span.end:
        yield f"{where}: its token ends do not lead from {span.start} to {span.end}"
        return
    partial = set(span.partial or ())
    if not partial <= set(range(size)):
        yield f"{where}: partial names tokens that are not there"
    starts = [span.start, *ends[:-1]]
    for token, (start, end) in enumerate(zip(starts, ends, strict=True)):
        is_end = last and token == size - 1 and episode.ended == "end"
        if start == end and token not in partial and not is_end:
            yield f"{where}: token {token} has no characters"
    for value in [*(span.logprobs or ()), *([] if span.end_logprob is None else [span.end_logprob])]:
        if not (math.isfinite(value) and value <= 1e-4):
            yield f"{where}: {value} is not a log-probability"


def _authors(episode: Episode, policy: Policy) -> Iterator[str]:
    """Cuts the units again, draws the coins again, and compares the author of every token."""
    schedule, names = policy.schedule, tuple(episode.authors)
    if isinstance(schedule, Call) and episode.assigned is None:
        yield "assigned: missing, and the schedule is a Python function"
        return
    expected_p = policy.p_at(episode.step)
    if (episode.p is None) != (expected_p is None) or abs((episode.p or 0) - (expected_p or 0)) > 1e-12:
        yield f"p is {episode.p}, but the policy gives {expected_p}"
    pens = [(int(first), str(name)) for first, name in episode.pens or ()]
    chance = Chance(episode.seed, episode_key(episode.problem_id, episode.sample))
    now = Situation(names, chance.coin, episode.p, pens, episode.assigned)
    if isinstance(schedule, Once) and episode.prefix_units is None:
        yield "prefix_units: missing, and the policy hands over once, after a prefix"
    reader = Reader(policy.rule)
    read = list(surfaces(episode.text, episode.spans))
    author: Callable[[int], int] = partial(schedule.author, now=now)
    if isinstance(schedule, Bernoulli):  # all coins at once cost as much as five
        author = authors_of(schedule, 0, 2 + sum(map(len, read)), now).tolist().__getitem__
    for number, (span, steps) in enumerate(zip(episode.spans, read, strict=True)):
        prefix = number < (episode.prefix_spans or 0)
        known = reader.unit
        units = reader.units(steps)
        # Within a prefix the pen changed hands by the policy of its parent, perhaps at other units.
        if number and not prefix and units and units[0] == known:
            yield f"span {number}: {span.author} takes over where no {policy.unit} opens"
        for token, unit in enumerate(() if prefix else units):
            if unit == known and token:
                continue
            known = unit
            try:
                expected = names[author(unit)]
            except (IndexError, ValueError, PolicyError) as error:
                yield f"unit {unit}: no author is known for it ({error})"
                return
            if expected != span.author:
                yield f"span {number}, token {token}: unit {unit} belongs to {expected}, not to {span.author}"
                return
        ends = episode.ended == "end" and number == len(episode.spans) - 1 and not prefix
        if ends and (span.token_ids is not None or not steps):
            # A model ends only what it may: where the next unit is another's, that one says whether it opens. An author
            # without tokens may stop in the middle of its own unit, but whoever only ends must hold the next.
            decides = _decides(reader, policy, now)
            if decides not in (None, span.author):
                yield f"span {number}: {span.author} ends the solution where that is {decides}'s to decide"
        if number + 1 == episode.prefix_spans and reader.unit + 1 != episode.prefix_units:
            yield f"prefix: holds {reader.unit + 1} units, not {episode.prefix_units}"
    if episode.prefix_spans == 0 and episode.prefix_units != 0:
        yield f"prefix: holds 0 units, not {episode.prefix_units}"


def _decides(reader: Reader, policy: Policy, now: Situation) -> str | None:
    """Who draws next, an opening or the end; None where the schedule cannot say."""
    rule = policy.rule
    unit = reader.unit if rule.plain and not rule.step(reader.state, "")[0] else reader.unit + 1
    try:
        return now.names[policy.schedule.author(unit, now)]
    except (IndexError, ValueError, PolicyError):
        return None


def _factors(episode: Episode, policy: Policy) -> Iterator[str]:
    """Every handoff by an author with a distribution carries the factor of its decision that its unit was over.

    The exception is a turn that was cut: by the author's own marker, on demand, or because the episode was stopped.
    """
    demand = isinstance(policy.schedule, OnDemand)
    rule = policy.rule
    for number, span in enumerate(episode.spans):
        last = number == len(episode.spans) - 1
        if span.cut and not demand and not (last and episode.ended == "stopped"):
            yield f"span {number}: was cut, and the policy is not on demand"
        if span.token_ids is None or number < (episode.prefix_spans or 0):
            continue
        if rule.plain or last:
            # The last author may have handed over to one who failed, whose view was full, or who was stopped at once.
            handed_over = last and not span.cut and episode.ended in ("error", "context", "stopped")
            if span.end_logprob is not None and not handed_over:
                yield f"span {number}: has an end factor where nothing was handed over"
        elif (span.end_logprob is None) != bool(span.cut):
            what = "an end factor although it was cut" if span.cut else "no end factor where it hands over"
            yield f"span {number}: has {what}"
