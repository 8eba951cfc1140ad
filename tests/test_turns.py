"""The turn loop: any agents, many episodes at once, which can be stopped, cancelled, listened to and handed over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from agents.contract import Agent, AgentError
from agents.language_model import LanguageModel
from agents.prompting import PromptError
from agents.replay import Reader
from agents.scripted import Reciting
from arena.episode import Episode, surfaces
from arena.jobs import Job
from arena.measures import summary_of
from arena.proof import problems_of
from arena.torch_engine.engine import TorchEngine
from arena.turns import TurnLoop
from tests.far import Far
from tests.models import embedded, random_agent
from tests.voices import (
    EVERY_UNIT,
    LIMIT,
    SEED,
    Failing,
    Watched,
    assert_same,
    by_id,
    jobs_of,
    reference,
    senior,
    shared,
)

# Many episodes at once


@pytest.mark.parametrize("temperature", [1.0, 0.0])
@pytest.mark.parametrize("handoff", ["word:p=equal", "spaced-token:p=equal", "sentence:alternate", "line:p=equal"])
def test_models_scripts_and_far_agents_write_what_they_write_in_the_reference_loop(handoff, temperature):
    agents: dict[str, Agent] = {
        "senior": senior(temperature=temperature),
        "other": random_agent("gpt2", "sentencepiece", 1, temperature),
        "far": Far(0.002),
        "ann": Reciting("Now 2 * 3 = 6. So she\nhas 6! #### 6 "),
    }
    jobs = jobs_of(6, handoff, tuple(agents))
    wanted = reference(agents, jobs)
    for slots, at_once in ((2, 5), (6, 6)):  # with fewer slots than episodes, seats lose theirs and get them again
        with shared(agents, slots) as together:
            found = by_id(TurnLoop(together, seed=SEED, limit=LIMIT, at_once=at_once).episodes(jobs))
        assert found.keys() == wanted.keys()
        for identity, episode in wanted.items():
            assert_same(episode, found[identity])


def test_one_model_under_two_names_is_two_authors():
    """Equal tokens, one set of weights, each with slots of its own; or both in the same slots."""
    agents: dict[str, Agent] = {"a": senior(), "b": senior()}
    jobs = jobs_of(5, "word:p=0.5", ("a", "b"))
    wanted = reference(agents, jobs)
    solo = reference(agents, jobs_of(5, "word:solo", ("a",)))
    with shared(agents, 3) as apart, shared({"a": senior()}, 3) as one:
        for together in (apart, {"a": one["a"], "b": one["a"]}):
            for identity, episode in by_id(
                TurnLoop(together, seed=SEED, limit=LIMIT, at_once=5).episodes(jobs)
            ).items():
                assert_same(wanted[identity], episode)
                assert {span.author for span in episode.spans} == {"a", "b"}
                assert solo[identity].authors == ["a"]


def test_no_more_episodes_are_played_at_once_than_were_asked_for_and_who_is_slow_holds_nobody_up():
    far = Far(0.01, ends=1.0)
    jobs = jobs_of(9, "solution:solo", ("far",))
    began = time.perf_counter()
    episodes = list(TurnLoop({"far": far}, seed=SEED, limit=30, at_once=4).episodes(jobs))
    took = time.perf_counter() - began
    assert (len(episodes), far.most) == (9, 4)
    # Shared time is divided: the playing times sum to the wall clock, not to four times that.
    seconds = summary_of(iter(episodes))["seconds"]
    assert seconds == pytest.approx(sum(episode.timings["seconds"] for episode in episodes), abs=1e-3)
    assert seconds <= took + 1e-3


@pytest.mark.parametrize("partner", ["far", "junior"])
def test_an_engine_that_plays_a_batch_is_timed_by_the_wall_clock(partner):
    agents: dict[str, Agent] = {"senior": senior(), partner: Far() if partner == "far" else embedded("junior")}
    engine = TorchEngine(agents, seed=SEED, limit=LIMIT, batch_size=8)
    began = time.perf_counter()
    episodes = list(engine.episodes(jobs_of(12, "word:p=0.5", tuple(agents))))
    took = time.perf_counter() - began
    summary = summary_of(iter(episodes))
    assert 0.5 * took < summary["seconds"] <= took + 1e-3
    assert summary["tokens_per_second"] == pytest.approx(summary["tokens"] / summary["seconds"], rel=1e-2)


def test_a_view_that_is_full_ends_its_episode_and_no_other():
    small = LanguageModel(senior().model, senior().tokenizer, vocabulary=senior().vocabulary)
    small.context = 50
    agents: dict[str, Agent] = {"senior": small, "far": Far()}
    jobs = jobs_of(8, "word:p=0.5", ("senior", "far"))
    wanted = reference(agents, jobs)
    assert {"context"} < {episode.ended for episode in wanted.values()}
    with shared(agents, 3) as together:
        for identity, episode in by_id(TurnLoop(together, seed=SEED, limit=LIMIT, at_once=8).episodes(jobs)).items():
            assert_same(wanted[identity], episode)


def test_in_a_notebook_where_a_loop_runs_already():
    jobs = jobs_of(3, "word:p=0.5", ("far", "ann"))
    agents: dict[str, Agent] = {"far": Far(), "ann": Reciting("So 3 boxes. ")}

    async def cell() -> list[Episode]:
        return list(TurnLoop(agents, seed=SEED, limit=LIMIT, at_once=2).episodes(jobs))

    for episode in asyncio.run(cell()):
        assert_same(reference(agents, jobs)[episode.id], episode)


# Stopping and cancelling


def assert_whole_units_of(episode: Episode, whole: Episode, rule_of: Job) -> None:
    """A stopped episode is proven, and is the beginning of the whole one up to where a unit opens."""
    assert problems_of(episode) == []
    assert whole.text.startswith(episode.text)
    rule = rule_of.policy.rule
    if not rule.plain:
        kept = sum(len(steps) for steps in surfaces(episode.text, episode.spans))
        steps = [step for span in surfaces(whole.text, whole.spans) for step in span]
        units = Reader(rule).units(steps)
        assert kept in (0, len(units)) or units[kept] != units[kept - 1]


@pytest.mark.parametrize("unit", EVERY_UNIT)
@pytest.mark.parametrize("names", [("senior", "far"), ("other", "senior"), ("senior", "ann")])
def test_an_episode_that_is_stopped_at_any_moment_keeps_its_whole_units(names, unit):
    voices: dict[str, Agent] = {"senior": senior(), "other": random_agent("gpt2", "sentencepiece", 1), "far": Far()}
    voices["ann"] = Reciting("\n\n".join(["Now 2 * 3 = 6. So she\nhas 6!"] * 20))  # more than can be written
    agents: dict[str, Agent] = {name: voices[name] for name in names}
    (job,) = jobs_of(1, f"{unit}:p=0.5", names)
    (whole,) = reference(agents, [job]).values()
    with shared(agents, 2) as together:
        count, until, stop = 0, 0, asyncio.Event()

        def emitted(agent: Watched, piece: bytes) -> None:
            nonlocal count
            count += 1
            if count == until:
                stop.set()

        watched = {name: Watched(agent, emitted=emitted) for name, agent in together.items()}
        loop = TurnLoop(watched, seed=SEED, limit=LIMIT, at_once=1)
        for until in (0, 1, 2, 3, 5, 8, 13, 21, 34):
            count, stop = 0, asyncio.Event()
            if not until:
                stop.set()
            episode = asyncio.run(loop.play(job, stop))
            if episode.ended == "stopped":
                assert_whole_units_of(episode, whole, job)
                assert until or not episode.spans
            else:
                assert_same(whole, episode)
        assert all(agent.seated == agent.left == 9 for agent in watched.values())


def test_one_of_many_is_stopped_and_one_is_cancelled_and_the_others_go_on():
    agents: dict[str, Agent] = {"senior": senior(), "far": Far(0.01, ends=0)}
    jobs = jobs_of(6, "word:p=0.5", ("senior", "far"))
    wanted = reference(agents, jobs)

    async def table(loop: TurnLoop) -> list[Episode | BaseException]:
        stop = asyncio.Event()
        playing = [asyncio.create_task(loop.play(job, stop if n == 2 else None)) for n, job in enumerate(jobs)]
        await asyncio.sleep(0.02)
        stop.set()
        playing[4].cancel()
        return await asyncio.gather(*playing, return_exceptions=True)

    with shared(agents, 2) as together:
        watched = {name: Watched(agent) for name, agent in together.items()}
        found = asyncio.run(table(TurnLoop(watched, seed=SEED, limit=LIMIT, at_once=6)))
        assert all(agent.seated == agent.left == 6 for agent in watched.values())
        stopped = found[2]
        assert isinstance(stopped, Episode)
        assert stopped.ended == "stopped"
        assert_whole_units_of(stopped, wanted[stopped.id], jobs[2])
        assert isinstance(found[4], asyncio.CancelledError)
        for number in (0, 1, 3, 5):
            episode = found[number]
            assert isinstance(episode, Episode)
            assert_same(wanted[episode.id], episode)


def test_a_far_agent_that_never_answers_is_stopped_at_once():
    far = Far(1e6)
    agents: dict[str, Agent] = {"senior": senior(), "far": far}

    async def table() -> tuple[Episode, float]:
        stop = asyncio.Event()
        (job,) = jobs_of(1, "word:alternate", ("senior", "far"))
        loop = TurnLoop(agents, seed=SEED, limit=LIMIT, at_once=1)
        playing = asyncio.create_task(loop.play(job, stop))
        while not far.writing:
            await asyncio.sleep(0.01)
        began = time.perf_counter()
        stop.set()
        return await playing, time.perf_counter() - began

    episode, took = asyncio.run(table())
    assert (episode.ended, [span.author for span in episode.spans]) == ("stopped", ["senior"])
    assert episode.spans[-1].end_logprob is not None  # its unit was over; nobody came to write the next
    assert took < 5


# What goes wrong in one episode


def add_all(found: list[Episode], episodes: Iterator[Episode]) -> None:
    """One by one: those that come before an error count."""
    for episode in episodes:
        found.append(episode)


def test_an_agent_that_fails_by_name_or_by_its_network_fails_one_episode():
    jobs = jobs_of(7, "word:p=0.5", ("senior", "far"))
    for error, said in (
        (AgentError("far: it is away"), "far: it is away"),
        (ConnectionRefusedError(111, "Connection refused"), "far: ConnectionRefusedError: [Errno 111]"),
    ):
        agents: dict[str, Agent] = {"senior": senior(), "far": Failing(error, jobs[3].problem.question)}
        with shared(agents, 3) as together:
            found = by_id(TurnLoop(together, seed=SEED, limit=LIMIT, at_once=4).episodes(jobs))
        assert [identity for identity, episode in found.items() if episode.error] == [jobs[3].id]
        assert (found[jobs[3].id].error or "").startswith(said)
        for identity, episode in reference(agents, jobs).items():
            assert_same(episode, found[identity])


@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("engine", ["loop", "torch"])
def test_what_nobody_foresaw_stops_all_and_leaves_nothing_behind(engine, kind, capfd):
    """No seat is left sitting, no thread runs, nothing is said behind anybody's back; whose doing it was is told."""
    jobs, error = jobs_of(9, "word:p=0.5", ("senior", "far")), kind()
    failing = Watched(Failing(error, jobs[5].problem.question, turn=3))
    agents: dict[str, Agent] = {"senior": senior(), "far": failing}
    found: list[Episode] = []
    threads = threading.active_count()
    episodes = (
        TurnLoop(agents, seed=SEED, limit=LIMIT, at_once=4).episodes(jobs)
        if engine == "loop"
        else TorchEngine(agents, seed=SEED, limit=LIMIT, batch_size=4).episodes(jobs)
    )
    with pytest.raises(kind) as raised:
        add_all(found, episodes)
    assert raised.value is error
    assert 0 < len(found) < 9
    assert failing.seated == failing.left > 0
    assert threading.active_count() == threads
    if isinstance(error, Exception):
        assert error.__notes__ == ["while 'far' wrote"]
    del raised
    assert capfd.readouterr().err == ""


def test_a_question_that_cannot_be_asked_fails_one_episode_under_shared_models_too(monkeypatch):
    jobs = jobs_of(3, "word:demand", ("senior", "far"))
    agent = senior(marker="#")
    asked = agent._prompt_ids

    def refusing(question: str) -> tuple[int, ...]:
        if question == jobs[1].problem.question:
            raise PromptError("the question holds what marks a turn")
        return asked(question)

    monkeypatch.setattr(agent, "_prompt_ids", refusing)
    found = by_id(TorchEngine({"senior": agent, "far": Far()}, seed=SEED, limit=9).episodes(jobs))
    assert found[jobs[1].id].error == "senior: the question holds what marks a turn"
    assert [episode.ended for episode in found.values()].count("error") == 1


def test_who_leaves_early_leaves_no_episode_playing():
    far = Far(0.001)
    watched = Watched(far)
    episodes = TurnLoop({"far": watched}, seed=SEED, limit=LIMIT, at_once=5).episodes(
        jobs_of(20, "word:solo", ("far",))
    )
    next(episodes)
    episodes.close()
    assert watched.seated == watched.left < 20
    assert far.writing == 0
