"""The closed tandem mode: local models write many episodes together, each row handing over by its own coins.

A step runs each model once, on the rows where it is the one to draw. What it draws is HANDOFF.md, section 3, in two
halves as everywhere: the author draws; a draw that ends its unit where another is next is dropped, and that other one,
whose turn may come in the same step, draws what opens. A finished row is taken by the next episode at once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from agents.contract import AgentError, Span, View
from agents.replay import Reader
from arena.jobs import episode_of
from arena.reference import Played
from arena.torch_engine.drawing import Drawn, Tables, draw
from arena.torch_engine.forward import Forward
from arena.torch_engine.rows import NOBODY, Rows, Sitting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from agents.language_model import LanguageModel
    from arena.episode import Episode
    from arena.jobs import Job

CATCH_UP = 1
"""A model that is run anyway also swallows the tokens of rows that have so many waiting."""


class Tandem:
    """A batch of ``rows`` episodes that local models write. Give it jobs, take episodes; see `arena.jobs.Engine`."""

    def __init__(
        self,
        agents: Mapping[str, LanguageModel],
        *,
        seed: int,
        limit: int,
        rows: int,
        catch_up: int = CATCH_UP,
    ):
        self.names = list(agents)
        self.agents = list(agents.values())
        self.seed, self.limit, self.catch_up = seed, limit, catch_up
        self.forwards = [Forward(agent, rows, name=name) for name, agent in agents.items()]
        self.tables = [Tables(agent) for agent in self.agents]
        self.rows = Rows(rows, limit)
        self.rows.first = np.zeros((len(self.agents), rows), dtype=np.int64)
        self.seated = np.zeros((len(self.agents), rows), dtype=bool)
        """[models, rows]: does this model sit in this row, with tokens that it can take as they are."""
        self.costs = np.array([float(agent.model.num_parameters()) for agent in self.agents])
        self._number = {name: number for number, name in enumerate(self.names)}
        self._digests = [agent.vocabulary.digest for agent in self.agents]
        self.clock = 0.0
        """Seconds, each divided by the episodes that shared it: the playing times of all episodes sum to the whole."""
        self.drawn = 0
        """Tokens written so far."""

    def episodes(self, jobs: Iterable[Job | None]) -> Iterator[Episode]:
        """Plays the jobs; episodes come as they end. A job that is None means: none now, ask again later."""
        waiting = iter(jobs)
        more = True
        while True:
            began = time.perf_counter()
            done: list[Episode] = []
            while more and not self.rows.active.all():
                job = next(waiting, NotImplemented)
                if job is NotImplemented:
                    more = False
                elif job is None:
                    break
                else:
                    done += self._sit(job, int(np.flatnonzero(~self.rows.active)[0]))
            here = int(self.rows.active.sum())
            if here:
                done += self._step()
            elif not more:
                yield from done
                return
            elif not done:
                raise RuntimeError("no job is ready, and none is under way that it could wait for")
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

    def _step(self) -> list[Episode]:
        """Runs each model once, where it is needed. Returns the episodes that ended."""
        waiting = np.bincount(self.rows.author[self.rows.active], minlength=len(self.agents))
        number = int(np.argmax(waiting / self.costs))
        return self._write(number, np.flatnonzero(self.rows.active & (self.rows.author == number)))

    def _write(self, number: int, mine: NDArray[np.int64]) -> list[Episode]:
        """One draw of a model in some rows."""
        rows, forward = self.rows, self.forwards[number]
        for row in mine[~self.seated[number, mine]]:
            self._take_in(number, int(row))
        done: list[Episode] = []
        full = forward.length[mine] >= self.agents[number].context
        if full.any():
            done += [self._finish(int(row), "context") for row in mine[full]]
            mine = mine[~full]
        if not len(mine):
            return done
        lines = rows.first[number, mine] + rows.state[mine]
        position, opening = rows.position[mine], rows.opening[mine]
        hands = rows.hands[mine] & ~rows.plain[mine]
        uniforms = np.where(opening, rows.open_uniform[mine, position], rows.uniform[mine, position])
        asked = self._with_catching_up(number, mine)
        logits = forward.logits(asked)[: len(mine)]
        drawn = draw(logits, self.agents[number], self.tables[number], lines, opening, hands, uniforms)
        if drawn.broken.any():
            done += [self._fail(int(row), number) for row in mine[drawn.broken]]
        self._hand_over(mine[drawn.over & ~drawn.broken], drawn.over_logprobs[drawn.over & ~drawn.broken])
        return done + self._accept(number, mine, lines, drawn)

    def _with_catching_up(self, number: int, mine: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows to be run: those that draw, and behind them those that have much to swallow."""
        forward = self.forwards[number]
        behind = self.seated[number] & self.rows.active & (forward.length - forward.cached >= self.catch_up)
        behind[mine] = False
        behind &= forward.length < self.agents[number].context
        return np.concatenate([mine, np.flatnonzero(behind)]) if behind.any() else mine

    def _accept(self, number: int, mine: NDArray[np.int64], lines: NDArray[np.int64], drawn: Drawn) -> list[Episode]:
        """Writes what was drawn, and settles who draws next in these rows."""
        rows, tables, vocabulary = self.rows, self.tables[number], self.agents[number].vocabulary
        kept = ~(drawn.over | drawn.broken)
        mine, lines, tokens = mine[kept], lines[kept], drawn.tokens[kept]
        at = rows.position[mine]
        rows.tokens[mine, at], rows.by[mine, at], rows.logprobs[mine, at] = tokens, number, drawn.logprobs[kept]
        rows.position[mine] = at + 1
        rows.opening[mine] = False
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

    def _take_in(self, number: int, row: int) -> None:
        """Where tokens differ: the seat reads what was written since it last did, as the reference loop has it read."""
        sitting = self.rows.sitting[row]
        assert sitting is not None
        seat, now = sitting.seats[number], int(self.rows.position[row])
        if sitting.read[number] == now and len(seat.ids) <= self.forwards[number].length[row] and not seat.unread:
            return
        for span in self._spans(row, now, sitting.read[number]):
            if span.author == self.names[number]:
                seat.take_in()
                seat.ids += span.token_ids or ()
            else:
                seat.read(span)
        sitting.read[number] = now
        ids = seat.take_in()
        forward = self.forwards[number]
        forward.extend(row, ids[int(forward.length[row]) :])

    def _spans(self, row: int, until: int, since: int | None = None) -> list[Span]:
        vocabularies = [agent.vocabulary for agent in self.agents]
        return self.rows.spans(row, vocabularies, self.names, until, since)

    def _fail(self, row: int, number: int) -> Episode:
        """The model's logits are not numbers: the episode keeps what came before this turn."""
        spans = self._spans(row, int(self.rows.turn[row]))
        sitting = self.rows.sitting[row]
        assert sitting is not None
        why = f"{self.names[number]}: its logits are not numbers (NaN or all -inf)"
        return self._episode(row, Played([*sitting.job.prefix, *spans], "error", why))

    def _finish(self, row: int, ended: str) -> Episode:
        sitting = self.rows.sitting[row]
        assert sitting is not None
        spans = self._spans(row, int(self.rows.position[row]))
        return self._episode(row, Played([*sitting.job.prefix, *spans], ended))

    def _episode(self, row: int, played: Played) -> Episode:
        """Frees the row and puts the episode together."""
        sitting = self.rows.sitting[row]
        assert sitting is not None
        views = {self.names[number]: seat.record() for number, seat in sitting.seats.items()}
        seconds = self.clock - sitting.clock
        self.rows.active[row] = False
        self.rows.author[row] = NOBODY
        self.rows.sitting[row] = None
        return episode_of(sitting.job, played, seed=self.seed, limit=self.limit, seconds=seconds, views=views)
