"""``python -m human.app``: a person plays, in a run on this machine or in somebody else's study."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from functools import partial
from typing import Literal

from arena.command import fail, guarded, leave
from arena.config import RunConfig, flags_over_file, resolved

MODULE = "human.app"


@dataclass
class AppConfig(RunConfig):
    """Play with an agent, problem by problem, in the terminal; every flag of arena.run says with whom and how.

    Example: python -m human.app --pair senior:human --handoff sentence:alternate

    A study that you were invited to: python -m human.app --join LINK
    """

    pair: str = "senior:human"
    """Who sits down, in order: NAME:NAME or more; human is you."""
    episodes: int = 10
    """How many problems (times --samples)."""
    join: str = ""
    """The link of an invitation, https://HOST/#TOKEN; nothing of a run of one's own is meant then."""
    line: bool = False
    """With --join: line by line, for screen readers. (Without: --desk line.)"""
    theme: Literal["dark", "light"] = "dark"
    """To begin with; F8 changes it."""


def main(config: AppConfig) -> int:
    """Plays. Raises UserError."""
    if config.join:
        from human.app.show import join

        return join(config.join, line=config.line or config.desk == "line", dark=config.theme == "dark")
    if config.line:
        fail("--line is for --join; --desk line plays a run of one's own line by line")
    from arena.audience import misfit
    from arena.run import main as run

    given = RunConfig(**{field.name: getattr(config, field.name) for field in fields(RunConfig)})
    if not any(agent.address == "human" for agent in resolved(given).agents.values()):
        fail(f"--pair {config.pair}: nobody there is a person; name human, as in --pair senior:human")
    if given.dry_run or config.desk == "line" or misfit():
        return run(given)
    from human.app.show import show

    return run(given, partial(show, module=MODULE, dark=config.theme == "dark"))


def cli(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return guarded(lambda: main(flags_over_file(AppConfig(), argv, f"python -m {MODULE}")))


if __name__ == "__main__":
    leave(cli(sys.argv[1:]))
