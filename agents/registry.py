"""Who can sit down: names and addresses of agents, and how they are made.

``senior``, ``junior`` and ``junior-jargon`` are built in (the embedded models). ``NAME=ADDRESS`` defines or redefines a
name: ``hf:PATH-OR-ID`` (a causal language model), ``script:TEXT`` (recites a text), or a built-in name.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agents.contract import Agent, AgentError

EMBEDDED = Path(__file__).parent / "embedded"
BUILT_IN = ("senior", "junior", "junior-jargon")
KINDS = ("hf:PATH-OR-ID", "script:TEXT")


@dataclass
class AgentConfig:
    """How to make one agent."""

    address: str = ""
    """hf:PATH-OR-ID, script:TEXT, or the name of a built-in agent."""
    prompt: str = "{question}\n"
    """The agent's own prompt; {question} stands for the problem. Demonstrations and language go here."""
    temperature: float = 1.0
    """0 is greedy."""
    top_k: int = 0
    """Keep the k most likely tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of tokens with this probability; 1 keeps all."""


def resolve(name: str, defined: dict[str, AgentConfig]) -> AgentConfig:
    """The config of a name, its address filled in for built-in names. Raises AgentError naming the near ones."""
    config = defined.get(name) or AgentConfig()
    address = config.address or name
    if address != name and address in defined:  # a name that stands for another
        return resolve(address, {other: one for other, one in defined.items() if other != name})
    if address in BUILT_IN:
        return AgentConfig(**{**asdict(config), "address": address})
    kind, colon, rest = address.partition(":")
    if not colon:
        known = [*dict.fromkeys([*BUILT_IN, *defined])]
        near = difflib.get_close_matches(address, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise AgentError(
            f"--pair: there is no agent {address!r}; {hint}known are {', '.join(known)}; "
            f"--agent {name}=ADDRESS defines one"
        )
    if kind not in ("hf", "script") or not rest:
        raise AgentError(f"--agent {name}={address}: an address is {', '.join(KINDS)} or one of {', '.join(BUILT_IN)}")
    return config


def make_agent(config: AgentConfig) -> Agent:
    """Makes the agent of a resolved config. Raises AgentError in one line."""
    kind, _, rest = config.address.partition(":")
    if kind == "script":
        from agents.scripted import Reciting

        return Reciting(rest)
    from agents.distribution import Sampling
    from agents.loading import load_language_model

    path = str(EMBEDDED / config.address) if config.address in BUILT_IN else rest
    try:
        sampling = Sampling(config.temperature, config.top_k, config.top_p)
        return load_language_model(path, prompt=config.prompt, sampling=sampling)
    except ValueError as error:
        raise AgentError(f"{config.address}: {error}") from None


def defined_agents(given: list[str], tables: dict[str, Any]) -> dict[str, AgentConfig]:
    """Agents defined by ``[agents.NAME]`` tables and, over them, by ``NAME=ADDRESS`` texts. Raises AgentError."""
    out: dict[str, AgentConfig] = {}
    for name, table in tables.items():
        unknown = table.keys() - asdict(AgentConfig()).keys()
        if unknown:
            fields = ", ".join(asdict(AgentConfig()))
            raise AgentError(f"[agents.{name}]: there is no {sorted(unknown)[0]!r}; it may have {fields}")
        out[name] = AgentConfig(**table)
    for text in given:
        name, equals, address = text.partition("=")
        if not equals or not name or not address:
            raise AgentError(f"--agent {text}: write NAME=ADDRESS, as in --agent bot=script:hello")
        out[name] = AgentConfig(**{**asdict(out.get(name, AgentConfig())), "address": address})
    return out
