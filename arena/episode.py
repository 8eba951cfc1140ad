"""The episode: a solution in which every character and every token has an author, as it is stored (schema 1).

``assemble`` turns what the authors wrote into the stored form, ``spans_of`` turns it back. Offsets count characters of
``text``. A character whose bytes are split over several tokens belongs to the token that completes it; the tokens
before it that end in its middle are listed in the span's ``partial``.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from agents.contract import Span
from agents.replay import Reader
from agents.units import UnitRule
from agents.vocabulary import Vocabulary

SCHEMA = 1
UNPROVEN = ("grade", "timings", "digest")
"""Fields that the digest leaves out: a run can be graded again, and no two runs take equally long."""


class EpisodeError(ValueError):
    """An episode is not what it claims to be; the message says where."""


@dataclass
class SpanRecord:
    """One turn as stored. The lists are None for authors without tokens; the end is a token of no characters."""

    author: str
    start: int
    end: int
    token_ids: list[int] | None = None
    token_ends: list[int] | None = None
    logprobs: list[float] | None = None
    end_logprob: float | None = None
    partial: list[int] | None = None
    """Indices of tokens that end in the middle of a character, if there are any."""
    cut: bool | None = None
    """True where the author was stopped, or gave the pen away by its marker, before its last unit was drawn to be over:
    then there is no `end` factor."""

    def stored(self) -> dict[str, Any]:
        """As it is written: ``cut`` only where it is true, so that it changes no other episode's digest."""
        return {name: value for name, value in vars(self).items() if name != "cut" or value}


