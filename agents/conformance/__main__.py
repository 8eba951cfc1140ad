"""``python -m agents.conformance ADDRESS``: is this agent one that the Arena can rely on?

Exit code 0 if no check failed, 1 if one did, 2 for what cannot be asked.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from agents.conformance.runner import PROMPTLY, TIMEOUT, check_agent
from agents.contract import Agent, AgentError
from agents.plain import visible
from agents.registry import AgentConfig, defined_agents, make_agent, resolve
from agents.units import RULES

INTERRUPTED = 130
_SMALL = 20_000_000
"""Parameters of a model that is small."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see --help")


def _options() -> argparse.ArgumentParser:
    parser = _Parser(
        "python -m agents.conformance", description="Can the Arena rely on an agent? Tries it, check by check."
    )
    parser.add_argument("address", metavar="ADDRESS", help="an address or a name, as in docs/AGENTS.md")
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with tables [agents.NAME]")
    parser.add_argument("--partner", metavar="ADDRESS", help="who sits beside it (a script, unless given)")
    parser.add_argument("--units", default=",".join(RULES), help="unit rules, with commas (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of coins and draws (%(default)s)")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds for each check (%(default)g)")
    parser.add_argument("--promptly", type=float, default=PROMPTLY, help="seconds to return after a stop (%(default)g)")
    parser.add_argument(
        "--helpers", default="", help="beginnings of names of daemon threads that it may keep, with commas"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _tables(path: Path | None) -> dict[str, AgentConfig]:
    """The agents that a file defines. Raises AgentError naming the file."""
    try:
        tables: Any = tomllib.loads(path.read_text(encoding="utf-8")).get("agents", {}) if path else {}
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise AgentError('agents must be tables: [agents.NAME] and under it address = "..."')
        defined = defined_agents([], tables)
        for name, config in defined.items():
            for one in fields(config):
                wanted, value = type(getattr(AgentConfig(), one.name)), getattr(config, one.name)
                if type(value) is not wanted and not (wanted is float and type(value) is int):
                    raise AgentError(f"[agents.{name}]: {one.name} must be of type {wanted.__name__}, not {value!r}")
    except OSError as error:
        raise AgentError(f"--config {path}: {error.strerror}") from None
    except ValueError as error:
        raise AgentError(f"--config {path}: not TOML: {error}") from None
    except AgentError as error:
        raise AgentError(f"--config {path}: {error}") from None
    return defined


def _agent(address: str, tables: dict[str, AgentConfig]) -> Agent:
    """Raises AgentError."""
    name, defined = _name(address), tables
    if name != address:
        defined = {**tables, name: AgentConfig(address)}
    try:
        config = resolve(name, defined)
        if config.address == "human":
            raise AgentError("human: a person cannot be asked so much; docs/CONFORMANCE.md says how a desk is tried")
        return make_agent(config)
    except AgentError as error:
        # The registry speaks to the run command, whose flags this one does not have.
        said = str(error).removeprefix("--pair: ").removeprefix(f"--agent {name}=")
        if name != address:
            said = said.removeprefix(f"[agents.{name}]: ")
        raise AgentError(said.partition("; --agent ")[0]) from None


def _name(address: str) -> str:
    """What it sits down as. An address is no name: errors quote names, and it may hold what is not for everybody."""
    return "agent" if ":" in address else address


def _settle_threads(agent: Agent) -> None:
    """One thread for a small model, as in a run: more of them would mostly wait for each other."""
    size = getattr(getattr(agent, "model", None), "num_parameters", None)
    if "torch" in sys.modules and "OMP_NUM_THREADS" not in os.environ and size and size() < _SMALL:
        sys.modules["torch"].set_num_threads(1)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        given = _options().parse_args(argv)
        tables = _tables(given.config)
        agent = _agent(given.address, tables)
        _settle_threads(agent)
        report = check_agent(
            agent,
            name=_name(given.address),
            partner=_agent(given.partner, tables) if given.partner else None,
            units=[unit for unit in given.units.split(",") if unit],
            seed=given.seed,
            timeout=given.timeout,
            promptly=given.promptly,
            helpers=[name for name in given.helpers.split(",") if name],
        )
    except (AgentError, ValueError) as error:
        print(f"error: {visible(' '.join(str(error).split()))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    print(json.dumps(report.as_dict(), indent=2) if given.json else report.table())
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
