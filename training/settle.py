"""From flags, recipe and files to one configuration, and from that to agents, task and engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path

from agents.contract import Agent, AgentError
from agents.language_model import LanguageModel
from agents.registry import AgentConfig, defined_agents, make_agent, resolve
from arena.command import fail
from arena.config import check_agent, place
from arena.policy import Call, OnDemand, PolicyError, parse
from arena.tasks import Task, TaskError, load_task
from training.config import TrainConfig, check_numbers, read_recipe, read_toml, set_fields, set_texts
from training.evaluate import team_of
from training.objectives import make_objective
from training.rollouts import policy_for


def defaults(recipe: str = "", control: str = "", path: Path | None = None) -> TrainConfig:
    """What a recipe says, a control of it over it, and a file over both. Raises UserError."""
    config, own = TrainConfig(), read_toml(path, "--config") if path else {}
    whole = "agents" in own and "recipe" in own  # a run's own config.toml: it has all that its recipe said
    if not whole and (recipe := recipe or own.get("recipe", "")):
        table, controls = read_recipe(recipe)
        set_fields(config, table, f"--recipe {recipe}")
        if control and control not in controls:
            fail(f"--control {control}: {recipe} has {', '.join(controls) or 'no controls'}")
        if control:
            set_fields(config, controls[control], f"--recipe {recipe}: controls.{control}")
    elif control:
        fail(f"--control {control}: name the --recipe that it belongs to")
    set_fields(config, own, f"--config {path}")
    config.recipe, config.control, config.config = recipe or config.recipe, control or config.control, path
    return config


def settled(config: TrainConfig) -> TrainConfig:
    """The configuration with everything resolved; the given one stays as it is. Raises UserError."""
    config = copy.deepcopy(config)
    set_texts(config, config.set)
    check_numbers(config)
    _check_pairs(config)
    objective = make_objective(config.objective)
    if is_dataclass(objective) and not isinstance(objective, type):  # what it has by default is said, too
        config.objective = {"name": config.objective.get("name", "reinforce"), **asdict(objective)}
    return replace(config, agents=_agents(config))


def _check_pairs(config: TrainConfig) -> None:
    for pair in config.pairs:
        if any(not name.strip() for name in pair) or len(set(pair)) != len(pair):
            fail(f"--pair {config.pair}: give different names separated by ':', as in senior:junior")
        if pair[0] != config.senior:
            fail(f"--pair {config.pair}: the first of every pair is trained, so it must be the same")
    try:
        policy = parse(config.handoff)
        for pair in config.pairs:
            policy_for(policy, pair).check(pair)
        if isinstance(policy.schedule, OnDemand | Call):
            fail("--handoff: training needs a schedule that coins decide; call= and demand are for arena.run")
        config.handoff = str(policy)
    except PolicyError as error:
        fail(f"--handoff: {error}")
    team = team_of(config)
    where = f"--set evaluation.pair={config.evaluation.pair}"
    if team[0] != config.senior:
        fail(f"{where}: the first must be {config.senior}, who is trained")
    try:
        policy_for(parse(config.evaluation.handoff or config.handoff), team).check(team)
    except PolicyError as error:
        fail(f"--set evaluation.handoff={config.evaluation.handoff or config.handoff}: {error}")


def _agents(config: TrainConfig) -> dict[str, AgentConfig]:
    """Everybody who sits down in training or evaluation, resolved."""
    names = dict.fromkeys([name for pair in config.pairs for name in pair] + list(team_of(config)))
    try:
        defined = defined_agents(config.agent, {name: asdict(table) for name, table in config.agents.items()})
        agents = {name: resolve(name, defined) for name in names}
        for name, agent in agents.items():
            check_agent(name, agent)
    except AgentError as error:
        fail(str(error))
    place(config.device, config.dtype, agents)
    return agents


def load_task_of(config: TrainConfig) -> Task:
    """The task, which must have the splits that are needed. Raises UserError."""
    try:
        task = load_task(config.task)
        if not len(task.problems("train")):
            fail(f"--task {config.task}: its train split is empty")
        if config.evaluation.problems and not len(task.problems("held-out")):
            fail(f"--task {config.task}: its held-out split is empty; give --set evaluation.problems=0")
        if config.evaluation.test > len(task.problems("test") if config.evaluation.test else ()):
            fail(f"--set evaluation.test={config.evaluation.test}: the test split is smaller")
        return task
    except TaskError as error:
        fail(f"--task {config.task}: {error}")


def load_agents_of(config: TrainConfig) -> dict[str, Agent]:
    """Makes every agent. Raises UserError."""
    agents: dict[str, Agent] = {}
    for name, given in config.agents.items():
        try:
            agents[name] = make_agent(given)
        except AgentError as error:
            fail(f"--agent {name}={error}")
    return agents


def freeze(agents: Mapping[str, Agent], senior: str) -> None:
    """Nobody but the senior gets a gradient."""
    for name, agent in agents.items():
        if name != senior and isinstance(agent, LanguageModel):
            agent.model.requires_grad_(False)
