"""What the configurations of the measures have in common: what is saved of them, and agents made ready to sit down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.contract import AgentError
from agents.registry import AgentConfig, defined_agents, table_of
from arena.command import fail, new_folder
from arena.config import RunConfig, agent_tables, resolved
from arena.episode import Episode

UNITS = ("token", "word", "sentence", "line", "paragraph")
"""Units at which a solution can be cut."""

NOT_SAVED = (
    "agent",
    "agents",
    "out",
    "resume",
    "config",
    "dry_run",
    "json",
    "temperature",
    "device",
    "dtype",
    "engine",
    "batch_size",
    "label",
    "beside",
    "pictures",
)
"""Flags about this call rather than about what is played, and those that are resolved into the agents' tables."""


def saved_fields(config: Any, agents: dict[str, AgentConfig]) -> dict[str, Any]:
    """A measure's configuration as it is stored in ``config.toml``; what is not set is left out."""
    plain = {name: value for name, value in vars(config).items() if name not in NOT_SAVED and value is not None}
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in plain.items()}
    return {**plain, "agents": {name: table_of(agent) for name, agent in agents.items()}}


def settled(config: Any, names: tuple[str, ...], **more: Any) -> RunConfig:
    """The configuration of a run by these agents with a measure's flags: checked and resolved. Raises UserError."""
    shared = ("task", "seed", "limit", "temperature", "device", "dtype", "engine", "batch_size", "agent", "agents")
    values = {name: getattr(config, name) for name in shared}
    return resolved(RunConfig(pair=":".join(names), **{**values, **more}))


def check_unit(flag: str, unit: str) -> None:
    """Raises UserError for what no solution is cut at."""
    if unit not in UNITS:
        fail(f"{flag} {unit}: give one of {', '.join(UNITS)}")


def ready(config: Any, run: RunConfig, stem: str) -> Path | None:
    """The folder to play into; None after a dry run, which prints the configuration. Raises UserError."""
    from arena.lines import StoreError
    from arena.store import refuse

    table = saved_fields(config, run.agents)
    if config.dry_run:
        import tomli_w

        print(tomli_w.dumps(table), end="")
        return None
    folder: Path = config.out or new_folder(stem, resume=config.resume)
    try:
        refuse(folder, table, resume=config.resume)
    except StoreError as error:
        fail(str(error))
    except OSError as error:
        fail(f"--out {folder}: {error.strerror}")
    return folder


def inherit(config: Any, run: Path, given: Sequence[Episode], flag: str) -> None:
    """Takes from the run of the solutions what is not said: its agents' tables, its task, their length.

    Raises UserError, naming ``flag``.
    """
    from arena.lines import StoreError
    from arena.store import read_config

    try:
        ran = read_config(run) if (run / "config.toml").is_file() else {}
        config.agents = {**defined_agents([], agent_tables(ran.get("agents", {}))), **config.agents}
    except StoreError as error:
        fail(f"{flag} {error}")
    except AgentError as error:
        fail(f"{flag} {run}: its config.toml: {error}")
    config.task = config.task or str(ran.get("task", ""))
    if not config.task:
        fail(f"--task: {run} does not say of which task its problems are; give it")
    config.limit = config.limit or max(episode.limit for episode in given)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell and set to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
