"""The value profile as a command and in its parts: places, breaks, kinds of text, pictures; every mistake a line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from agents.contract import Agent
from agents.scripted import Scripted
from agents.units import RULES
from analysis.continuations import Solution, stored_solutions
from analysis.profile.__main__ import cli
from analysis.profile.breaks import break_of, falls, holm, mcnemar
from analysis.profile.kinds import kinds_of
from analysis.profile.layout import laid_out, position_of
from analysis.profile.plan import ProfilePlan, places_of, stride_for
from analysis.profile.plot import draw_solution
from analysis.profile.summary import as_csv, read, summary_of
from analysis.profile.values import Profile, profiles_of, unit_offsets
from arena.command import UserError
from arena.engines import ReferenceEngine
from arena.episode import Episode
from arena.jobs import Job
from arena.lines import read_episodes
from arena.policy import Policy, Solo
from arena.proof import problems_of
from arena.run import cli as run
from arena.tasks import Problem
from arena.torch_engine.engine import TorchEngine
from arena.validate import Opening, Options, unlike_its_parent
from arena.validate import main as validate
from tests.models import embedded, random_agent
from tests.running import only_line, plain
from tests.test_curve import unlike

PROBLEM = Problem("toy/0", "Ann has 3 boxes of 4 pens. How many pens?", "12", 1)


@pytest.fixture(scope="module")
def solos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solos") / "run"
    flags = ["--pair=senior:junior", "--handoff=word:p=1", "--baselines", "--episodes=3", "--limit=80", "--show=0"]
    assert run([*flags, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def whole(solos: Path) -> Path:
    """A profile that nobody interrupted, of two solutions."""
    folder = solos.parent / "whole"
    assert cli([*flags_of(solos), "--out", str(folder)]) == 0
    return folder


def flags_of(solos: Path) -> list[str]:
    return [str(solos), "--condition=solo:senior", "--episodes=2", "--rollouts=4", "--every=line", "--batch-size=7"]


def test_a_profile_is_proven_and_its_values_are_those_of_its_episodes(whole: Path, solos: Path) -> None:
    assert validate(Options(whole)) == 0
    parents = {e.id: e for e in read_episodes(solos) if e.condition == "solo:senior"}
    rows = list(csv.DictReader((whole / "profile.csv").open(encoding="utf-8")))
    right: dict[tuple[str, int], list[bool]] = {}
    for episode in plain(whole):
        if episode["condition"].startswith("junior@"):
            key = (episode["parent_id"], episode["prefix_units"])
            right.setdefault(key, []).append(episode["grade"]["verdict"] == "correct")
    assert len(rows) == len(right)
    for row in rows:
        found = right[row["id"], int(row["units"])]
        assert (len(found), sum(found)) == (4, int(row["right"]))
    for name in list(parents)[:2]:
        text = "".join(row["text"] for row in rows if row["id"] == name)
        assert text == parents[name].text
    figures = json.loads((whole / "profile.json").read_bytes())["figures"]
    assert (figures["solutions"], figures["rollouts"]) == (2, 4 * len(rows))
    ends = [float(row["value"]) for row in rows if row["fraction"] == "1.0"]
    assert figures["mean"][-1]["value"] == pytest.approx(np.mean(ends), abs=1e-4)
    starts = [float(row["value"]) for row in rows if row["units"] == "0"]
    change = sum(kind["change_per_solution"] for kind in figures["kinds"])
    assert change == pytest.approx(np.mean(ends) - np.mean(starts), abs=1e-3)
    assert {p.name for p in (whole / "solutions").iterdir()} == {
        f"00{n}.{kind}" for n in "01" for kind in ("svg", "png")
    }


@pytest.mark.parametrize("kept", [0, 9])
def test_a_file_that_was_cut_is_gone_on_with_to_the_same_episodes(whole: Path, here: Path, kept: int) -> None:
    lines = (whole / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    (here / "run").mkdir()
    (here / "run" / "config.toml").write_bytes((whole / "config.toml").read_bytes())
    (here / "run" / "episodes.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:77])
    assert cli(["--config=run/config.toml", "--out=run", "--resume", "--pictures=0"]) == 0
    assert unlike(here / "run", whole) == []


def test_a_budget_takes_places_out_evenly(solos: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [str(solos), "--condition=solo:senior", "--episodes=2", "--rollouts=2", "--budget=24", "--json"]
    assert cli([*flags, "--beside", str(here), "--out=run"]) == 2
    assert "profile.json" in only_line(capsys.readouterr().err)
    assert cli([*flags, "--out=run"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["stride"] > 1
    assert "--budget 24: from place to place are" in said.err
    assert found["figures"]["rollouts"] <= 24
    rows = list(csv.DictReader((here / "run" / "profile.csv").open(encoding="utf-8")))
    for name in {row["id"] for row in rows}:
        units = [int(row["units"]) for row in rows if row["id"] == name]
        assert units[0] == 0
        assert set(np.diff(units)[:-1]) == {found["stride"]}


def test_places_and_strides() -> None:
    assert places_of(0, 1) == [0]
    assert places_of(1, 3) == [0, 1]
    assert places_of(7, 3) == [0, 3, 6, 7]
    assert stride_for([7, 4], 2, 0) == 1
    assert [stride_for([7, 4], 2, budget) for budget in (26, 25, 14, 8)] == [1, 2, 3, 7]
    with pytest.raises(UserError, match="--budget 7: 2 rollouts at both ends of 2 solutions are 8"):
        stride_for([7, 4], 2, 7)


def test_breaks_by_hand_and_by_scipy() -> None:
    found = mcnemar(np.array([0, 1, 5, 0, 9]), np.array([0, 0, 0, 5, 4]))
    assert found == pytest.approx([1, 0.5, 1 / 32, 1, stats.binomtest(9, 13, alternative="greater").pvalue])
    assert holm(np.array([0.01, 0.04, 0.03, 0.9])) == pytest.approx([0.04, 0.09, 0.09, 0.9])
    many = np.random.default_rng(0).random(40) ** 4
    assert holm(many) == pytest.approx(multipletests(many, method="holm")[1])
    assert not len(holm(np.array([])))
    right = np.zeros((4, 16), dtype=bool)
    right[0, :12] = right[1, :12] = right[3, :] = True  # falls from .75 to 0 after the second place, and comes back
    steps = falls(right)
    assert [(step.size, step.fell, step.rose) for step in steps] == [(0, 0, 0), (0.75, 12, 0), (-1, 0, 16)]
    assert steps[1].p_holm == pytest.approx(3 / 2**12)
    assert break_of(steps) is steps[1]
    assert break_of(falls(right[:1])) is break_of(falls(right[:2])) is None


def test_kinds_of_text() -> None:
    text = 'So Ann\'s 3 boxes = <<3*4=12>>12 pens (ok) - "Ann".\n#### 12'
    pieces = RULES["word"].openings(text)
    kinds = kinds_of(text, [*pieces, len(text)], "Ann has 3 boxes.")
    named = [(text[a:b].strip(), k) for a, b, k in zip(pieces, [*pieces[1:], len(text)], kinds, strict=True)]
    assert named == [
        *[("So", "word"), ("Ann's", "name"), ("3", "number"), ("boxes", "word"), ("=", "operator")],
        *[("<<", "note"), ("3", "note"), ("*", "note"), ("4", "note"), ("=", "note"), ("12", "note"), (">>", "note")],
        *[("12", "number"), ("pens", "word"), ("(", "sign"), ("ok)", "word"), ("-", "operator"), ('"', "sign")],
        *[('Ann".', "name"), ("####", "answer"), ("12", "answer")],
    ]
    assert kinds_of(text, [0, 24, len(text)], "") == ["note", "note"]  # the first kind that any of its words is of
    assert kinds_of("", [0], "") == []


def test_where_words_stand() -> None:
    text = "One two\nthree four five\n\n六 " + "x" * 14
    words = laid_out(text, [2, 8], columns=12)
    assert [(word.start, word.text, word.row, word.column, word.width) for word in words] == [
        *[(0, "On", 0, 0, 2), (2, "e", 0, 2, 1), (3, "two", 0, 4, 3)],  # a place may lie within a word
        *[(7, "", 1, 0, 0), (8, "three", 1, 0, 5), (13, "four", 1, 6, 4), (18, "five", 2, 0, 4)],
        *[(23, "六", 3, 0, 2), (26, "x" * 11, 4, 0, 11), (38, "xxx", 5, 0, 3)],
    ]
    assert [position_of(words, offset) for offset in (0, 2, 18, len(text))] == [(0, 0), (0, 2), (2, 0), (5, 3)]
    assert position_of([], 0) == (0, 0)


def scripted_solution(text: str, unit: str = "word") -> Solution:
    agents = {"ann": Scripted(lambda *_: text + "{end}")}
    (episode,) = ReferenceEngine(agents, seed=0, limit=60).episodes([Job(PROBLEM, 0, Policy(unit, Solo()), ("ann",))])
    return Solution.of(episode, PROBLEM, unit, {})


def played(
    solution: Solution, agents: dict[str, Agent], writer: str, rollouts: int = 3
) -> tuple[Profile, list[Episode]]:
    plan = ProfilePlan([solution], [solution.episode], writer, rollouts, 1)
    episodes = list(ReferenceEngine(agents, seed=0, limit=60).episodes(plan.jobs(lambda _: False, lambda _: None)))
    assert [*(e.id for e in plan.given), *(e.id for e in episodes)] == list(plan.order())
    for episode in episodes:
        assert problems_of(episode) == []
        episode.grade = {"verdict": "correct" if episode.text.endswith("12") else "wrong"}
    return profiles_of(episodes, plan)[0], episodes


@pytest.mark.parametrize(("text", "places"), [("", 1), ("12", 2), ("$12 \\frac{1}{2}_x 12 个苹果", 14)])
def test_solutions_of_a_person_of_one_word_of_none(text: str, places: int, tmp_path: Path) -> None:
    agents: dict[str, Agent] = {"bob": Scripted(lambda *_: "12{end}")}
    profile, episodes = played(scripted_solution(text), agents, "bob")
    assert len(profile.places) == places
    assert len(episodes) == 3 * places
    assert profile.offsets[0] == (0 if text else len(text))
    assert profile.offsets[-1] == len(text)
    one = read(profile)
    assert len(one.steps) == len(one.kinds) == places - 1
    draw_solution(one, "bob", tmp_path / "picture")
    assert (tmp_path / "picture.png").stat().st_size > 1000
    figures = summary_of([one], 0)
    assert figures["mean"][0]["low"] is None  # a single problem says nothing about others
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert as_csv([one]).count("\n") >= places + 1


def test_units_begin_where_their_tokens_do() -> None:
    """Text of people by character; a model's by its tokens, which are never split."""
    solution = scripted_solution("So 3*4 = 12.")
    assert unit_offsets(solution.episode, solution.rule) == [0, 2, 4, 5, 6, 8, 12]
    assert solution.units == 6


