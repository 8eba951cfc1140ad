"""What a tokeniser's tokens are as bytes, which of them end a solution, and the unit tables compiled from them.

A token's bytes are read off the tokeniser's own decoder (byte-level, SentencePiece with or without byte fallback,
WordPiece); a decoder of another kind is refused by name, never guessed at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.units import RULES, UnitRule


class TokeniserError(ValueError):
    """The tokeniser is of a kind that cannot be used; the message names the kind."""


def surface(piece: bytes) -> str:
    """A token's text as the unit rules read it: bytes that complete no character become lone surrogates."""
    return piece.decode("utf-8", "surrogateescape")


def readable(data: bytes) -> str:
    """Text for people and stores: every byte that completes no character becomes U+FFFD."""
    return data.decode("utf-8", "replace")


@dataclass(frozen=True)
class UnitTable:
    """A unit rule compiled for a vocabulary of V tokens and S states."""

    rule: UnitRule
    opens: NDArray[np.bool_]
    """[S, V]: does this token open a unit in this state."""
    next: NDArray[np.uint8]
    """[S, V]: the state after the token."""


class Vocabulary:
    """The tokens of one tokeniser: their bytes, the ids that end a solution, the ids that are never drawn."""

    def __init__(self, pieces: Sequence[bytes], end_ids: Sequence[int], special_ids: Sequence[int] = ()):
        """``pieces[i]`` are token i's bytes, b"" where it has none. Raises TokeniserError without an end id."""
        if not end_ids:
            raise TokeniserError("the tokeniser has no end-of-text token, so a solution could never end")
        self.pieces = list(pieces)
        self.end_ids = tuple(sorted(set(end_ids)))
        self.end = end_ids[0]
        """The id under which the end is recorded; its probability is that of all ``end_ids`` together."""
        silent = {i for i, piece in enumerate(self.pieces) if not piece}
        self.never = tuple(sorted((set(special_ids) | silent) - set(self.end_ids)))
        """Ids that are never drawn: specials other than the end, and tokens without bytes."""

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def digest(self) -> str:
        """Identifies the tokens: equal digests mean that ids may pass straight from one agent to the other.

        What ends a text and what is never drawn may differ between models of one tokeniser, and so may the padding.
        """
        size = max((i + 1 for i, piece in enumerate(self.pieces) if piece), default=0)
        state = hashlib.blake2b(digest_size=8)
        for piece in self.pieces[:size]:
            state.update(len(piece).to_bytes(4, "little") + piece)
        return state.hexdigest()

    @lru_cache(maxsize=16)  # noqa: B019  (a vocabulary lives as long as its model)
    def table(self, unit: str) -> UnitTable:
        """The named unit rule compiled for this vocabulary."""
        rule = RULES[unit]
        signatures = [rule.signature(surface(piece)) for piece in self.pieces]
        kinds = {signature: number for number, signature in enumerate(dict.fromkeys(signatures))}
        samples = {signature: surface(piece) for signature, piece in zip(signatures, self.pieces, strict=True)}
        steps = [[rule.step(state, samples[kind]) for kind in kinds] for state in range(len(rule.states))]
        columns = np.array([kinds[signature] for signature in signatures])
        grid = np.array(steps, dtype=np.int64)  # [S, kinds, 2]
        return UnitTable(rule, grid[:, columns, 0].astype(bool), grid[:, columns, 1].astype(np.uint8))


def vocabulary_of(tokenizer: Any, size: int, end_ids: Sequence[int] = (), suppressed: Sequence[int] = ()) -> Vocabulary:
    """The vocabulary of a Hugging Face fast tokeniser.

    ``size`` is the model's number of logits: padding ids beyond the tokeniser are never drawn, tokens beyond the logits
    (a pad token added later) do not exist. ``end_ids`` default to the tokeniser's end-of-text token;
    ``suppressed`` ids are never drawn either. Raises TokeniserError for a decoder of an unknown kind.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise TokeniserError(f"{type(tokenizer).__name__} is not a fast tokeniser; only those can be used")
    spec = json.loads(backend.to_str())
    to_bytes = _piece_reader(spec.get("decoder"))
    byte_level = any(part["type"] == "ByteLevel" for part in _flatten(spec.get("decoder")))
    added = {int(token["id"]): token for token in spec.get("added_tokens", [])}
    pieces = [b""] * size
    for token, index in tokenizer.get_vocab().items():
        if index < size:
            # Byte-level decoders leave added tokens (<|im_end|>, say) as they are; others spell those that are words.
            as_is = index in added and (added[index]["special"] or byte_level)
            pieces[index] = token.encode() if as_is else to_bytes(token)
    specials = {index for index, token in added.items() if token["special"]} | set(tokenizer.all_special_ids)
    specials |= set(suppressed)
    ends = list(end_ids) or ([] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id])
    return Vocabulary(pieces, [i for i in ends if i < size], [i for i in specials if i < size])


def _piece_reader(decoder: dict[str, Any] | None) -> Callable[[str], bytes]:
    """How a vocabulary entry becomes bytes, by the tokeniser's decoder."""
    parts = _flatten(decoder)
    kinds = [part["type"] for part in parts]
    if "ByteLevel" in kinds:
        table = _byte_level_table()
        return lambda token: b"".join(table.get(c, c.encode()) for c in token)
    if "WordPiece" in kinds:
        prefix = next(part for part in parts if part["type"] == "WordPiece")["prefix"]
        return lambda token: (token.removeprefix(prefix) if token.startswith(prefix) else " " + token).encode()
    mark = next((part["replacement"] for part in parts if part["type"] == "Metaspace"), None)
    for part in parts:
        if part["type"] == "Replace" and part["content"] == " ":
            mark = part["pattern"].get("String", mark)
    if mark is None:
        named = " + ".join(kinds) or "none"
        raise TokeniserError(
            f"a tokeniser whose decoder is {named} cannot be used: known are ByteLevel, Metaspace, WordPiece"
        )
    fallback = "ByteFallback" in kinds

    def read(token: str) -> bytes:
        if fallback and (byte := re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", token)):
            return bytes([int(byte[1], 16)])
        return token.replace(mark, " ").encode()

    return read


def _flatten(decoder: dict[str, Any] | None) -> list[dict[str, Any]]:
    if decoder is None:
        return []
    if decoder["type"] == "Sequence":
        return [part for inner in decoder["decoders"] for part in _flatten(inner)]
    return [decoder]


@lru_cache(maxsize=1)
def _byte_level_table() -> dict[str, bytes]:
    """GPT-2's printable stand-ins for bytes (Radford et al., 2019): printable Latin-1 stands for itself."""
    itself = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in itself]
    return {chr(b): bytes([b]) for b in itself} | {chr(256 + n): bytes([b]) for n, b in enumerate(others)}
