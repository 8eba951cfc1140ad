"""What is written is heard while it is written, and the pen moves on demand: asked for, or given away by a marker."""

from __future__ import annotations

import asyncio

import pytest

from agents.contract import Agent, Span, Turn
from agents.scripted import Reciting
from arena.proof import problems_of
from arena.turns import TurnLoop
from tests.far import Far
from tests.models import embedded, random_agent
from tests.voices import (
    EVERY_UNIT,
    LIMIT,
    SEED,
    Caller,
    CallerSeat,
    Watched,
    assert_same,
    by_id,
    jobs_of,
    reference,
    senior,
    shared,
)


def test_what_is_emitted_is_heard_as_it_comes_and_is_what_was_written():
    """Only by the others, and before it is read; of a turn that was cut, more may have been heard than counts."""
    (job,) = jobs_of(1, "word:p=equal", ("senior", "far", "ann"))
    agents: dict[str, Agent] = {"senior": senior(), "far": Far(), "ann": Reciting("So 3 boxes. ")}
    with shared(agents, 1) as together:
        watched = {name: Watched(agent) for name, agent in together.items()}
        episode = asyncio.run(TurnLoop(watched, seed=SEED, limit=LIMIT, at_once=1).play(job))
    assert_same(reference(agents, [job])[job.id], episode)
    spoken = {
        name: "".join(episode.text[span.start : span.end] for span in episode.spans if span.author == name)
        for name in agents
    }
    for name, agent in watched.items():
        assert b"".join(agent.emitted).decode() == spoken[name]
        heard = b"".join(piece for _, piece in agent.heard).decode()
        others = "".join(episode.text[s.start : s.end] for s in episode.spans if s.author != name)
        assert heard == others
        assert name not in {author for author, _ in agent.heard}
    assert len(watched["senior"].emitted) >= sum(len(s.token_ids or ()) for s in episode.spans) - 1


@pytest.mark.parametrize("unit", EVERY_UNIT)
@pytest.mark.parametrize("marker", [None, "=", " has 1", "\n"])
def test_the_pen_moves_on_demand_as_in_the_reference_loop(unit, marker):
    """One asks for it while a model writes, and gives it back; the model gives it away by its marker."""
    agents: dict[str, Agent] = {"senior": senior(marker), "you": Caller(), "other": random_agent("gpt2", "gpt2", 1)}
    jobs = jobs_of(2, f"{unit}:demand", tuple(agents))
    wanted = reference(agents, jobs)
    with shared(agents, 2) as together:
        found = by_id(TurnLoop(together, seed=SEED, limit=LIMIT, at_once=4).episodes(jobs))
    for identity, episode in wanted.items():
        assert_same(episode, found[identity])
    assert any(episode.pens for episode in found.values())


class PushingSeat(CallerSeat):
    """Asks, whenever it hears something, that the senior write: while that one thinks, as a person would."""

    def hear(self, author: str, piece: bytes) -> None:
        asyncio.get_running_loop().call_soon(self.view.ask, "senior")


class WrongSeat(CallerSeat):
    """Asks that a stranger write, and gives the pen to one."""

    def hear(self, author: str, piece: bytes) -> None:
        self.view.ask("nobody")

    async def write(self, turn: Turn) -> Span:
        return Span(self.view.author, " so", asks="nobody")


@pytest.mark.parametrize("unit", ["word", "token", "line", "sentence"])
@pytest.mark.parametrize("marker", ["=", "*", "has"])
def test_who_gives_the_pen_away_while_it_is_asked_to_write_on_gives_it_away(unit, marker):
    """Else one author would have two turns in a row, which no episode can prove."""
    agents: dict[str, Agent] = {"senior": senior(marker), "you": Caller(seat=PushingSeat)}
    jobs = jobs_of(3, f"{unit}:demand", ("senior", "you"))
    played = reference(agents, jobs).values()
    assert [problems_of(episode) for episode in played] == [[], [], []]
    assert {span.author for episode in played for span in episode.spans} == {"senior", "you"}


def test_a_marker_in_the_middle_of_a_line_moves_the_pen_at_the_next_line():
    """Where the other cannot open, the unit is finished by its author, and its end is drawn as ever."""
    agents: dict[str, Agent] = {"senior": senior("="), "junior": embedded("junior")}
    jobs = jobs_of(6, "line:demand", ("senior", "junior"))
    with shared(agents, 3) as together:
        for episode in TurnLoop(together, seed=SEED, limit=LIMIT, at_once=6).episodes(jobs):
            assert_same(reference(agents, jobs)[episode.id], episode)
            first, second, *_ = episode.spans
            assert (first.author, first.cut, second.author) == ("senior", None, "junior")
            assert episode.text[first.start : first.end].count("\n") == 1
            assert episode.text[: first.end].endswith("\n")
            assert first.end_logprob == 0  # whatever comes after a newline opens a line
            assert episode.pens == [[1, "junior"]]


@pytest.mark.parametrize("unit", ["word", "line", "spaced-token"])
def test_alone_a_marker_is_text(unit):
    """There is nobody to give the pen to: the episode neither breaks off nor loses anything."""
    (job,) = jobs_of(1, f"{unit}:demand", ("senior",))
    (marked,) = reference({"senior": senior("=")}, [job]).values()
    (plain,) = reference({"senior": senior()}, [job]).values()
    assert (marked.text, marked.ended) == (plain.text, plain.ended)
    assert "=" in marked.text


def test_the_pen_goes_to_nobody_who_does_not_sit_down():
    """Asking for a stranger is refused where it is asked; giving it to one fails the episode by name."""
    agents: dict[str, Agent] = {"senior": senior(), "you": Caller(seat=WrongSeat)}
    with pytest.raises(ValueError, match="'nobody' cannot be asked to write: there is senior, you"):
        reference(agents, jobs_of(1, "word:demand", ("senior", "you")))
    (episode,) = reference(agents, jobs_of(1, "word:demand", ("you", "senior"))).values()
    assert episode.error == "you: it gave the pen to 'nobody', who did not sit down"
    assert (episode.text, problems_of(episode)) == (" so", [])
