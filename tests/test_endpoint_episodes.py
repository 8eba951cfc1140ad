"""Whole episodes with an endpoint, and the example that serves an embedded model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.distribution import Sampling
from agents.endpoint import Endpoint
from agents.endpoint_client import parse_address
from agents.language_model import LanguageModel
from agents.loading import load_language_model
from agents.registry import EMBEDDED
from agents.scripted import Reciting
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.policy import parse
from arena.proof import problems_of
from arena.run import cli
from arena.tasks import Problem, load_task
from tests.asking import Server


@pytest.fixture(scope="module")
def senior() -> Iterator[LanguageModel]:
    """The embedded senior on one thread: two processes that compute on every core slow each other down tenfold."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_language_model(str(EMBEDDED / "senior"))
    torch.set_num_threads(threads)


def played(agents: dict[str, Any], policy: str, problems: int, limit: int = 60) -> list[Episode]:
    """Episodes of the reference engine, proven."""
    engine = ReferenceEngine(agents, seed=3, limit=limit)
    jobs = (Job(Problem(f"p/{n}", f"{n} + {n}?", str(2 * n)), 0, parse(policy), tuple(agents)) for n in range(problems))
    episodes = list(engine.episodes(jobs))
    for episode in episodes:
        assert problems_of(episode) == []
    return episodes


@pytest.mark.parametrize("policy", ["p=0.5", "alternate", "p=0.3,0.3,0.4", "script=ann,ann,bob", "demand"])
@pytest.mark.parametrize("unit", ["word", "sentence", "line", "paragraph", "token", "spaced-token", "solution"])
def test_episodes_with_scripts_are_proven(server: Server, unit: str, policy: str) -> None:
    script = " so\n 3 + 4 = 7.\n\nThen 漢字。 #### 7\n"
    agents: dict[str, Any] = {"ann": server.agent()[0], "bob": Reciting(script)}
    if policy.count(",") == 2 and "p=" in policy:
        agents["cid"] = server.agent()[0]
    for episode in played(agents, f"{unit}:{policy}", 4):
        # The only failure there is: what one wrote leaves the other no way to open.
        assert episode.ended in ("end", "limit") or " open" in str(episode.error)


def test_the_command_seats_an_endpoint(served_junior: str, tmp_path: Path) -> None:
    flags = ["--episodes", "4", "--limit", "60", "--show", "0", "--out", str(tmp_path / "run")]
    code = cli(["--pair", "senior:helper", "--agent", f"helper={served_junior}", *flags])
    assert code in (0, 1)  # 1 where an episode failed: so weak a junior cannot always open
    stored = [json.loads(line) for line in (tmp_path / "run" / "episodes.jsonl").read_text().splitlines()]
    assert {span["author"] for episode in stored for span in episode["spans"]} == {"senior", "helper"}


def test_the_same_run_gives_the_same_episodes(server: Server) -> None:
    def run() -> list[Any]:
        agents = {"ann": server.agent()[0], "bob": Reciting(" so 3 + 4 = 7. ")}
        return [[episode.text, episode.spans, episode.ended] for episode in played(agents, "word:p=0.5", 6)]

    assert run() == run()


@pytest.mark.parametrize(
    "policy", ["word:p=0.5", "sentence:alternate", "line:alternate", "token:p=0.5", "word:solo=ann"]
)
def test_episodes_with_a_language_model_are_proven(server: Server, senior: LanguageModel, policy: str) -> None:
    authors = set()
    for episode in played({"senior": senior, "ann": server.agent()[0]}, policy, 3):
        assert episode.ended in ("end", "limit") or " open" in str(episode.error)
        authors |= {span.author for span in episode.spans}
    assert authors == ({"ann"} if "solo" in policy else {"senior", "ann"})


def test_a_failing_endpoint_fails_the_episode_by_name(server: Server, senior: LanguageModel) -> None:
    agents = {"senior": senior, "ann": server.agent("a b c", fault="500")[0]}
    (episode,) = played(agents, "word:alternate", 1)
    assert episode.ended == "error"
    assert episode.error == f"ann: toy at {server.url}: HTTP 500: out of [31mcheese"
    assert episode.views["ann"]["requests"] == 1


# The example that serves an embedded model


@pytest.mark.parametrize("policy", ["solution:solo=x", "line:alternate", "sentence:p=0.5", "word:p=0.8"])
def test_greedy_it_writes_what_the_model_itself_writes(served_junior: str, senior: LanguageModel, policy: str) -> None:
    """Text, authors and ends, wherever its text opens: the process is the same from both sides."""
    model, url = parse_address(served_junior.removeprefix("openai:"))
    junior = load_language_model(str(EMBEDDED / "junior"))
    greedy = Sampling(temperature=0)
    first_one = LanguageModel(senior.model, senior.tokenizer, sampling=greedy)
    seconds = (
        Endpoint(model, url, temperature=0, max_tokens=20),
        LanguageModel(junior.model, junior.tokenizer, sampling=greedy),
    )
    problems = load_task("arithmetic").problems("test")
    runs = []
    for second in seconds:
        engine = ReferenceEngine({"senior": first_one, "x": second}, seed=7, limit=150)
        jobs = [Job(problems[n], 0, parse(policy), ("senior", "x")) for n in range(10)]
        runs.append(list(engine.episodes(jobs)))
    pairs = [(served, own) for served, own in zip(*runs, strict=True) if {served.ended, own.ended} == {"end"}]
    assert len(pairs) >= 2
    for served, own in pairs:
        assert served.text == own.text
        assert [(one.author, one.end) for one in served.spans] == [(one.author, one.end) for one in own.spans]


def test_with_a_partner_a_served_model_is_proven_and_the_same_again(served_junior: str, senior: LanguageModel) -> None:
    model, url = parse_address(served_junior.removeprefix("openai:"))
    agents = {"senior": senior, "x": Endpoint(model, url)}
    runs = [played(agents, "word:p=0.5", 3, limit=80) for _ in range(2)]
    assert [episode.text for episode in runs[0]] == [episode.text for episode in runs[1]]


def test_the_example_as_a_server(served_junior: str) -> None:
    import openai

    model, url = parse_address(served_junior.removeprefix("openai:"))
    given: dict[str, Any] = {"model": model, "prompt": "Lily has 3 coins. She finds 4 more.\n", "max_tokens": 30}
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        whole = client.completions.create(**given, seed=1).choices[0]
        streamed = list(client.completions.create(**given, seed=1, stream=True))
        assert "".join(chunk.choices[0].text for chunk in streamed) == whole.text
        assert streamed[-1].choices[0].finish_reason == whole.finish_reason
        assert client.completions.create(**given, seed=2).choices[0].text != whole.text
        stop = whole.text[6:9]
        for stream in (False, True):
            short: Any = client.completions.create(**given, seed=1, stop=["\x00", stop], stream=stream)
            said = "".join(chunk.choices[0].text for chunk in (short if stream else [short]))
            assert said == whole.text[: whole.text.index(stop)]
        assert [one.id for one in client.models.list()] == [model]
        wrongs: list[dict[str, Any]] = [
            {"model": "other"}, {"prompt": [1, 2]}, {"n": 2}, {"temperature": -1}, {"max_tokens": 0}, {"stop": [""]},
            {"prompt": "x " * 9999},
        ]  # fmt: skip
        for wrong in wrongs:
            with pytest.raises(openai.BadRequestError):
                client.completions.create(**{**given, **wrong})
