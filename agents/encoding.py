"""How text becomes token ids in an agent's view: its own prompt, and what others wrote."""

from __future__ import annotations

from typing import Any

from agents.vocabulary import Vocabulary


class Encoder:
    """Reads text with one tokeniser. Only the agent's own prompt may name special tokens; elsewhere they are text."""

    def __init__(self, tokenizer: Any, vocabulary: Vocabulary):
        self._tokenizer, self._vocabulary = tokenizer, vocabulary
        added: dict[int, Any] = tokenizer.added_tokens_decoder
        self._barred = {
            str(token): index
            for index, token in added.items()
            if getattr(token, "special", True) or index in vocabulary.end_ids
        }
        """Tokens that nobody else's text may become, by their text."""

    def prompt(self, template: str, question: str) -> list[int]:
        """Ids of the agent's own prompt, with the specials that it names or its tokeniser adds.

        A beginning-of-text token that the template names is not added a second time, and an end that the tokeniser
        puts behind every text is left out: the solution is still to be written.
        """
        if any(token in question for token in self._barred):
            head, *rest = template.split("{question}")
            ids = list(self._tokenizer(head).input_ids)
            ids = self._without_end(ids, head)
            for part in rest:
                ids += self.encode(question)[0]
                named = any(token in part for token in self._barred)
                ids += self._tokenizer(part, add_special_tokens=False).input_ids if named else self.encode(part)[0]
        else:
            ids = self._without_end(list(self._tokenizer(template.replace("{question}", question)).input_ids), template)
        first = self._tokenizer.bos_token_id
        return ids[1:] if first is not None and ids[:2] == [first, first] else ids

    def _without_end(self, ids: list[int], template: str) -> list[int]:
        ends = self._vocabulary.end_ids
        named = any(template.rstrip().endswith(token) for token, index in self._barred.items() if index in ends)
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
