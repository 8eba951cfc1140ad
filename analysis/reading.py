"""What a language model reads of a stored solution, and what it makes of it, token by token.

The reader need not have written the solution, nor anything else. It is told what it would be told in an episode: its
own prompt, then the text in its own tokens. Tokens of its own tokeniser pass straight through; everything else (other
tokenisers, people, scripts) is read from the text, cut where its seat would cut it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.contract import View
from analysis.detectors.mining import ReadSolution
from arena.episode import Episode, SpanRecord, spans_of

if TYPE_CHECKING:
    from agents.language_model import LanguageModel

NOWHERE = -1
"""The offset of a token that cannot be placed in the text."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class SeenText:
    """A solution as one reader sees it: n tokens of its own tokenisation behind its own prompt."""

    episode: Episode
    ids: list[int]
    """Prompt and solution, the end left out."""
    prompt: int
    """How many of ``ids`` are the prompt."""
    starts: list[int]
    """[n]: offset in the solution, in characters, of each token's first character; `NOWHERE` if that is not known."""
    stops: list[int]
    """[n]: where it ends. As in stored episodes, a character split over tokens is the text of the last of them."""
    spans: list[int]
    """[n]: index of the span in which the token begins."""
    prefix: list[bool]
    """[n]: it begins in the frozen beginning of the episode, in which nobody acted: read, but in no figure."""
    partial: list[bool]
    """[n]: it ends in the middle of a character."""
    inexact: int
    """How many stretches of text its tokeniser cannot spell to the byte (it read something near)."""

    @property
    def tokens(self) -> list[int]:
        """[n]: the solution's ids."""
        return self.ids[self.prompt :]

    @property
    def ended(self) -> bool:
        """The solution was ended by who wrote it, rather than cut off."""
        return self.episode.ended == "end"

    @property
    def targets(self) -> int:
        """How many events are predicted: n tokens, and the end where the solution has one."""
        return len(self.ids) - self.prompt + self.ended

    @property
    def fed(self) -> int:
        """How many ids the model must see to predict them all."""
        return self.prompt + self.targets - 1

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """[n]: the tokens that figures are about: those outside of a prefix."""
        return ~np.array(self.prefix, dtype=bool)


@dataclass(frozen=True)
class Reading:
    """What a reader makes of a solution. Arrays have an entry a token, and one more for the end where there is one.

    All are of p, the reader's distribution over what it may draw (HANDOFF.md, section 3: no specials, no
    ``suppress_tokens``, all end ids one event), at temperature 1 and without truncation, whatever its table says.
    """

    text: SeenText
    surprisal: Numbers
    """-log p(token | before), nats. Of a ``barred`` token: under the softmax over all ids, else it were infinite."""
    entropy: Numbers
    """Of p there, nats."""
    log_drawable: Numbers
    """Log of the probability that the softmax over all ids gives to what the reader may draw; at most 0."""
    barred: NDArray[np.bool_]
    """The reader could never write this token itself."""

    @property
    def unmasked(self) -> Numbers:
        """-log of the softmax over all ids, nats: what other libraries call a token's loss (its end ids still one)."""
        return np.where(self.barred, self.surprisal, self.surprisal - self.log_drawable)

    @property
    def nats(self) -> Numbers:
        """Surprisal of the tokens that count: prefix and end left out."""
        return self.surprisal[: len(self.text.counted)][self.text.counted]

    @property
    def end_nats(self) -> float | None:
        """Surprisal of the end; None for a solution that was cut off."""
        return float(self.surprisal[-1]) if self.text.ended else None

    def solution(self) -> ReadSolution:
        """For the miner of jargon: the tokens that count and have a place in the text."""
        text = self.text
        surprisal = self.surprisal[: len(text.starts)].tolist()  # without the end
        tokens = zip(text.starts, text.stops, surprisal, text.counted, strict=True)
        placed = [(start, stop, nats) for start, stop, nats, counts in tokens if counts and start != NOWHERE]
        return ReadSolution(text.episode.problem_id, text.episode.text, placed)


