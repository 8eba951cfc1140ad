"""``python -m analysis.profile RUN``: along stored solutions, how likely another finishes rightly from each place."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from analysis.options import Playing
from arena.command import check_least, fail, guarded, leave
from arena.config import flags_over_file
from arena.terminal import say, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.contract import Agent
    from analysis.profile.plan import ProfilePlan
    from analysis.profile.summary import Result
    from arena.episode import Episode
    from arena.store import Run
    from arena.tasks import Task


@dataclass
class Profiled:
    """Whose solutions are gone on with, by whom, and from where."""

    run: Annotated[Path | None, tyro.conf.Positional] = None
    """The run whose solutions are gone on with: its folder, or an episodes file."""
    writer: str = "junior"
    """Who goes on: an agent of the run, a built-in one or one of --agent. The solutions' authors need not be here."""
    condition: str = ""
    """Which of the run's solutions, as solo:senior. Default: those of the only other agent that solved alone."""
    episodes: int = 20
    """How many solutions, from the first on."""
    only: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """Only the solution with this id; may be given several times."""
    rollouts: int = 32
    """Continuations from each place."""
    every: str = "word"
    """Where places are: before each token, word, sentence, line or paragraph, and at the end."""
    budget: int = 0
    """Rollouts in all at most: where they do not last for every place, some are left out, evenly. 0 is no bound."""
    task: str = ""
    """As for arena.run. Default: that of the run."""
    limit: int = 0
    """Maximum length in written tokens, the beginning included. Default: that of the solutions."""
    pictures: int = 12
    """How many solutions to draw, from the first on."""


@dataclass
class ProfileConfig(Playing, Profiled):
    """Let an agent go on from every place of stored solutions, and see from where it still gets them right.

    Example: python -m analysis.profile runs/senior --writer junior --episodes 20 --out runs/profile
    """


def main(config: ProfileConfig) -> int:
    """Plays what the profile owes and reports it; returns the exit code. Raises UserError."""
    from analysis.playing import carry_out
    from analysis.profile.summary import read_result
    from analysis.settings import check_unit, inherit, ready, saved_fields, settled
    from arena.run import load_agents, task_of

    if config.run is None:
        fail("RUN: name the folder of a run whose solutions are gone on with")
    check_unit("--every", config.every)
    check_least(config, 1, "episodes", "rollouts")
    check_least(config, 0, "budget", "pictures")
    given = _solutions(config)
    inherit(config, config.run, given, "RUN")
    run = settled(config, (config.writer,))
    if config.rollouts > 1 and run.agents[config.writer].temperature == 0:
        fail(
            f"--rollouts {config.rollouts}: {config.writer!r} is greedy (temperature 0), so from one place it always "
            "writes the same; give --rollouts 1, or a --temperature"
        )
    others = [read_result(folder) for folder in config.beside]
    task = task_of(config.task)
    folder = ready(config, run, f"profile-{config.writer}")
    if folder is None:
        return 0
    agents = load_agents(run)
    plan = _plan(config, task, given, agents)
    if plan.stride > 1:
        say(f"--budget {config.budget}: from place to place are {plan.stride} {config.every}s", sys.stderr)

    def report(stored: Run) -> int:
        return _report(config, stored, plan, others)

    return carry_out("analysis.profile", config, folder, saved_fields(config, run.agents), agents, task, plan, report)


def _solutions(config: ProfileConfig) -> list[Episode]:
    """The solutions to go on with. Raises UserError where there are none, or two of one problem and sample."""
    from analysis.continuations import chosen_solutions, first_solutions

    assert config.run is not None
    if config.only:
        found = chosen_solutions(config.run, config.only)
    else:
        found = first_solutions(config.run, config.condition, config.episodes, "RUN", config.writer)
        config.condition = found[0].condition
    seen: dict[tuple[str, int, int | None], str] = {}
    for episode in found:
        other = seen.setdefault((episode.problem_id, episode.sample, episode.step), episode.id)
        if other != episode.id:
            fail(f"--only {episode.id}: is of the same problem and sample as {other}; give it a folder of its own")
    return found


def _plan(config: ProfileConfig, task: Task, given: list[Episode], agents: Mapping[str, Agent]) -> ProfilePlan:
    from analysis.continuations import Solution, check_writer, problem_of, with_openings
    from analysis.profile.plan import ProfilePlan, stride_for

    assert config.run is not None
    writer = agents[config.writer]
    check_writer(config.writer, getattr(writer, "weights", ""), given, "--writer")
    vocabularies = {writer.vocabulary.digest: writer.vocabulary} if hasattr(writer, "vocabulary") else {}
    solutions = [Solution.of(episode, problem_of(episode, task), config.every, vocabularies) for episode in given]
    stride = stride_for([one.units for one in solutions], config.rollouts, config.budget)
    return ProfilePlan(solutions, with_openings(config.run, given), config.writer, config.rollouts, stride)


def _report(config: ProfileConfig, stored: Run, plan: ProfilePlan, others: Sequence[Result]) -> int:
    """Writes profile.json, .csv, .svg, .png and the solutions' pictures, and prints the tables. 1 where some failed."""
    from analysis.profile.plot import draw_run, draw_solution
    from analysis.profile.summary import Result, as_csv, jsonable, lines, read, summary_of
    from analysis.profile.values import profiles_of
    from analysis.settings import aligned
    from arena.lines import replace_file

    reads = [read(profile) for profile in profiles_of(stored.episodes(), plan)]
    label = config.label or config.writer
    figures = summary_of(reads, config.seed)
    condition = plan.solutions[0].episode.condition
    result = Result(label, config.writer, condition, config.every, plan.stride, config.rollouts, figures)
    replace_file(stored.folder / "profile.json", result.json().encode())
    replace_file(stored.folder / "profile.csv", as_csv(reads).encode())
    draw_run([result, *others], stored.folder / "profile")
    (stored.folder / "solutions").mkdir(exist_ok=True)
    for number, one in enumerate(reads[: config.pictures]):
        draw_solution(one, config.writer, stored.folder / "solutions" / f"{number:03d}")
    failed = figures["failed"]
    if failed:
        say(f"{failed} of {figures['rollouts']} continuations failed, and count as not right", sys.stderr)
    if config.json:
        say(json.dumps(jsonable(result), indent=2, ensure_ascii=False))
        return int(failed > 0)
    say(
        f"{figures['solutions']} solutions, {figures['correct']} of them right; {figures['places']} places, "
        f"{plan.rollouts} rollouts each; {figures['broken']} solutions break (Holm's p <= {figures['break_level']})"
    )
    for rows in lines(result):
        say("")
        for line in aligned(rows):
            say(visible(line))
    say(f"\nstored in {visible(str(stored.folder))}: profile.csv, .json, .svg, .png and solutions/")
    return int(failed > 0)


def cli(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return guarded(lambda: main(flags_over_file(ProfileConfig(), argv, "python -m analysis.profile")))


if __name__ == "__main__":
    leave(cli())
