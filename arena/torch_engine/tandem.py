"""The closed tandem mode: local models write many episodes together, each row handing over by its own coins.

A step runs one model, on the rows where it is the one to draw. What it draws is HANDOFF.md, section 3, in two halves
as everywhere: the author draws; a draw that ends its unit where another is next is dropped, and that other one draws
what opens. A model that does not draw in a row need not run on it; it swallows what it missed when it next does. A
finished row is taken by the next episode at once.

Two models with the same tokens also guess for each other, as in speculative decoding (Leviathan et al. 2023, Chen et
al. 2023), but without its accept-or-reject draws: whoever runs where the other is to draw notes what it would have
drawn itself, with the very uniforms that are going to be used. The author swallows the guess in the forward in which it
draws, and if its own draw is the same token, its next draw is known too. So the episodes are those of the plain rule,
seed by seed, whatever was guessed; and as the models agree on most tokens, a token costs little more than one forward.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from agents.contract import AgentError, Span, View
from agents.distribution import NextEvent
from agents.replay import Reader
from arena.jobs import Waiting, episode_of
from arena.reference import Played
from arena.torch_engine.drawing import Drawn, Tables, Wanted, draw, some
from arena.torch_engine.forward import Forward
from arena.torch_engine.rows import NOBODY, NOTHING, Rows, Sitting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from agents.language_model import LanguageModel
    from arena.episode import Episode
    from arena.jobs import Job


class Tandem:
    """A batch of ``rows`` episodes that local models write. Give it jobs, take episodes; see `arena.jobs.Engine`."""

    def __init__(
        self,
        agents: Mapping[str, LanguageModel],
        *,
        seed: int,
        limit: int,
        rows: int,
        guess: bool = True,
    ):
        """``guess``: two models with the same tokens guess for each other, see `_advance`."""
        self.names = list(agents)
        self.agents = list(agents.values())
        self.seed, self.limit = seed, limit
        self.forwards = [Forward(agent, rows, name=name) for name, agent in agents.items()]
        self.tables = [Tables(agent.vocabulary, agent.model.device) for agent in self.agents]
        self.rows = Rows(rows, limit)
        self.rows.first = np.zeros((len(self.agents), rows), dtype=np.int64)
        self.rows.last = np.full((len(self.agents), rows), NOTHING, dtype=np.int64)
        self.seated = np.zeros((len(self.agents), rows), dtype=bool)
        """[models, rows]: does this model sit in this row, with tokens that it can take as they are."""
        self.costs = np.array([float(agent.model.num_parameters()) for agent in self.agents])
        self._number = {name: number for number, name in enumerate(self.names)}
        self._digests = [agent.vocabulary.digest for agent in self.agents]
        self._guessing = guess and len(agents) == 2 and len(set(self._digests)) == 1
        self._last = 0
        """The model that was run last."""
        self.clock = 0.0
        """Seconds, each divided by the episodes that shared it: the playing times of all episodes sum to the whole."""
        self.drawn = 0
        """Tokens written so far."""
        self.around = 0.0
        """Seconds spent around the steps: prompts encoded, coins drawn, episodes put together and proven."""

    def episodes(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        """Plays the jobs; episodes come as they end. A job that is None means: none now, ask again later."""
        self.rows.clear()  # of an earlier call that was left half-way
        waiting = Waiting(jobs)
        while True:
            began = time.perf_counter()
            done: list[Episode] = []
            while not self.rows.active.all() and (job := waiting.take()):
                done += self._sit(job, int(np.flatnonzero(~self.rows.active)[0]))
            self.around += time.perf_counter() - began
            here = int(self.rows.active.sum())
            if here:
                done += self._step()
            elif not done:
                waiting.check()
                return
            self.clock += (time.perf_counter() - began) / max(here, 1)
            yield from done

    def _sit(self, job: Job, row: int) -> list[Episode]:
        """Seats a job's agents in a free row. Returns its episode if it is over before it begins."""
        alike = len({self._digests[self._number[name]] for name in job.names}) == 1
        sitting = Sitting(job, {}, alike, time.perf_counter(), self.clock)
        reader = Reader(job.policy.rule)
        for span in job.prefix:
            reader.skip(span.steps())
        sitting.start = sum(span.written for span in job.prefix)
        self.rows.sitting[row] = sitting
        try:
            for name in job.names:
                number = self._number[name]
                others = tuple(other for other in job.names if other != name)
                seat = sitting.seats[number] = self.agents[number].sit(View(job.problem.question, name, others))
                for span in job.prefix:
                    seat.read(span)
                sitting.read[number] = sitting.start
        except AgentError as error:  # it could not even sit down: a failed episode is data too
            return [self._episode(row, Played(list(job.prefix), "error", str(error)))]
        if sitting.start >= self.limit:
            return [self._episode(row, Played(list(job.prefix), "limit"))]
        self.seated[:, row] = False
        for number, seat in sitting.seats.items():
            self.rows.first[number, row] = self.tables[number].first(job.policy.rule)
            self.seated[number, row] = sitting.alike
            self.forwards[number].open(row, seat.take_in() if alike else seat.ids)
        self.rows.seat(row, sitting, self._number, self.seed, reader.state, reader.unit)
        return []

    @torch.inference_mode()
    def _step(self) -> list[Episode]:
        """Runs one model. Returns the episodes that ended."""
        rows = self.rows
        waiting = np.bincount(rows.author[rows.active], minlength=len(self.agents))
        if self._guessing:
            # In turns: each checks what the other guessed, and guesses on.
            self._last = (self._last + 1) % len(self.agents)
            if waiting[self._last] or len(self._guessers(self._last)):
                return self._call(self._last)
        return self._call(int(np.argmax(waiting / self.costs)))

    def _guessers(self, number: int) -> NDArray[np.int64]:
        """Rows in which a model that need not draw guesses the next token."""
        rows, forward = self.rows, self.forwards[number]
        may = self.seated[number] & rows.active & (rows.author != number) & (rows.guess == NOTHING)
        may &= (forward.length > forward.cached) & (forward.length < self.agents[number].context)
        may &= rows.next <= rows.last[number]  # who never writes again need not know the text
        return np.flatnonzero(may)

    def _call(self, number: int) -> list[Episode]:
        """One forward of a model: for the rows where it is the one to draw, and those where it guesses."""
        rows, forward = self.rows, self.forwards[number]
        mine = np.flatnonzero(rows.active & (rows.author == number))
        for row in mine[~self.seated[number, mine]]:
            self._take_in(number, int(row))
        full = forward.length[mine] >= self.agents[number].context
        done = [self._finish(int(row), "context") for row in mine[full]]
        mine = mine[~full]
        here = np.concatenate([mine, self._guessers(number)]) if self._guessing else mine
        if not len(here):
            return done
        guesses = np.full(len(here), NOTHING, dtype=np.int64)
        guesses[: len(mine)] = rows.guess[mine]
        # What lies beyond its context a model cannot swallow, and what is no token of its own (an end) it need not.
        guesses[forward.length[here] + 1 >= self.agents[number].context] = NOTHING
        tables = self.tables[number]
        event = tables.events(tables.columns(forward.logits(here, guesses)), self.agents[number].sampling)
        guessed = np.flatnonzero(guesses != NOTHING)
        first = event if not len(guessed) else some(event, np.arange(len(here)))
        came_true, ended = self._advance(number, here, first, guesses)
        done += ended
        if not self._guessing:
            return done
        # Where a guess came true, what follows it is known already; and who is next may be helped by a guess.
        known = np.flatnonzero(came_true[guessed] & rows.active[here[guessed]])
        if len(known):
            _, ended = self._advance(number, here[guessed[known]], some(event, len(here) + known))
            done += ended
        return done

    def _advance(
        self, number: int, here: NDArray[np.int64], event: NextEvent, guesses: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.bool_], list[Episode]]:
        """Draws in some rows from what a model gives: what is its to draw counts, the rest are guesses.

        ``guesses`` are what the rows swallowed beyond their views. Returns where these came true, and what ended.
        """
        rows = self.rows
        real = rows.author[here] == number
        position, opening = rows.position[here], rows.opening[here]
        hands = rows.hands[here] & ~rows.plain[here]
        openers = rows.open_uniform[here, position]
        wanted = Wanted(
            rows.first[number, here] + rows.state[here],
            opening,
            hands,
            hands & ~real & (rows.authors[here, rows.next[here]] == number),
            np.where(opening, openers, rows.uniform[here, position]),
            openers,
        )
        drawn = draw(event, self.tables[number], wanted)
        # Where a guess was swallowed, perhaps only the guess gives no numbers: such a row draws again, without it.
        spoilt = real & drawn.broken & (False if guesses is None else guesses != NOTHING)
        done = [self._fail(int(row), number) for row in here[real & drawn.broken & ~spoilt]]
        real &= ~drawn.broken
        over = real & drawn.over
        spare = np.where(over, rows.spare[here], NOTHING)
        helped = spare != NOTHING
        tokens = np.where(helped, spare, drawn.tokens)
        came_true = np.zeros(len(here), dtype=bool)
        if guesses is not None:
            came_true = real & (guesses == tokens) & (guesses != NOTHING)
            wrong = (guesses != NOTHING) & ~came_true
            self.forwards[number].void(here[wrong])
            for row in here[spoilt]:
                rows.guess[row] = NOTHING
                self.forwards[number].clean(int(row))
        if (free := ~real & ~drawn.broken).any():
            self._guess(number, here[free], drawn, free)
        spare_logprobs = rows.spare_logprob[here[helped]]
        self._hand_over(here[over], drawn.over_logprobs[over])
        own = real & ~over
        done += self._accept(number, here[own], tokens[own], drawn.logprobs[own])
        openers_of = rows.author[here[helped]]
        for other in np.unique(openers_of):
            at = openers_of == other
            done += self._accept(int(other), here[helped][at], tokens[helped][at], spare_logprobs[at])
        return came_true, done

    def _guess(self, number: int, here: NDArray[np.int64], drawn: Drawn, free: NDArray[np.bool_]) -> None:
        """Notes what a model would have drawn in rows that are not its own: with the same uniforms: often rightly."""
        rows = self.rows
        spares = drawn.spares[free]
        rows.spare_logprob[here] = drawn.spare_logprobs[free]
        rows.spare[here] = spares = np.where(np.isnan(rows.spare_logprob[here]), NOTHING, spares)
        # Where it finds the unit over and is itself the next, what comes is what it opens with.
        guess = np.where(drawn.over[free] & (spares != NOTHING), spares, drawn.tokens[free])
        # After an end there is nothing to swallow.
        rows.guess[here] = np.where(guess == self.agents[number].vocabulary.end, NOTHING, guess)

    def _accept(
        self, number: int, mine: NDArray[np.int64], tokens: NDArray[np.int64], logprobs: NDArray[np.floating[Any]]
    ) -> list[Episode]:
        """Writes what a model drew, and settles who draws next in these rows."""
        if not len(mine):
            return []
        rows, tables, vocabulary = self.rows, self.tables[number], self.agents[number].vocabulary
        lines = rows.first[number, mine] + rows.state[mine]
        at = rows.position[mine]
        rows.tokens[mine, at], rows.by[mine, at], rows.logprobs[mine, at] = tokens, number, logprobs
        rows.position[mine] = at + 1
        rows.opening[mine] = False
        rows.guess[mine] = rows.spare[mine] = NOTHING
        ended = tokens == vocabulary.end
        done = [self._finish(int(row), "end") for row in mine[ended]]
        if ended.any():
            mine, lines, tokens = mine[~ended], lines[~ended], tokens[~ended]
        self.drawn += len(mine)
        rows.next[mine] += tables.opens[lines, tokens]
        lines = tables.next[lines, tokens]
        rows.state[mine] = lines - rows.first[number, mine]
        for other, forward in enumerate(self.forwards):
            if other == number:
                forward.append(mine, tokens)
            else:
                there = self.seated[other, mine]
                forward.append(mine[there], tokens[there])
        limit = rows.position[mine] >= self.limit
        full = ~limit & (self.forwards[number].length[mine] >= self.agents[number].context)
        # Under a plain rule a turn that is over is over, in a full view too: the author of the next unit may have room.
        full &= ~(rows.plain[mine] & tables.forced[lines] & (rows.authors[mine, rows.next[mine]] != number))
        if limit.any() or full.any():
            done += [self._finish(int(row), "limit") for row in mine[limit]]
            done += [self._finish(int(row), "context") for row in mine[full]]
            going = ~(limit | full)
            mine, lines = mine[going], lines[going]
        self._settle(number, mine, lines)
        return done

    def _settle(self, number: int, mine: NDArray[np.int64], lines: NDArray[np.int64]) -> None:
        """Where the next unit is another's: has it come already (whatever is next opens), or is it to be decided?"""
        rows = self.rows
        following = rows.authors[mine, rows.next[mine]]
        hands = following != number
        rows.hands[mine] = hands
        over = hands & self.tables[number].forced[lines]
        if over.any():
            plain = rows.plain[mine]
            free = mine[over & plain]  # every token comes plainly from its author: nothing is decided, nothing opens
            rows.author[free], rows.turn[free], rows.hands[free] = following[over & plain], rows.position[free], False
            self._hand_over(mine[over & ~plain], np.zeros(int((over & ~plain).sum()), dtype=np.float32))

    def _hand_over(self, mine: NDArray[np.int64], logprobs: NDArray[np.float32]) -> None:
        """The unit is over; the author of the next one draws what opens it."""
        rows = self.rows
        at = rows.position[mine]
        rows.end_logprob[mine, at] = logprobs
        rows.author[mine] = rows.authors[mine, rows.next[mine]]
        rows.opening[mine], rows.hands[mine], rows.turn[mine] = True, False, at
        rows.guess[mine] = rows.spare[mine] = NOTHING

    def _take_in(self, number: int, row: int) -> None:
        """Where tokens differ: the seat reads what was written since it last did, as the reference loop has it read."""
        sitting = self.rows.sitting[row]
        assert sitting is not None
        seat, now = sitting.seats[number], int(self.rows.position[row])
        if sitting.read[number] == now and len(seat.ids) <= self.forwards[number].length[row] and not seat.unread:
            return
        self._read(number, row, now)
        ids = seat.take_in()
        forward = self.forwards[number]
        forward.extend(row, ids[int(forward.length[row]) :])

    def _read(self, number: int, row: int, until: int) -> None:
        """Where tokens differ: the seat takes note of what was written up to a position, as in the reference loop."""
        sitting = self.rows.sitting[row]
        assert sitting is not None
        seat = sitting.seats[number]
        for span in self._spans(row, until, sitting.read[number]):
            if span.author == self.names[number]:
                seat.take_in()
                seat.ids += (span.token_ids or ())[: span.written]
            else:
                seat.read(span)
        sitting.read[number] = until

    def _read_out(self, row: int, until: int) -> Sitting:
        """Where tokens differ, everybody has read to the end: what a tokeniser could not spell counts in its record."""
        sitting = self.rows.sitting[row]
        assert sitting is not None
        for number in sitting.seats:
            if not sitting.alike and sitting.read[number] < until:
                self._read(number, row, until)
        return sitting

    def _spans(self, row: int, until: int, since: int | None = None) -> list[Span]:
        vocabularies = [agent.vocabulary for agent in self.agents]
        return self.rows.spans(row, vocabularies, self.names, until, since)

    def _fail(self, row: int, number: int) -> Episode:
        """The model's logits are not numbers: the episode keeps what came before this turn."""
        sitting = self._read_out(row, int(self.rows.turn[row]))
        spans = self._spans(row, int(self.rows.turn[row]))
        why = f"{self.names[number]}: its logits are not numbers (NaN or all -inf)"
        return self._episode(row, Played([*sitting.job.prefix, *spans], "error", why))

    def _finish(self, row: int, ended: str) -> Episode:
        sitting = self._read_out(row, int(self.rows.position[row]))
        spans = self._spans(row, int(self.rows.position[row]))
        return self._episode(row, Played([*sitting.job.prefix, *spans], ended))

    def _episode(self, row: int, played: Played) -> Episode:
        """Frees the row and puts the episode together."""
        began = time.perf_counter()
        sitting = self.rows.sitting[row]
        assert sitting is not None
        views = {self.names[number]: seat.record() for number, seat in sitting.seats.items()}
        seconds = self.clock - sitting.clock
        self.rows.active[row] = False
        self.rows.author[row] = NOBODY
        self.rows.sitting[row] = None
        episode = episode_of(sitting.job, played, seed=self.seed, limit=self.limit, seconds=seconds, views=views)
        self.around += time.perf_counter() - began
        return episode
