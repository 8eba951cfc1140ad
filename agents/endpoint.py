"""Agents behind an OpenAI-compatible endpoint that continues a text: ``openai:MODEL@URL``, raw completions, no chat.

An endpoint gives text, not distributions. Asking again for an opening until the text opens a unit draws from the
endpoint's own distribution given that it opens (or ends), which is what HANDOFF.md, section 3, asks of an author.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from agents.contract import AgentError, Span, Turn, View, joined_text
from agents.endpoint_client import BrokenAnswerError, Client, EndpointError, Tally, plain
from agents.units import RULES

ENDS = ("stop", "eos")
"""finish_reason of a text that the model (or a stop sequence) ended."""
MANAGED = (
    *("model", "prompt", "temperature", "top_p", "max_tokens", "stop", "seed"),
    *("stream", "n", "best_of", "echo", "suffix"),
)
"""Fields of a request that ``extra`` cannot set: they have a place of their own, or the answer could not be read."""
LONGEST_WORD = 10_000
"""Characters in which a word must end: text that never does (a model that lost its thread) would fill no budget."""


class UnopenedError(Exception):
    """A text does not open a unit, but had to."""


class Intake:
    """A turn as it is written, character by character: what is kept is the same however the text comes in pieces.

    It keeps what `agents.scripted.fit` keeps, without waiting for the end; but it never puts a space before the text.
    White space at its end may belong to the next unit, so it is kept back until something follows.
    """

    def __init__(self, turn: Turn):
        self._turn = turn
        self._characters: list[str] = []
        self._state, self._unit = turn.state, turn.unit
        self._words, self._word_state, self._word_began = 0, RULES["word"].start, 0
        self._opened = 0
        """Where the last unit opened."""
        self._emitted = 0

    def add(self, text: str) -> bool:
        """Takes in what was written next; says whether the turn is over, and drops what is beyond it.

        Raises UnopenedError if the first character had to open a unit and does not. Sure text goes to ``turn.emit``.
        """
        first = text[:1] if self._turn.opening and not self._characters else ""
        if first and not self._turn.rule.step(self._state, first)[0]:
            raise UnopenedError(text[:40])
        over = any(self._is_over_at(character) for character in text)
        sure = self.text
        if len(sure) > self._emitted:
            self._turn.emit(sure[self._emitted :].encode("utf-8", "replace"))
            self._emitted = len(sure)
        return over

    def _is_over_at(self, character: str) -> bool:
        """Takes one character in, or says that the turn was over before it (or is over after it, whatever comes)."""
        turn, at = self._turn, len(self._characters)
        opens, state = turn.rule.step(self._state, character)
        if opens and not turn.holds(self._unit):
            return True
        new_word, self._word_state = RULES["word"].step(self._word_state, character)
        if new_word and self._words == turn.budget:
            return True
        if new_word:
            self._words, self._word_began = self._words + 1, at
        elif at - self._word_began >= LONGEST_WORD:
            raise EndpointError(f"it wrote {LONGEST_WORD} characters without a new word")
        if opens:
            self._unit, self._opened = self._unit + 1, at
        self._characters.append(character)
        self._state = state
        return self._anything_opens and not turn.holds(self._unit)

    @property
    def _anything_opens(self) -> bool:
        """Does whatever comes next open a unit, as after the newline of a line?"""
        return bool(self._characters) and self._turn.rule.step(self._state, "")[0]

    @property
    def written(self) -> str:
        """All that was taken in: what the endpoint goes on from."""
        return "".join(self._characters)

    @property
    def text(self) -> str:
        """The turn's text: without white space at its end that belongs to the next unit."""
        return self.written.rstrip() if self._state == self._turn.rule.empty else self.written

    @property
    def whole(self) -> str:
        """Its whole units: one is known to be over when the next has opened."""
        return self.written if self._anything_opens else self.written[: self._opened]

    @property
    def may_end(self) -> bool:
        """Is it this author that says whether another unit comes? Else its end says only that its unit is over.

        White space that opened a unit is cut off, so that unit is still to be written, and it is this author's. Where
        every token comes plainly from its author (`UnitRule.plain`), whoever is in the middle of a unit may end.
        """
        rule = self._turn.rule
        if rule.plain and not rule.step(self._state, "")[0]:
            return bool(self._characters) or not self._turn.opening
        return self._state == rule.empty or self._turn.holds(self._unit)


