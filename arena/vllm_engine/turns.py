"""Agents that are told different things, or have different tokens: a vLLM for each, and a request for each turn.

Everything but the drawing of a turn is the reference loop's own (`arena.turns`), so text crosses where HANDOFF.md,
section 3, says. The logits processor draws a turn as in the closed mode and ends the request where another's unit
follows. The view is sent whole with each turn; what vLLM has cached of it, it does not compute again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agents.contract import AgentError, Span, Turn, View
from agents.seat import NOT_NUMBERS, LanguageModelSeat
from arena.vllm_engine.host import BROKEN, HANDED, Host, Said
from arena.vllm_engine.plan import RowPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import ThreadPoolExecutor

    from agents.language_model import LanguageModel
    from agents.vocabulary import Vocabulary


class HostedModel:
    """The one agent of a vLLM, whose seats share its steps. An `Agent`, in place of the model itself."""

    gives_logprobs = True
    conditions_on_opening = True
    deterministic = True

    def __init__(self, host: Host, thread: ThreadPoolExecutor):
        self.agent: LanguageModel = next(iter(host.agents.values()))
        self._host, self._thread = host, thread
        self.check_length = host.check_length
        self._asked: list[tuple[Sequence[int], RowPlan, asyncio.Future[Said]]] = []
        self._playing: dict[str, asyncio.Future[Said]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        return self.agent.vocabulary

    def sit(self, view: View) -> HostedSeat:
        return HostedSeat(self, view)

    async def play(self, ids: Sequence[int], plan: RowPlan) -> Said:
        """What the model writes after a view under a plan."""
        future: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._asked.append((ids, plan, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve())
        return await future

    def leave(self) -> None:
        """Takes out of vLLM what nobody waits for any more. Like all that touches vLLM, in the thread."""
        self._asked.clear()
        if self._playing:
            self._host.abort(list(self._playing))
            self._playing.clear()

    async def _serve(self) -> None:
        """Steps vLLM while there is something to play. Only the thread touches vLLM."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)  # whoever was answered together may ask again together
            gone = [name for name, future in self._playing.items() if future.done()]
            asked, self._asked = [one for one in self._asked if not one[2].done()], []
            if not asked and not self._playing:
                return
            try:
                for name, said in await loop.run_in_executor(self._thread, self._step, asked, gone):
                    future = self._playing.pop(name, None)
                    if future is not None and not future.done():
                        future.set_result(said)
            except Exception as error:
                # Also of those that were not added any more. Who is in vLLM already is taken out in the next step.
                for future in (*(one[2] for one in asked), *self._playing.values()):
                    if not future.done():
                        future.set_exception(error)

    def _step(
        self, asked: list[tuple[Sequence[int], RowPlan, asyncio.Future[Said]]], gone: list[str]
    ) -> list[tuple[str, Said]]:
        for name in gone:
            del self._playing[name]
        if gone:
            self._host.abort(gone)
        for ids, plan, future in asked:
            self._playing[self._host.add(ids, plan)] = future
        return self._host.step() if self._playing else []


class HostedSeat(LanguageModelSeat):
    """A seat whose turns are drawn in vLLM."""

    def __init__(self, hosted: HostedModel, view: View):
        super().__init__(hosted.agent, view)
        self._hosted = hosted

    async def write(self, turn: Turn) -> Span:
        self.take_in()
        if turn.budget < 1 or len(self.ids) >= self.agent.context:
            return self._span([], [], None)
        self._hosted.check_length(len(self.ids) + turn.budget)
        plan = RowPlan.of_turn(turn)
        said = await turn.unless_stopped(self._hosted.play(list(self.ids), plan))
        if said is None:
            return self._cut([], [], 0)
        if said.why == BROKEN:
            raise AgentError(f"{self.view.author}: {NOT_NUMBERS}")
        end_logprob = None
        if said.why == HANDED and not turn.rule.plain:
            end_logprob = said.decided.get(len(said.tokens), 0.0)  # not decided where whatever came opened
        end = self.agent.vocabulary.end
        self.ids += [token for token in said.tokens if token != end]
        for token in said.tokens:
            turn.emit(b"" if token == end else self.agent.vocabulary.pieces[token])
        return self._span(said.tokens, said.logprobs.tolist(), end_logprob)
