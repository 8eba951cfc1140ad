"""Who wrote how much, turn lengths, and legality of switches, on episodes counted by hand and on forged ones."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contract import Agent
from agents.scripted import Reciting
from agents.units import RULES, words
from analysis.authorship import AuthorshipTally, Legality, legality, turns_of
from arena.engines import ReferenceEngine
from arena.episode import Episode, SpanRecord
from arena.jobs import Job
from arena.lines import StoreError, read_episodes
from arena.measures import Tally
from arena.policy import parse
from arena.tasks import Problem
from tests.running import ENVIRONMENT, PYTHON

AGENTS: Mapping[str, Agent] = {
    "ann": Reciting("She has 3 boxes, so 3 * 4 = 12. {end}"),
    "bob": Reciting("Then #### 12 it is. "),
}


def played(handoff: str, number: int = 1, limit: int = 9) -> list[Episode]:
    problems = [Problem(f"toy/{n}", "How many?", "12") for n in range(number)]
    jobs = [Job(problem, 0, parse(handoff), ("ann", "bob")) for problem in problems]
    return list(ReferenceEngine(dict(AGENTS), seed=1, limit=limit).episodes(jobs))


def told(*turns: tuple[str, str], prefix: int = 0, policy: str = "word:p=0.5", ids: bool = False) -> Episode:
    """An episode of given turns; with ``ids`` of authors whose tokens are characters."""
    text, spans = "", []
    for author, said in turns:
        span = SpanRecord(author, len(text), len(text) + len(said))
        if ids:
            span.token_ids, span.token_ends = [1] * len(said), list(range(span.start + 1, span.end + 1))
        spans.append(span)
        text += said
    made = Episode("p#0", "p", 0, "?", text, spans, ["ann", "bob"], policy, 0, "end", 99)
    made.prefix_spans = prefix or None
    return made


def test_counted_by_hand() -> None:
    tally = AuthorshipTally()
    tally.add(told(("ann", "so she has"), ("bob", " 3"), ("ann", " pens . #### 3"), ("bob", "")))
    tally.add(told(("bob", "one two")))
    assert tally.summary() == {
        "team": {
            "episodes": 2,
            "handoffs": 3,
            "handoffs_per_episode": 1.5,
            "words": {"ann": 7, "bob": 3},
            "word_share": {"ann": 0.7, "bob": 0.3},
            "tokens": {"ann": 7, "bob": 3},
            "token_share": {"ann": 0.7, "bob": 0.3},
            "turns": {
                "word": {
                    "ann": {"turns": 2, "mean": 3.5, "median": 3, "p90": 4, "longest": 4, "lengths": {"3": 1, "4": 1}},
                    "bob": {
                        "turns": 3, "mean": 1.0, "median": 1, "p90": 2, "longest": 2,
                        "lengths": {"0": 1, "1": 1, "2": 1},
                    },
                }
            },
        }
    }  # fmt: skip


def test_tokens_are_tokens_where_there_are_any() -> None:
    tally = AuthorshipTally()
    tally.add(told(("ann", "so it"), ("bob", " is"), ids=True))
    found = tally.summary()["team"]
    assert (found["tokens"], found["words"]) == ({"ann": 5, "bob": 3}, {"ann": 2, "bob": 1})


def test_nobody_is_credited_with_a_prefix() -> None:
    made = told(("ann", "one two thr"), ("ann", "ee four"), ("bob", " five"), prefix=1)
    assert turns_of(made) == [("ann", 1), ("bob", 1)]
    assert turns_of(told(("ann", "one"), prefix=1)) == []
    empty = AuthorshipTally()
    empty.add(told(("ann", "one"), prefix=1))
    assert empty.summary()["team"]["word_share"] == {}


@pytest.mark.parametrize(("policy", "units"), [("line:p=0.5", 2), ("sentence:p=0.5", 3), ("solution:p=0.5", 1)])
def test_turns_are_in_the_policys_units(policy: str, units: int) -> None:
    assert turns_of(told(("ann", "One. Two\nthree. Four"), policy=policy)) == [("ann", units)]


@pytest.mark.parametrize(
    ("handoff", "lengths"), [("word:alternate", {1}), ("word:script=ann,ann,bob,bob,ann,ann,bob", {2})]
)
def test_schedules_give_the_turns_that_they_say(handoff: str, lengths: set[int]) -> None:
    (episode,) = played(handoff, limit=6)
    turns = turns_of(episode)
    assert {units for _, units in turns[:-1]} == lengths
    assert [author for author, _ in turns] == ["ann", "bob"] * (len(turns) // 2) + ["ann"] * (len(turns) % 2)


@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.text(" a1漢.\n<א\ud800", max_size=12)), max_size=6))
def test_units_of_all_turns_are_those_of_the_text(turns: list[tuple[str, str]]) -> None:
    made = told(*turns)
    assert sum(units for _, units in turns_of(made)) == words(made.text)
    for rule in ("line", "sentence"):
        made.policy = f"{rule}:p=0.5"
        assert sum(units for _, units in turns_of(made)) == len(RULES[rule].openings(made.text))


def test_figures_are_the_runs_and_order_changes_nothing() -> None:
    episodes = played("word:p=0.5", 12)
    run, found = Tally(), set()
    for episode in episodes:
        run.add(episode)
    for seed in range(3):
        tally = AuthorshipTally()
        for episode in random.Random(seed).sample(episodes, len(episodes)):
            tally.add(episode)
        found.add(json.dumps(tally.summary()))
    (text,) = found
    mine, theirs = json.loads(text)["team"], run.summary()
    assert mine["handoffs_per_episode"] == theirs["handoffs_per_episode"]
    assert mine["word_share"] == {name: theirs["author_share"][name] for name in mine["word_share"]}
    assert sum(mine["tokens"].values()) == theirs["tokens"]


# -- legality


def store(folder: Path, lines: list[bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "episodes.jsonl").write_bytes(b"".join(lines))
    return folder


def moved(episode: Episode) -> Episode:
    """The first switch is made a word earlier, and the digest is taken again."""
    forged = copy.deepcopy(episode)
    at = RULES["word"].openings(forged.text)
    first, second = forged.spans[:2]
    first.end = second.start = at[at.index(second.start) - 1]
    forged.digest = forged.fingerprint()
    return forged


def test_illegal_switches_are_named(tmp_path: Path) -> None:
    episodes = played("word:script=ann,ann,bob", 4)
    assert legality(store(tmp_path / "run", [one.line() for one in episodes])) == Legality(4, {})
    changed = json.loads(episodes[3].line())
    lines = [
        episodes[0].line(),
        moved(episodes[1]).line(),
        episodes[2].line(),
        json.dumps({**changed, "text": "She had" + changed["text"][7:]}).encode() + b"\n",
        json.dumps({**changed, "id": [3]}).encode() + b"\n",
        b"{}\n",
        episodes[0].line(),
        episodes[1].line()[:-9],  # torn: as if it were not there
    ]
    found = legality(store(tmp_path / "run", lines))
    assert found.checked == 7
    assert found.illegal == {
        "line 2 (toy/1#0)": "span 1, token 0: unit 1 belongs to ann, not to bob",
        "line 4 (toy/3#0)": "digest: the episode was changed after it was written",
        "line 5 (not an episode)": "digest: the episode was changed after it was written",
        "line 6 (not an episode)": "schema None is not 1, which this version reads",
        "line 7 (toy/0#0)": "toy/0#0 is in this run more than once",
    }
    assert found.summary()["legal"] == 2
    # a file is checked like its folder
    assert legality(tmp_path / "run" / "episodes.jsonl") == found


def test_a_runs_configuration_counts(here: Path, scripts: list[str]) -> None:
    command = [*PYTHON, *scripts, "--episodes", "2", "--out", "run"]
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)
    assert legality(here / "run") == Legality(2, {})
    config = here / "run" / "config.toml"
    config.write_text(re.sub(r"(?m)^seed = \d+", "seed = 7", config.read_text()))
    found = legality(here / "run")
    assert (found.checked, len(found.illegal)) == (2, 2)
    assert all(why == "seed is 0, but config.toml says 7" for why in found.illegal.values())


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name the folder of a run"):
        legality(tmp_path)
    assert legality(store(tmp_path, [])) == Legality(0, {})
    assert list(read_episodes(tmp_path)) == []