@pytest.mark.parametrize("kind", ["gpt2", "sentencepiece", "wordpiece"])
def test_writers_with_other_tokens_go_on_in_both_engines_alike(kind: str) -> None:
    author, writer = random_agent("llama", "gpt2", 1), random_agent("llama", kind, 2)
    job = Job(PROBLEM, 0, Policy("word", Solo()), ("far",), "solo:far")
    (parent,) = ReferenceEngine({"far": author}, seed=3, limit=12).episodes([job])
    solution = Solution.of(parent, PROBLEM, "word", {writer.vocabulary.digest: writer.vocabulary})
    plan = ProfilePlan([solution], [parent], "near", 2, 3)
    agents = {"near": writer}
    found = [
        sorted(engine.episodes(plan.jobs(lambda _: False, lambda _: None)), key=lambda e: e.id)
        for engine in (ReferenceEngine(agents, seed=3, limit=24), TorchEngine(agents, seed=3, limit=24, batch_size=4))
    ]
    assert [(e.id, e.text, e.ended) for e in found[0]] == [(e.id, e.text, e.ended) for e in found[1]]
    opening = Opening(parent.text, tuple(parent.spans))
    for episode in (*found[0], *found[1]):
        assert problems_of(episode) == []
        assert unlike_its_parent(episode, opening) == []
        assert set(episode.authors) == ({"near", "far"} if episode.prefix_spans else {"near"})


