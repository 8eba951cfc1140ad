"""``python -m human.withdraw --study STUDY.toml PERSON``: deletes all that is stored of somebody who asks."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from arena.command import fail, run_command
from arena.terminal import say, visible


@dataclass
class WithdrawConfig:
    """Delete everything that a person did in a study. That it was deleted is recorded; nothing brings it back.

    Example: python -m human.withdraw --study handoff.toml p-abcdefgh
    """

    study: Path
    """The study's TOML file."""
    person: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="PERSON")]
    """The pseudonym, which the last page told the person."""
    yes: bool = False
    """Do not ask."""
    late: bool = False
    """Also after the days that the study gives for it."""
    draft: bool = False
    """The study is not locked."""


def main(config: WithdrawConfig) -> None:
    """Deletes, or raises UserError."""
    from human.record.people import forget, people
    from human.server.house import opened, record_of, record_path

    study, _, seal = opened(config.study, draft=config.draft)
    if not record_path(study).is_file():
        fail(f"{record_path(study)}: there is no record, so nobody has taken part")
    with record_of(study, seal) as record:
        who = next((one for one in people(record) if one.id == config.person), None)
        if who is None:
            fail(f"{config.person}: there is nobody of this name in {record.path}")
        if who.state == "withdrawn":
            fail(f"{config.person}: has withdrawn already; nothing more is stored")
        events = [event for event in record.events(who.id) if event.kind != "link"]
        days = study.withdrawal.days
        gone = (time.time() - max((event.at for event in events), default=time.time())) / 86400
        if days and gone > days and not config.late:
            fail(f"{config.person}: took part {gone:.0f} days ago, and the study gives {days}; add --late")
        solutions = sum(event.kind == "episode" for event in events)
        if not config.yes and not _sure(
            f"delete all {len(events)} events of {who.id}, {solutions} solutions among them"
        ):
            fail("nothing was deleted; --yes does not ask")
        deleted = asyncio.run(forget(record, who.id))
        owed = record.log_owed
    say(visible(f"deleted: {deleted} events of {who.id}"))
    if owed:
        say(
            "SQLite's log beside the record has them still, as somebody reads it just now: the server empties it soon, "
            "else whatever opens the record next"
        )
    say("exports and backups that were made before have them still: make exports again, and delete the old ones")


def _sure(what: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(visible(f"{what}? Nothing brings it back. [yes/no] ")).strip().lower() == "yes"


if __name__ == "__main__":
    run_command(main, WithdrawConfig, prog="python -m human.withdraw")
