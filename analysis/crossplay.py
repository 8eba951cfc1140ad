"""``python -m analysis.crossplay --seniors a,b --juniors x,y``: every pairing on the same problems with the same seed.

A cell of the matrix is a stored run, so it can be gone on with, validated and reported on as any other. Partners may be
agents, policies (``--handoff`` given several times), or stored runs, as of people.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from arena.command import INTERRUPTED, fail, guarded, leave, parse_options, patient_interrupt
from arena.config import RunConfig, resolved, saved
from arena.terminal import say, visible

if TYPE_CHECKING:
    from agents.contract import Agent


@dataclass
class CrossplayConfig:
    """Let every senior write with every junior, and see who can go on from whom.

    Example: python -m analysis.crossplay --seniors senior,trained --agent trained=hf:runs/tiny/checkpoints/last
    --juniors junior,junior-other,junior-jargon --out runs/cross
    """

    seniors: str
    """Names, separated by commas: the rows. Built in: senior, junior, junior-jargon, junior-other."""
    juniors: str
    """Names, separated by commas: the columns."""
    out: Path
    """Folder; SENIOR--JUNIOR in it are runs. Give the same command again to go on."""
    agent: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """NAME=ADDRESS, as for arena.run (repeatable)."""
    handoff: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """UNIT:SCHEDULE, as for arena.run; several make a column each."""
    run: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """SENIOR:NAME=RUN puts a stored run, as of people, into the column NAME (repeatable)."""
    met: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """SENIOR:JUNIOR met in training (repeatable). What checkpoints of training.run say of themselves is known."""
    task: str = "arithmetic"
    """As for arena.run."""
    split: str = "test"
    """train, held-out or test."""
    episodes: int = 200
    """Problems of every cell, the same everywhere."""
    seed: int = 0
    """Of coins and draws, the same in every cell, and of permutation tests."""
    limit: int = 256
    """Maximum length of a solution in written tokens."""
    batch_size: int = 64
    """How many episodes are played at once."""
    config: Path | None = None
    """TOML file with tables [agents.NAME]."""
    json: bool = False
    """Print the matrix as JSON."""


@dataclass(frozen=True)
class Cell:
    """A senior with a partner."""

    senior: str
    column: str
    folder: Path
    config: RunConfig | None
    """None for a stored run."""


def cells(config: CrossplayConfig) -> list[Cell]:
    """Every pairing, settled before anything is played; seniors alone are a column of their own. Raises UserError."""
    seniors, juniors = (_names(config, flag) for flag in ("seniors", "juniors"))
    policies = config.handoff or [""]
    for word in config.agent:
        if word.partition("=")[0] not in (*seniors, *juniors, *(one.partition("=")[2] for one in config.agent)):
            fail(f"--agent {word}: is neither among --seniors nor among --juniors")
    out = []
    for senior in seniors:
        out.append(_cell(config, senior, "alone", senior, ""))
        for junior in juniors:
            for policy in policies:
                column = junior if len(policies) == 1 else f"{junior}, {policy}"
                if junior == senior:
                    fail(f"--juniors {junior}: is among --seniors; give it a second name: --agent other={junior}")
                out.append(_cell(config, senior, column, f"{senior}:{junior}", policy))
    for given in config.run:
        names, sign, path = given.partition("=")
        senior, colon, column = names.partition(":")
        if not (sign and colon) or senior not in seniors:
            fail(f"--run {given}: write SENIOR:NAME=RUN, where SENIOR is one of {', '.join(seniors)}")
        if not (Path(path) / "episodes.jsonl").is_file():
            fail(f"--run {given}: {path} is no run: it has no episodes.jsonl")
        if (task := _task_of(Path(path))) != config.task:
            fail(
                f"--run {given}: {path} is of the task {task}, not of {config.task}; give --task {task}, or another run"
            )
        out.append(Cell(senior, column, Path(path), None))
    _check_apart(out)
    return out


def _task_of(run: Path) -> str:
    from arena.lines import StoreError
    from arena.store import read_config

    try:
        return str(read_config(run).get("task", ""))
    except StoreError as error:
        fail(f"--run {error}")


def _check_apart(found: Sequence[Cell]) -> None:
    """Raises UserError for two cells of one name, or of one folder: the second would be shown as the first."""
    for number, cell in enumerate(found):
        for other in found[:number]:
            if (cell.senior, cell.column) == (other.senior, other.column) or cell.folder == other.folder:
                fail(
                    f"{cell.senior} has two columns that would be called {cell.column} (seniors alone are the column "
                    "alone): give different --juniors, --handoff and names in --run"
                )


def _names(config: CrossplayConfig, flag: str) -> list[str]:
    found = [name.strip() for name in getattr(config, flag).split(",")]
    if not all(found) or len(set(found)) != len(found):
        fail(f"--{flag} {getattr(config, flag)}: give different names, separated by commas")
    return found


def _cell(config: CrossplayConfig, senior: str, column: str, pair: str, policy: str) -> Cell:
    from arena.config import load_defaults

    given = load_defaults(config.config) if config.config else RunConfig()
    given.pair, given.agent = pair, _needed(config.agent, pair.split(":"))
    given.task, given.handoff = config.task, policy
    given.split, given.episodes, given.seed, given.limit = config.split, config.episodes, config.seed, config.limit  # type: ignore[assignment]
    given.batch_size = config.batch_size
    name = f"{senior}--{column}".replace(", ", "--").replace(":", "_").replace("=", "").replace("/", "_")
    return Cell(senior, column, config.out / name, resolved(given))


def _needed(definitions: Sequence[str], names: Sequence[str]) -> list[str]:
    """The definitions of those who sit down, and of the names that these are defined by."""
    given = {word.partition("=")[0]: word for word in definitions}
    wanted = list(names)
    for name in wanted:  # grows while it is read
        address = given.get(name, "").partition("=")[2]
        if address in given and address not in wanted:
            wanted.append(address)
    return [given[name] for name in wanted if name in given]


def play(found: Sequence[Cell]) -> None:
    """Plays what the cells owe; every agent is loaded once. Raises UserError, KeyboardInterrupt."""
    from arena.plan import check_plan
    from arena.run import one_line_errors, task_of
    from arena.store import differing, read_config

    agents: dict[str, Agent] = {}
    owed = [(cell, cell.config) for cell in found if cell.config]
    for cell, config in owed:
        check_plan(config, task_of(config.task))
        there = (cell.folder / "config.toml").is_file()
        if there and (unlike := list(differing(read_config(cell.folder), saved(config)))):
            fail(f"--out {cell.folder}: was made otherwise: {'; '.join(unlike[:3])}; choose another --out")
    for number, (cell, config) in enumerate(owed, start=1):
        if (cell.folder / "summary.json").is_file():
            continue
        with one_line_errors(cell.folder, config.limit, lambda: ""):
            accuracy = _play(cell.folder, config, agents)
        say(visible(f"{number} of {len(owed)}: {cell.senior}, {cell.column}: {accuracy:.3f}"), sys.stderr)


def _play(folder: Path, config: RunConfig, agents: dict[str, Agent]) -> float:
    """One cell's run, gone on with if it was begun; its accuracy."""
    from agents.registry import make_agent
    from arena.grading import Grader
    from arena.measures import summary_of
    from arena.plan import order
    from arena.run import episodes_of, settle_threads, task_of
    from arena.store import Run

    for name, table in config.agents.items():
        if name not in agents:
            agents[name] = make_agent(table)
    task = task_of(config.task)
    sitting = {name: agents[name] for name in config.agents}
    settle_threads(sitting)
    with (
        Run(folder, saved(config), resume=(folder / "config.toml").is_file()) as run,
        Grader() as grader,
        patient_interrupt() as asked,
    ):
        for episode in episodes_of(config, task, sitting, run, grader):
            run.append(episode)
            if asked():
                raise KeyboardInterrupt
        run.put_in_order(order(config, task))
        summary = summary_of(run.episodes())
        run.finish(summary)
    return float(summary["accuracy"])


