"""``python -m analysis.curve``: accuracy against the fraction of a solution that its author wrote."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from analysis.options import Playing
from arena.command import fail, guarded, leave
from arena.config import Splits, flags_over_file
from arena.terminal import say, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.contract import Agent
    from analysis.curve.plan import Case, CurvePlan
    from analysis.curve.points import Curve
    from arena.episode import Episode
    from arena.store import Run
    from arena.tasks import Task


@dataclass
class Cutting:
    """What is cut, and where."""

    pair: str = "senior:junior"
    """Who writes the solutions, and who goes on."""
    solutions: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """A run whose solutions are cut, instead of playing some; their authors need not be here, and who goes on is as it
    was there, unless --agent says otherwise. In a --config file it is called solutions."""
    condition: str = ""
    """With --from: the condition of the solutions, as solo:senior. Default: those of the only other agent alone."""
    task: str = ""
    """As for arena.run. Default: arithmetic, with --from that of the run."""
    split: Splits = "test"
    """Which problems."""
    fractions: str = "0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1"
    """Where to cut: 1 is the solution itself, 0 is who goes on alone."""
    unit: str = "word"
    """Of what the fractions are: token, word, sentence, line or paragraph. They are rounded to whole units."""
    episodes: int = 200
    """How many solutions: problems times samples."""
    samples: int = 1
    """Solutions of each problem."""
    limit: int = 0
    """Maximum length of a solution in written tokens, its beginning included. Default: 256, with --from that of the
    solutions."""


@dataclass
class CurveConfig(Playing, Cutting):
    """Cut solutions at each fraction of their units and let another agent write the rest.

    Example: python -m analysis.curve --pair senior:junior --episodes 200 --out runs/curve
    """


def main(config: CurveConfig) -> int:
    """Plays what the curve owes and reports it; returns the exit code. Raises UserError."""
    from analysis.curve.points import read_curve
    from analysis.playing import carry_out
    from analysis.settings import check_unit, ready, saved_fields, settled
    from arena.run import load_agents, task_of

    config.fractions = ",".join(f"{fraction:g}" for fraction in read_fractions(config.fractions))
    check_unit("--unit", config.unit)
    names = tuple(config.pair.split(":"))
    if len(names) != 2:
        fail(f"--pair {config.pair}: give two names, who writes the solutions and who goes on, as in senior:junior")
    given = _given(config) if config.solutions else []
    config.task, config.limit = config.task or "arithmetic", config.limit or 256
    playing = names[1:] if config.solutions else names
    run = settled(config, playing, episodes=config.episodes, samples=config.samples, split=config.split)
    others = [read_curve(folder) for folder in config.beside]
    task = task_of(config.task)
    cases = _cases(config, task, given)
    folder = ready(config, run, f"curve-{'-'.join(names)}")
    if folder is None:
        return 0
    agents = load_agents(run)
    plan = _plan(config, cases, given, agents)
    label = config.label or config.pair

    def report(stored: Run) -> int:
        return _report(config, stored, plan, label, others)

    return carry_out("analysis.curve", config, folder, saved_fields(config, run.agents), agents, task, plan, report)


def read_fractions(text: str) -> list[float]:
    """The fractions of ``--fractions``, ascending. Raises UserError."""
    try:
        found = sorted({float(f"{float(part):g}") for part in text.split(",")})
    except ValueError:
        fail(f"--fractions {text}: give numbers from 0 to 1 separated by commas, as in 0,0.25,0.5,0.75,1")
    if not 0 <= found[0] <= found[-1] <= 1:
        fail(f"--fractions {text}: a fraction is a number from 0 to 1")
    return found


def _given(config: CurveConfig) -> list[Episode]:
    """The solutions of ``--from``; what is not said is as in their run."""
    from analysis.continuations import first_solutions
    from analysis.settings import inherit

    assert config.solutions is not None
    count = config.episodes // max(1, config.samples) * config.samples
    found = first_solutions(config.solutions, config.condition, count, "--from", config.pair.split(":")[-1])
    inherit(config, config.solutions, found, "--from")
    config.condition = found[0].condition
    return found


def _cases(config: CurveConfig, task: Task, given: Sequence[Episode]) -> list[Case]:
    """The solutions to be cut, or to be played and then cut. Raises UserError where there are too few problems."""
    from analysis.continuations import problem_of
    from analysis.curve.plan import Case
    from arena.plan import problems_for

    if config.solutions:
        return [Case(problem_of(episode, task), episode.sample, episode.step) for episode in given]
    count = config.episodes // config.samples
    problems = problems_for(task, config.split, count, config.samples, config.task)
    return [Case(problems[index], sample) for index in range(count) for sample in range(config.samples)]


def _plan(config: CurveConfig, cases: Sequence[Case], given: list[Episode], agents: Mapping[str, Agent]) -> CurvePlan:
    from analysis.continuations import check_writer, with_openings
    from analysis.curve.plan import CurvePlan

    author, writer = config.pair.split(":")
    if config.solutions:
        check_writer(writer, getattr(agents[writer], "weights", ""), given, "--pair")
        given = with_openings(config.solutions, given)
    return CurvePlan(
        cases,
        config.unit,
        read_fractions(config.fractions),
        writer,
        config.condition if given else f"solo:{author}",
        "" if given else author,
        given,
        {agent.vocabulary.digest: agent.vocabulary for agent in agents.values() if hasattr(agent, "vocabulary")},
    )


def _report(config: CurveConfig, stored: Run, plan: CurvePlan, label: str, others: Sequence[Curve]) -> int:
    """Writes curve.json, .csv, .svg and .png, and prints the table. Returns 1 where episodes failed."""
    from analysis.curve.plot import draw
    from analysis.curve.points import as_csv, curve_of, differences, jsonable, table
    from analysis.settings import aligned
    from arena.lines import replace_file

    curve = curve_of(stored.episodes(), plan, label, config.pair.split(":")[0])
    every = [curve, *others]
    replace_file(stored.folder / "curve.json", curve.json().encode())
    replace_file(stored.folder / "curve.csv", as_csv(every).encode())
    draw(every, stored.folder / "curve")
    apart = {other.label: differences(curve, other, config.seed) for other in others}
    failed = sum(point.failed for point in curve.points)
    if failed:
        say(f"{failed} of {len(stored.ids)} episodes failed, and count as unreadable", sys.stderr)
    if config.json:
        keys = ("fraction", "difference", "low", "high")
        less = {name: [dict(zip(keys, row, strict=True)) for row in rows] for name, rows in apart.items()}
        say(json.dumps({**jsonable(curve), "less": less}, indent=2, ensure_ascii=False))
        return int(failed > 0)
    for line in aligned(table(curve)):
        say(visible(line))
    for name, rows in apart.items():
        say(visible(f"less {name}, on the same problems:" if rows else f"{name} is of other problems or fractions"))
        for fraction, difference, low, high in rows:
            say(f"  {fraction:g}: {difference:+.3f} [{low:+.3f}, {high:+.3f}]")
    say(f"stored in {visible(str(stored.folder))}: curve.csv, .json, .svg, .png")
    return int(failed > 0)


def cli(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return guarded(lambda: main(flags_over_file(CurveConfig(), argv, "python -m analysis.curve")))


if __name__ == "__main__":
    leave(cli())
