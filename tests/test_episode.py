"""Stored episodes: text and spans from tokens of any bytes and back, and units read from stored text alone."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contract import Span
from agents.replay import Read, Reader
from agents.units import RULES, UnitRule
from agents.vocabulary import Vocabulary, readable
from arena.episode import (
    UNPROVEN,
    Episode,
    EpisodeError,
    SpanRecord,
    assemble,
    count_units,
    cut,
    episode_id,
    merged,
    spans_of,
    surfaces,
)

PIECES = [
    b"",  # the end
    *[bytes([byte]) for byte in range(256)],
    *[
        text.encode()
        for text in (" she", "Then", " has 3", ".\n", "\n\n", " ", "<<", "=", "35", "a b ", "你好", "。", "\ufffd")
    ],
    *["👍".encode()[:3], "👍".encode()[1:], "你".encode()[:2], "你".encode()[1:], "你".encode()[1:] + b" a\xe4"],
    *[b"\x80 x", b"\xe4\xbdx", b"\xf0\x9f", b"\x98A", b"\xef\xbf", b"\xbd", b"\xa0\n", b"\xbd\xe4", b".\xf0\x9f\x91"],
]
VOCABULARIES = {name: Vocabulary([*PIECES, name.encode()], [0]) for name in ("one", "two")}
TOKENISERS = {"ann": "one", "bob": "one", "cid": "two", "eve": None}
"""Of each author: the name of its tokeniser; None for an author of text only."""
VIEWS = {name: {"tokeniser": VOCABULARIES[key].digest} for name, key in TOKENISERS.items() if key}

LIKELY = [
    PIECES.index(piece) for piece in (b"\xe4", b"\xbd", b"\xa0", b"\xf0", b"\x9f", b"\x91", b"\x8d", b"\xc2", b"\x85")
]
TOKEN = st.one_of(st.sampled_from(LIKELY), st.integers(257, len(PIECES) - 1), st.integers(1, 256))


def tokens(author: str, ids: Sequence[int], end_logprob: float | None = None, ended: bool = False) -> Span:
    vocabulary = VOCABULARIES[str(TOKENISERS[author])]
    pieces = tuple(vocabulary.pieces[i] for i in ids) + (b"",) * ended
    factors = tuple(-0.5 - i / 8 for i in range(len(ids) + ended))
    return Span(author, "", (*ids, *[0] * ended), pieces, factors, end_logprob, ended, vocabulary.digest)


def text_only(author: str, text: str) -> Span:
    return Span(author, text)


@st.composite
def written(draw: st.DrawFn) -> list[Span]:
    """What an episode's authors wrote, turn after turn, the last perhaps with the end."""
    spans: list[Span] = []
    for _ in range(draw(st.integers(1, 6))):
        author = draw(st.sampled_from([name for name in TOKENISERS if not spans or spans[-1].author != name]))
        if TOKENISERS[author]:
            end = draw(st.one_of(st.none(), st.just(-0.25)))
            spans.append(tokens(author, draw(st.lists(TOKEN, min_size=1, max_size=6)), end))
        else:
            spans.append(text_only(author, draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6))))
    if draw(st.booleans()):
        author = draw(st.sampled_from(["ann", "cid"]))
        last = spans[-1]
        if last.author == author:
            spans[-1] = tokens(author, last.token_ids or (), ended=True)
        else:
            spans.append(tokens(author, [], ended=True))
    return spans


def expected_text(spans: Sequence[Span]) -> str:
    """The bytes decoded in one go wherever the tokeniser stays the same."""
    out, run, tokeniser = "", b"", None
    for span in spans:
        if span.token_ids is None or span.tokeniser != tokeniser:
            out, run = out + readable(run), b""
        tokeniser = span.tokeniser
        run += span.data
    return out + readable(run)


def reads(rule: UnitRule, steps: Iterator[Sequence[str]]) -> tuple[list[Read], int]:
    reader = Reader(rule)
    return [read for span in steps for read in reader.read(span)], reader.state


