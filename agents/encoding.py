"""How text becomes token ids in an agent's view: its own prompt, and what others wrote."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from agents.prompting import Piece
from agents.vocabulary import Vocabulary

_REMEMBERED = 256


class Encoder:
    """Reads text with one tokeniser. Only the agent's own words may name special tokens; elsewhere they are text."""

    def __init__(self, tokenizer: Any, vocabulary: Vocabulary, marks: Collection[str] = ()):
        """``marks`` are further added tokens that only the agent's own words may name (those of its chat template)."""
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        added: dict[int, Any] = tokenizer.added_tokens_decoder
        self._barred = {
            str(token): index
            for index, token in added.items()
            if getattr(token, "special", True) or index in vocabulary.end_ids or str(token) in marks
        }
        """Tokens that nobody else's text may become, by their text."""
        self._barred_ids = frozenset(self._barred.values())
        self._specials: dict[str, tuple[int, ...]] = {}

    def prompt(self, pieces: Sequence[Piece]) -> list[int]:
        """Ids of the agent's own prompt, with the specials that it names or its tokeniser adds.

        The first piece is the agent's own. A beginning-of-text token that it names is not added a second time, and an
        end that the tokeniser puts behind every text is left out: the solution is still to be written.
        """
        ids = self._in_one(pieces, specials=True)
        if ids is None:
            head, *rest = pieces
            ids = self._without_end(list(self._tokenizer(head.text).input_ids), head) + self._one_by_one(rest)
        else:
            ids = self._without_end(ids, pieces[-1])
        return self._with_one_beginning(ids)

    def chat(self, pieces: Sequence[Piece]) -> list[int]:
        """Ids of a rendered chat template: with no other specials than it names, and all of those."""
        ids = self._in_one(pieces, specials=False)
        return self._with_one_beginning(self._one_by_one(pieces) if ids is None else ids)

    def _in_one(self, pieces: Sequence[Piece], *, specials: bool) -> list[int] | None:
        """All pieces encoded as the one text that they are; None if that made a special of another's text."""
        if any(token in piece.text for piece in pieces if not piece.own for token in self._barred):
            return None
        whole = "".join(piece.text for piece in pieces)
        encoded = self._tokenizer(whole, add_special_tokens=specials, return_special_tokens_mask=True)
        # The mask tells what the tokeniser adds from what the text itself names.
        plain = [i for i, added in zip(encoded.input_ids, encoded.special_tokens_mask, strict=True) if not added]
        named = [i for piece in pieces if piece.own for i in self._specials_of(piece.text)]
        if [i for i in plain if i in self._barred_ids] != named:  # one across the border of two pieces, say
            return None
        return list(encoded.input_ids)

    def _one_by_one(self, pieces: Sequence[Piece]) -> list[int]:
        ids: list[int] = []
        for piece in pieces:
            if piece.own and any(token in piece.text for token in self._barred):
                ids += self._tokenizer(piece.text, add_special_tokens=False).input_ids
            else:
                ids += self.encode(piece.text)[0]
        return ids

    def _specials_of(self, text: str) -> tuple[int, ...]:
        """Specials that the agent's own text names; the same few texts stand around every question."""
        if text not in self._specials:
            found = self._tokenizer(text, add_special_tokens=False).input_ids if text else []
            if len(self._specials) >= _REMEMBERED:  # a rendered template may hold the question in its own words
                self._specials.clear()
            self._specials[text] = tuple(i for i in found if i in self._barred_ids)
        return self._specials[text]

    def _with_one_beginning(self, ids: list[int]) -> list[int]:
        first = self._tokenizer.bos_token_id
        return ids[1:] if first is not None and ids[:2] == [first, first] else ids

    def _without_end(self, ids: list[int], last: Piece) -> list[int]:
        ends = self._vocabulary.end_ids
        text = last.text.rstrip() if last.own else ""
        named = any(text.endswith(token) for token, index in self._barred.items() if index in ends)
        while ids and ids[-1] in ends and not named:
            ids = ids[:-1]
        return ids

    def encode(self, text: str) -> tuple[list[int], bool]:
        """Ids of text in the middle of a view, and whether they spell it to the byte.

        A tokeniser that puts a space before its first word is asked behind an anchor that is then cut off; one that
        loses white space or case (WordPiece) cannot spell every text, and its ids are taken as they are.
        """
        plain = self._plain(text)
        wanted = text.encode("utf-8", "replace")
        if self._spelt(plain) == wanted:
            return plain, True
        for anchor in ("\n", "=", "a"):
            head, both = self._plain(anchor), self._plain(anchor + text)
            if both[: len(head)] == head and self._spelt(both[len(head) :]) == wanted:
                return both[len(head) :], True
        return plain, False

    def _plain(self, text: str) -> list[int]:
        """Ids without specials, also where the text spells one: ``</s>`` written by an author ends nothing."""
        ids = [
            i
            for i in self._tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
            if i < len(self._vocabulary)
        ]
        for token, index in self._barred.items():
            if index in ids and (at := text.find(token)) >= 0:
                # Not flagged as special, so the tokeniser does not split it: encoded in two parts, neither of them it.
                return self._plain(text[: at + 1]) + self._plain(text[at + 1 :])
        return ids

    def _spelt(self, ids: list[int]) -> bytes:
        return b"".join(self._vocabulary.pieces[i] for i in ids)
