"""``python -m human.links --study STUDY.toml --count 40 --base https://study.example.org``: personal links."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from arena.command import check_file, fail, run_command
from arena.terminal import say, visible
from human.server.origins import check_origin

if TYPE_CHECKING:
    from human.record import Record

LONGEST = 3650
"""Days."""


@dataclass
class LinksConfig:
    """Make personal links. Each works once, until it expires; the record has only hashes, so keep the file safe.

    Example: python -m human.links --study handoff.toml --count 40 --base https://study.example.org --out links.csv
    """

    study: Path
    """The study's TOML file."""
    count: int = 1
    """How many."""
    base: str = "http://127.0.0.1:8765"
    """Where the study is served."""
    days: float = 30.0
    """How long a link may be used first; 3650 at most."""
    again: str = ""
    """The pseudonym of somebody who lost theirs: one new link, and the old ones end."""
    revoke: str = ""
    """The pseudonym of somebody who is not to go on: all their links end."""
    out: Path | None = None
    """A CSV file (person, link), readable by you alone; default: standard output."""
    draft: bool = False
    """The study is not locked."""
    force: bool = False
    """Write over a file that is there."""


def main(config: LinksConfig) -> None:
    """Makes links, or ends them. Raises UserError."""
    from human.record.people import AccessError, people, revoke
    from human.server.house import opened, record_of
    from human.session.stopping import over

    check(config)
    study, _, seal = opened(config.study, draft=config.draft)
    with record_of(study, seal) as record:
        try:
            if config.revoke:
                revoke(record, config.revoke)
                say(visible(f"{config.revoke} cannot go on"), sys.stderr)
                return
            if not config.again:
                for why in over(study, people(record), date.today()):
                    say(visible(f"warning: the study's own rule ends it: {why}"), sys.stderr)
            if config.out:
                count = _written(config, record, config.out)
            else:
                say(_table(config, _made(config, record)).rstrip())
                return
        except AccessError as error:
            fail(str(error))
    say(visible(f"written: {config.out}, {count} links; whoever has a link can use it, so keep it safe"))


def check(config: LinksConfig) -> None:
    """Raises UserError, before anything is opened, for what cannot be done or would be done in part."""
    if config.again and config.revoke:
        fail("--again and --revoke: give one of them")
    if config.count != 1 and (config.again or config.revoke):
        fail(f"--count {config.count}: goes with neither --again nor --revoke, which are about one person")
    if config.revoke and config.out:
        fail("--out: --revoke makes no link; leave one of them out")
    if config.count < 1:
        fail(f"--count must be at least 1, not {config.count}")
    if not 0 < config.days <= LONGEST:
        fail(f"--days must be above 0 and at most {LONGEST}, not {config.days}")
    check_origin("--base", config.base)
    if config.out:
        check_file("--out", config.out, force=config.force)


def _made(config: LinksConfig, record: Record) -> list[tuple[str, str]]:
    """(pseudonym, token). Raises AccessError."""
    from human.record.people import invite

    return invite(record, config.count, config.days, again=config.again)


def _table(config: LinksConfig, made: list[tuple[str, str]]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("person", "link"))
    rows.writerows((person, f"{config.base.rstrip('/')}/#{token}") for person, token in made)
    return text.getvalue()


def _written(config: LinksConfig, record: Record, out: Path) -> int:
    """Makes links once there is a file for them; if it cannot be written they end. Raises UserError and AccessError."""
    from human.record.people import revoke
    from human.server.house import private

    made: list[tuple[str, str]] = []
    try:
        with private(out) as file:
            made = _made(config, record)
            file.write(_table(config, made))
    except OSError as error:
        for person, _ in made if not config.again else []:
            revoke(record, person)
        said = f"; the old link of {config.again} has ended, so make another" if made and config.again else ""
        fail(f"--out {out}: {error.strerror}; no link was made{said}")
    return len(made)


if __name__ == "__main__":
    run_command(main, LinksConfig, prog="python -m human.links")