def test_rollouts_of_a_place_differ_and_those_of_all_places_share_their_numbers() -> None:
    solution = scripted_solution("So she has 3 * 4")
    jobs = {u: list(solution.jobs("junior", u, f"junior@{u}", {0: 0, 1: 1})) for u in (0, 2, 4)}
    keys = {u: [job.draws for job in of] for u, of in jobs.items()}
    assert keys[0] == keys[2] == keys[4]
    assert len(set(keys[0])) == 2
    junior = {"junior": embedded("junior")}
    texts = [e.text for e in ReferenceEngine(junior, seed=0, limit=40).episodes(jobs[0])]
    assert texts[0] != texts[1]
    coins = [job.chance(0).coin[3] for job in jobs[0]]
    assert coins == [Job(PROBLEM, sample, Policy(), ("a",)).chance(0).coin[3] for sample in (0, 1)]


def test_the_cut_off_rest_does_not_move_who_goes_on() -> None:
    """What is drawn hangs on the whole solution by its key alone: other rests, other numbers, and the same law."""
    short, long = scripted_solution("So she has 3"), scripted_solution("So she has 3 * 4 = 12")
    (one,), (other,) = (list(s.jobs("junior", 2, "junior@2", {0: 0})) for s in (short, long))
    assert one.prefix == other.prefix
    assert one.draws != other.draws


