"""Turns of an unfinished episode as plain data, and back: what an episode needs to be gone on with."""

from __future__ import annotations

from typing import Any

from agents.contract import Span

_PLAIN = ("author", "text", "end_logprob", "ended", "tokeniser", "asks", "cut")


def turn_of(span: Span) -> dict[str, Any]:
    """A span as JSON can hold it. Pieces are bytes: each is written as the characters U+0000 to U+00FF."""
    ids = None if span.token_ids is None else list(span.token_ids)
    pieces = [piece.decode("latin-1") for piece in span.pieces]
    return {
        **{name: getattr(span, name) for name in _PLAIN},
        "token_ids": ids,
        "pieces": pieces,
        "logprobs": list(span.logprobs),
    }


def span_of(turn: dict[str, Any]) -> Span:
    """The span that `turn_of` wrote."""
    ids = None if turn["token_ids"] is None else tuple(turn["token_ids"])
    pieces = tuple(piece.encode("latin-1") for piece in turn["pieces"])
    return Span(**{**turn, "token_ids": ids, "pieces": pieces, "logprobs": tuple(turn["logprobs"])})