def see(agent: LanguageModel, reader: str, episode: Episode) -> SeenText:
    """A stored solution as ``agent``, called ``reader``, sees it. Raises AgentError if the question cannot be asked.

    Built by the agent's own seat, which is also what plays: the ids are those that it would have in an episode.
    """
    own = agent.vocabulary
    seat = agent.sit(View(episode.question, reader))
    prompt = len(seat.ids)
    frozen = episode.prefix_spans or 0
    places: list[_Place] = []
    waiting: list[int] = []

    def take_in() -> None:
        """What waits is encoded now; the seat would do so before it takes in tokens of its own kind."""
        if waiting:
            before = len(seat.ids)
            seat.take_in()
            places.extend(_encoded(agent, episode, waiting, seat.ids[before:]))
            waiting.clear()

    for number, span in enumerate(spans_of(episode, {own.digest: own})):
        if span.token_ids is not None and span.tokeniser == own.digest:
            take_in()
            places.extend(_passed(episode.spans[number], number, span.written))
        else:
            waiting.append(number)
        seat.read(span)
    take_in()
    return SeenText(
        episode,
        list(seat.ids),
        prompt,
        starts=[place.start for place in places],
        stops=[place.stop for place in places],
        spans=[place.span for place in places],
        prefix=[place.span < frozen for place in places],
        partial=[place.partial for place in places],
        inexact=int(seat.record()["inexact_reads"]),
    )


class _Place(NamedTuple):
    """Where a token stands."""

    start: int
    stop: int
    span: int
    partial: bool = False


def _passed(record: SpanRecord, number: int, written: int) -> Iterator[_Place]:
    """Tokens that pass straight through are where the episode says."""
    start, partial = record.start, set(record.partial or ())
    for n, stop in enumerate((record.token_ends or [])[:written]):
        yield _Place(start, stop, number, n in partial)
        start = stop


def _encoded(agent: LanguageModel, episode: Episode, numbers: Sequence[int], ids: Sequence[int]) -> Iterator[_Place]:
    """Tokens that some spans were read in, placed in the text and in the spans."""
    spans = [episode.spans[number] for number in numbers]
    base, text = spans[0].start, episode.text[spans[0].start : spans[-1].end]
    ends = np.array([span.end for span in spans])
    for start, stop, partial in _spelt(agent, text, ids) or _matched(agent, text, ids):
        if start == NOWHERE:
            yield _Place(NOWHERE, NOWHERE, numbers[0])
            continue
        # A token belongs to the span that its first character is in.
        within = min(int(np.searchsorted(ends, base + start, side="right")), len(spans) - 1)
        yield _Place(base + start, base + stop, numbers[within], partial)


def _spelt(agent: LanguageModel, text: str, ids: Sequence[int]) -> list[tuple[int, int, bool]]:
    """(start, stop, partial) of tokens that spell the text to the byte; none if they do not."""
    pieces = [agent.vocabulary.pieces[i] for i in ids]
    sizes = [len(c.encode("utf-8", "replace")) for c in text]
    if b"".join(pieces) != text.encode("utf-8", "replace"):
        return []
    after = np.cumsum(np.array(sizes, dtype=np.int64))  # bytes up to each character's end
    bytes_read = np.cumsum(np.array([len(piece) for piece in pieces], dtype=np.int64))
    stops = np.searchsorted(after, bytes_read, side="right")
    whole = np.concatenate([[0], after])[stops] == bytes_read
    starts = np.concatenate([[0], stops])[:-1]
    return [(int(a), int(b), not c) for a, b, c in zip(starts, stops, whole, strict=True)]


def _matched(agent: LanguageModel, text: str, ids: Sequence[int]) -> list[tuple[int, int, bool]]:
    """The same of tokens that only come near the text: where the tokeniser says that they came from, if it says so."""
    if not ids:
        return []
    found = agent.tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    if list(found.input_ids) != list(ids):
        return [(NOWHERE, NOWHERE, False)] * len(ids)
    return [(int(start), int(stop), False) for start, stop in found.offset_mapping]