@dataclass
class Episode:
    """One line of ``episodes.jsonl``."""

    id: str
    problem_id: str
    sample: int
    question: str
    text: str
    spans: list[SpanRecord]
    authors: list[str]
    """Names of the agents that sat down, in the order of the pair; then of those that only wrote in the prefix."""
    policy: str
    seed: int
    ended: str
    """"end", "limit", "context", "stopped" or "error"."""
    limit: int
    """Maximum length in written tokens."""
    condition: str = "team"
    p: float | None = None
    step: int | None = None
    """The training step, in training."""
    parent_id: str | None = None
    prefix_units: int | None = None
    """The episode begins with this many units of its parent."""
    prefix_spans: int | None = None
    """... which are this many spans."""
    pens: list[list[Any]] | None = None
    """On demand: [first unit, name] of each change of the pen."""
    assigned: list[int] | None = None
    """Author of each unit, where the schedule is a Python function."""
    error: str | None = None
    difficulty: int | None = None
    """Steps of the problem, where the task knows them."""
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By agent: digests of its tokeniser and prompt ids, and reads that its tokeniser could not spell."""
    grade: dict[str, Any] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    schema: int = SCHEMA
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.digest:
            self.digest = self.fingerprint()

    def fingerprint(self) -> str:
        """Digest over everything but grade and timings: one changed character changes it."""
        proven = {name: value for name, value in vars(self).items() if name not in UNPROVEN}
        canonical = json.dumps(proven, sort_keys=True, separators=(",", ":"), default=SpanRecord.stored)
        return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()

    def line(self) -> bytes:
        """The episode as one line of JSON, newline included."""
        try:
            return (json.dumps(vars(self), ensure_ascii=False, default=SpanRecord.stored) + "\n").encode()
        except UnicodeEncodeError:  # half a surrogate pair in somebody's question
            return (json.dumps(vars(self), default=SpanRecord.stored) + "\n").encode()

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Episode:
        """Reads a parsed line. Raises EpisodeError for another schema or a field that is missing or unknown."""
        if given.get("schema") != SCHEMA:
            raise EpisodeError(f"schema {given.get('schema')!r} is not {SCHEMA}, which this version reads")
        unknown = given.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise EpisodeError(f"unknown field {sorted(unknown)[0]!r}")
        if not given.get("digest"):
            raise EpisodeError("it has no digest")
        try:
            spans = [SpanRecord(**span) for span in given["spans"]]
            return cls(**{**given, "spans": spans})
        except (TypeError, KeyError) as error:
            raise EpisodeError(f"not an episode: {error}") from None


def episode_id(problem_id: str, sample: int, condition: str = "team", step: int | None = None) -> str:
    """Names an episode within its run, for ever."""
    at = "" if step is None else f"@{step}"
    return f"{problem_id}#{sample}{at}" + ("" if condition == "team" else f":{condition}")


def merged(spans: Sequence[Span], prefix: int = 0) -> list[Span]:
    """Joins neighbouring spans of one author without tokens: it may have been asked several times in a turn.

    The first ``prefix`` spans stay as they are: what is written after a prefix is never joined to it.
    """
    out = list(spans[:prefix])
    for span in spans[prefix:]:
        last = out[-1] if len(out) > prefix else None
        if last and last.author == span.author and last.token_ids is None and span.token_ids is None:
            out[-1] = Span(last.author, last.text + span.text, ended=span.ended, asks=span.asks, cut=span.cut)
        else:
            out.append(span)
    return out


def assemble(spans: Sequence[Span]) -> tuple[str, list[SpanRecord]]:
    """The text of some spans, and the spans with their places in it."""
    builder = _Builder()
    for span in spans:
        builder.add(span)
    builder.flush()
    return "".join(builder.text), builder.records


class _Builder:
    """Decodes bytes token by token and keeps account of which token each character belongs to."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.records: list[SpanRecord] = []
        self._length = 0
        self._pending = b""
        """Bytes of a character that is not complete yet; the last token of the last record ends in it."""
        self._tokeniser: str | None = None

    def add(self, span: Span) -> None:
        if span.token_ids is None or span.tokeniser != self._tokeniser:
            self.flush()
        self._tokeniser = span.tokeniser
        if span.token_ids is None:
            text = span.data.decode()
            self.records.append(SpanRecord(span.author, self._length, self._length + len(text), cut=span.cut or None))
            self._write(text)
            return
        ends: list[int] = []
        record = SpanRecord(span.author, self._length, 0, list(span.token_ids), ends)
        record.logprobs = [round(value, 6) for value in span.logprobs]
        record.end_logprob = None if span.end_logprob is None else round(span.end_logprob, 6)
        record.cut = span.cut or None
        for piece in span.pieces:
            if self._pending:
                self._settle(piece)
            if not ends:  # bytes that the author before left open may have just become text of its
                record.start = record.end = self._length
                self.records.append(record)
            if self._pending or not piece.isascii():
                text, used = codecs.utf_8_decode(self._pending + piece, "replace", False)
                self._pending = (self._pending + piece)[used:]
            else:
                text = piece.decode("ascii")
            self._write(text)
            ends.append(self._length)
            record.end = self._length
            if self._pending:
                record.partial = [*(record.partial or ()), len(ends) - 1]

    def _settle(self, piece: bytes) -> None:
        """If ``piece`` does not go on with the open character, that one will never be complete."""
        joined = self._pending + piece[:1]
        first = codecs.utf_8_decode(joined, "replace", False)[0][:1]
        if not piece or (first == "\ufffd" and joined != "\ufffd".encode()):
            self.flush()

    def flush(self) -> None:
        """Writes the open character's bytes as U+FFFD, as text of the token that they came with."""
        if self._pending:
            self._write(self._pending.decode("utf-8", "replace"))
            self._pending = b""
            last = self.records[-1]
            assert last.token_ends is not None
            assert last.partial is not None
            last.end = last.token_ends[-1] = self._length
            last.partial = last.partial[:-1] or None

    def _write(self, text: str) -> None:
        self.text.append(text)
        self._length += len(text)