def episode(spans: Sequence[Span], **changes: Any) -> Episode:
    text, records = assemble(spans)
    fields: dict[str, Any] = {
        "id": "p#0",
        "problem_id": "p",
        "sample": 0,
        "question": "How many?",
        "text": text,
        "spans": records,
        "authors": list(TOKENISERS),
        "policy": "word:bernoulli(0.5)",
        "seed": 7,
        "ended": "end" if spans and spans[-1].ended else "limit",
        "limit": 512,
        "p": 0.5,
        "views": copy.deepcopy(VIEWS),
    }
    return Episode(**{**fields, **changes})


@given(written())
def test_text_is_the_decoded_bytes(spans):
    assert assemble(spans)[0] == expected_text(spans)


@given(written())
def test_every_character_belongs_to_exactly_one_token(spans):
    text, records = assemble(spans)
    assert [record.author for record in records] == [span.author for span in spans]
    at = 0
    for record, span in zip(records, spans, strict=True):
        assert record.start == at
        at = record.end
        if span.token_ids is None:
            assert text[record.start : record.end] == span.text
            assert record.token_ends is record.token_ids is record.partial is None
            continue
        assert record.token_ids == list(span.token_ids)
        assert record.token_ends is not None
        path = [record.start, *record.token_ends]
        assert path == sorted(path)
        assert path[-1] == record.end
        for number, (start, end) in enumerate(pairwise(path)):
            assert start < end or number in (record.partial or ()) or number == span.written
    assert at == len(text)


@settings(max_examples=300)
@given(written(), st.sampled_from(list(RULES.values())))
def test_units_read_from_stored_text_are_those_of_the_tokens(spans, rule):
    """The validator sees text only; the decoder saw bytes. They agree token by token: openings, units, states."""
    text, records = assemble(spans)
    assert reads(rule, surfaces(text, records)) == reads(rule, (span.steps() for span in spans))


@given(written(), st.sampled_from(list(RULES)))
def test_units_read_from_stored_text_are_those_of_the_tables(spans, unit):
    text, records = assemble(spans)
    found, state = [], 0
    rule = RULES[unit]
    for span in spans:
        for index, piece in enumerate(span.steps()):
            if span.token_ids is None:
                opens, state = rule.step(state, piece)
            else:
                table = VOCABULARIES[str(TOKENISERS[span.author])].table(unit)
                token = span.token_ids[index]
                opens, state = bool(table.opens[state, token]), int(table.next[state, token])
            found.append(opens)
    assert [read.opens for read in reads(rule, surfaces(text, records))[0]] == found


@given(written())
def test_an_episode_comes_back_from_its_line(spans):
    made = episode(spans)
    back = Episode.from_dict(json.loads(made.line()))
    assert back == made
    assert back.line() == made.line()
    assert made.line().count(b"\n") == 1
    assert back.fingerprint() == made.digest


@given(written())
def test_spans_come_back_from_an_episode(spans):
    stored = episode(spans)
    back = spans_of(stored, {vocabulary.digest: vocabulary for vocabulary in VOCABULARIES.values()})
    assert [dataclasses.replace(span, surfaces=None) for span in back] == spans
    for rule in RULES.values():
        assert reads(rule, (span.steps() for span in back)) == reads(rule, (span.steps() for span in spans))
    assert assemble(back) == (stored.text, stored.spans)


@given(written())
def test_spans_come_back_without_vocabularies_but_for_split_characters_bytes(spans):
    stored = episode(spans)
    back = spans_of(stored)
    assert assemble(back) == (stored.text, stored.spans)
    assert [span.written for span in back] == [span.written for span in spans]
    assert [span.token_ids for span in back] == [span.token_ids for span in spans]
    whole = not any(record.partial for record in stored.spans) and "\ufffd" not in stored.text
    if whole:
        assert [span.pieces for span in back] == [span.pieces for span in spans]


