"""Names, addresses and tables of agents: what is refused in one line, what stands for what, agents of the user's."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agents.contract import AgentError
from agents.registry import AgentConfig, defined_agents, make_agent, resolve, table_of
from tests.running import ROOT
from tests.test_promises import PROBLEMS, played

SHOWN = {"question": "1?", "solution": "1"}


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"address": "script:x", "adapter": "y"}, r"\[agents.x\]: 'adapter' is not for script:TEXT, .* no options"),
        ({"address": "script:x", "top_k": 3}, "'top_k' is not for script:TEXT"),
        ({"address": "python:a:b", "prompt": "{question}"}, "'prompt' is not for python:MODULE:CALLABLE"),
        ({"address": "openai:m@http://x", "chat": True}, "'chat' is not for openai:MODEL@URL, which may have prompt, "),
        ({"address": "hf:x", "max_tokens": 3}, "'max_tokens' is not for hf:PATH-OR-ID, which may have prompt, "),
        ({"address": "senior", "trust_remote_code": True}, "'trust_remote_code' is not for senior, which may"),
        ({"address": "hf:x", "dtype": "int8"}, "dtype must be one of auto, float32"),
        ({"address": "hf:x", "device": "gpu"}, "device must be auto, cpu"),
        ({"address": "hf:x", "chat_options": {"a": 1}}, "chat_options need chat = true"),
        ({"address": "openai:m@http://x", "max_tokens": 0}, "max_tokens must be at least 1, not 0"),
        ({"address": "openai:m@http://x", "timeout": 0.0}, "timeout must be above 0"),
        ({"address": "openai:m@http://x", "retries": -1}, "retries must be 0 or more"),
        ({"address": "hf:x", "shots": 1}, r"shots must be 0 \(all\) or more, not 1, and there are 0"),
        ({"address": "hf:x", "shots": -1, "demonstrations": [SHOWN]}, "shots must be 0"),
        ({"address": "hf:x", "demonstrations": [SHOWN, {"question": "1?"}]}, "demonstrations: number 2: must have a"),
        ({"address": "hf:x", "demonstrations": ["1?"]}, "demonstrations: number 1: must have a question"),
        ({"address": "hf:x", "demonstrations": [{**SHOWN, "solution": 3}]}, "both texts"),
        ({"address": "hf:x", "demonstrations_file": "nowhere.jsonl"}, "demonstrations_file nowhere.jsonl: No such"),
        ({"address": "hf:x", "demonstrations_file": __file__}, "is not JSON lines"),
        ({"address": "python:a"}, "--agent x=python:a: write python:MODULE:CALLABLE"),
        ({"address": "ftp:x"}, "--agent x=ftp:x: an address is hf:PATH-OR-ID, openai:MODEL@URL, python:MODULE:CALL"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(table: dict[str, Any], why: str) -> None:
    with pytest.raises(AgentError, match=why) as caught:
        resolve("x", defined_agents([], {"x": table}))
    assert "\n" not in str(caught.value)


def test_a_name_for_another_has_its_options_under_its_own() -> None:
    big = AgentConfig("hf:m", adapter="a", temperature=0.5, demonstrations=[SHOWN, SHOWN])
    found = resolve("twin", {"big": big, "twin": AgentConfig("big", temperature=0.0, shots=1)})
    assert found == AgentConfig("hf:m", adapter="a", temperature=0.0, demonstrations=[SHOWN], shots=1)
    assert resolve("x", {"x": found}) == found
    built_in = resolve("s", {"s": AgentConfig("senior", language="fr", adapter="a")})
    assert built_in == AgentConfig("senior", language="fr", adapter="a")
    with pytest.raises(AgentError, match="'adapter' is not for script:TEXT"):
        resolve("twin", {"big": AgentConfig("script:x"), "twin": AgentConfig("big", adapter="a")})
    always = {"address": "senior", "prompt": "{question}\n", "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    assert table_of(AgentConfig("senior")) == always
    assert table_of(built_in) == {**always, "language": "fr", "adapter": "a"}


def test_the_examples_of_the_manual_can_be_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manual = (ROOT / "docs" / "AGENTS.md").read_text(encoding="utf-8")
    (tmp_path / "fr.jsonl").write_text(json.dumps(SHOWN) + "\n")
    monkeypatch.chdir(tmp_path)
    examples = [tomllib.loads(block.partition("```")[0])["agents"] for block in manual.split("```toml\n")[1:]]
    assert len(examples) == 6
    for tables in examples:
        defined = defined_agents([], tables)
        for name in defined:
            assert resolve(name, defined).address.startswith(("hf:", "openai:"))
    for field in AgentConfig.__dataclass_fields__:
        assert f"`{field}`" in manual or f"\n{field} = " in manual


def test_an_agent_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs.py").write_text(
        """
from agents.scripted import Reciting
def made(): return Reciting("yes #### 4 {end}")
def needs(what): return what
def fails(): raise RuntimeError("not today\\nnor ever")
class Half: deterministic = gives_logprobs = True
number = 3
"""
    )
    (tmp_path / "broken.py").write_text("import no_such_thing")
    monkeypatch.syspath_prepend(str(tmp_path))
    agent = make_agent(resolve("x", {"x": AgentConfig("python:theirs:made")}))
    assert played({"x": agent}, "word:solo", PROBLEMS[0]).text == "yes #### 4"
    for rest, why in (
        ("theirs:number", "theirs has no class or function 'number'"),
        ("theirs:missing", "theirs has no class or function 'missing'"),
        ("theirs:needs", r"needs\(\) failed \(TypeError: .*'what'\)"),
        ("theirs:fails", r"fails\(\) failed \(RuntimeError: not today nor ever\)$"),
        ("theirs:Half", "what this gives is no agent"),
        ("broken:x", r"cannot import broken \(ModuleNotFoundError: No module named 'no_such_thing'\)"),
        ("nowhere:x", r"cannot import nowhere \(.*\); start in its folder, or name that in PYTHONPATH"),
    ):
        with pytest.raises(AgentError, match=f"^python:{rest}: {why}") as caught:
            make_agent(resolve("x", {"x": AgentConfig(f"python:{rest}")}))
        assert "\n" not in str(caught.value)


def test_an_endpoint_is_told_what_a_model_would_be() -> None:
    agent: Any = make_agent(
        AgentConfig("openai:m@http://127.0.0.1:9/v1", language="En français.", demonstrations=[SHOWN], max_tokens=9)
    )
    assert type(agent).__name__ == "Endpoint"
    with pytest.raises(AgentError, match=r"^openai:m: an endpoint is openai:MODEL@URL"):
        make_agent(AgentConfig("openai:m"))
