"""The configuration of a run: flags over a TOML file over defaults, resolved once and saved with the run."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar, get_args

import tyro

from agents.contract import AgentError
from agents.registry import DEVICE, DTYPES, AgentConfig, defined_agents, resolve, table_of, takes
from arena.command import check_least, fail, parse_options, told
from arena.policy import Once, PolicyError, default_policy, parse

Splits = Literal["train", "held-out", "test"]
Engines = Literal["torch", "vllm", "reference"]
Desks = Literal["auto", "app", "line"]


class Tables(Protocol):
    """What the configurations of commands have in common: each is a dataclass with these."""

    agents: dict[str, AgentConfig]
    config: Path | None


C = TypeVar("C", bound=Tables)


@dataclass
class RunConfig:
    """Let agents write solutions together under a handoff policy; grade, store and sum up what they wrote.

    Example: python -m arena.run --pair senior:junior --handoff word:p=0.5 --episodes 100
    """

    pair: str = "senior:junior"
    """Who sits down, in order: NAME:NAME, more, or one for a solo run. Built in: senior, junior, junior-jargon,
    junior-other, and human, a person at this terminal."""
    agent: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """NAME=ADDRESS defines an agent (repeatable). Addresses: hf:PATH-OR-ID, openai:MODEL@URL, python:MODULE:CALLABLE,
    script:TEXT, or another name."""
    task: str = "arithmetic"
    """arithmetic[:steps=N,seed=N], gsm8k[:PATH], math:SET[=PATH], math:PATH, jsonl:PATH or python:MODULE:CALLABLE."""
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
    """Decides every coin and draw; 0 or more."""
    limit: int = 256
    """Maximum length of a solution in written tokens, each in its author's tokeniser."""
    temperature: float | None = None
    """Temperature of every agent of the pair; 0 is greedy. Default: what each agent's config says, else 1."""
    prefix: str = ""
    """RUN@F begins each episode with a stored one of RUN, cut at fraction F of its units (or RUN@N: at N units)."""
    baselines: bool = False
    """Also let each agent of the pair solve the problems alone."""
    only: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """Play only the episode with this id (PROBLEM#SAMPLE); may be given several times. Into a new folder: a run
    keeps its configuration."""
    out: Path | None = None
    """Folder of the run. Default: a new folder under runs/."""
    resume: bool = False
    """Go on with the run in --out."""
    device: str = ""
    """Where the models compute: cpu, cuda, cuda:N or auto (a GPU if there is one); a table's own device wins."""
    dtype: str = ""
    """What they compute in: float32, bfloat16, float16 or auto (float32 on a CPU); a table's own dtype wins."""
    engine: Engines = "torch"
    """torch plays many episodes at once; vllm too, in one vLLM that holds all models (docs/VLLM.md); reference plays
    one at a time, slow and plain: the judge of the others."""
    batch_size: int = 64
    """How many episodes are played at once. It changes how fast they are played, not what they are."""
    vllm: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """OPTION=VALUE for vLLM (repeatable), as gpu_memory_utilization=0.5: speed and memory, not the episodes."""
    config: Path | None = None
    """TOML file with these fields and tables [agents.NAME]; flags win over it. A run's config.toml can be run again."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
    json: bool = False
    """Print the summary as JSON."""
    show: int = 3
    """How many episodes to show."""
    desk: Desks = "auto"
    """Where a person plays: app, line (line by line, for screen readers and pipes), or auto: the app on a terminal
    of 80x24 or more, else line."""
    agents: Annotated[dict[str, AgentConfig], tyro.conf.Suppress] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.pair.split(":"))

    @property
    def once(self) -> bool:
        """Do the team's episodes begin with solo solutions of this run?"""
        return isinstance(parse(self.handoff).schedule, Once)


NOT_SAVED = (
    "agent",
    "out",
    "resume",
    "config",
    "dry_run",
    "json",
    "show",
    "temperature",
    "device",
    "dtype",
    "engine",
    "batch_size",
    "vllm",
    "desk",
)
"""Flags about this call rather than about the run, and those that are resolved into the agents' tables."""


def load_defaults(path: Path) -> RunConfig:
    """Reads ``--config``. Raises UserError naming the file, the field and the fix."""
    return with_file(RunConfig(), path)


_PATHS = ("out", "run", "solutions")
_CHOICES = {"split": get_args(Splits), "engine": get_args(Engines), "desk": get_args(Desks)}