def test_failures_count_and_are_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agents = ["--agent=ann=script:So 3 + 4 = 7. #### 7{end}", "--agent=far=python:tests.far:unsteady"]
    assert run(["--pair=ann:far", *agents, "--baselines", "--episodes=9", "--limit=40", "--show=0", "--out=run"]) == 1
    capsys.readouterr()
    flags = ["run", "--condition=solo:ann", "--writer=far", "--episodes=9", "--rollouts=2", "--every=line"]
    assert cli([*flags, "--out=profile", "--pictures=1"]) == 1
    assert "continuations failed, and count as not right" in only_line(capsys.readouterr().err)
    assert validate(Options(here / "profile")) == 0


@pytest.mark.parametrize("handoff", ["word:alternate", "word:once=0.5"])
def test_a_teams_solution_is_cut_at_other_units_than_it_was_written_in(here: Path, handoff: str) -> None:
    """Also where it began with a solo solution of its own run, which is then taken along to be proven."""
    agents = ["--agent=ann=script:So 3 + 4. That is 7. #### 7{end}", "--agent=bob=script: um, so? It is. "]
    assert (
        run(["--pair=ann:bob", *agents, f"--handoff={handoff}", "--episodes=2", "--limit=9", "--show=0", "--out=run"])
        == 0
    )
    flags = ["run", "--condition=team", "--writer=ann", "--rollouts=1", "--every=sentence", "--pictures=0"]
    assert cli([*flags, "--out=profile"]) == 0
    assert validate(Options(here / "profile")) == 0
    assert len([e for e in plain(here / "profile") if e["condition"] == "solo:ann"]) == (2 if "once" in handoff else 0)


