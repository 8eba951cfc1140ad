"""Who follows a run: a terminal, where it prints, or an app that a person plays in."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from arena.command import fail, to_go_on
from arena.config import RunConfig
from arena.terminal import say, visible

if TYPE_CHECKING:
    from agents.contract import Agent
    from arena.episode import Episode
    from arena.store import Run
    from arena.tasks import Task

APPS = "tandem_arena.desks"
"""The entry points of apps for people: each a `Show`."""
LINE = "--desk line asks line by line"
COLUMNS, ROWS = 80, 24
"""The smallest terminal that an app is made for."""


class Audience(Protocol):
    """It is told of everything that a run would otherwise print, in the thread that plays."""

    def seated(self, agents: dict[str, Agent], task: Task) -> dict[str, Agent]:
        """Everybody is loaded; gives who is to sit down, at other desks perhaps."""
        ...

    def follow(self, episodes: Iterator[Episode], config: RunConfig, run: Run) -> Iterator[Episode]:
        """Passes graded episodes on; each is stored when the next is asked for. KeyboardInterrupt stops the run."""
        ...

    def summed_up(self, summary: Mapping[str, Any], config: RunConfig, folder: Path) -> None: ...

    def stopped(self, folder: Path, done: int) -> None:
        """The run was stopped, with so many episodes stored."""
        ...


Play = Callable[[Audience], int]
"""Plays the whole run before an audience, in whatever thread it is called; gives the exit code. Raises UserError."""
Show = Callable[[RunConfig, Play], int]
"""An app that a run is played in; gives the exit code. Raises UserError."""


def app_of(config: RunConfig) -> Show | None:
    """The app that --desk names, or that this terminal can show where it is left open; None for lines.

    Raises UserError.
    """
    if config.desk == "line":
        return None
    person = any(agent.address == "human" for agent in config.agents.values())
    wanted = config.desk == "app"
    if wanted and not person:
        fail(f"--desk app: nobody in --pair {config.pair} is a person; name human")
    if not person:
        return None
    if why := misfit():
        if wanted:
            fail(f"--desk app: {why}; {LINE}")
        if sys.stdin is not None and sys.stdin.isatty():
            say(f"line by line, as for the app {why}", sys.stderr)
        return None
    from importlib.metadata import entry_points

    for found in entry_points(group=APPS, name="app"):
        show: Show = found.load()
        return show
    return fail("--desk app: no app is installed; --desk line asks line by line") if wanted else None


def misfit() -> str:
    """Why an app cannot be shown here; nothing if it can."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream is not None and stream.isatty() for stream in streams):
        return "standard input, output and error must be a terminal"
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return "this terminal (TERM) cannot place a cursor"
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    if columns >= COLUMNS and rows >= ROWS:
        return ""
    return f"{COLUMNS}x{ROWS} characters are needed, and here are {columns}x{rows}"


class Terminal:
    """Prints: progress on standard error, a few episodes and the summary on standard output."""

    def __init__(self, module: str = "arena.run"):
        """``module`` is the command that a run that was stopped is gone on with."""
        self._module = module

    def seated(self, agents: dict[str, Agent], task: Task) -> dict[str, Agent]:
        from agents.person import Person
        from arena.tasks.marks import form_of

        form = form_of(task.extract)
        if form and any(isinstance(agent, Person) for agent in agents.values()):
            say(f"the answer goes on a line of its own, as in: {form}")
        return agents

    def follow(self, episodes: Iterator[Episode], config: RunConfig, run: Run) -> Iterator[Episode]:
        """Shows the first few of the team and how far the run is."""
        from arena.plan import size
        from arena.show import Screen, show_episode

        out, err = Screen(), Screen(stderr=True)
        shown = config.show if config.json else 0
        # A person reads the same terminal: nothing moves on it but what is said.
        person = "human" in {agent.address for agent in config.agents.values()}
        bar = progress_bar if err.is_terminal and not person else progress_lines
        with bar(size(config), len(run.ids)) as (above, advance):
            for episode in episodes:
                yield episode
                advance()
                if shown < config.show and episode.condition == "team":
                    # On a terminal an episode goes above the bar, else to standard output.
                    show_episode(above if above and out.is_terminal else out, episode)
                    shown += 1

    def summed_up(self, summary: Mapping[str, Any], config: RunConfig, folder: Path) -> None:
        from arena.show import TABLE_WIDTH, Screen, difficulty_lines, plain_summary, summary_table

        screen = Screen()
        conditions = summary["conditions"]
        if failed := sum(one["failed"] for one in conditions.values()):
            first = next(one["first_error"] for one in conditions.values() if one["failed"])
            played = sum(one["episodes"] for one in conditions.values())
            line = f"{failed} of {played} episodes failed, and count as unreadable; the first: {first}"
            say(visible(line), sys.stderr)
        if config.json:
            say(json.dumps(summary, indent=2, ensure_ascii=False))
            return
        if screen.is_terminal and screen.width >= TABLE_WIDTH:
            screen.print(summary_table(conditions))
            screen.print()
        else:
            for line in plain_summary(conditions):
                screen.tell(line)
        for line in difficulty_lines(conditions):
            screen.tell(line)
        screen.tell(f"stored in {visible(str(folder))}")

    def stopped(self, folder: Path, done: int) -> None:
        stored = "1 episode is stored" if done == 1 else f"{done} episodes are stored"
        say(f"\nstopped; {stored}. To go on: {to_go_on(self._module, folder)}", sys.stderr)


@contextmanager
def progress_bar(total: int, done: int) -> Iterator[tuple[Any, Any]]:
    """A progress bar on standard error: (what it is drawn on, what moves it one on)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from arena.show import Screen

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Screen(stderr=True), transient=True) as progress:
        bar = progress.add_task("episodes", total=total, completed=done)
        yield progress.console, lambda: progress.advance(bar)


@contextmanager
def progress_lines(total: int, done: int) -> Iterator[tuple[Any, Any]]:
    """The same as a line on standard error every ten seconds."""
    last = time.monotonic()

    def advance() -> None:
        nonlocal done, last
        done += 1
        if time.monotonic() - last > 10:
            say(f"{done} of {total} episodes", sys.stderr)
            last = time.monotonic()

    yield None, advance