@settings(max_examples=300)
@given(written(), st.sampled_from(list(RULES.values())), st.integers(0, 12), st.booleans())
def test_cut_keeps_whole_units_and_their_authors(spans, rule, units, known):
    stored = episode(spans)
    vocabularies = {vocabulary.digest: vocabulary for vocabulary in VOCABULARIES.values()} if known else None
    back = spans_of(stored, vocabularies)
    kept = cut(rule, back, units)
    assert count_units(rule, kept) == min(units, count_units(rule, back))
    every = [read for read in reads(rule, (span.steps() for span in back))[0] if read.unit < units]
    assert reads(rule, (span.steps() for span in kept))[0] == every
    assert [span.author for span in kept] == [span.author for span in spans][: len(kept)]
    assert not any(span.logprobs or span.ended or span.end_logprob for span in kept)
    # As a prefix it is stored, and read again from its text, like any other.
    text, records = assemble(kept)
    assert reads(rule, surfaces(text, records))[0] == every
    assert stored.text.startswith(text.rstrip("\ufffd"))
    for record, span in zip(records, kept, strict=True):
        assert record.token_ids == (None if span.token_ids is None else list(span.token_ids))
        assert not record.logprobs


def test_a_character_belongs_to_the_token_that_completes_it():
    text, (ann, bob) = assemble([tokens("ann", byte_ids(b"a\xe4\xbd")), tokens("bob", byte_ids(b"\xa0b"))])
    assert text == "a你b"
    assert (ann.start, ann.end, ann.token_ends, ann.partial) == (0, 1, [1, 1, 1], [1, 2])
    assert (bob.start, bob.end, bob.token_ends, bob.partial) == (1, 3, [2, 3], None)
    assert [list(steps) for steps in surfaces(text, [ann, bob])] == [["a", "\ufffd", "\ufffd"], ["\ufffd", "b"]]


def byte_ids(data: bytes) -> list[int]:
    return [byte + 1 for byte in data]


@pytest.mark.parametrize(
    ("spans", "text", "partials"),
    [
        # never completed: at the end of the text, before the end token, before a letter, before another lead byte
        ([tokens("ann", byte_ids(b"a\xe4\xbd"))], "a\ufffd", [[1]]),
        ([tokens("ann", byte_ids(b"a\xe4\xbd"), ended=True)], "a\ufffd", [[1]]),
        ([tokens("ann", byte_ids(b"\xe4b"))], "\ufffdb", [None]),
        ([tokens("ann", byte_ids(b"\xe4\xe4"))], "\ufffd\ufffd", [None]),
        # ... before another author of the same tokeniser, of another tokeniser, without tokens
        ([tokens("ann", byte_ids(b"\xe4")), tokens("bob", byte_ids(b"b"))], "\ufffdb", [None, None]),
        ([tokens("ann", byte_ids(b"\xe4\xbd")), tokens("cid", byte_ids(b"\xa0"))], "\ufffd\ufffd", [[0], None]),
        ([tokens("ann", byte_ids(b"\xe4\xbd")), text_only("eve", "x")], "\ufffdx", [[0], None]),
        # a byte that goes on with the character, in a token that then breaks it: one U+FFFD, of the second token
        ([tokens("ann", [PIECES.index(b"\xf0\x9f"), PIECES.index(b"\x98A")])], "\ufffdA", [[0]]),
        # U+FFFD itself, whole and split
        ([tokens("ann", byte_ids(b"\xef\xbf\xbd"))], "\ufffd", [[0, 1]]),
        ([tokens("ann", [PIECES.index("\ufffd".encode())])], "\ufffd", [None]),
        # a surrogate in UTF-8 is no character (Python's decoder waits for its third byte to say so)
        ([tokens("ann", byte_ids(b"\xed\xa0\x80"))], "\ufffd" * 3, [[0]]),
    ],
)
def test_bytes_that_complete_no_character(spans, text, partials):
    found, records = assemble(spans)
    assert found == text
    assert [record.partial for record in records] == partials


def test_merged_joins_what_one_author_wrote_in_a_turn_but_never_to_a_prefix():
    asked = [text_only("eve", "a"), text_only("eve", " b"), dataclasses.replace(text_only("eve", " c"), ended=True)]
    assert merged(asked) == [Span("eve", "a b c", ended=True)]
    assert merged(asked, prefix=1) == [Span("eve", "a"), Span("eve", " b c", ended=True)]
    mixed = [
        tokens("ann", [98]),
        tokens("ann", [98]),
        text_only("eve", "a"),
        tokens("bob", [98]),
        text_only("eve", "b"),
    ]
    assert merged(mixed) == mixed