def mistakes() -> list[tuple[list[str], list[str]]]:
    solo = "--condition=solo:senior"
    return [
        ([], ["RUN"]),
        (["nowhere"], ["RUN nowhere", "episodes.jsonl"]),
        (["SOLOS", "--writer=junior-other"], ["--condition", "solo:senior", "solo:junior"]),
        (["SOLOS", "--condition=solo:eve"], ["--condition solo:eve", "solo:senior"]),
        (["SOLOS", "--only=eve"], ["--only eve"]),
        (["SOLOS", solo, "--writer=nobody"], ["nobody"]),
        (["SOLOS", solo, "--rollouts=0"], ["--rollouts"]),
        (["SOLOS", solo, "--budget=-1"], ["--budget"]),
        (["SOLOS", solo, "--budget=3"], ["--budget 3", "--rollouts"]),
        (["SOLOS", solo, "--every=letter"], ["--every letter", "word"]),
        (["SOLOS", solo, "--temperature=0"], ["--rollouts 32", "greedy", "--rollouts 1"]),
        (["SOLOS", solo, "--task=jsonl:other.jsonl"], ["--task", "give the task of the solutions"]),
        (["SOLOS", solo, "--writer=senior", "--agent=senior=junior"], ["--writer senior", "other weights"]),
        (["SOLOS/episodes.jsonl", solo], ["--task"]),
        (["SOLOS", "--config=nowhere.toml"], ["--config nowhere.toml"]),
    ]


@pytest.mark.parametrize(("flags", "words"), mistakes())
def test_a_mistake_is_one_line_and_leaves_nothing(
    solos: Path, here: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: list[str]
) -> None:
    (here / "other.jsonl").write_text(json.dumps({"question": "Why?", "answer": "12"}) + "\n")
    assert cli([*(flag.replace("SOLOS", str(solos)) for flag in flags), "--out=profile"]) == 2
    said = only_line(capsys.readouterr().err)
    assert all(word in said for word in words), said
    assert not (here / "profile").exists()


def test_what_is_not_asked_for_any_more_is_refused(whole: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    shutil.copytree(whole, here / "run")
    config = ["--config=run/config.toml", "--out=run", "--resume"]
    assert cli([*config, "--rollouts=3"]) == 2
    assert "rollouts was 4, is 3" in only_line(capsys.readouterr().err)
    lines = (here / "run" / "episodes.jsonl").read_bytes()
    other: Any = next(e for e in read_episodes(whole) if "@" in e.condition)
    other.sample, other.id, other.digest = 77, other.id.replace("#0:", "#77:").replace("#1:", "#77:"), ""
    other.__post_init__()
    (here / "run" / "episodes.jsonl").write_bytes(lines + other.line())
    assert cli(config) == 2
    assert "which is not asked for" in only_line(capsys.readouterr().err)


def test_the_measures_cost_no_torch_until_they_are_played() -> None:
    from tests.test_packages import HEAVY, python

    code = "import sys, analysis.curve.__main__, analysis.profile.__main__"
    done = python(f"{code}; print([m for m in {(*HEAVY, 'matplotlib')} if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_the_only_other_one_who_solved_alone_is_gone_on_from(tmp_path: Path) -> None:
    """As in a run with --baselines: the team's and the writer's own solutions are not meant."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "episodes.jsonl").write_text(
        "".join(json.dumps({"condition": name}) + "\n" for name in ("team", "solo:senior", "solo:junior"))
    )
    with pytest.raises(UserError, match=r"RUN .*: there is no solution|missing|schema"):
        list(stored_solutions(run, "", "RUN", writer="junior"))
    with pytest.raises(UserError, match=r"--condition: .* has team, solo:senior, solo:junior; say whose"):
        list(stored_solutions(run, "", "RUN", writer="somebody"))
