"""``python -m human.links --study STUDY.toml --count 40 --base https://study.example.org``: personal links."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from arena.command import check_file, fail, run_command
from arena.terminal import say, visible


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
    """How long a link may be used first."""
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
    from human.record.people import AccessError, invite, revoke
    from human.server.house import opened, private_file, record_of

    if config.count < 1:
        fail(f"--count must be at least 1, not {config.count}")
    if not config.days > 0:
        fail(f"--days must be above 0, not {config.days}")
    parts = urlsplit(config.base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        fail(f"--base {config.base}: give scheme and host, as https://study.example.org")
    if config.out:
        check_file("--out", config.out, force=config.force)
    study, _, seal = opened(config.study, draft=config.draft)
    with record_of(study, seal) as record:
        try:
            if config.revoke:
                revoke(record, config.revoke)
                say(visible(f"{config.revoke} cannot go on"), sys.stderr)
                return
            made = invite(record, 1 if config.again else config.count, config.days, again=config.again)
        except AccessError as error:
            fail(str(error))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("person", "link"))
    rows.writerows((person, f"{config.base.rstrip('/')}/#{token}") for person, token in made)
    if config.out:
        private_file(config.out, text.getvalue())
        say(visible(f"written: {config.out}, {len(made)} links; whoever has a link can use it, so keep it safe"))
    else:
        say(text.getvalue().rstrip())


if __name__ == "__main__":
    run_command(main, LinksConfig, prog="python -m human.links")
