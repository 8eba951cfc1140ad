"""The configuration of a run: flags over a TOML file over defaults, resolved once and saved with the run."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from agents.contract import AgentError
from agents.registry import AgentConfig, defined_agents, resolve
from arena.command import fail
from arena.policy import Policy, PolicyError, Solo, parse

Splits = Literal["train", "held-out", "test"]


@dataclass
class RunConfig:
    """Let agents write solutions together under a handoff policy; grade, store and sum up what they wrote.

    Example: python -m arena.run --pair senior:junior --handoff word:p=0.5 --episodes 100
    """

    pair: str = "senior:junior"
    """Who sits down, in order: NAME:NAME, more, or one for a solo run. Built in: senior, junior, junior-jargon."""
    agent: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """NAME=ADDRESS defines an agent (repeatable). Addresses: hf:PATH-OR-ID, script:TEXT, a built-in name."""
    task: str = "arithmetic"
    """arithmetic[:steps=N,seed=N], gsm8k[:PATH] or jsonl:PATH."""
    split: Splits = "test"
    """Which problems."""
    handoff: str = ""
    """UNIT:SCHEDULE, who writes next: word:p=0.5, sentence:alternate, word:once=0.5, token:p=0.7, ...; the default is
    word:p=0.5. Units: token, word, spaced-token, sentence, line, paragraph, solution. Schedules: p=P, p=P1,P2,...,
    alternate, once=F, script=NAME,NAME, curriculum=P..Q@STEPS, solo[=NAME], demand, call=MODULE:FUNCTION."""
    episodes: int = 40
    """How many episodes (without baselines): problems times samples."""
    samples: int = 1
    """Episodes of each problem."""
    seed: int = 0
    """Decides every coin and draw."""
    limit: int = 256
    """Maximum length of a solution in written tokens, each in its author's tokeniser."""
    temperature: float | None = None
    """Temperature of every agent of the pair; 0 is greedy. Default: what each agent's config says, else 1."""
    prefix: str = ""
    """RUN@F begins each episode with a stored one of RUN, cut at fraction F of its units (or RUN@N: at N units)."""
    baselines: bool = False
    """Also let each agent of the pair solve the problems alone."""
    only: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """Play only the episode with this id (PROBLEM#SAMPLE); may be given several times."""
    out: Path | None = None
    """Folder of the run. Default: a new folder under runs/."""
    resume: bool = False
    """Go on with the run in --out."""
    config: Path | None = None
    """TOML file with these fields and tables [agents.NAME]; flags win over it. A run's config.toml can be run again."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
    json: bool = False
    """Print the summary as JSON."""
    show: int = 3
    """How many episodes to show."""
    agents: Annotated[dict[str, AgentConfig], tyro.conf.Suppress] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.pair.split(":"))


NOT_SAVED = ("agent", "out", "resume", "config", "dry_run", "json", "show", "temperature")
"""Flags about this call rather than about the run, and those that are resolved into the agents' tables."""


def load_defaults(path: Path) -> RunConfig:
    """Reads ``--config``. Raises UserError naming the file, the field and the fix."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"--config {path}: {error.strerror}")
    except ValueError as error:
        fail(f"--config {path}: not TOML: {error}")
    known = {f.name: f for f in fields(RunConfig)}
    config = RunConfig()
    for name, value in given.items():
        name = name.replace("-", "_")
        if name not in known or name == "config":
            fail(f"--config {path}: there is no field {name!r}; see --help for the fields")
        if name == "agents":
            try:
                config.agents = defined_agents([], value)
            except (AgentError, TypeError, AttributeError) as error:
                fail(f"--config {path}: {error}")
            continue
        default = getattr(RunConfig(), name)
        wanted = {"out": str, "temperature": float, "agent": list, "only": list}.get(name, type(default))
        if wanted is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            fail(f"--config {path}: {name} must be of type {wanted.__name__}, not {value!r}")
        setattr(config, name, Path(str(value)) if name == "out" else value)
    config.config = path
    return config


def resolved(config: RunConfig) -> RunConfig:
    """The configuration with every name and default settled. Raises UserError for what cannot be run."""
    names = config.names
    if any(not name for name in names) or len(set(names)) != len(names):
        fail(f"--pair {config.pair}: give different names separated by ':', as in senior:junior")
    for flag in ("episodes", "samples", "limit"):
        if getattr(config, flag) < 1:
            fail(f"--{flag} must be at least 1, not {getattr(config, flag)}")
    if config.episodes % config.samples:
        fail(f"--episodes {config.episodes} is not a multiple of --samples {config.samples}")
    if config.split not in ("train", "held-out", "test"):
        fail(f"split must be train, held-out or test, not {config.split!r}")
    try:
        defined = defined_agents(config.agent, {name: asdict(table) for name, table in config.agents.items()})
        agents = {name: resolve(name, defined) for name in names}
        policy = parse(config.handoff) if config.handoff else default_policy(len(names))
        policy.check(names)
    except AgentError as error:
        fail(str(error))
    except PolicyError as error:
        fail(f"--handoff: {error}")
    if config.temperature is not None:
        if not 0 <= config.temperature < float("inf"):
            fail(f"--temperature must be 0 (greedy) or more, not {config.temperature}")
        for agent in agents.values():
            agent.temperature = config.temperature
    values = {**vars(config), "agents": agents, "handoff": str(policy)}
    return RunConfig(**values)


def default_policy(agents: int) -> Policy:
    """word:p=0.5 for two, equal shares for more, and solo for one."""
    return Policy("word", Solo()) if agents == 1 else parse("word:p=0.5") if agents == 2 else parse("word:p=equal")


def saved(config: RunConfig) -> dict[str, Any]:
    """The resolved configuration as it is stored in ``config.toml``."""
    plain = {name: value for name, value in vars(config).items() if name not in NOT_SAVED and name != "agents"}
    return {**plain, "agents": {name: asdict(agent) for name, agent in config.agents.items()}}
