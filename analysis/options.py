"""Options of the measures that play (`analysis.curve`, `analysis.profile`): who, where to, computed how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from agents.registry import AgentConfig
from arena.config import Engines


@dataclass
class Playing:
    """A command's configuration is this and its own options: ``--help`` shows those of the last base first."""

    agent: Annotated[list[str], tyro.conf.UseAppendAction] = field(default_factory=list)
    """NAME=ADDRESS defines an agent, as for arena.run."""
    seed: int = 0
    """Decides every draw; 0 or more."""
    temperature: float | None = None
    """Temperature of who plays; 0 is greedy. Default: what each agent's config says, else 1."""
    out: Path | None = None
    """Folder of what is played and found. Default: a new folder under runs/."""
    resume: bool = False
    """Go on with what is in --out."""
    label: str = ""
    """What this is called in tables and pictures. Default: the names of who plays."""
    beside: Annotated[list[Path], tyro.conf.UseAppendAction] = field(default_factory=list)
    """Folder of another of these that is finished, to be drawn and compared with this one."""
    device: str = ""
    """Where the models compute: cpu, cuda, cuda:N or auto; a table's own device wins."""
    dtype: str = ""
    """What they compute in: float32, bfloat16, float16 or auto; a table's own dtype wins."""
    engine: Engines = "torch"
    """torch plays many episodes at once; reference plays one at a time."""
    batch_size: int = 128
    """How many episodes are played at once; it does not change what they are."""
    config: Path | None = None
    """TOML file with these fields and tables [agents.NAME]; flags win over it."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
    json: bool = False
    """Print the figures as JSON."""
    agents: Annotated[dict[str, AgentConfig], tyro.conf.Suppress] = field(default_factory=dict)
