"""The configuration of a training run: a recipe, a control of it, a file, flags; resolved once and saved with the run.

docs/TRAINING.md lists every field. A recipe is a TOML file with these fields; what wins over it comes in this order:
its ``[controls.NAME]`` table, ``--config``, the flags, ``--set``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from agents.registry import AgentConfig, table_of

Engines = Literal["torch", "vllm"]
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
    """How much of the gradients' mean and square is kept at an update."""
    eps: float = 1e-8
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm; 0 leaves them."""
    warmup_steps: int = 0
    """Updates over which the rate rises from 0; at most half of all."""
    schedule: str = "constant"
    """constant, linear or cosine: how it falls after that, to 0 after the last update."""
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
    """What the adapter adds is multiplied by alpha / rank."""
    dropout: float = 0.0
    """For supervised training. Rollouts are written without it, so in RL their log-probs would not match."""
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
    """The team's policy; default: that of the rollouts, of a curriculum where it ends."""
    best: str = "team.accuracy"
    """The held-out figure that chooses the best checkpoint: CONDITION.MEASURE, as solo:senior.accuracy; of
    unreadable, jargon_rate, cut_off and tokens_per_episode less is better."""
    test: int = 0
    """Test problems to evaluate the last checkpoint on, when the run is complete; 0 leaves test alone."""


@dataclass
class CheckpointsConfig:
    every: int = 5
    """Steps between checkpoints, beside those that are the best so far; 0 is only after the last step."""
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
    """Go on with the run in --out, from its last checkpoint; begin it if there is none."""
    device: str = ""
    """Where the models compute: cpu, cuda, cuda:N or auto."""
    dtype: str = ""
    """What they compute in: float32, bfloat16 or auto."""
    engine: Engines = "torch"
    """What plays: torch, or vllm, in one vLLM that holds all models and takes the senior's weights after each update
    (docs/VLLM.md)."""
    vllm: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """OPTION=VALUE for vLLM (repeatable), as gpu_memory_utilization=0.5."""
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


CALL = ("config", "agent", "out", "resume", "device", "dtype", "engine", "vllm", "set", "dry_run", "json")
"""Flags about this call rather than about the run, and those that are resolved into the agents' tables."""


def saved(config: TrainConfig) -> dict[str, Any]:
    """The resolved configuration as it is stored in ``config.toml``."""
    plain = {name: value for name, value in asdict(config).items() if name not in CALL and name != "agents"}
    return {**plain, "agents": {name: table_of(agent) for name, agent in config.agents.items()}}
