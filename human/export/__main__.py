"""``python -m human.export --study STUDY.toml --out FOLDER``: what a study found, as a run and as tables."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arena.command import fail, run_command
from arena.terminal import say, visible

if TYPE_CHECKING:
    from arena.episode import Episode
    from human.export.takers import Everybody
    from human.record.people import Person
    from human.study import Stimuli, Study


@dataclass
class ExportConfig:
    """Write what a study found: episodes (a run like any other), tables as Parquet and CSV, and their codebook.

    Example: python -m human.export --study handoff.toml --out runs/handoff
    """

    study: Path
    """The study's TOML file. Its record may be written meanwhile: what is there now is exported."""
    out: Path
    """A new folder."""
    excluded: bool = False
    """Also episodes of people who are excluded by the study's rules. The tables have them in any case, and say so."""
    practice: bool = False
    """Also episodes of practice trials."""
    baselines: bool = True
    """The senior alone (fraction 1) beside the people, from the study's runs."""
    solutions: bool = True
    """Without them there are only tables, and no text that anybody wrote."""
    free_text: bool = False
    """Also what was typed freely at questions, in a file to be read before it is released."""
    rekey: bool = False
    """New pseudonyms and numbers, drawn by chance and stored nowhere: links and the record lead to nobody."""
    dates: bool = False
    """Say when, by the clock; without it all times count from each person's first event."""
    draft: bool = False
    """The study is not locked."""
    force: bool = False
    """Replace an export that is there."""


def main(config: ExportConfig) -> None:
    """Reads the record once, and writes. Raises UserError."""
    from human.export import episodes, files
    from human.export.tables import Tables
    from human.export.takers import everybody
    from human.record import RecordError
    from human.record.snapshot import snapshot
    from human.server.house import check_seal, opened, record_path

    files.check_place(config.out, force=config.force)
    study, stimuli, seal = opened(config.study, draft=config.draft)
    try:
        found = snapshot(record_path(study))
    except RecordError as error:
        fail(str(error))
    check_seal(record_path(study), found.seal, seal)
    took = everybody(study, stimuli, found, _new_names(found.people) if config.rekey else {})
    tables = Tables(study, config.dates, config.solutions)
    tables.of_everybody(took)
    tables.of_the_senior(stimuli)
    made: list[Episode] = []
    for taker in took.takers:
        mine = episodes.of_taker(taker)
        tables.of(taker, mine)
        practice = {trial.id for trial in taker.trials if trial.practice}
        if config.excluded or not taker.reasons:
            made += [one for trial, one in mine.items() if config.practice or trial not in practice]
    with files.whole(config.out) as folder:
        count = 0
        if config.solutions:
            plan = episodes.config_of(study, stimuli, draft=config.draft, excluded=config.excluded)
            count = files.write_run(folder, plan, _with_the_senior(config, study, stimuli, made), took.counts)
        files.write_tables(folder, tables.rows, free_text=config.free_text)
    _report(config, took, count)


def _with_the_senior(config: ExportConfig, study: Study, stimuli: Stimuli, made: list[Episode]) -> Iterator[Episode]:
    from human.export import episodes

    yield from made
    if config.baselines:
        yield from episodes.of_the_senior(study, stimuli)


def _new_names(people: list[Person]) -> dict[str, tuple[str, int]]:
    """Another pseudonym and number for everybody, in an order that nobody knows."""
    numbers = list(range(1, len(people) + 1))
    secrets.SystemRandom().shuffle(numbers)
    return {one.id: (f"r-{secrets.token_hex(5)}", number) for one, number in zip(people, numbers, strict=True)}


def _report(config: ExportConfig, took: Everybody, count: int) -> None:
    out = [one for one in took.takers if one.reasons]
    for taker in out:
        say(visible(f"excluded: {taker.name}: {'; '.join(taker.reasons)}"))
    kept, inside = len(took.takers) - len(out), sum(one.person.state == "joined" for one in out)
    not_yet = f" ({inside} not yet: still taking part)" if inside else ""
    say(visible(f"written: {config.out}: {count} episodes; {kept} people count, {len(out)} do not{not_yet}"))
    if config.free_text:
        say("what was typed freely is to be read, line by line, before it is released")


if __name__ == "__main__":
    run_command(main, ExportConfig, prog="python -m human.export")
