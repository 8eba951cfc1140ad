"""``python -m arena.run``: agents write solutions together under a handoff policy; graded, stored, summed up.

The whole of a run is `main` below: settle the configuration, load who sits down, open the folder, play what is owed,
grade and store each episode as it comes, and sum up. Everything can be stopped at any time and gone on with.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.contract import AgentError
from arena.audience import Audience, Show, Terminal, app_of
from arena.command import (
    INTERRUPTED,
    UserError,
    fail,
    guarded,
    leave,
    new_folder,
    out_of_memory,
    patient_interrupt,
)
from arena.config import RunConfig, engine_options, flags_over_file, resolved, saved
from arena.terminal import say, visible

_AHEAD = 64
"""Episodes that may wait for their grades while others are played."""
_SMALL = 20_000_000
"""Parameters below which a model is faster on one thread."""

if TYPE_CHECKING:
    from agents.contract import Agent
    from arena.episode import Episode
    from arena.grading import Grader
    from arena.jobs import Engine, Job
    from arena.store import Run
    from arena.tasks import Task


def main(given: RunConfig, show: Show | None = None) -> int:
    """Runs a configuration; returns the exit code. Raises UserError for what the user can mend.

    ``show`` is an app that the run is followed in; without it --desk decides.
    """
    from arena.lines import StoreError
    from arena.plan import check_plan, check_prefix
    from arena.store import refuse

    config = resolved(given)
    check_prefix(config)
    task = task_of(config.task)
    check_plan(config, task)
    if config.dry_run:
        import tomli_w

        print(tomli_w.dumps(saved(config)), end="")
        return 0
    folder = config.out or new_folder("-".join([*config.names, config.task.partition(":")[0]]), resume=config.resume)
    try:
        refuse(folder, saved(config), resume=config.resume)
    except (StoreError, OSError) as error:
        fail(_named(error, folder))

    def play(audience: Audience) -> int:
        return _play(config, task, audience.seated(load_agents(config), task), folder, audience)

    show = show or app_of(config)
    return show(config, play) if show else play(Terminal())


def _play(config: RunConfig, task: Task, agents: Mapping[str, Agent], folder: Path, audience: Audience) -> int:
    """Plays what the run owes and sums it up. Whatever goes wrong, what was written is kept."""
    from arena.grading import Grader
    from arena.plan import size
    from arena.store import Run

    stored = 0

    def kept() -> str:
        return f"{stored} of {size(config)} episodes are stored" if stored else ""

    with (
        one_line_errors(folder, config.limit, kept),
        Run(folder, saved(config), resume=config.resume) as run,
        Grader() as grader,
    ):
        stored = len(run.ids)
        try:
            with patient_interrupt() as asked:
                for episode in audience.follow(episodes_of(config, task, agents, run, grader), config, run):
                    run.append(episode)
                    stored = len(run.ids)
                    if asked():
                        raise KeyboardInterrupt
            return _sum_up(config, task, run, audience)
        except KeyboardInterrupt:
            audience.stopped(folder, len(run.ids))
            return INTERRUPTED


def _sum_up(config: RunConfig, task: Task, run: Run, audience: Audience) -> int:
    """Writes the summary and shows it. Returns 1 if episodes failed, which is said apart from the figures."""
    from arena.measures import summary_of
    from arena.plan import order

    run.put_in_order(order(config, task))  # first: what a summary names first does not depend on the batch either
    summary = summary_of(run.episodes())
    run.finish(summary)
    audience.summed_up(summary, config, run.folder)
    return int(any(one["failed"] for one in summary["conditions"].values()))


@contextmanager
def one_line_errors(folder: Path, limit: int, kept: Callable[[], str]) -> Iterator[None]:
    """What can go wrong while episodes are played and stored, as a UserError; a defect keeps its traceback.

    ``kept`` says how much is stored, or nothing.
    """
    from arena.episode import EpisodeError
    from arena.grading import GraderError
    from arena.lines import StoreError
    from arena.policy import PolicyError

    def more() -> str:
        return "; what was written is kept, --resume goes on with it" if kept() else ""

    try:
        yield
    except StoreError as error:
        fail(str(error))
    except (AgentError, GraderError) as error:
        fail(f"{error}{more()}")
    except EpisodeError as error:
        fail(f"{error}: the engine made what cannot be proven, please report it{more()}")
    except PolicyError as error:
        fail(f"--handoff: {error}{more()}")
    except OSError as error:
        fail(f"{_named(error, folder)}{more()}")
    except Exception as error:
        if out_of_memory(error):
            fail(f"--limit {limit}: out of memory; give that or --batch-size a smaller number{more()}")
        # Else it is a defect, perhaps of somebody's own agent: its traceback follows.
        if kept() and not isinstance(error, UserError):
            say(f"{kept()}{more()}", sys.stderr)
        raise


def _named(error: Exception, folder: Path) -> str:
    """An error of the folder, with the flag that named it."""
    return f"--out {folder}: {error.strerror or error}" if isinstance(error, OSError) else str(error)


def episodes_of(
    config: RunConfig, task: Task, agents: Mapping[str, Agent], run: Run, grader: Grader
) -> Iterator[Episode]:
    """Plays and grades what the run still owes."""
    from arena.plan import plan, waited_for

    vocabularies = {a.vocabulary.digest: a.vocabulary for a in agents.values() if hasattr(a, "vocabulary")}
    same_models(agents, run)
    parents = waited_for(config, run)
    answers: dict[str, str] = {}
    """Of the episodes that are being played."""

    def jobs() -> Iterator[Job | None]:
        for job in plan(config, task, vocabularies, lambda identity: parents.pop(identity, None), run.ids):
            if job is not None:
                answers[job.id] = job.problem.answer
            yield job

    def played() -> Iterator[tuple[Episode, str]]:
        for episode in _engine(config, agents).episodes(jobs()):
            if config.once and episode.condition != "team":
                parents[episode.id] = episode
            yield episode, answers.pop(episode.id)

    # Local models write the next episodes while these are graded; people see their grade at once.
    ahead = _AHEAD if len(vocabularies) and all(hasattr(agent, "vocabulary") for agent in agents.values()) else 0
    yield from with_grades(played(), task, grader, ahead)


def with_grades(episodes: Iterator[tuple[Episode, str]], task: Task, grader: Grader, ahead: int) -> Iterator[Episode]:
    """Grades (episode, expected answer)s in the order in which they come, at most ``ahead`` of them behind."""
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    from arena.regrade import graded

    def grade(pair: tuple[Episode, str]) -> Episode:
        pair[0].grade = graded([pair], task, grader)[0]
        return pair[0]

    behind: deque[Future[Episode]] = deque()
    with ThreadPoolExecutor(2, thread_name_prefix="grade") as threads:
        try:
            for pair in episodes:
                behind.append(threads.submit(grade, pair))
                while behind and (behind[0].done() or len(behind) > ahead):
                    yield behind.popleft().result()
            while behind:
                yield behind.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _engine(config: RunConfig, agents: Mapping[str, Agent]) -> Engine:
    from arena.arena import make_engine
    from arena.plan import size

    options = engine_options(config.engine, config.vllm)
    # Memory is taken for as many as may be played at once.
    at_once = min(config.batch_size, size(config))
    return make_engine(config.engine, agents, config.seed, config.limit, at_once, options)


def same_models(agents: Mapping[str, Agent], run: Run) -> None:
    """Raises UserError if a run that is gone on with was begun by other weights under the same address."""
    known: set[str] = set()
    for episode in run.episodes() if run.ids else ():
        for name, view in episode.views.items():
            if name not in agents:  # it wrote what others only begin with
                continue
            if "weights" in view and name not in known and view["weights"] != getattr(agents[name], "weights", ""):
                fail(
                    f"--resume: the weights of {name!r} are not those that the run was begun with; choose another --out"
                )
            known.add(name)
        if known == set(agents):
            return


def load_agents(config: RunConfig) -> dict[str, Agent]:
    """Makes every agent of the pair. Raises UserError."""
    from agents.registry import make_agent

    agents: dict[str, Agent] = {}
    if sys.stderr.isatty():
        say(f"loading {visible(', '.join(config.names))} ...", sys.stderr)
    for name, agent in config.agents.items():
        try:
            agents[name] = make_agent(agent)
        except AgentError as error:
            fail(f"--agent {name}={error}")
    if (people := sum(map(_is_person, agents.values()))) and (people > 1 or sys.stdin is None):
        fail(
            f"--pair {config.pair}: one person sits at a terminal" + ("" if people > 1 else ", and there is none here")
        )
    settle_threads(agents)
    return agents


def _is_person(agent: Agent) -> bool:
    return getattr(agent, "one_at_a_time", False)


def settle_threads(agents: Mapping[str, Agent]) -> None:
    """One thread for small models, unless OMP_NUM_THREADS says otherwise.

    At this size threads cost more than they give, and on a busy machine most of their time is waiting for each other.
    """
    models: list[Any] = [getattr(agent, "model", None) for agent in agents.values()]  # of an endpoint it is a name
    sizes = [model.num_parameters() for model in models if hasattr(model, "num_parameters")]
    if sizes and "OMP_NUM_THREADS" not in os.environ and max(sizes) < _SMALL:
        import torch

        torch.set_num_threads(1)


def task_of(address: str) -> Task:
    """The task at an address. Raises UserError."""
    from arena.tasks import TaskError, load_task

    try:
        return load_task(address)
    except TaskError as error:
        fail(f"--task {address}: {error}")


def cli(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return guarded(lambda: main(flags_over_file(RunConfig(), argv, "python -m arena.run")))


if __name__ == "__main__":
    leave(cli())