class Endpoint:
    """A model behind an OpenAI-compatible ``/completions``. Its seats may be in any number of event loops."""

    deterministic = False
    gives_logprobs = False
    conditions_on_opening = False

    def __init__(
        self,
        model: str,
        url: str,
        *,
        prompt: str = "{question}\n",
        api_key_env: str = "",
        temperature: float = 1.0,
        top_p: float = 1.0,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        seeded: bool = True,
        extra: Mapping[str, Any] | None = None,
        timeout: float = 60.0,
        turn_timeout: float = 600.0,
        retries: int = 2,
        openings: int = 32,
        connections: int = 16,
    ):
        """What each setting is, docs/ENDPOINTS.md says. Raises ValueError, in one line, for what cannot be."""
        for name, fine in (
            ("an endpoint needs the name of a model", bool(model)),
            (f"a prompt must say where the question goes with {{question}}: {prompt!r}", "{question}" in prompt),
            (f"temperature must be 0 (greedy) or more, not {temperature}", 0 <= temperature < float("inf")),
            (f"top_p must be above 0 and at most 1, not {top_p}", 0 < top_p <= 1),
            (f"max_tokens must be at least 1, not {max_tokens}", max_tokens >= 1),
            (f"timeout must be above 0 seconds, not {timeout}", 0 < timeout < float("inf")),
            (f"turn_timeout must be above 0 seconds, not {turn_timeout}", 0 < turn_timeout < float("inf")),
            (f"retries must be 0 or more, not {retries}", retries >= 0),
            (f"openings must be 0 or more, not {openings}", openings >= 0),
            (f"connections must be at least 1, not {connections}", connections >= 1),
            (f"extra cannot set {', '.join(MANAGED)}", not set(extra or ()) & set(MANAGED)),
        ):
            if not fine:
                raise ValueError(name)
        self.model, self.prompt, self.seeded = model, prompt, seeded
        self.turn_timeout, self.retries = turn_timeout, retries
        self.openings = openings if temperature else 0  # greedy, it would write the same again
        self.sampling: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "max_tokens": max_tokens}
        body = {**self.sampling, **({"stop": list(stop)} if stop else {}), **(extra or {})}
        try:
            json.dumps([model, body], ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"model, stop or extra cannot be sent as JSON: {error}") from None
        self.client = Client(
            model, url, api_key_env=api_key_env, body=body, timeout=timeout, retries=retries, connections=connections
        )

    def sit(self, view: View) -> EndpointSeat:
        return EndpointSeat(self, view)


async def _take(pieces: AsyncIterator[tuple[str, str | None]], intake: Intake) -> str | None:
    """Takes an answer in until the turn is over; gives its finish_reason if it ended before that."""
    async for text, reason in pieces:
        if intake.add(text):
            return None
        if reason is not None:
            return reason
    raise BrokenAnswerError("its answer broke off")


class EndpointSeat:
    """An endpoint's place in one episode: its prompt, and everything that was written."""

    def __init__(self, agent: Endpoint, view: View):
        self._agent, self._view = agent, view
        # A question may hold half a surrogate pair, which no request can carry.
        self._prompt = agent.prompt.replace("{question}", view.question).encode("utf-8", "replace").decode()
        self._spans: list[Span] = []
        self._tally = Tally()

    def read(self, span: Span) -> None:
        self._spans.append(span)

    async def write(self, turn: Turn) -> Span:
        name, intake = self._view.author, Intake(turn)
        ended: bool | None = None
        try:
            async with asyncio.timeout(self._agent.turn_timeout):
                if not turn.stop.is_set():
                    ended = await turn.unless_stopped(self._fill(intake, turn))
        except (EndpointError, TimeoutError) as failure:
            why = str(failure) or f"it did not write its turn within {self._agent.turn_timeout:g} seconds"
            raise AgentError(plain(f"{name}: {self._agent.model} at {self._agent.client.url}: {why}", 500)) from None
        stopped = ended is None  # then what is not known to be a whole unit is left out
        span = Span(name, intake.whole if stopped else intake.text, ended=bool(ended), cut=stopped)
        self._spans.append(span)
        return span

    async def _fill(self, intake: Intake, turn: Turn) -> bool:
        """Asks until the turn is over; says whether that ended the solution. Raises EndpointError.

        Where an answer broke off, the endpoint goes on from all that came of it, as after a "length". Going back to
        the last whole unit would undo that another one had opened behind it, beginning the turn again would favour
        short turns, and either would take back what was emitted.
        """
        if turn.opening and not turn.rule.can_open(turn.state):
            # As in the middle of a line: then the end is all that is left to draw, for a language model, too.
            if intake.may_end:
                return True
            raise EndpointError(f"it was asked to go on where no {turn.rule.name} can open")
        draws = turn.chance.open if turn.opening else turn.chance.token
        seed, again, breaks, asked = int(draws[turn.position] * 2**31), 0, 0, 0
        while True:
            before = intake.written
            prompt = self._prompt + joined_text(self._spans) + before
            asked_with = (seed + asked) % 2**31 if self._agent.seeded else None
            asked += 1
            try:
                async with aclosing(self._agent.client.pieces(prompt, asked_with, self._tally)) as pieces:
                    reason = await _take(pieces, intake)
            except UnopenedError as text:
                again += 1
                if again > self._agent.openings:
                    times = f"{again} times" if again > 1 else "once"
                    why = f"it wrote {str(text)!r}, which does not open a {turn.rule.name}; it was asked {times}"
                    raise EndpointError(why) from None
                self._tally.asked_again += 1
                continue
            except BrokenAnswerError:
                breaks += 1
                if breaks > self._agent.retries:
                    raise
                self._tally.retries += 1
                await asyncio.sleep(min(0.25 * 2**breaks, 8.0))
                continue
            if reason is None:
                return False
            if reason in ENDS:
                return intake.may_end
            if reason != "length":
                raise EndpointError(f"it stopped with finish_reason {reason!r}")
            if intake.written == before:
                raise EndpointError('it wrote nothing, for the reason "length"; is its context full?')

    def leave(self) -> None:
        self._spans.clear()

    def record(self) -> dict[str, Any]:
        """The model, where it is and how it was asked: nothing that gives access to it."""
        agent = self._agent
        prompt = hashlib.blake2b(self._prompt.encode(), digest_size=8).hexdigest()
        made = {"model": agent.model, "url": agent.client.url, "prompt": prompt, "seeded": agent.seeded}
        return {**made, **agent.sampling, **asdict(self._tally)}
