"""From flags, recipe and files to one configuration, and from that to agents, task and engine."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace

from agents.contract import Agent, AgentError
from agents.registry import AgentConfig, defined_agents, make_agent, resolve
from arena.command import fail
from arena.config import check_agent, place
from arena.policy import Call, OnDemand, PolicyError, parse
from arena.tasks import Task, TaskError, load_task
from training.config import SCHEDULES, TrainConfig
from training.evaluate import check_best, team_of
from training.objectives import ObjectiveError, make_objective
from training.reading import set_texts
from training.rollouts import policy_for


def settled(config: TrainConfig) -> TrainConfig:
    """The configuration with everything resolved; the given one stays as it is. Raises UserError."""
    config = copy.deepcopy(config)
    set_texts(config, config.set)
    check_numbers(config)
    _check_pairs(config)
    check_best(config)
    objective = make_objective(config.objective)
    if is_dataclass(objective) and not isinstance(objective, type):  # what it has by default is said, too
        config.objective = {"name": config.objective.get("name", "reinforce"), **asdict(objective)}
    return replace(config, agents=_agents(config))


def check_numbers(config: TrainConfig) -> None:
    """Raises UserError for numbers that no run can have."""
    at_least = {
        "steps": (config.steps, 1),
        "rollouts.problems": (config.rollouts.problems, 1),
        "rollouts.samples": (config.rollouts.samples, 1),
        "rollouts.limit": (config.rollouts.limit, 1),
        "rollouts.batch_size": (config.rollouts.batch_size, 0),
        "optimiser.learning_rate": (config.optimiser.learning_rate, 0),
        "optimiser.eps": (config.optimiser.eps, 0),
        "optimiser.weight_decay": (config.optimiser.weight_decay, 0),
        "optimiser.max_grad_norm": (config.optimiser.max_grad_norm, 0),
        "optimiser.warmup_steps": (config.optimiser.warmup_steps, 0),
        "optimiser.mini_batches": (config.optimiser.mini_batches, 1),
        "optimiser.epochs": (config.optimiser.epochs, 1),
        "optimiser.micro_tokens": (config.optimiser.micro_tokens, 1),
        "lora.rank": (config.lora.rank, 0),
        "loss.kl_base": (config.loss.kl_base, 0),
        "loss.kl_junior": (config.loss.kl_junior, 0),
        "loss.truncate": (config.loss.truncate, 0),
        "evaluation.every": (config.evaluation.every, 0),
        "evaluation.last": (config.evaluation.last, 0),
        "evaluation.problems": (config.evaluation.problems, 0),
        "evaluation.test": (config.evaluation.test, 0),
        "checkpoints.every": (config.checkpoints.every, 0),
        "checkpoints.keep": (config.checkpoints.keep, 1),
    }
    for name, (value, least) in at_least.items():
        if not least <= value < float("inf"):
            flag = f"--{name}" if "." not in name else f"--set {name}"
            fail(f"{flag}={value}: must be at least {least}")
    if config.optimiser.mini_batches > config.rollouts.problems:
        fail(
            f"--set optimiser.mini_batches={config.optimiser.mini_batches}: there are only "
            f"{config.rollouts.problems} problems a step"
        )
    if config.optimiser.schedule not in SCHEDULES:
        fail(f"--set optimiser.schedule={config.optimiser.schedule}: must be one of {', '.join(SCHEDULES)}")
    if not 0 < config.lora.alpha < float("inf"):
        fail(f"--set lora.alpha={config.lora.alpha}: must be above 0")
    betas = config.optimiser.betas
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        fail(f"--set optimiser.betas={betas}: give two numbers from 0 to below 1")
    if not 0 <= config.lora.dropout < 1:
        fail(f"--set lora.dropout={config.lora.dropout}: must be from 0 to below 1")
    if not 0 <= config.seed < 2**63:
        fail(f"--seed must be a whole number from 0 to {2**63 - 1}, not {config.seed}")
    try:
        objective = make_objective(config.objective)
    except ObjectiveError as error:
        fail(f"--set {error}")
    if objective.needs_groups and config.rollouts.samples < 2:
        fail(
            f"--set rollouts.samples={config.rollouts.samples}: {config.objective['name']} compares samples of one "
            "problem; give 2 or more"
        )


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
    from agents.language_model import LanguageModel

    for name, agent in agents.items():
        if name != senior and isinstance(agent, LanguageModel):
            agent.model.requires_grad_(False)