def with_file(config: C, path: Path) -> C:
    """A command's configuration with the fields of a TOML file and its tables [agents.NAME]. Raises UserError."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"--config {path}: {error.strerror}")
    except ValueError as error:
        fail(f"--config {path}: not TOML: {error}")
    known = vars(config).keys()
    for name, value in given.items():
        name = name.replace("-", "_")
        if name not in known or name == "config":
            fail(f"--config {path}: there is no field {name!r}; see --help for the fields")
        if name == "agents":
            try:
                config.agents = defined_agents([], agent_tables(value))
            except AgentError as error:
                fail(f"--config {path}: {error}")
            continue
        default = getattr(config, name)
        wanted = str if name in _PATHS else float if name == "temperature" else type(default)
        value = of_type(wanted, value, f"--config {path}: {name}")
        if wanted is list and not all(isinstance(item, str) for item in value):
            fail(f"--config {path}: {name} must be a list of texts, not {value!r}")
        if name in _CHOICES and value not in _CHOICES[name]:
            fail(f"--config {path}: {name} must be one of {', '.join(_CHOICES[name])}, not {value!r}")
        setattr(config, name, Path(value) if name in _PATHS else value)
    config.config = path
    return config


def flags_over_file(default: C, argv: Sequence[str] | None, prog: str) -> C:
    """What a command line says: flags over ``--config`` over defaults. Raises UserError."""
    argv = sys.argv[1:] if argv is None else argv
    if path := told(argv, "--config"):
        default = with_file(default, Path(path))
    if told(argv, "--only"):
        vars(default).update(only=[])  # the flag wins, it does not add
    return parse_options(type(default), argv, default=default, prog=prog)


def agent_tables(tables: Any) -> dict[str, dict[str, Any]]:
    """The tables [agents.NAME], each value of the type that it must have. Raises AgentError."""
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise AgentError('agents must be tables: [agents.NAME] and under it address = "..."')
    types = {f.name: type(getattr(AgentConfig(), f.name)) for f in fields(AgentConfig)}
    for name, table in tables.items():
        for key, value in table.items():
            if key in types:
                table[key] = of_type(types[key], value, f"[agents.{name}]: {key}")
    return tables


def of_type(wanted: type, value: Any, where: str) -> Any:
    """The value, a whole number made a float where one is wanted. Raises UserError for another type."""
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        fail(f"{where} must be of type {wanted.__name__}, not {value!r}")
    return value


def resolved(config: RunConfig) -> RunConfig:
    """The configuration with every name and default settled. Raises UserError for what cannot be run."""
    _check_texts(config)
    names = config.names
    if any(not name.strip() for name in names) or len(set(names)) != len(names):
        fail(f"--pair {config.pair}: give different names separated by ':', as in senior:junior")
    check_least(config, 1, "episodes", "samples", "limit", "batch_size")
    check_least(config, 0, "show")
    if config.episodes % config.samples:
        fail(f"--episodes {config.episodes} is not a multiple of --samples {config.samples}")
    if not 0 <= config.seed < 2**63:
        fail(f"--seed must be a whole number from 0 to {2**63 - 1}, not {config.seed}")
    if config.split not in get_args(Splits):
        fail(f"--split must be one of {', '.join(get_args(Splits))}, not {config.split!r}")
    if config.baselines and config.prefix:
        fail("--baselines: a solo solution has no prefix; leave out --prefix, or run the baselines by themselves")
    try:
        defined = defined_agents(config.agent, {name: asdict(table) for name, table in config.agents.items()})
        agents = {name: resolve(name, defined) for name in names}
        for name, agent in agents.items():
            check_agent(name, agent)
        if config.agent and not any(text.partition("=")[0] in names for text in config.agent):
            fail(f"--agent {config.agent[0]}: does not sit down; add its name to --pair {config.pair}")
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
    place(config.device, config.dtype, agents)
    engine_options(config.engine, config.vllm)
    values = {**vars(config), "agents": agents, "handoff": str(policy)}
    return RunConfig(**values)


def engine_options(engine: str, texts: Sequence[str]) -> dict[str, Any]:
    """Options of vLLM. Raises UserError where it is not there or cannot do what is asked, before anything loads."""
    if engine != "vllm":
        if texts:
            fail(f"--vllm {texts[0]}: only --engine vllm takes options of vLLM")
        return {}
    from arena.vllm_engine.environment import check_there, read_options

    try:
        check_there()
        return read_options(texts)
    except AgentError as error:
        fail(str(error))


def place(device: str, dtype: str, agents: dict[str, AgentConfig]) -> None:
    """Gives --device and --dtype to the models whose tables leave them open. Raises UserError."""
    for flag, value, allowed in (("device", device, DEVICE.fullmatch), ("dtype", dtype, DTYPES.__contains__)):
        if not value:
            continue
        if not allowed(value):
            fail(
                f"--{flag} {value}: "
                + ("give auto, cpu, cuda or cuda:N" if flag == "device" else f"give {', '.join(DTYPES)}")
            )
        for agent in agents.values():
            if takes(agent, flag) and getattr(agent, flag) == "auto":
                setattr(agent, flag, value)


def check_agent(name: str, agent: AgentConfig) -> None:
    """Raises UserError for numbers, prompts and folders that no agent can have."""
    if agent.address.startswith("script:"):
        return
    where = f"[agents.{name}]"
    if "{question}" not in agent.prompt:
        fail(f"{where}: its prompt must say where the question goes, with {{question}}")
    if not 0 <= agent.temperature < float("inf"):
        fail(f"{where}: temperature must be 0 (greedy) or more, not {agent.temperature}")
    if agent.top_k < 0:
        fail(f"{where}: top_k must be 0 (off) or more, not {agent.top_k}")
    if not 0 < agent.top_p <= 1:
        fail(f"{where}: top_p must be above 0 and at most 1, not {agent.top_p}")
    path = agent.address.removeprefix("hf:")
    if path != agent.address and path.startswith((".", "/", "~")) and not (Path(path).expanduser()).is_dir():
        fail(f"--agent {name}={agent.address}: there is no such folder")


def _check_texts(config: RunConfig) -> None:
    """Raises UserError for text that no file can hold (bytes of another encoding on the command line)."""
    for name in ("pair", "task", "handoff", "prefix", "agent", "only"):
        given = getattr(config, name)
        for text in given if isinstance(given, list) else [given]:
            if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
                fail(f"--{name} {text}: is not UTF-8 text; write it in UTF-8")


def saved(config: RunConfig) -> dict[str, Any]:
    """The resolved configuration as it is stored in ``config.toml``."""
    plain = {name: value for name, value in vars(config).items() if name not in NOT_SAVED and name != "agents"}
    return {**plain, "agents": {name: table_of(agent) for name, agent in config.agents.items()}}
