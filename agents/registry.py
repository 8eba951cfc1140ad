"""Who can sit down: names and addresses of agents, what else their tables may say, and how they are made.

``senior``, ``junior`` and ``junior-jargon`` are built in (the embedded models). ``NAME=ADDRESS`` defines or redefines a
name by one of the kinds of `KINDS`, or by another name. docs/AGENTS.md describes the tables ``[agents.NAME]``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.contract import Agent, AgentError
from agents.own import made_by_own

if TYPE_CHECKING:
    from agents.prompting import Prompting

EMBEDDED = Path(__file__).parent / "embedded"
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass
class AgentConfig:
    """How to make one agent. Every field has a value that TOML can hold; the default means that it is not set."""

    address: str = ""
    """hf:PATH-OR-ID, openai:MODEL@URL, python:MODULE:CALLABLE, script:TEXT, or the name of another agent."""
    prompt: str = "{question}\n"
    """The agent's own prompt; {question} stands for the problem, {language} for the language."""
    system: str = ""
    """System prompt: comes first."""
    language: str = ""
    """An instruction in plain words, as "Réponds en français."; where {language} stands, else before the question."""
    demonstrations: list[dict[str, str]] = field(default_factory=list)
    """Solved problems that come before the question: tables with question and solution."""
    demonstrations_file: str = ""
    """More of them: a file of JSON lines with these fields. A run's config.toml has them in demonstrations."""
    shots: int = 0
    """Only the first so many demonstrations; 0 takes all."""
    chat: bool = False
    """Ask by the tokeniser's chat template; the solution is the beginning of the assistant's turn."""
    chat_options: dict[str, Any] = field(default_factory=dict)
    """Variables of the chat template, as enable_thinking = false."""
    temperature: float = 1.0
    """0 is greedy."""
    top_k: int = 0
    """Keep the k most likely tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of tokens with this probability; 1 keeps all."""
    marker: str = ""
    """Text by which a model gives the pen away, on demand; it is removed."""
    adapter: str = ""
    """A PEFT adapter for the model: a folder or a hub id."""
    four_bit: bool = False
    """Quantise the model to 4 bits (bitsandbytes, nf4) while loading it."""
    dtype: str = "auto"
    """float32, bfloat16 or float16; auto is float32 on a CPU and the checkpoint's own on a GPU."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto is a GPU if there is one."""
    revision: str = ""
    """Branch, tag or commit on the hub."""
    trust_remote_code: bool = False
    """Run the Python code that comes with a model."""
    api_key_env: str = ""
    """Environment variable with the key of an endpoint; the key itself belongs in no file."""
    max_tokens: int = 256
    """Tokens that an endpoint is asked for at a time."""
    timeout: float = 60.0
    """Seconds to wait for an endpoint."""
    turn_timeout: float = 600.0
    """Seconds that an endpoint may take for a turn, everything included."""
    retries: int = 2
    """How often an endpoint is asked again after it failed."""
    openings: int = 32
    """How often an endpoint is asked for text that opens a unit."""
    stop: list[str] = field(default_factory=list)
    """Texts at which an endpoint ends the solution."""
    seeded: bool = True
    """Send an endpoint a seed of the run's, so that it can repeat itself."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields of an endpoint's requests."""
    connections: int = 16
    """How many requests an endpoint gets at once."""


_ASKED = {"prompt", "system", "language", "demonstrations", "demonstrations_file", "shots", "temperature", "top_p"}
_MODEL = _ASKED | {"top_k", "chat", "chat_options", "marker", "adapter", "four_bit", "dtype", "device"}
_ENDPOINT = _ASKED | {"api_key_env", "max_tokens", "timeout", "turn_timeout", "retries", "openings", "stop", "seeded"}
_ENDPOINT |= {"extra", "connections"}


def _language_model(config: AgentConfig, rest: str) -> Agent:
    from agents.distribution import Sampling
    from agents.loading import load_language_model

    return load_language_model(
        rest,
        prompt=_prompting(config),
        sampling=Sampling(config.temperature, config.top_k, config.top_p),
        marker=config.marker or None,
        adapter=config.adapter,
        four_bit=config.four_bit,
        dtype=config.dtype,
        device=config.device,
        revision=config.revision,
        trust_remote_code=config.trust_remote_code,
    )


def _embedded(config: AgentConfig, rest: str) -> Agent:
    """Small enough for fp32 everywhere, so that a GPU changes no factor; they are stored in bf16."""
    dtype = "float32" if config.dtype == "auto" else config.dtype
    return _language_model(replace(config, dtype=dtype), str(EMBEDDED / config.address))