def test_nothing_is_an_episode_too():
    assert assemble([]) == ("", [])
    assert spans_of(episode([])) == []
    assert cut(RULES["word"], [], 3) == []


CHANGES: dict[str, Any] = {
    "id": "p#1",
    "problem_id": "q",
    "sample": 1,
    "question": "How many? ",
    "text": "Then She",
    "spans": [],
    "authors": ["ann"],
    "policy": "word:solo",
    "seed": 8,
    "ended": "context",
    "limit": 511,
    "condition": "solo:ann",
    "p": 0.25,
    "step": 0,
    "parent_id": "",
    "prefix_units": 0,
    "prefix_spans": 0,
    "pens": [],
    "assigned": [],
    "error": "",
    "difficulty": 0,
    "views": {},
    "versions": {"python": "3"},
    "schema": 2,
}
SPAN_CHANGES: dict[str, Any] = {
    "author": "bob",
    "start": 1,
    "end": 3,
    "token_ids": [98],
    "token_ends": [3],
    "logprobs": [-0.500001],
    "end_logprob": -0.25,
    "partial": [0],
    "cut": True,
}


def test_the_digest_notices_every_field():
    made = episode([tokens("ann", [PIECES.index(b"Then")]), tokens("bob", [PIECES.index(b" she")])])
    assert {*CHANGES, *UNPROVEN} == {field.name for field in dataclasses.fields(Episode)}
    digests = {made.digest}
    for name, value in CHANGES.items():
        assert value != getattr(made, name)
        digests.add(dataclasses.replace(made, **{name: value}).fingerprint())
    assert set(SPAN_CHANGES) == {field.name for field in dataclasses.fields(SpanRecord)}
    for name, value in SPAN_CHANGES.items():
        changed = dataclasses.replace(made.spans[0], **{name: value})
        assert changed != made.spans[0]
        digests.add(dataclasses.replace(made, spans=[changed, made.spans[1]]).fingerprint())
    assert len(digests) == 1 + len(CHANGES) + len(SPAN_CHANGES)
    unproven: dict[str, Any] = {"grade": {"correct": True}, "timings": {"seconds": 1.0}, "digest": "x"}
    assert set(unproven) == set(UNPROVEN)
    for name, value in unproven.items():
        assert dataclasses.replace(made, **{name: value}).fingerprint() == made.digest


@given(written(), st.data())
def test_the_digest_notices_every_character(spans, data):
    made = episode(spans)
    if made.text:
        at = data.draw(st.integers(0, len(made.text) - 1))
        other = "y" if made.text[at] == "x" else "x"
        assert dataclasses.replace(made, text=made.text[:at] + other + made.text[at + 1 :]).fingerprint() != made.digest


def test_a_line_of_another_shape_is_refused():
    given_ = json.loads(episode([tokens("ann", [98])]).line())
    for change, message in (
        ({"schema": 2}, "schema 2 is not 1"),
        ({"schema": None}, "schema None is not 1"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"digest": ""}, "no digest"),
        ({"spans": None}, "not an episode"),
        ({"spans": [{"author": "ann"}]}, "not an episode"),
        ({"spans": [{"author": "ann", "start": 0, "end": 1, "colour": 1}]}, "not an episode"),
    ):
        with pytest.raises(EpisodeError, match=message):
            Episode.from_dict({**given_, **change})
    for name in ("text", "spans", "digest"):
        with pytest.raises(EpisodeError):
            Episode.from_dict({key: value for key, value in given_.items() if key != name})


def test_a_question_of_half_a_surrogate_pair_is_stored():
    made = episode([tokens("ann", [98])], question="\ud800?\u2028")
    assert Episode.from_dict(json.loads(made.line())) == made
    assert made.line().count(b"\n") == 1


def test_episode_ids():
    assert episode_id("p", 0) == "p#0"
    assert episode_id("p", 2, "solo:senior", 100) == "p#2@100:solo:senior"
