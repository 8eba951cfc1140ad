"""The configuration of a training run: a recipe, a control of it, a file, flags; resolved once and saved with the run.

docs/TRAINING.md lists every field. A recipe is a TOML file with these fields; what wins over it comes in this order:
its ``[controls.NAME]`` table, ``--config``, the flags, ``--set``.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import tyro

from agents.registry import AgentConfig, table_of
from arena.command import fail
from training.objectives import ObjectiveError, make_objective

SCHEDULES = ("constant", "linear", "cosine")


@dataclass
class RolloutsConfig:
    """What is played in a step."""

    problems: int = 152
    """Problems of a step, without replacement until the split is used up."""
    samples: int = 1
    """Episodes of each problem."""
    limit: int = 256
    """Maximum length of an episode in tokens."""
    batch_size: int = 0
    """Episodes played at once; 0 is all of a step."""
    shuffle: bool = True
    """Take the problems in an order that the seed decides, else as the split has them."""


@dataclass
class OptimiserConfig:
    """AdamW (Loshchilov and Hutter 2019) on the senior's trainable weights."""

    learning_rate: float = 5e-4
    betas: list[float] = field(default_factory=lambda: [0.9, 0.95])
    eps: float = 1e-8
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm; 0 leaves them."""
    warmup_steps: int = 0
    """Updates over which the rate rises from 0."""
    schedule: str = "constant"
    """constant, linear or cosine: to 0 at the last update."""
    mini_batches: int = 1
    """Updates of a step: its problems are cut into so many parts."""
    epochs: int = 1
    """How often a step's rollouts are gone through."""
    micro_tokens: int = 16384
    """Tokens (padding included) of one forward and backward; gradients of a mini-batch are accumulated."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them: slower, less memory."""


@dataclass
class LoraConfig:
    """Low-rank adapters (Hu et al. 2021) instead of all weights."""

    rank: int = 0
    """0 trains all weights."""
    alpha: float = 16.0
    dropout: float = 0.0
    """In RL it is off while the rollouts are written, so log-probabilities no longer match: leave it at 0."""
    targets: list[str] = field(default_factory=lambda: ["all-linear"])
    """Names of modules, or all-linear."""


@dataclass
class LossConfig:
    """Terms beside the objective (HANDOFF.md, section 5), each divided as the objective is."""

    kl_base: float = 0.0
    """Weight of the k3 estimate of KL(senior || senior before training) on the senior's own factors."""
    kl_junior: float = 0.0
    """Weight of the estimate of KL(junior || senior) on what the junior wrote."""
    truncate: float = 0.0
    """Importance weights min(p_old / p_behaviour, this) on the senior's factors, against an engine that computes in
    another way than training does; 0 leaves them out."""


@dataclass
class EvaluationConfig:
    """What is measured on the held-out split along the way, and on test at the end."""

    every: int = 5
    """Steps between evaluations; 0 is only before the first and after the last step."""
    last: int = 0
    """Evaluate after each of the last so many steps, too."""
    problems: int = 200
    """Held-out problems, the same each time."""
    pair: str = ""
    """Who plays as the team; default: the first of the pair with more than one agent, else senior:junior."""
    handoff: str = ""
    """The team's policy; default: that of the rollouts."""
    best: str = "team.accuracy"
    """The held-out figure that chooses the best checkpoint: CONDITION.MEASURE, as solo:senior.accuracy."""
    test: int = 0
    """Test problems to evaluate the last checkpoint on, when the run is complete; 0 leaves test alone."""


@dataclass
class CheckpointsConfig:
    every: int = 5
    """Steps between checkpoints; 0 is only after the last step."""
    keep: int = 1
    """How many of the newest are kept; the best is kept beside them."""


@dataclass
class LogConfig:
    rollouts: bool = True
    """Store every rollout in RUN/episodes.jsonl."""
    tensorboard: bool = False
    """Write event files for TensorBoard to RUN/tensorboard (pip install tensorboard)."""
    trackio: str = ""
    """Name of a project to log to (pip install trackio)."""


