"""A language model's place in one episode: the handoff process of HANDOFF.md, section 3, as seen by one author.

`LanguageModelSeat.write`, together with the loop in `arena.reference`, is the judge of every faster engine. It is
written to be read, not to be fast.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from agents.contract import AgentError, Span, Turn, View, joined_text
from agents.distribution import NextEvent
from agents.prompting import PromptError

if TYPE_CHECKING:
    from agents.language_model import LanguageModel
    from agents.vocabulary import UnitTable


NOT_NUMBERS = "its logits are not numbers (NaN or all -inf)"


class LanguageModelSeat:
    """A language model's place in one episode: its view as ids, and its cache."""

    def __init__(self, agent: LanguageModel, view: View):
        """Raises AgentError if the question cannot be asked."""
        self.agent, self.view = agent, view
        try:
            prompt = agent.prompt_ids(view.question)
        except PromptError as error:
            raise AgentError(f"{view.author}: {error}") from None
        if not prompt:
            raise AgentError(f"{view.author}: its prompt has no tokens, so it has nothing to continue")
        self.ids: list[int] = prompt
        """Prompt and shared text in this agent's tokenisation, so far."""
        self._prompt_digest = digest_ids(prompt)
        self.unread: list[Span] = []
        """What others wrote in other tokens since this agent's last: read when it next needs its view."""
        self._cache: Any = None
        self._cached = 0
        self._last: Tensor | None = None
        self._inexact = 0

    def read(self, span: Span) -> None:
        """Same tokeniser: the ids pass straight through. Different: the text waits until this agent needs its view."""
        if span.token_ids is not None and span.tokeniser == self.agent.vocabulary.digest:
            self.take_in()
            self.ids += span.token_ids[: span.written]
        else:
            self.unread.append(span)

    def take_in(self) -> list[int]:
        """The view's ids, after encoding what others wrote since this agent's last token: in one go, once."""
        if text := joined_text(self.unread):
            ids, exact = self.agent.encode(text)
            self.ids += ids
            self._inexact += not exact
        self.unread.clear()
        return self.ids

    async def write(self, turn: Turn) -> Span:
        agent, rule, draws = self.agent, turn.rule, turn.chance
        table = agent.vocabulary.table(rule.name)
        self.take_in()
        unit, opening = turn.unit, turn.opening and not rule.plain
        ids: list[int] = []
        logprobs: list[float] = []
        states = [turn.state]  # before each token, and after the last
        end_logprob = None
        given = False
        gives = turn.demand and agent.marker and self._other()  # alone, there is nobody to give it to
        marker = _Marker(agent.marker, turn.emit) if gives and agent.marker else None
        while len(ids) < turn.budget and len(self.ids) < agent.context:
            if turn.pace:
                await turn.pace()
            if turn.stop.is_set():
                return self._cut(ids, logprobs, self._whole(states, ids, table))
            position, state = turn.position + len(ids), states[-1]
            hands_over = given or not turn.holds(unit)
            if hands_over and table.opens[state].all():  # whatever comes opens: nothing is left to decide
                end_logprob = None if rule.plain else 0.0
                break
            boundary = agent.boundary(rule.name, state)
            logits = await self.next_logits()
            if turn.stop.is_set():
                continue
            event = NextEvent.of(logits, agent.vocabulary, agent.sampling)
            if torch.isnan(event.full).any():
                raise AgentError(f"{self.view.author}: {NOT_NUMBERS}")
            if opening:
                event = event.opening(boundary)
                token = int(event.draw(draws.open[position]))
            else:
                token = int(event.draw(draws.token[position]))
                if hands_over and not rule.plain and boundary[token]:
                    end_logprob = float(event.over(boundary))
                    break
            if torch.isnan(event.drawn[token]):  # nothing that opens, and no end, is possible
                raise AgentError(f"{self.view.author}: {NOT_NUMBERS}")
            opening = False
            ids.append(token)
            logprobs.append(float(event.drawn[token]))
            if token == agent.vocabulary.end:
                break
            unit += int(table.opens[state, token])
            states.append(int(table.next[state, token]))
            self.ids.append(token)
            piece = agent.vocabulary.pieces[token]
            if marker is None:
                turn.emit(piece)
            elif kept := marker.read(piece):
                while kept and states[kept] == rule.empty:  # nobody could open after such white space
                    kept -= 1
                if not kept:  # whoever has the pen writes something before it moves on: this marker is text
                    marker.flush()
                    continue
                if rule.can_open(states[kept]):
                    return self._cut(ids, logprobs, kept, asks=self._other())
                # The other cannot open here, so this unit is finished first. The marker stays in it: without it, view
                # and uniform number would be those that have just drawn it.
                marker.flush()
                given, marker = True, None
        if marker is not None:
            marker.flush()
        return self._span(ids, logprobs, end_logprob, asks=self._other() if given else None)

    def _other(self) -> str | None:
        """Who gets the pen by the marker: the next agent of the pair."""
        return next(iter(self.view.others), None)

    def _span(self, ids: list[int], logprobs: list[float], end_logprob: float | None, **more: Any) -> Span:
        vocabulary = self.agent.vocabulary
        ended = bool(ids) and ids[-1] == vocabulary.end
        pieces = tuple(b"" if i == vocabulary.end else vocabulary.pieces[i] for i in ids)
        digest = vocabulary.digest
        return Span(self.view.author, "", tuple(ids), pieces, tuple(logprobs), end_logprob, ended, digest, **more)

    def _whole(self, states: list[int], ids: list[int], table: UnitTable) -> int:
        """How many of the turn's tokens are in whole units: all, where whatever comes opens; else up to the last."""
        if table.opens[states[-1]].all():
            return len(ids)
        return max((n for n, token in enumerate(ids) if table.opens[states[n], token]), default=0)

    def _cut(self, ids: list[int], logprobs: list[float], kept: int, **more: Any) -> Span:
        """The span of a turn that ends after ``kept`` tokens; the view forgets the others."""
        self._drop(ids, kept)
        return self._span(ids, logprobs[:kept], None, cut=True, **more)

    def _drop(self, ids: list[int], kept: int) -> None:
        """Takes back all but the first ``kept`` tokens of the turn."""
        del self.ids[len(self.ids) - (len(ids) - kept) :]
        del ids[kept:]
        self.forget(len(self.ids))

    async def next_logits(self) -> Tensor:
        """Logits [V] of the next token. Others may have their turn in between."""
        await asyncio.sleep(0)
        return self._logits()

    def forget(self, length: int) -> None:
        """The view was cut back to ``length`` ids: what the cache knows beyond is void."""
        if self._cached > length:
            self._cache, self._cached, self._last = None, 0, None

    @torch.inference_mode()
    def _logits(self) -> Tensor:
        """Logits [V] of the next token, fp32: feeds the cache what it has not seen yet."""
        if self._last is not None and self._cached == len(self.ids):  # what was read had no tokens here
            return self._last
        if getattr(self.agent.model, "training", False):
            raise AgentError(f"{self.view.author}: its model is in training mode; call model.eval() before it plays")
        fresh = torch.tensor([self.ids[self._cached :]], device=self.agent.model.device)
        out = self.agent.model(input_ids=fresh, past_key_values=self._cache, use_cache=True)
        self._cache, self._cached = out.past_key_values, len(self.ids)
        logits: Tensor = out.logits[0, -1].float().cpu()
        self._last = logits
        return logits

    def leave(self) -> None:
        self._cache = None
        self.unread.clear()

    def record(self) -> dict[str, Any]:
        """What proves the view and the model; ``inexact_reads`` counts texts that its tokeniser could not spell."""
        agent = self.agent
        made = {"weights": agent.weights, "tokeniser": agent.vocabulary.digest, "prompt_ids": self._prompt_digest}
        return {**made, **vars(agent.sampling), "inexact_reads": self._inexact}


