"""What a language model is told before it writes: system prompt, demonstrations, language and question.

As plain text, or by the chat template of its tokeniser. Either way the prompt is made of pieces: the agent's own words,
which may name special tokens, and texts that may not, whatever they say (HANDOFF.md: an agent's view is its own).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

QUESTION = "{question}"
LANGUAGE = "{language}"
TODAY = datetime(2024, 7, 26)
"""The day that chat templates are told (Llama 3.1's own default): a prompt must be the same tomorrow."""
_MARK = "tandem5e0c7a"
"""Stands for a text while a chat template is rendered."""


class PromptError(ValueError):
    """A prompt cannot be made; the message says why, in one line."""


@dataclass(frozen=True)
class Piece:
    """A part of a prompt."""

    text: str
    own: bool
    """The agent's own words, or its template's: they may name special tokens. Elsewhere those are text."""


@dataclass(frozen=True)
class Demonstration:
    """A problem and how it is to be solved: language and form are learnt from these."""

    question: str
    solution: str


@dataclass(frozen=True)
class Prompting:
    """How an agent is asked. See docs/AGENTS.md for what the parts look like when they are put together."""

    prompt: str = "{question}\n"
    """``{question}`` stands for the problem, ``{language}`` for the language; other braces are just braces."""
    system: str = ""
    """Comes first; may have ``{language}`` in it."""
    language: str = ""
    """An instruction such as "Réponds en français.": where prompt or system says ``{language}``, else on a line of its
    own before the last question."""
    demonstrations: tuple[Demonstration, ...] = ()
    chat: bool = False
    """Use the tokeniser's chat template: the solution is the beginning of the assistant's turn."""
    chat_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Variables of the chat template, such as ``enable_thinking``."""

    def __post_init__(self) -> None:
        if QUESTION not in self.prompt:
            raise PromptError(f"a prompt must say where the question goes with {{question}}: {self.prompt!r}")
        if QUESTION in self.system:
            raise PromptError("the question goes into the prompt, not into the system prompt")

    def plain(self, question: str, beginning: str = "") -> list[Piece]:
        """The prompt as text: its parts a blank line apart, the language on a line of its own before the question.

        A ``beginning`` (of-text token) that the prompt names is moved to the front. The first piece is the agent's own.
        """
        named = bool(beginning) and self.prompt.startswith(beginning)
        prompt = self.prompt.removeprefix(beginning) if named else self.prompt
        pieces = [Piece(beginning if named else "", True)]
        if self.system:
            pieces += [*self._filled(self.system, ""), Piece("\n\n", True)]
        for one in self.demonstrations:
            pieces += [*self._filled(prompt, one.question), Piece(one.solution.rstrip(), False), Piece("\n\n", True)]
        if self._language_line:
            pieces += [Piece(self._language_line, False), Piece("\n", True)]
        return _joined([*pieces, *self._filled(prompt, question)])

    def template(self) -> str:
        """The plain prompt of any question, with ``{question}`` in it once for each time that the prompt says it.

        For agents that fill it in themselves. Raises PromptError if a demonstration has a ``{question}`` of its own.
        """
        others = [self.language, *(text for one in self.demonstrations for text in (one.question, one.solution))]
        if any(QUESTION in text for text in others):
            raise PromptError("demonstrations and language may not say {question} here")
        return "".join(piece.text for piece in self.plain(QUESTION))

    def messages(self, question: str) -> list[tuple[str, str]]:
        """The prompt as (role, content); contents have no white space around them, which many templates cut off."""
        said = [("system", self._text(self.system, ""))] if self.system else []
        for one in self.demonstrations:
            said += [("user", self._text(self.prompt, one.question)), ("assistant", one.solution)]
        line = f"{self._language_line}\n" if self._language_line else ""
        said.append(("user", line + self._text(self.prompt, question)))
        return [(role, content.strip()) for role, content in said]

    @property
    def _language_line(self) -> str:
        return "" if LANGUAGE in self.prompt + self.system else self.language

    def _filled(self, template: str, question: str) -> list[Piece]:
        """Filled in one go: what is filled in is not searched for more to fill in."""
        values = {QUESTION: question, LANGUAGE: self.language}
        parts = re.split("({question}|{language})", template)
        return [Piece(values.get(part, part), part not in values) for part in parts]

    def _text(self, template: str, question: str) -> str:
        return "".join(piece.text for piece in self._filled(template, question))


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours of one kind made one; the first is always the agent's own, be it empty."""
    out = [Piece("", True)]
    for piece in pieces:
        if piece.own == out[-1].own:
            out[-1] = Piece(out[-1].text + piece.text, piece.own)
        elif piece.text:
            out.append(piece)
    return out


class ChatTemplate:
    """A tokeniser's chat template, rendered around texts: a text never becomes part of the template."""

    def __init__(self, tokenizer: Any, options: Mapping[str, Any]):
        """Raises PromptError if the tokeniser has no chat template, or if an option is not one of a template."""
        if not getattr(tokenizer, "chat_template", None):
            raise PromptError(
                "chat is asked for, but the tokeniser has no chat template; leave chat out, or use prompt"
            )
        taken = {*inspect.signature(tokenizer.apply_chat_template).parameters, "messages", "strftime_now"}
        if wrong := sorted((taken - {"tools", "documents", "chat_template"}) & options.keys()):
            raise PromptError(f"chat_options: {wrong[0]!r} is not a variable of a chat template")
        self._tokenizer, self._options = tokenizer, dict(options)
        self._tokens = {str(token): index for index, token in tokenizer.added_tokens_decoder.items()}
        self._render = lru_cache(maxsize=8)(self._rendered)

    def pieces(self, messages: Sequence[tuple[str, str]]) -> list[Piece]:
        """The conversation up to where the assistant's next turn begins. Raises PromptError.

        Turns that a template marks by special tokens cannot be forged: in a content those are text. A template that
        marks them by ordinary text (``[/INST]``) could be; a content that holds such a mark is refused.
        """
        parts = self._render(tuple(role for role, _ in messages), True)
        for role, content in messages:
            if forged := next((mark for mark in self._text_marks(parts) if mark in content), None):
                raise PromptError(f"a {role} message holds {forged!r}, with which its chat template marks the turns")
        return _joined([Piece(messages[p][1], False) if isinstance(p, int) else Piece(p, True) for p in parts])

    def tokens_in(self, roles: Sequence[str]) -> frozenset[str]:
        """The added tokens, special or not, that the template itself writes: for texts they are out of reach."""
        texts = [part for part in self._render(tuple(roles), True) if isinstance(part, str)]
        return frozenset(token for token in self._tokens if token.strip() and any(token in text for text in texts))

    def end_ids(self) -> list[int]:
        """What the template puts behind an assistant's turn, where that is one added token: it ends a solution."""
        found = []
        for roles in (("user", "assistant"), ("user", "assistant", "user")):
            try:
                parts = self._render(roles, False)
            except PromptError:  # a template that knows no assistant says nothing about its end
                continue
            after = next((p for p in parts[parts.index(1) + 1 :] if isinstance(p, str)), "").lstrip()
            found += sorted((t for t in self._tokens if t.strip() and after.startswith(t)), key=len)[-1:]
        return list(dict.fromkeys(self._tokens[token] for token in found))

    def _text_marks(self, parts: Sequence[str | int]) -> list[str]:
        """Lines of the template that mark something without the help of a token of their own."""
        bare = [p for p in parts if isinstance(p, str) and not any(t in p for t in self._tokens if t.strip())]
        return [line.strip() for text in bare for line in text.splitlines() if line.strip()]

    def _rendered(self, roles: tuple[str, ...], begins: bool) -> list[str | int]:
        """The template's own text, and numbers where the contents of the messages go. Raises PromptError."""
        messages = [{"role": role, "content": f"{_MARK}{number}e"} for number, role in enumerate(roles)]
        try:
            text = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=begins, strftime_now=TODAY.strftime, **self._options
            )
        except Exception as error:  # a template is a program: it may fail in any way
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise PromptError(f"its chat template cannot be used: {why}") from None
        parts = re.split(f"{_MARK}([0-9]+)e", text)
        out: list[str | int] = [int(part) if at % 2 else part for at, part in enumerate(parts)]
        if left := [role for number, role in enumerate(roles) if number not in out]:
            raise PromptError(f"its chat template leaves out the {left[0]} message")
        return out
