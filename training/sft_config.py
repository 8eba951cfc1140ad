"""What ``python -m training.sft`` is told: flags, and the tables that it shares with ``training.run``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from agents.registry import AgentConfig
from training.config import CheckpointsConfig, LoraConfig, OptimiserConfig, TrainConfig

SENIOR = "senior"
"""Who is trained has this name, as everywhere."""


@dataclass
class SftConfig:
    """Fine-tune a model on the worked solutions of a task's train split.

    Example: python -m training.sft --agent junior --task arithmetic:style=jargon --steps 200 --out runs/sft
    """

    agent: str = SENIOR
    """Who is trained: hf:PATH-OR-ID, an embedded model or a name of --config; its options: table [agents.senior]."""
    task: str = "arithmetic"
    """As for arena.run; its train split must have solutions."""
    problems: int = 0
    """Only the first so many problems of the train split; 0 is all."""
    epochs: int = 0
    """How often each solution is seen, instead of --steps."""
    steps: int = 0
    """Updates; 0, without --epochs, is 1000."""
    batch_size: int = 32
    """Solutions of an update; --set optimiser.micro_tokens says how much of it is computed at once."""
    max_length: int = 1024
    """Tokens of prompt, solution and end: what is longer, or than the model's context, is left out and counted."""
    validate: int = 200
    """Held-out problems whose solutions are measured, the same each time; 0 is none."""
    validate_every: int = 100
    """Steps between these; 0 is only before the first and after the last step."""
    four_bit: bool = False
    """Quantise the model to 4 bits; what is trained is then an adapter: --set lora.rank=16."""
    seed: int = 0
    """Decides the order of the solutions and where an adapter begins."""
    out: Path | None = None
    """Folder of the run. Default: a new folder under runs/."""
    resume: bool = False
    """Go on with the run in --out, from its last checkpoint."""
    device: str = ""
    """Where the model computes: cpu, cuda, cuda:N or auto."""
    dtype: str = ""
    """What it computes in: float32, bfloat16 or auto."""
    config: Path | None = None
    """TOML file with these fields, those of --set and tables [agents.NAME]; flags win over it."""
    set: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """FIELD=VALUE of a table, as lora.rank=16 or optimiser.learning_rate=2e-5 (repeatable); --dry-run shows all."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
    json: bool = False
    """Print the summary as JSON."""
    optimiser: Annotated[OptimiserConfig, tyro.conf.Suppress] = field(
        default_factory=lambda: OptimiserConfig(
            learning_rate=1e-4, warmup_steps=20, schedule="cosine", micro_tokens=4096
        )
    )
    lora: Annotated[LoraConfig, tyro.conf.Suppress] = field(default_factory=LoraConfig)
    checkpoints: Annotated[CheckpointsConfig, tyro.conf.Suppress] = field(
        default_factory=lambda: CheckpointsConfig(every=100)
    )
    agents: Annotated[dict[str, AgentConfig], tyro.conf.Suppress] = field(default_factory=dict)

    @property
    def learning(self) -> TrainConfig:
        """The same for what is shared with ``training.run``."""
        tables: dict[str, Any] = {"optimiser": self.optimiser, "lora": self.lora, "checkpoints": self.checkpoints}
        return TrainConfig(pair=SENIOR, seed=self.seed, agents=self.agents, **tables)


CALL = ("agent", "four_bit", "out", "resume", "device", "dtype", "config", "set", "dry_run", "json", "agents")
"""Flags about this call rather than about the run, and those that are resolved into the agent's table."""