def digest_ids(ids: list[int]) -> str:
    """A digest of token ids, to prove that two views are the same."""
    return hashlib.blake2b(np.asarray(ids, dtype="<i8").tobytes(), digest_size=8).hexdigest()


class _Marker:
    """Looks for the marker by which a model gives the pen away, and passes on everything else."""

    def __init__(self, marker: str, emit: Callable[[bytes], None]):
        self._marker, self._emit = marker.encode(), emit
        self._text = b""
        self._ends: list[int] = []
        """Where each token of the turn ends in the text."""
        self._passed = 0

    def read(self, piece: bytes) -> int | None:
        """Takes one more token. Where the marker is complete: how many tokens stand before it (none: it is text)."""
        self._text += piece
        self._ends.append(len(self._text))
        at = self._text.find(self._marker, max(0, len(self._text) - len(piece) - len(self._marker) + 1))
        if at >= 0 and (before := sum(end <= at for end in self._ends)):
            self._pass(self._ends[before - 1])
            return before
        # Tokens that may still become the marker are held back, whole.
        beginnings = (n for n in range(len(self._marker) - 1, 0, -1) if self._text.endswith(self._marker[:n]))
        sure = len(self._text) - next(beginnings, 0)
        self._pass(max((end for end in self._ends if end <= sure), default=0))
        return None

    def flush(self) -> None:
        """The turn is over: what was held back is text after all."""
        self._pass(len(self._text))

    def _pass(self, until: int) -> None:
        if until > self._passed:
            self._emit(self._text[self._passed : until])
            self._passed = until
