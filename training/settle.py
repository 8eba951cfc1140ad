"""From flags, recipe and files to one configuration, and from that to agents, task and engine."""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from dataclasses import asdict, is_dataclass, replace

from agents.contract import Agent, AgentError
from agents.registry import AgentConfig, defined_agents, make_agent, resolve, takes
from arena.command import fail
from arena.config import check_agent, engine_options, place
from arena.policy import Call, Once, OnDemand, PolicyError, parse
from arena.tasks import Task, TaskError, load_task
from training.config import SCHEDULES, LoraConfig, TrainConfig
from training.evaluate import check_best, team_of
from training.objectives import ObjectiveError, make_objective
from training.reading import set_texts
from training.rollouts import policy_for


def settled(config: TrainConfig) -> TrainConfig:
    """The configuration with everything resolved; the given one stays as it is. Raises UserError."""
    config = copy.deepcopy(config)
    set_texts(config, config.set)
    engine_options(config.engine, config.vllm)
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
    if not 0 < config.optimiser.eps < float("inf"):  # with 0 a weight that never had a gradient becomes 0 / 0
        fail(f"--set optimiser.eps={config.optimiser.eps}: must be above 0")
    betas = config.optimiser.betas
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        fail(f"--set optimiser.betas={betas}: give two numbers from 0 to below 1")
    if (config.lora.dropout or config.lora.alpha != LoraConfig().alpha) and not config.lora.rank:
        fail("--set lora.rank=0: trains all weights, so lora.alpha and lora.dropout do nothing; give lora.rank=16")
    if not 0 <= config.lora.dropout < 1:
        fail(f"--set lora.dropout={config.lora.dropout}: must be from 0 to below 1")
    if not 0 <= config.seed < 2**63:
        fail(f"--seed must be a whole number from 0 to {2**63 - 1}, not {config.seed}")
    try:
        objective = make_objective(config.objective)
    except ObjectiveError as error:
        fail(f"--set {error}")
    if config.rollouts.problems * config.rollouts.samples < 2 and getattr(objective, "baseline", "none") != "none":
        fail(
            "--set objective.baseline: a step of one episode has no others to compare with; give more rollouts.problems"
        )
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
        others = make_objective(config.objective).others
        if isinstance(policy.schedule, Once) and (others or config.loss.kl_junior):
            what = f"objective.j={others:g}" if others else f"loss.kl_junior={config.loss.kl_junior:g}"
            fail(
                f"--set {what}: under once only the senior's own solution is trained, where nobody else writes; give 0"
            )
        config.handoff = str(policy)
    except PolicyError as error:
        fail(f"--handoff: {error}")
    team = team_of(config)
    where = f"--set evaluation.pair={config.evaluation.pair}"
    if len(set(team)) != len(team):
        fail(f"{where}: give different names")
    if team[0] != config.senior:
        fail(f"{where}: the first must be {config.senior}, who is trained")
    try:
        policy_for(parse(config.evaluation.handoff or config.handoff), team).check(team)
    except PolicyError as error:
        fail(f"--set evaluation.handoff={config.evaluation.handoff or config.handoff}: {error}")


def _agents(config: TrainConfig) -> dict[str, AgentConfig]:
    """Everybody who sits down in training or evaluation, resolved."""
    names = dict.fromkeys([name for pair in config.pairs for name in pair] + list(team_of(config)))
    _check_named(config, names)
    try:
        defined = defined_agents(config.agent, {name: asdict(table) for name, table in config.agents.items()})
        agents = {name: resolve(name, defined) for name in names}
        for name, agent in agents.items():
            check_agent(name, agent)
    except AgentError as error:
        fail(str(error))
    place(config.device, config.dtype, agents)
    return agents


def _check_named(config: TrainConfig, names: Container[str]) -> None:
    """Raises UserError for a flag about an agent that nobody will meet: a slip, or it would do nothing."""
    flags = [(word.partition("=")[0], f"--agent {word}") for word in config.agent]
    flags += [(word.split(".")[1], f"--set {word}") for word in config.set if word.startswith("agents.")]
    meant = {table.address for table in config.agents.values()} | {word.partition("=")[2] for word in config.agent}
    for name, flag in flags:
        if name not in names and name not in meant:
            fail(f"{flag}: nobody called {name!r} sits down in --pair {config.pair} or the evaluation")


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


def load_agents_of(config: TrainConfig, device: str = "") -> dict[str, Agent]:
    """Makes every agent, on this device where the configuration leaves it open. Raises UserError."""
    agents: dict[str, Agent] = {}
    for name, given in config.agents.items():
        open_ = device and given.device == "auto" and takes(given, "device")
        try:
            agents[name] = make_agent(replace(given, device=device) if open_ else given)
        except AgentError as error:
            fail(f"--agent {name}={error}")
    return agents


def freeze(agents: Mapping[str, Agent], senior: str) -> None:
    """Nobody but the senior gets a gradient."""
    from agents.language_model import LanguageModel

    for name, agent in agents.items():
        if name != senior and isinstance(agent, LanguageModel):
            agent.model.requires_grad_(False)
