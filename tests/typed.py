"""A person whose lines lie ready, beside a partner that says what it is given."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from agents.chance import Chance
from agents.contract import Agent, Turn, View
from agents.line_desk import TerminalDesk, reader_of
from agents.person import Person, PersonSeat
from agents.scripted import Reciting
from agents.units import RULES
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.tasks import Problem

PARTNER = "the cat. Sat on!\n\nIt {end}"


def episodes(
    lines: str,
    handoff: str,
    partner: Agent | str = PARTNER,
    *,
    count: int = 1,
    limit: int = 60,
    pair: str = "ann:senior",
) -> tuple[list[Episode], str]:
    """Episodes of a person (ann) who types these lines, and all that she is shown; every episode is proven."""
    shown = io.StringIO()
    partner = Reciting(partner) if isinstance(partner, str) else partner
    agents: dict[str, Agent] = {"ann": Person(TerminalDesk(io.StringIO(lines), shown)), "senior": partner}
    names = tuple(pair.split(":"))
    engine = ReferenceEngine({name: agents[name] for name in names}, seed=3, limit=limit)
    jobs = [Job(Problem(f"p/{n}", "How many?", "1"), 0, parse(handoff).check(names), names) for n in range(count)]
    made = list(engine.episodes(jobs))
    assert [problems_of(episode) for episode in made] == [[]] * count
    return made, shown.getvalue()


def episode(lines: str, handoff: str, partner: Agent | str = PARTNER, **options: Any) -> tuple[Episode, str]:
    (made,), shown = episodes(lines, handoff, partner, **options)
    return made, shown


def parts(episode: Episode) -> list[tuple[str, str]]:
    """(author, text) of every turn; who only ended it is left out."""
    return [(span.author, episode.text[span.start : span.end]) for span in episode.spans if span.end > span.start]


def turn(rule: str = "word", /, **options: Any) -> Turn:
    given: dict[str, Any] = {
        "state": 0,
        "unit": 0,
        "position": 0,
        "holds": lambda unit: True,
        "chance": Chance(0, 0),
        "budget": 20,
        "opening": False,
        **options,
    }
    return Turn(RULES[rule], **given)


def seat_of(person: Person, asked: list[str] | None = None) -> PersonSeat:
    asks = {} if asked is None else {"ask": asked.append}
    return person.sit(View("How many?", "ann", ("senior",), **asks))


def job(handoff: str, *names: str, sample: int = 0) -> Job:
    return Job(Problem("p/1", "How many?", "1"), sample, parse(handoff).check(names), names)


@contextmanager
def typist(terminal: bool = False) -> Iterator[tuple[Callable[[bytes], object], Any]]:
    """(what types, the stream it is read from): a pipe, or a terminal."""
    if terminal:
        here, there = os.openpty()
    else:
        there, here = os.pipe()
    with open(there, encoding="utf-8") as stream:
        yield lambda data: os.write(here, data), stream
        os.close(here)
        reader_of(stream).thread.join(10)  # it has seen the end, and will not read another file of this number


@contextmanager
def typed_at() -> Iterator[tuple[TextIO, int]]:
    """A stream, and the file that what is typed is written to.

    Whoever reads the stream has ended afterwards: it would else read the file that gets its number next.
    """
    ours, theirs = os.pipe()
    with os.fdopen(ours) as typed:
        try:
            yield typed, theirs
        finally:
            os.close(theirs)
            reader_of(typed).thread.join(10)