def _endpoint(config: AgentConfig, rest: str) -> Agent:
    from agents.endpoint import Endpoint
    from agents.endpoint_client import parse_address

    model, url = parse_address(rest)
    return Endpoint(
        model,
        url,
        prompt=_prompting(config).template(),
        temperature=config.temperature,
        top_p=config.top_p,
        api_key_env=config.api_key_env,
        max_tokens=config.max_tokens,
        timeout=config.timeout,
        turn_timeout=config.turn_timeout,
        retries=config.retries,
        openings=config.openings,
        stop=config.stop,
        seeded=config.seeded,
        extra=config.extra,
        connections=config.connections,
    )


def _users(config: AgentConfig, rest: str) -> Agent:
    """What a callable of the user's returns; it is called with nothing."""
    made = made_by_own("python:", rest, AgentError)
    if isinstance(made, type) or not isinstance(made, Agent):
        raise AgentError(f"python:{rest}: what this gives is no agent; it has no sit(view), or lacks a flag")
    return made


def _reciting(config: AgentConfig, rest: str) -> Agent:
    from agents.scripted import Reciting

    return Reciting(rest)


def _person(config: AgentConfig, rest: str) -> Agent:
    from agents.line_desk import TerminalDesk
    from agents.person import Person

    return Person(TerminalDesk())


@dataclass(frozen=True)
class Kind:
    """A kind of address, or a built-in agent."""

    form: str
    """How it is written."""
    make: Callable[[AgentConfig, str], Agent]
    """Makes one from its config and what stands behind the colon. Raises AgentError or ValueError in one line."""
    options: set[str] = field(default_factory=set)
    """The fields of `AgentConfig` that mean something to it."""


KINDS = {
    kind.form.partition(":")[0]: kind
    for kind in (
        Kind("hf:PATH-OR-ID", _language_model, _MODEL | {"revision", "trust_remote_code"}),
        Kind("openai:MODEL@URL", _endpoint, _ENDPOINT),
        Kind("python:MODULE:CALLABLE", _users),
        Kind("script:TEXT", _reciting),
    )
}
"""The kinds of address, by what stands before the colon."""
EMBEDDED_NAMES = (
    *("senior", "junior", "junior-jargon", "junior-other"),
    *("senior-rpn", "junior-rpn", "senior-codes", "junior-codes"),
    *("senior-languages", "senior-leaning", "junior-en", "junior-fr", "junior-zh", "junior-fr-en", "junior-all"),
)
BUILT_IN = {name: Kind(name, _embedded, _MODEL) for name in EMBEDDED_NAMES}
BUILT_IN["human"] = Kind("human", _person)
"""The agents that need no definition, by name."""


def resolve(name: str, defined: dict[str, AgentConfig]) -> AgentConfig:
    """The config of a name with its address, options and demonstrations settled: what a run's config.toml says.

    A name that stands for another has its options, under its own. Raises AgentError naming the near names, the options
    that its kind of agent may have, or what is wrong with one.
    """
    config = defined.get(name) or AgentConfig()
    address = config.address or name
    if address != name and address in defined:
        other = resolve(address, {one: table for one, table in defined.items() if one != name})
        config = AgentConfig(**{**asdict(other), **_set(config), "address": other.address})
        address = other.address
    config = AgentConfig(**{**asdict(config), "address": address})
    where = f"[agents.{name}]"
    if address.startswith("openai:"):
        _check_endpoint(config, where)
    kind = _kind(name, address, defined)
    # A temperature may be given to all who sit down at once, so it is nobody's mistake.
    if misfit := next(
        (option for option in _set(config) if option not in kind.options | {"address", "temperature"}), ""
    ):
        may = ", ".join(one.name for one in fields(config) if one.name in kind.options) or "no options"
        raise AgentError(f"{where}: {misfit!r} is not for {kind.form}, which may have {may}")
    _check_values(config, where)
    config.demonstrations, config.demonstrations_file = demonstrations_of(config, where), ""
    return config


def _check_values(config: AgentConfig, where: str) -> None:
    """Raises AgentError for what no agent can have. (Sampling, prompt and address are checked by who uses them.)"""
    for fine, what in (
        (config.dtype in DTYPES, f"dtype must be one of {', '.join(DTYPES)}, not {config.dtype!r}"),
        (DEVICE.fullmatch(config.device), f"device must be auto, cpu, cuda or cuda:N, not {config.device!r}"),
        (config.chat or not config.chat_options, "chat_options need chat = true"),
        (config.max_tokens >= 1, f"max_tokens must be at least 1, not {config.max_tokens}"),
        (0 < config.timeout < float("inf"), f"timeout must be above 0, not {config.timeout}"),
        (config.retries >= 0, f"retries must be 0 or more, not {config.retries}"),
    ):
        if not fine:
            raise AgentError(f"{where}: {what}")


def _check_endpoint(config: AgentConfig, where: str) -> None:
    """Raises AgentError, which repeats nothing secret, before anything of it is stored or printed."""
    from agents.endpoint_client import checked_key_name, parse_address

    try:
        parse_address(config.address.removeprefix("openai:"))
        checked_key_name(config.api_key_env)
    except ValueError as error:
        raise AgentError(f"{where}: {error}") from None