def surfaces(text: str, spans: Sequence[SpanRecord]) -> Iterator[Sequence[str]]:
    """Of each span: what the unit rules read, rebuilt from the stored text alone. The end token is left out.

    A byte that completes no character within its token reads as U+FFFD, which is a letter like the byte itself.
    """
    open_character = False
    for span in spans:
        if span.token_ids is None or span.token_ends is None:
            open_character = False
            yield text[span.start : span.end]
            continue
        partial = set(span.partial or ())
        found: list[str] = []
        at = span.start
        for number, end in enumerate(span.token_ends):
            piece = text[at:end]
            if open_character and piece:
                piece = "\ufffd" + piece[1:]
            open_character = number in partial
            if open_character:
                piece += "\ufffd"
            if piece:
                found.append(piece)
            at = end
        yield found


def spans_of(episode: Episode, vocabularies: Mapping[str, Vocabulary] | None = None) -> list[Span]:
    """The episode's spans as the agents' contract has them; `assemble` makes the stored ones of them again."""
    tokenisers = {name: view.get("tokeniser") for name, view in episode.views.items()}
    return disassemble(episode.text, episode.spans, tokenisers, vocabularies)


def disassemble(
    text: str,
    records: Sequence[SpanRecord],
    tokenisers: Mapping[str, str | None],
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> list[Span]:
    """The spans of which these records were made; ``tokenisers`` are digests by author.

    ``vocabularies`` (by digest) give the tokens' own bytes; without them a token's bytes are those of its stored text,
    which is the same wherever no character is split over tokens or was never completed.
    """
    out = []
    for record, steps, pieces in zip(records, surfaces(text, records), _spellings(text, records), strict=True):
        if record.token_ids is None:
            out.append(Span(record.author, text[record.start : record.end], cut=bool(record.cut)))
            continue
        ended = len(steps) < len(record.token_ids)
        digest = tokenisers.get(record.author)
        if vocabulary := (vocabularies or {}).get(digest or ""):
            own = [vocabulary.pieces[i] for i in record.token_ids[: len(steps)]]
            pieces = (*own, b"") if ended else tuple(own)
        factors = tuple(record.logprobs or ())
        ids = tuple(record.token_ids)
        out.append(
            Span(record.author, "", ids, pieces, factors, record.end_logprob, ended, digest, surfaces=tuple(steps))
        )
    return out


def _spellings(text: str, spans: Sequence[SpanRecord]) -> Iterator[tuple[bytes, ...]]:
    """Of each span: bytes of its tokens that give the stored text, ends and partials again.

    Of a character that is split over tokens, each token before the last is given one byte.
    """
    given = 0
    for span in spans:
        partial = set(span.partial or ())
        found: list[bytes] = []
        at = span.start
        for number, end in enumerate(span.token_ends or ()):
            piece = text[at:end].encode()[given:]
            given = 0 if end > at else given
            if number in partial:
                piece += text[end : end + 1].encode()[given : given + 1]
                given += 1
            found.append(piece)
            at = end
        yield tuple(found)


def count_units(rule: UnitRule, spans: Sequence[Span]) -> int:
    """How many units the spans hold."""
    reader = Reader(rule)
    for span in spans:
        reader.skip(span.steps())
    return reader.unit + 1


def cut(rule: UnitRule, spans: Sequence[Span], units: int) -> list[Span]:
    """The first ``units`` units of some spans, authors kept, factors and the end left out: a prefix."""
    reader = Reader(rule)
    out: list[Span] = []
    for span in spans:
        keep = next((read.token for read in reader.read(span.steps()) if read.unit >= units), None)
        steps = list(span.steps())
        size = len(steps) if keep is None else keep
        if size and span.token_ids is None:
            out.append(Span(span.author, span.text[:size]))
        elif size and span.token_ids is not None:
            ids, surfaces_ = span.token_ids[:size], tuple(steps[:size])
            out.append(Span(span.author, "", ids, span.pieces[:size], tokeniser=span.tokeniser, surfaces=surfaces_))
        if keep is not None:
            break
    return out
