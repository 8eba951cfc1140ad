"""An agent that is slow like an endpoint, for tests; it needs no torch."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

from agents.chance import stable_key
from agents.contract import Agent, AgentError, Span, Turn, View
from agents.endpoint import Intake, UnopenedError

TALK = (" so", " 3", " +", " 4", " =", " boxes", ".", "\n", " 他", ", naïve", " (ok)", "\n\n#### 7", " pens!")
"""What the far agent says, word by word."""


class Far:
    """Writes like an endpoint: in pieces, each after some time, drawn with the episode's own numbers."""

    deterministic = True
    gives_logprobs = conditions_on_opening = False

    def __init__(self, delay: float = 0.0, *, ends: float = 0.02):
        self.delay, self.ends = delay, ends
        self.writing = self.most = 0
        """Turns that are being written, and the most there ever were."""

    def sit(self, view: View) -> FarSeat:
        return FarSeat(self, view)


class FarSeat:
    def __init__(self, agent: Far, view: View):
        self._agent, self.view = agent, view

    async def write(self, turn: Turn) -> Span:
        intake, ended = Intake(turn), None
        self._agent.writing += 1
        self._agent.most = max(self._agent.most, self._agent.writing)
        try:
            if not turn.stop.is_set():
                ended = await turn.unless_stopped(self._fill(intake, turn))
        finally:
            self._agent.writing -= 1
        stopped = ended is None
        return Span(self.view.author, intake.whole if stopped else intake.text, ended=bool(ended), cut=stopped)

    async def _fill(self, intake: Intake, turn: Turn) -> bool:
        if turn.opening and not turn.rule.can_open(turn.state):
            return True
        for number in count(turn.position):
            drawn = turn.chance.token[number]
            await asyncio.sleep(self._agent.delay * drawn)
            try:
                if intake.add(TALK[int(drawn * len(TALK))]):
                    return False
            except UnopenedError:
                continue
            if turn.chance.open[number] < self._agent.ends:
                return intake.may_end
        raise AssertionError

    def read(self, span: Span) -> None:
        pass

    def leave(self) -> None:
        pass

    def record(self) -> dict[str, Any]:
        return {"far": True}


class _Unsteady(Far):
    """Slow in some episodes, and away in some: ``python:tests.far:unsteady``."""

    def sit(self, view: View) -> FarSeat:
        drawn = stable_key(view.question) % 7
        if not drawn:
            raise AgentError(f"{view.author}: is away")
        return FarSeat(Far(0.0005 * drawn), view)


def unsteady() -> Agent:
    return _Unsteady()
