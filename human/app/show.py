"""A run in the app: what ``tandem_arena.desks`` names, so that `arena.run` finds it without knowing it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from agents.plain import inline
from arena.audience import Play, misfit
from arena.command import fail
from arena.config import RunConfig
from arena.terminal import say

if TYPE_CHECKING:
    from textual.app import App

    from human.app.state import State

SWITCH = 0.0005
"""Seconds that a thread goes on while another waits: with Python's 5 ms a key would wait for several of those."""


def show(config: RunConfig, play: Play, *, module: str = "arena.run", dark: bool = True) -> int:
    """Plays a run in the app; gives its exit code. Raises what the run raises."""
    from human.app.app import PersonApp
    from human.local import LocalRun
    from human.marks import ascii_only

    run = LocalRun(config, play, module=module)
    partners = [inline(name) for name, agent in config.agents.items() if agent.address != "human"]
    opening = f"Loading {', '.join(partners)} ..." if partners else "One moment ..."
    sys.setswitchinterval(SWITCH)  # the model thinks in a thread of this process
    app = run_alone(lambda: PersonApp(run, opening=opening, dark=dark, ascii_only=ascii_only()))
    code = run.finish()
    return app.return_code or code


def run_alone(make: Callable[[], App[str]]) -> App[str]:
    """Makes and runs an app; what anything else writes meanwhile, as a grader's process, is kept off the screen.

    It is shown afterwards only if the app failed: it is the traceback then.
    """
    before = sys.__stdout__, sys.__stderr__
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    with ExitStack() as stack:
        aside = stack.enter_context(tempfile.TemporaryFile())
        terminal = stack.enter_context(os.fdopen(os.dup(2), "w", encoding=encoding))
        output = os.dup(1)
        stack.callback(os.close, output)
        for number in (1, 2):
            os.dup2(aside.fileno(), number)
        sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]  # where an app draws
        app = make()
        try:
            app.run()
        finally:
            sys.__stdout__, sys.__stderr__ = before  # type: ignore[misc]
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os.dup2(output, 1)
            os.dup2(terminal.fileno(), 2)
            if app.return_code:
                aside.seek(0)
                terminal.write(aside.read().decode(errors="replace"))
        return app


def join(link: str, *, line: bool, dark: bool) -> int:
    """Plays in somebody else's study, by the link of an invitation. Raises UserError."""
    import asyncio

    from human.join import JoinedStudy, invitation

    try:
        invited = invitation(link)
    except ValueError as error:
        fail(f"--join: {error}")
    if line:
        from human.line import LineScreen

        screen = LineScreen(JoinedStudy(invited, "line"))
        asyncio.run(screen.run())
        return 2 if _kept_out(screen.state) else 0  # why was read out
    if why := misfit():
        fail(f"--join: {why}; --line asks line by line")
    from human.app.app import PersonApp
    from human.marks import ascii_only

    study = JoinedStudy(invited, "app")
    app = run_alone(lambda: PersonApp(study, dark=dark, ascii_only=ascii_only()))
    assert isinstance(app, PersonApp)
    if app.state.bye and _kept_out(app.state):
        fail(f"--join: {inline(app.state.bye.text)}")
    if app.return_value:
        say(inline(app.return_value))
    return app.return_code or 0


def _kept_out(state: State) -> bool:
    """The link opened nothing."""
    said = state.bye.name if state.bye else ""
    return said in ("no_access", "refused") and state.problem is None and state.page is None