def takes(config: AgentConfig, option: str) -> bool:
    """Does this option mean something to an agent of this address?"""
    return option in _kind(config.address, config.address, {}).options


def table_of(config: AgentConfig) -> dict[str, Any]:
    """The table of a resolved config: what has always been in it, and what else is set."""
    always = {"address", "prompt", "temperature", "top_k", "top_p"} | _set(config).keys()
    return {name: value for name, value in asdict(config).items() if name in always}


def _set(config: AgentConfig) -> dict[str, Any]:
    """The fields that are not at their defaults."""
    defaults = asdict(AgentConfig())
    return {name: value for name, value in asdict(config).items() if value != defaults[name]}


def _kind(name: str, address: str, defined: Mapping[str, AgentConfig]) -> Kind:
    """Raises AgentError naming the near names."""
    if address in BUILT_IN:
        return BUILT_IN[address]
    kind, colon, rest = address.partition(":")
    if not colon:
        known = [one for one in dict.fromkeys([*BUILT_IN, *defined]) if one != address]
        near = difflib.get_close_matches(address, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise AgentError(
            f"--pair: there is no agent {address!r}; {hint}known are {', '.join(known)}; "
            f"--agent {name}=ADDRESS defines one"
        )
    if kind not in KINDS or not rest:
        forms = ", ".join(one.form for one in KINDS.values())
        raise AgentError(f"--agent {name}={address}: an address is {forms} or one of {', '.join(BUILT_IN)}")
    if kind == "python" and not re.fullmatch(r"[\w.]+:[\w.]+", rest):
        raise AgentError(f"--agent {name}={address}: write python:MODULE:CALLABLE")
    return KINDS[kind]


def demonstrations_of(config: AgentConfig, where: str) -> list[dict[str, str]]:
    """The demonstrations of a table and of its file, as many as ``shots`` says. Raises AgentError, ``where`` first."""
    given: list[tuple[str, Any]] = [
        (f"{where}: demonstrations: number {n}", one) for n, one in enumerate(config.demonstrations, 1)
    ]
    if path := config.demonstrations_file:
        place = f"{where}: demonstrations_file {path}"
        try:
            lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
            given += [(f"{place}: line {n}", json.loads(line)) for n, line in enumerate(lines, 1) if line.strip()]
        except OSError as error:
            raise AgentError(f"{place}: {error.strerror}") from None
        except ValueError as error:
            raise AgentError(f"{place}: is not JSON lines in UTF-8: {error}") from None
    if not 0 <= config.shots <= len(given):
        raise AgentError(f"{where}: shots must be 0 (all) or more, not {config.shots}, and there are {len(given)}")
    out = []
    for place, one in given[: config.shots or None]:
        said = {key: one.get(key) for key in ("question", "solution")} if isinstance(one, dict) else {}
        if not said or not all(isinstance(text, str) and text.strip() for text in said.values()):
            raise AgentError(f"{place}: must have a question and a solution, both texts")
        out.append({key: str(text) for key, text in said.items()})
    return out


def _prompting(config: AgentConfig) -> Prompting:
    """All that an agent is told before it writes. Raises AgentError or ValueError."""
    from agents.prompting import Demonstration, Prompting

    shown = demonstrations_of(config, config.address)
    return Prompting(
        prompt=config.prompt,
        system=config.system,
        language=config.language,
        demonstrations=tuple(Demonstration(one["question"], one["solution"]) for one in shown),
        chat=config.chat,
        chat_options=config.chat_options,
    )


def make_agent(config: AgentConfig) -> Agent:
    """Makes the agent of a resolved config. Raises AgentError in one line."""
    kind, _, rest = config.address.partition(":")
    try:
        return (BUILT_IN.get(config.address) or KINDS[kind]).make(config, rest)
    except ValueError as error:
        raise AgentError(f"{config.address}: {error}") from None


def defined_agents(given: Sequence[str], tables: Mapping[str, Any]) -> dict[str, AgentConfig]:
    """Agents defined by ``[agents.NAME]`` tables and, over them, by ``NAME=ADDRESS`` texts. Raises AgentError."""
    out: dict[str, AgentConfig] = {}
    for name, table in tables.items():
        unknown = table.keys() - asdict(AgentConfig()).keys()
        if unknown:
            all_fields = ", ".join(asdict(AgentConfig()))
            raise AgentError(f"[agents.{name}]: there is no {sorted(unknown)[0]!r}; it may have {all_fields}")
        out[name] = AgentConfig(**table)
    for text in given:
        name, equals, address = text.partition("=")
        if not equals or not name or not address:
            raise AgentError(f"--agent {text}: write NAME=ADDRESS, as in --agent bot=script:hello")
        out[name] = AgentConfig(**{**asdict(out.get(name, AgentConfig())), "address": address})
    return out
