"""Where an endpoint is, its key, its options, and what is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from agents.endpoint import Endpoint
from agents.endpoint_client import parse_address, without_credentials
from tests.asking import Server, refusal, turn_of, written
from tests.running import ROOT

KEY = "sk-no-0123456789abcdef"


def test_a_key_goes_where_it_belongs_and_nowhere_else(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "sk-somebody-elses")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    agent, name = server.agent("a")
    written(agent, turn_of())
    assert "elses" not in json.dumps(server.requests(name))
    assert "authorization" not in server.requests(name)[0]["headers"]
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    agent, name = server.agent("a", fault="401", options={"api_key_env": "MY_KEY"})
    assert refusal(agent) == "HTTP 401: Bearer [the key] is no good key"
    assert server.requests(name)[0]["headers"]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(vars(agent)) + repr(vars(agent.client))
    monkeypatch.delenv("MY_KEY")
    assert refusal(agent) == "api_key_env: MY_KEY is not set in the environment"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is not set"),
        ({"api_key_env": "sknokey"}, "that variable is not set"),
        ({"api_key_env": KEY}, "never the key itself"),
        ({"api_key_env": "BAD_KEY"}, "characters that no key has"),
        ({"prompt": "Solve!"}, "{question}"),
        ({"temperature": -1}, "temperature must be 0"),
        ({"temperature": float("nan")}, "temperature must be 0"),
        ({"top_p": 0}, "top_p must be"),
        ({"max_tokens": 0}, "max_tokens must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"turn_timeout": float("inf")}, "turn_timeout must be"),
        ({"retries": -1}, "retries must be"),
        ({"openings": -1}, "openings must be"),
        ({"connections": 0}, "connections must be"),
        ({"extra": {"n": 2}}, "extra cannot set"),
        ({"extra": {"seed": 2}}, "extra cannot set"),
        ({"extra": {"x": {1}}}, "cannot be sent as JSON"),
        ({"extra": {"x": float("nan")}}, "cannot be sent as JSON"),
        ({"stop": ["\ud800"]}, "cannot be sent as JSON"),
        ({"model": ""}, "name of a model"),
    ],
)
def test_what_cannot_be_is_said_at_once(options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD_KEY", "sk-\u0430bc")
    model = options.pop("model", "toy")
    with pytest.raises(ValueError, match=said.replace("{", r"\{")) as error:
        Endpoint(model, "http://127.0.0.1:8000/v1", **options)
    assert KEY not in str(error.value)
    assert "sknokey" not in str(error.value)


def test_openais_own_host_needs_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="OPENAI_API_KEY is not set"):
        Endpoint("toy", "https://api.openai.com/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Endpoint("toy", "https://api.openai.com/v1")


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("m@http://127.0.0.1:8000/v1", ("m", "http://127.0.0.1:8000/v1")),
        ("m@https://there.example/v1/", ("m", "https://there.example/v1")),
        ("org/m:free@http://[::1]:80", ("org/m:free", "http://[::1]:80")),
        ("@cf/org/m@2@https://there.example/x@y", ("@cf/org/m@2", "https://there.example/x@y")),
    ],
)
def test_an_address_is_a_model_at_a_url(address: str, parts: tuple[str, str]) -> None:
    assert parse_address(address) == parts


@pytest.mark.parametrize(
    "address",
    [
        "m", "m@", "@http://there.example", "m@there.example/v1", "m@ftp://there.example", "m@http://", "m@http:///v1",
        "m@http://there.example:x/v1", "m@http://there.example:99999/v1", "m@http://there.example:0",
        "m@http://[::1/v1", "m@http://there.example/a b", "m@http://there.example/\x1b[1m", "m@http://thére.example",
        f"m@https://me:{KEY}@there.example/v1", f"m@https://{KEY}@there.example/v1", f"m@https://a:b/{KEY}@there.example",
        f"m@https://there.example/v1?key={KEY}", f"m@https://there.example/v1#{KEY}",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_without_repeating_them(address: str) -> None:
    with pytest.raises(ValueError, match="URL") as error:
        parse_address(address)
    assert KEY not in str(error.value)
    assert KEY not in without_credentials(address)
    assert "there" not in str(error.value)


def test_nothing_heavy_is_imported_before_an_endpoint_is_made() -> None:
    code = "import sys, agents.endpoint; print([m for m in ('openai', 'httpx2', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
