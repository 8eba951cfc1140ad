"""Asking an endpoint for turns: a real server (`tests.server`), and what a turn needs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from agents.chance import Chance
from agents.contract import AgentError, Span, Turn, View
from agents.endpoint import Endpoint
from agents.units import RULES
from tests.running import ENVIRONMENT, ROOT


class Server:
    """The test server: where it is, and what it was asked."""

    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}/v1"
        self._ids = count()

    def log(self, name: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url[:-3]}/log/{name}", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def requests(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.log(name)["requests"]
        return found

    def agent(self, *texts: str, options: dict[str, Any] | None = None, **behave: Any) -> tuple[Endpoint, str]:
        """An endpoint that answers with these texts (without any, the talker answers), and its id in the log."""
        name = f"{os.getpid()}-{next(self._ids)}"  # not that of another process
        if texts:
            behave["texts"] = json.dumps(texts)
        given = {"retries": 0, "timeout": 10, "turn_timeout": 20, **(options or {})}
        return Endpoint("toy", self.url, extra={"behave": {"id": name, **behave}}, **given), name


def serving(*command: str) -> Iterator[str]:
    """The first line that a server prints; it is ended at the end."""
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=ENVIRONMENT)
    try:
        assert child.stdout
        yield child.stdout.readline().strip()
    finally:
        child.terminate()
        child.communicate(timeout=20)


def turn_of(unit: str = "word", holds: Callable[[int], bool] = lambda u: True, so_far: str = "", **given: Any) -> Turn:
    """A turn after ``so_far``, which another author wrote."""
    rule = RULES[unit]
    state, opened = rule.start, 0
    for character in so_far:
        opens, state = rule.step(state, character)
        opened += opens
    made = {"position": opened, "chance": Chance(5, 6), "budget": 100, "opening": bool(so_far), **given}
    return Turn(rule, state, opened, holds=holds, **made)


def first(units: int) -> Callable[[int], bool]:
    return lambda u: u < units


async def ask(agent: Endpoint, turn: Turn, so_far: str = "") -> tuple[Span, dict[str, Any]]:
    seat = agent.sit(View("1+1?", "ann"))
    if so_far:
        seat.read(Span("bob", so_far))
    span = await seat.write(turn)
    record = seat.record()
    seat.leave()
    return span, record


def written(agent: Endpoint, turn: Turn, so_far: str = "") -> Span:
    return asyncio.run(ask(agent, turn, so_far))[0]


def refusal(agent: Endpoint, turn: Turn | None = None, so_far: str = "") -> str:
    """The message of the AgentError, which is one plain line and says who and where."""
    with pytest.raises(AgentError) as error:
        written(agent, turn or turn_of(), so_far)
    message = str(error.value)
    assert message.startswith(("ann: toy at http://127.0.0.1:", "ann: toy at https://127.0.0.1:"))
    assert message.isprintable()
    assert len(message) <= 500
    return message.split("/v1: ", 1)[1]