def met_in_training(found: Sequence[Cell], given: Sequence[str]) -> list[tuple[str, str]]:
    """(senior, column) of partners that met: what was given, and what a checkpoint's own run says. Raises UserError."""
    places = {(cell.senior, cell.column): cell for cell in found}
    out = [tuple(word.split(":", 1)) for word in given]
    for place in out:
        if place not in places:
            fail(f"--met {':'.join(place)}: there is no such pairing; write SENIOR:JUNIOR")
    for place, cell in places.items():
        if cell.config and cell.column != "alone":
            junior = cell.config.names[1]
            if cell.config.agents[junior].address in _partners(cell.config.agents[cell.senior]):
                out.append(place)
    return [(senior, column) for senior, column in dict.fromkeys(out)]


def _partners(agent: Any) -> set[str]:
    """Addresses of those whom a checkpoint of a training run was trained with; empty for anybody else."""
    from arena.lines import StoreError
    from arena.store import read_config

    place = Path(agent.adapter or agent.address.removeprefix("hf:"))
    try:
        config = read_config(place.parent.parent)
    except StoreError:
        return set()
    if "optimiser" not in config or place.parent.name != "checkpoints":
        return set()
    names = {name for pair in config["pair"].split(",") for name in pair.split(":")[1:]}
    return {table.get("address", "") for name, table in config["agents"].items() if name in names}


def main(config: CrossplayConfig) -> int:
    """Plays, estimates, writes crossplay.csv, .svg, .png and .json. Raises UserError."""
    from analysis.pairings import matrix_of
    from analysis.report.words import p_value, said, signed
    from arena.lines import replace_file

    found = cells(config)
    met = met_in_training(found, config.met)
    try:
        play(found)
    except KeyboardInterrupt:
        say("\nstopped; what was written is kept. Give the same command again to go on", sys.stderr)
        return INTERRUPTED
    table = matrix_of({(cell.senior, cell.column): cell.folder for cell in found}, met, config.seed)
    table.picture().write(config.out)
    whole = {
        "cells": {f"{senior}:{column}": one.as_dict() for (senior, column), one in table.values.items()},
        "met": [":".join(place) for place in table.met],
        "compared": {question: one.as_dict() for question, one in table.compared},
        "family": table.family.as_dict() if table.family else None,
        "remarks": list(table.remarks),
    }
    replace_file(config.out / "crossplay.json", (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode())
    if config.json:
        say(json.dumps(whole, indent=1, ensure_ascii=False))
        return 0
    for (senior, column), one in table.values.items():
        mark = ", met in training" if (senior, column) in table.met else ""
        say(visible(f"{senior}, {column}: {said(one)}{mark}"))
    for (question, one), p in zip(table.compared, table.family.adjusted if table.family else (), strict=True):
        say(visible(f"{question}: {signed(one)}, {p_value(p)} (Holm over {len(table.compared)})"))
    for remark in table.remarks:
        say(visible(remark))
    say(visible(f"written to {config.out}: crossplay.csv, .json, .svg, .png, and a run for each cell"))
    return 0


def cli(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(parse_options(CrossplayConfig, argv, prog="python -m analysis.crossplay")))


if __name__ == "__main__":
    leave(cli())