@dataclass
class TrainConfig:
    """Train the senior on episodes that it writes together with others.

    Example: python -m training.run --recipe tiny --out runs/tiny
    """

    recipe: str = ""
    """tiny, tiny-fast, tiny-grpo, gsm8k-llama2-qlora, deepscaler-qwen3-4b, or a TOML file."""
    control: str = ""
    """A control arm of the recipe: no-junior, jargon-junior, reward-ignored."""
    config: Path | None = None
    """TOML file with these fields, as a run's own config.toml; it wins over the recipe."""
    pair: str = "senior:junior"
    """Who writes the rollouts; the first is trained. Several pairs, separated by commas: each episode draws one."""
    agent: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """NAME=ADDRESS defines an agent (repeatable), as for arena.run."""
    task: str = "arithmetic"
    """Its train split is trained on, held-out measured along the way, test at the end."""
    handoff: str = "word:p=0.5"
    """Who writes next, as for arena.run; curriculum=P..Q@STEPS moves p over the steps."""
    seed: int = 0
    """Decides problems, coins and draws."""
    steps: int = 60
    """Rounds of rollouts and updates."""
    out: Path | None = None
    """Folder of the run. Default: a new folder under runs/."""
    resume: bool = False
    """Go on with the run in --out, from its last checkpoint."""
    device: str = ""
    """Where the models compute: cpu, cuda, cuda:N or auto."""
    dtype: str = ""
    """What they compute in: float32, bfloat16 or auto."""
    set: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """FIELD=VALUE of a table, as objective.j=0.2 or optimiser.learning_rate=3e-4 (repeatable); --dry-run shows all."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
    json: bool = False
    """Print the summary as JSON."""
    objective: Annotated[dict[str, Any], tyro.conf.Suppress] = field(default_factory=lambda: {"name": "reinforce"})
    rollouts: Annotated[RolloutsConfig, tyro.conf.Suppress] = field(default_factory=RolloutsConfig)
    optimiser: Annotated[OptimiserConfig, tyro.conf.Suppress] = field(default_factory=OptimiserConfig)
    lora: Annotated[LoraConfig, tyro.conf.Suppress] = field(default_factory=LoraConfig)
    loss: Annotated[LossConfig, tyro.conf.Suppress] = field(default_factory=LossConfig)
    evaluation: Annotated[EvaluationConfig, tyro.conf.Suppress] = field(default_factory=EvaluationConfig)
    checkpoints: Annotated[CheckpointsConfig, tyro.conf.Suppress] = field(default_factory=CheckpointsConfig)
    log: Annotated[LogConfig, tyro.conf.Suppress] = field(default_factory=LogConfig)
    agents: Annotated[dict[str, AgentConfig], tyro.conf.Suppress] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, ...]]:
        """Who may sit down, in order."""
        return [tuple(one.strip().split(":")) for one in self.pair.split(",")]

    @property
    def senior(self) -> str:
        return self.pairs[0][0]


CALL = ("config", "agent", "out", "resume", "device", "dtype", "set", "dry_run", "json")
"""Flags about this call rather than about the run, and those that are resolved into the agents' tables."""


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(one.name.removesuffix(".toml") for one in _recipes().iterdir() if one.name.endswith(".toml"))


def _recipes() -> Any:
    return resources.files("training") / "recipes"


def read_recipe(name: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """(fields, controls) of a recipe by name or file. Raises UserError."""
    if name in recipe_names():
        text = (_recipes() / f"{name}.toml").read_text(encoding="utf-8")
    else:
        path = Path(name)
        if path.suffix != ".toml" or not path.is_file():
            fail(f"--recipe {name}: there is no such recipe; known are {', '.join(recipe_names())}, or a .toml file")
        text = path.read_text(encoding="utf-8")
    table = _parsed(text, f"--recipe {name}")
    return table, table.pop("controls", {})


def read_toml(path: Path, flag: str) -> dict[str, Any]:
    """A TOML file. Raises UserError naming the flag."""
    try:
        return _parsed(path.read_text(encoding="utf-8"), f"{flag} {path}")
    except OSError as error:
        fail(f"{flag} {path}: {error.strerror}")


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        fail(f"{where}: not TOML: {error}")


def set_fields(config: Any, given: Mapping[str, Any], where: str) -> None:
    """Sets fields of a configuration from tables as TOML has them. Raises UserError naming the field and the fix."""
    known = {one.name: one for one in fields(config)}
    for name, value in given.items():
        if name.replace("-", "_") not in known:
            fail(f"{where}: there is no field {name!r}; known here are {', '.join(known)}")
        name = name.replace("-", "_")
        now = getattr(config, name)
        if dataclasses.is_dataclass(now):
            if not isinstance(value, Mapping):
                fail(f"{where}: {name} must be a table, not {value!r}")
            set_fields(now, value, f"{where}: {name}")
        elif name == "objective":
            _set_objective(config, value, where)
        elif name == "agents":
            _set_agents(config, value, where)
        else:
            setattr(config, name, _typed(now, value, f"{where}: {name}"))


def _set_objective(config: TrainConfig, value: Any, where: str) -> None:
    """Options go on with the objective that is there, unless another is named."""
    if not isinstance(value, Mapping):
        fail(f"{where}: objective must be a table, not {value!r}")
    renamed = value.get("name", config.objective.get("name")) != config.objective.get("name")
    config.objective = {**({} if renamed else config.objective), **value}


def _set_agents(config: TrainConfig, value: Any, where: str) -> None:
    from agents.contract import AgentError
    from agents.registry import defined_agents
    from arena.config import agent_tables

    try:
        # Over the tables that are there, field by field: a control may change a single one.
        before = {name: asdict(agent) for name, agent in config.agents.items()}
        tables = {name: {**before.get(name, {}), **table} for name, table in agent_tables(value).items()}
        config.agents = {**config.agents, **defined_agents([], tables)}
    except AgentError as error:
        fail(f"{where}: {error}")


def _typed(now: Any, value: Any, where: str) -> Any:
    """The value as the field's type has it; a whole number will do for a float."""
    wanted = str if now is None or isinstance(now, Path) else type(now)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        fail(f"{where} must be of type {wanted.__name__}, not {value!r}")
    if wanted is list and now and not all(isinstance(item, type(now[0]) | int) for item in value):
        fail(f"{where} must be a list like {now!r}, not {value!r}")
    return Path(value) if now is None or isinstance(now, Path) else value


def set_texts(config: TrainConfig, texts: list[str]) -> None:
    """Sets FIELD=VALUE, the value as TOML has it; a bare word is a text. Raises UserError."""
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals:
            fail(f"--set {text}: write FIELD=VALUE, as objective.j=0.2")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except ValueError:
            parsed = value
        for name in reversed(path.strip().split(".")):
            parsed = {name: parsed}
        set_fields(config, parsed, f"--set {text}")


def saved(config: TrainConfig) -> dict[str, Any]:
    """The resolved configuration as it is stored in ``config.toml``."""
    plain = {name: value for name, value in asdict(config).items() if name not in CALL and name != "agents"}
    return {**plain, "agents": {name: table_of(agent) for name, agent in config.agents.items()}}


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
