"""An episode turn by turn: who writes, which units, each token with its factor, and who is next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from agents.replay import Reader
from arena.episode import Episode, SpanRecord, surfaces
from arena.policy import PolicyError, parse

COUNTED = 200_000
"""Characters up to which units are counted again: it takes microseconds each where authors have no tokens."""


@dataclass(frozen=True)
class Token:
    """A token of its author's, or a decision that has no text."""

    text: str
    start: int
    end: int
    """Characters of the solution; equal for what has no text of its own."""
    factor: str
    """What the log-probability is of: "token", "open" or "end"; "" where nothing was recorded."""
    logprob: float | None
    kind: str = ""
    """"partial" (ends in the middle of a character), "ends" (the end of the solution) or "hands over"."""


@dataclass(frozen=True)
class Turn:
    """What one author wrote in a row."""

    number: int
    """From 0."""
    author: str
    start: int
    end: int
    prefix: bool
    units: tuple[int, int] | None
    """First and last unit that it wrote in; None if it opened none, or units are not known."""
    opens: tuple[int, ...]
    """Where units open, in characters of the solution."""


@dataclass(frozen=True)
class Turns:
    """All of them."""

    episode: Episode
    turns: tuple[Turn, ...]
    units: int | None
    """How many there are; None if they cannot be counted."""
    unit: str
    changed: bool
    """The episode is not what its digest says."""

    def __len__(self) -> int:
        return len(self.turns)

    def next_author(self, shown: int) -> str | None:
        """Who writes after the first ``shown`` turns; None if nobody does."""
        return self.turns[shown].author if shown < len(self.turns) else None

    def tokens(self, number: int) -> Iterator[Token]:
        """The tokens of a turn; of an author without tokens the turn as one."""
        return _tokens(self.episode, number)


def turns_of(episode: Episode) -> Turns:
    """Cuts an episode into its turns. Raises ValueError or TypeError where the spans have no shape."""
    _check(episode)
    text, spans = episode.text, episode.spans
    unit, rule = episode.policy.partition(":")[0], None
    with suppress(PolicyError):
        rule = parse(episode.policy).rule
    if rule is None or len(text) > COUNTED:
        frozen = episode.prefix_spans or 0
        plain = [Turn(n, s.author, s.start, s.end, n < frozen, None, ()) for n, s in enumerate(spans)]
        return Turns(episode, tuple(plain), None, unit, _changed(episode))
    reader, found = Reader(rule), []
    for number, (span, steps) in enumerate(zip(spans, surfaces(text, spans), strict=True)):
        read = list(reader.read(steps))
        starts = _starts(span, len(steps))
        opens = tuple(starts[one.token] for one in read if one.opens)
        units = (read[0].unit, read[-1].unit) if read else None
        frozen = number < (episode.prefix_spans or 0)
        found.append(Turn(number, span.author, span.start, span.end, frozen, units, opens))
    return Turns(episode, tuple(found), reader.unit + 1, unit, _changed(episode))


def _check(episode: Episode) -> None:
    """That every field which is shown is of its type: a file may say anything."""
    texts = (episode.id, episode.question, episode.policy, episode.ended, episode.error or "", *episode.authors)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("its id, question, policy, ending, error or authors are no texts")
    if not (episode.grade is None or isinstance(episode.grade, dict)):
        raise TypeError("its grade is no table")
    for span in episode.spans:
        if not 0 <= span.start <= span.end <= len(episode.text):
            raise ValueError(f"a span goes from {span.start} to {span.end} in {len(episode.text)} characters")
        if span.token_ids is None or span.token_ends is None:
            continue
        if len(span.token_ids) != len(span.token_ends):
            raise ValueError(f"a span has {len(span.token_ids)} tokens with {len(span.token_ends)} ends")
        if not all(isinstance(end, int) for end in span.token_ends):
            raise TypeError("a token ends at no number")
        if not all(isinstance(value, int | float | None) for value in (*(span.logprobs or ()), span.end_logprob)):
            raise TypeError("a log-probability is no number")


def _changed(episode: Episode) -> bool:
    try:
        return episode.digest != episode.fingerprint()
    except (TypeError, ValueError, RecursionError):  # no digest was ever taken of such fields
        return True


def _starts(span: SpanRecord, steps: int) -> list[int]:
    """Where each step begins: a token that has something to read, or a character."""
    if span.token_ids is None or span.token_ends is None:
        return [span.start + n for n in range(steps)]
    partial = set(span.partial or ())
    path = [span.start, *span.token_ends]
    return [a for n, (a, b) in enumerate(pairwise(path)) if b > a or n in partial]


def _tokens(episode: Episode, number: int) -> Iterator[Token]:
    span, prefix = episode.spans[number], number < (episode.prefix_spans or 0)
    if span.token_ids is None or span.token_ends is None:
        yield Token(episode.text[span.start : span.end], span.start, span.end, "", None)
        return
    factors: list[float | None] = [*(span.logprobs or [])]
    factors += [None] * (len(span.token_ids) - len(factors))
    partial, last = set(span.partial or ()), number == len(episode.spans) - 1
    opening = number > 0 and not episode.policy.startswith("spaced-token")
    path = [span.start, *span.token_ends]
    for n, (start, end) in enumerate(pairwise(path)):
        value = None if prefix else factors[n]
        factor = "" if value is None else "open" if opening and n == 0 else "token"
        ends = start == end and last and n == len(span.token_ends) - 1 and n not in partial
        kind = "ends" if ends else "partial" if n in partial else ""
        yield Token(episode.text[start:end], start, end, factor, value, kind)
    if span.end_logprob is not None and not prefix:
        yield Token("", span.end, span.end, "end", span.end_logprob, "hands over")


def first_difference(a: str, b: str) -> int | None:
    """The first character in which two texts differ; None if they are equal."""
    if a == b:
        return None
    low, high = 0, min(len(a), len(b))
    while low < high:  # by halves: comparing slices is a thousand times as fast as a loop
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low


def turn_at(turns: Turns, place: int) -> int:
    """How many turns must be shown to see a place of the solution."""
    return next((turn.number + 1 for turn in turns.turns if turn.end > place), len(turns))
