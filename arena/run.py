"""``python -m arena.run``: agents write solutions together under a handoff policy; graded, stored, summed up.

The whole of a run is `main` below: settle the configuration, load who sits down, open the folder, play what is owed,
grade and store each episode as it comes, and sum up. Everything can be stopped at any time and gone on with.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.contract import AgentError
from arena.command import fail, guarded
from arena.config import RunConfig, load_defaults, resolved, saved

if TYPE_CHECKING:
    from rich.console import Console

    from agents.contract import Agent
    from arena.episode import Episode
    from arena.jobs import Job
    from arena.store import Run
    from arena.tasks import Task

INTERRUPTED = 130


def main(given: RunConfig) -> int:
    """Runs a configuration; returns the exit code. Raises UserError for what the user can mend."""
    config = resolved(given)
    if config.dry_run:
        import tomli_w

        print(tomli_w.dumps(saved(config)), end="")
        return 0
    from arena.grading import Grader
    from arena.plan import check_prefix
    from arena.store import Run, StoreError

    check_prefix(config)
    task = _task(config)
    folder = config.out or _new_folder(config)
    try:
        with Run(folder, saved(config), resume=config.resume) as run, Grader() as grader:
            try:
                for episode in _with_progress(_episodes(config, task, run, grader), config, run):
                    run.append(episode)
            except KeyboardInterrupt:
                _say_how_to_go_on(config, folder, len(run.ids))
                return INTERRUPTED
            _sum_up(config, run)
    except StoreError as error:
        fail(str(error))
    except OSError as error:
        fail(f"--out {folder}: {error.strerror or error}; what was written is kept, --resume goes on with it")
    return 0


def _episodes(config: RunConfig, task: Task, run: Run, grader: Any) -> Iterator[Episode]:
    """Plays and grades what the run still owes."""
    from arena.engines import ReferenceEngine
    from arena.grading import Item
    from arena.plan import plan

    agents = load_agents(config)
    vocabularies = {a.vocabulary.digest: a.vocabulary for a in agents.values() if hasattr(a, "vocabulary")}
    kept: dict[str, Episode] = {}

    def stored(episode_id: str) -> Episode:
        if episode_id not in kept:
            kept.update({episode.id: episode for episode in run.episodes()})
        return kept[episode_id]

    engine = ReferenceEngine(agents, seed=config.seed, limit=config.limit)
    for job in plan(config, task, vocabularies, stored):
        if job.id in run.ids or not _wanted(job, config):
            continue
        for episode in engine.episodes([job]):
            cut_off = episode.ended in ("limit", "context")
            item = Item(episode.text, job.problem.answer, task, cut_off)
            episode.grade = dataclasses.asdict(grader.grade([item])[0])
            if episode.condition != "team":
                kept = {episode.id: episode}  # what the next job may begin with
            yield episode


def _wanted(job: Job, config: RunConfig) -> bool:
    """With ``--only``: the named episodes, and the solo solutions that they may begin with."""
    return not config.only or job.id in config.only or any(job.id.startswith(f"{name}:solo:") for name in config.only)


def load_agents(config: RunConfig) -> dict[str, Agent]:
    """Makes every agent of the pair. Raises UserError."""
    from agents.registry import check_ours, make_agent

    try:
        check_ours()
        return {name: make_agent(agent) for name, agent in config.agents.items()}
    except AgentError as error:
        fail(f"--agent {error}" if not str(error).startswith("--") else str(error))


def _task(config: RunConfig) -> Task:
    from arena.tasks import TaskError, load_task

    try:
        return load_task(config.task)
    except TaskError as error:
        fail(f"--task {config.task}: {error}")


def _new_folder(config: RunConfig) -> Path:
    """runs/PAIR-TASK-1, -2, ...: the first that is free."""
    if config.resume:
        fail("--resume: name the run to go on with by --out")
    stem = "-".join([*config.names, config.task.partition(":")[0]])
    number = 1
    while (folder := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return folder


@contextmanager
def _progress(config: RunConfig, console: Console) -> Iterator[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress


def _owed(config: RunConfig) -> int:
    from arena.policy import Once, parse

    alone = len(config.names) if config.baselines else int(isinstance(parse(config.handoff).schedule, Once))
    return len(config.only) or config.episodes * (1 + (0 if config.prefix else alone))


def _with_progress(episodes: Iterator[Episode], config: RunConfig, run: Run) -> Iterator[Episode]:
    """Passes the episodes on, showing the first few and how far the run is. Progress goes to standard error."""
    from rich.console import Console

    from arena.show import show_episode

    out, err = Console(highlight=False, emoji=False, markup=False), Console(stderr=True)
    total, done = _owed(config), len(run.ids)
    shown = 0
    last_line = time.monotonic()
    if not err.is_terminal:
        for episode in episodes:
            yield episode
            done += 1
            if shown < config.show and not config.json and episode.condition == "team":
                show_episode(out, episode)
                shown += 1
            if time.monotonic() - last_line > 10:
                print(f"{done} of {total} episodes", file=sys.stderr, flush=True)
                last_line = time.monotonic()
        return
    with _progress(config, err) as progress:
        bar = progress.add_task("episodes", total=total, completed=done)
        for episode in episodes:
            yield episode
            progress.advance(bar)
            if shown < config.show and not config.json and episode.condition == "team":
                show_episode(progress.console if out.is_terminal else out, episode)
                shown += 1


def _sum_up(config: RunConfig, run: Run) -> None:
    """Writes the summary and prints it."""
    from rich.console import Console

    from arena.measures import tally
    from arena.show import plain_summary, summary_table

    conditions = {name: one.summary() for name, one in tally(run.episodes()).items()}
    if "team" not in conditions:
        fail("--only: no episode of this run has that id")
    # The team first: its measures are the run's, the others are beside it.
    conditions = {"team": conditions.pop("team"), **conditions}
    summary = {**conditions["team"], "conditions": conditions}
    run.finish(summary)
    if config.json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        console.print(summary_table(conditions))
        console.print()
    else:
        print("\n".join(plain_summary(conditions)))
    print(f"stored in {run.folder}")


def _say_how_to_go_on(config: RunConfig, folder: Path, done: int) -> None:
    command = ["python", "-m", "arena.run", "--config", str(folder / "config.toml"), "--out", str(folder), "--resume"]
    print(f"\nstopped; {done} episodes are stored. To go on: {shlex.join(command)}", file=sys.stderr)


def cli(argv: list[str] | None = None) -> int:
    """The command line: flags over ``--config`` over defaults."""
    import tyro

    argv = sys.argv[1:] if argv is None else argv

    def act() -> int:
        default = RunConfig()
        for number, word in enumerate(argv):
            if word == "--config" and number + 1 < len(argv):
                default = load_defaults(Path(argv[number + 1]))
            elif word.startswith("--config="):
                default = load_defaults(Path(word.partition("=")[2]))
        return main(tyro.cli(RunConfig, args=argv, default=default, prog="python -m arena.run"))

    return guarded(act)


if __name__ == "__main__":
    sys.exit(cli())
