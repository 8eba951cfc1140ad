"""Runs as arms, arms compared, and the report: by hand on made runs, refusals in words, text that stays text."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest

from analysis import arms as arms_of
from analysis import reading_files
from analysis.arms import read_arms
from analysis.comparison import comparison
from analysis.estimates import compared, measured, passed, retained
from analysis.measures import MEASURES
from analysis.papers import PapersConfig
from analysis.papers import main as papers
from analysis.report.__main__ import ReportConfig, main
from arena.command import UserError
from arena.episode import Episode
from tests.runs import made, run_of, six, training, write


@pytest.fixture(scope="module")
def played() -> list[Episode]:
    return six()


def test_runs_that_differ_in_the_seed_are_one_arm(tmp_path: Path, played: list[Episode]) -> None:
    for arm, marks in (("tandem", ("111100", "111000")), ("alone", ("100000", "110000"))):
        for seed, mark in enumerate(marks):
            training(
                tmp_path / arm / f"seed-{seed}", played, mark, seed, control="" if arm == "tandem" else "no-junior"
            )
    (tmp_path / "alone" / "seed-2").mkdir()
    unfinished = training(tmp_path / "tandem" / "seed-9", played, "111111", 9)
    (unfinished / "summary.json").unlink()
    found, remarks = read_arms([str(tmp_path)], jobs=1)
    assert [(arm.label, [run.seed for run in arm.runs]) for arm in found] == [("tandem", [0, 1]), ("alone", [0, 1])]
    assert remarks == [f"{unfinished} is not finished and left out."]
    assert found[0].conditions == ["team", "solo:senior"]
    assert found[0].runs[0].measured_on == "test"
    one = measured(found[0], "team", MEASURES["accuracy"])
    assert one is not None
    assert [round(each.value, 6) for _, each in one.each] == [0.666667, 0.5]
    assert one.estimate.unit == "seed"
    assert one.estimate.value == pytest.approx(7 / 12)
    # Paired by seed: (4/6 - 1/6, 3/6 - 2/6).
    apart = compared(found[0], found[1], "team", MEASURES["accuracy"])
    assert apart.difference is not None
    assert [value for _, value in apart.difference.each] == pytest.approx([0.5, 1 / 6])
    kept = retained(found[0])
    assert kept is not None
    assert kept.estimate.value == pytest.approx(7 / 12)
    training(tmp_path / "tandem" / "seed-3", played, "111111", 0)
    with pytest.raises(UserError, match="have the same seed 0: they are one run, not two"):
        read_arms([str(tmp_path / "tandem")], jobs=1)


def test_one_run_an_arm_is_compared_by_problem(tmp_path: Path, played: list[Episode]) -> None:
    run_of(tmp_path / "a", played, "111110")
    run_of(tmp_path / "b", played, "111000")
    found, _ = read_arms([str(tmp_path / "a"), str(tmp_path / "b")], jobs=1)
    apart = compared(found[0], found[1], "team", MEASURES["accuracy"])
    assert apart.difference is not None
    assert apart.test is not None
    assert apart.difference.value == pytest.approx(2 / 6)
    assert apart.difference.unit == "problem"
    assert apart.test.p_value == pytest.approx(0.5)  # two flips: of 4 patterns two are as far from 0
    assert passed(found[0], "team") == []


def test_samples_of_a_problem_give_pass_at_k(tmp_path: Path, played: list[Episode]) -> None:
    episodes = [
        made(one, right=number < right, sample=number, id=f"{one.problem_id}#{number}")
        for one, right in zip(played, (0, 1, 2, 3, 4, 4), strict=True)
        for number in range(4)
    ]
    write(tmp_path / "a", episodes)
    (found,), _ = read_arms([str(tmp_path / "a")], jobs=1)
    # pass@2 by hand: 1 - C(4 - c, 2) / 6 for c = 0, 1, 2, 3, 4, 4.
    values = {one.measure: one.estimate.value for one in passed(found, "team")}
    assert values == {
        "pass@1": pytest.approx(14 / 24),
        "pass@2": pytest.approx((0 + 0.5 + 5 / 6 + 1 + 1 + 1) / 6),
        "pass@4": pytest.approx(5 / 6),
    }


def test_what_cannot_be_compared_is_refused_or_flagged(tmp_path: Path, played: list[Episode]) -> None:
    run_of(tmp_path / "a", played, "111110")
    run_of(tmp_path / "task", played, "111110", task="gsm8k")
    run_of(tmp_path / "split", played, "111110", split="train")
    run_of(tmp_path / "others", [made(one, problem_id=f"{one.problem_id}x") for one in played], "111110")
    some = [made(one, problem_id=f"{one.problem_id}x") if n == 0 else one for n, one in enumerate(played)]
    some = [made(one, policy="sentence:p=0.5", versions={**one.versions, "math-verify": "9"}) for one in some]
    agents = {"senior": {"address": "senior", "prompt": "{question}\n"}, "junior": {"address": "junior", "prompt": "x"}}
    run_of(tmp_path / "some", some, "111110", limit=32, agents=agents)
    names = [str(tmp_path / name) for name in ("a", "task", "split", "others", "some")]
    arms = {arm.label: arm for arm in read_arms(names, jobs=1)[0]}

    def said(name: str) -> dict[str, str]:
        return {one.why: one.kind for one in comparison(arms["a"], arms[name], "team").objections}

    assert said("task") == {"different tasks: arithmetic and gsm8k": "refused"}
    assert said("split") == {"different splits: test and train": "refused"}
    assert said("others") == {"no problem in common: 6 and 6": "refused"}
    version = played[0].versions["math-verify"]
    assert said("some") == {
        "different problems: 5 in common are compared, 2 are left out": "flagged",
        "different policies: word:p=0.5 and sentence:p=0.5": "flagged",
        "different maximum lengths: 64 and 32": "flagged",
        "agent junior: prompt was None, is 'x'": "flagged",
        f"different versions of math-verify: {version} and 9; grade both again with arena.grade": "flagged",
    }
    refused = compared(arms["a"], arms["task"], "team", MEASURES["accuracy"])
    assert refused.difference is None
    assert refused.why_not == "different tasks: arithmetic and gsm8k"
    assert comparison(arms["a"], arms["a"], "solo:nobody").refused


def report(out: Path, *runs: str | Path, **more: Any) -> tuple[str, str]:
    main(ReportConfig([str(run) for run in runs], out, jobs=1, **more))
    return out.read_text(), out.with_suffix(".md").read_text()


def test_a_report_answers_first_and_says_what_it_cannot(tmp_path: Path, played: list[Episode], capsys: Any) -> None:
    for arm, marks in (("tandem", ("111100", "111000")), ("alone", ("100000", "110000"))):
        for seed, mark in enumerate(marks):
            training(
                tmp_path / arm / f"seed-{seed}", played, mark, seed, control="" if arm == "tandem" else "no-junior"
            )
    page, text = report(tmp_path / "report.html", tmp_path / "tandem", tmp_path / "alone")
    said = capsys.readouterr().out
    assert said.startswith("tandem: the team is right in 0.583 [")
    assert "Against alone: accuracy of team +0.333 [" in said
    assert said.splitlines()[0] in page.replace("&#39;", "'")
    for words in ("What cannot be concluded", "tandem has 2 seeds", "All agents here are the embedded models"):
        assert words in page
        assert words in text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    folder = tmp_path / "report"
    rows = list(csv.DictReader((folder / "accuracy-table.csv").open()))
    assert {(row["arm"], row["measure"]) for row in rows} >= {("tandem", "accuracy"), ("alone", "retention")}
    assert (folder / "training.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(UserError, match="is there already; give --force"):
        report(tmp_path / "report.html", tmp_path / "tandem")
    report(tmp_path / "report.html", tmp_path / "tandem", force=True)


def test_a_margin_and_other_jargons_can_be_asked_for(tmp_path: Path, played: list[Episode]) -> None:
    run_of(tmp_path / "a", played, "111111")
    run_of(tmp_path / "b", played, "111111")
    found = ["pattern:#+", "python:tests.test_report:Never"]
    page, _ = report(tmp_path / "report.html", tmp_path / "a", tmp_path / "b", margin=0.9, detector=found)
    rows = list(csv.DictReader((tmp_path / "report" / "accuracy-table.csv").open()))
    values = {row["measure"]: float(row["value"]) for row in rows if (row["arm"], row["condition"]) == ("a", "team")}
    share = sum("#" in one.text for one in played) / len(played)
    assert values["jargon pattern:#+"] == pytest.approx(share)
    assert values["jargon python:tests.test_report:Never"] == 0
    assert "equal within 0.9?" in page
    assert "yes, p" in page
    assert "--margin 0.9 --detector &#39;pattern:#+&#39;" in page
    with pytest.raises(UserError, match="--detector pattern:\\(: "):
        report(tmp_path / "other.html", tmp_path / "a", detector=["pattern:("])


class Never:
    """A jargon that nobody writes."""

    name = "never"

    def find(self, text: str, start: int = 0) -> list[tuple[int, int]]:
        return []


def test_a_report_is_the_same_twice(tmp_path: Path, played: list[Episode]) -> None:
    run_of(tmp_path / "a", played, "111110")
    run_of(tmp_path / "b", played, "111000")
    pages = [report(tmp_path / f"{n}.html", tmp_path / "a", tmp_path / "b")[0] for n in "xy"]
    assert pages[0] == pages[1].replace("y.html", "x.html")
    for kind in ("svg", "png", "csv"):
        assert (tmp_path / "x" / f"accuracy.{kind}").read_bytes() == (tmp_path / "y" / f"accuracy.{kind}").read_bytes()


def test_what_was_written_stays_text(tmp_path: Path, played: list[Episode]) -> None:
    evil = "<script>alert(1)</script>\x1b[31m`````\u202e|*a*"
    span = dataclasses.replace(played[0].spans[0], end=len(evil))
    text = [made(one, text=evil, question=evil, spans=[span]) for one in played]
    run_of(tmp_path / evil.replace("/", "_").replace("\x1b", "").replace("=", ""), text, "111110")
    page, plain = report(tmp_path / "report.html", tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page + plain
    assert "\u202e" not in page + plain
    assert "``````\n" in plain  # the fence is longer than the longest run of ticks in it


def test_names_are_no_formulas_and_no_paths(tmp_path: Path, played: list[Episode]) -> None:
    """matplotlib would read what stands between dollars, and leave names that begin with _ out of a legend."""
    run_of(tmp_path / "a", played, "111110")
    run_of(tmp_path / "b", played, "111000")
    names = [f"{name}={tmp_path / run}" for name, run in (("$\\frac$", "a"), ("../_b", "b"))]
    _, text = report(tmp_path / "my report (1).html", *names)
    assert "](my%20report%20%281%29/accuracy.svg)" in text
    assert "'again/$\\frac$-0'" in text
    assert "again/_b-0" in text
    (tmp_path / "my report (1)" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"which holds other things \(notes.txt\)"):
        report(tmp_path / "my report (1).html", tmp_path / "a", force=True)


def test_json_has_all_figures_and_comparisons(tmp_path: Path, played: list[Episode], capsys: Any) -> None:
    for seed, mark in enumerate(("111100", "111000")):
        run_of(tmp_path / "x" / f"seed-{seed}", played, mark, seed=seed)
        run_of(tmp_path / "y" / f"seed-{seed}", played, "100000", seed=seed)
    main(ReportConfig([str(tmp_path)], tmp_path / "report.html", jobs=1, json=True))
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    mine = [one for one in found["figures"] if (one["arm"], one["condition"]) == ("x", "team")]
    assert [(one["seed"], one["value"]) for one in mine if one["measure"] == "accuracy"] == [
        (None, pytest.approx(7 / 12)),
        (0, pytest.approx(4 / 6)),
        (1, pytest.approx(3 / 6)),
    ]
    (apart,) = [one for one in found["compared"] if (one["condition"], one["measure"]) == ("team", "accuracy")]
    assert apart["difference"] == pytest.approx(7 / 12 - 1 / 6)
    assert apart["p"] == apart["p_holm"]  # the only one that could be tested: the others agree in all seeds
    rows = list(csv.DictReader((tmp_path / "report" / "differences-table.csv").open()))
    assert float(rows[0]["p_holm"]) == pytest.approx(apart["p_holm"])


@pytest.mark.parametrize(
    ("runs", "flags", "said"),
    [
        (["nowhere"], {}, "nowhere: there is no such folder"),
        (["empty"], {}, "empty: there is no run in it"),
        (["a", "a"], {}, "a: is named twice"),
        (["a"], {"against": "b"}, "--against b: the arms are a"),
        (["a"], {"out": "report.pdf"}, "--out report.pdf: name an HTML file"),
        (["a"], {"out": "no/report.html"}, "--out no/report.html: there is no folder no"),
        (["x=a", "x=b"], {}, "x: a and b differ in more than the seed (limit was 64, is 65)"),
        (["none"], {}, "none has no episodes and is left out"),
        (["a"], {"out": "a.html"}, "--out a.html: its tables would go into a, which holds other things (config.toml)"),
        (["a"], {"margin": math.nan}, "--margin must be 0 or more, not nan"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    played: list[Episode],
    monkeypatch: pytest.MonkeyPatch,
    runs: list[str],
    flags: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    run_of(Path("a"), played, "111110")
    run_of(Path("b"), played, "111110", limit=65, seed=1)
    write(Path("none"), [])
    Path("empty").mkdir()
    more: dict[str, Any] = {**flags}
    out = Path(more.pop("out", "report.html"))
    with pytest.raises(UserError) as error:
        main(ReportConfig(runs, out, jobs=1, **more))
    assert said in str(error.value)
    assert not out.exists()


def test_the_papers_figures(tmp_path: Path, played: list[Episode], capsys: pytest.CaptureFixture[str]) -> None:
    for seed, mark in enumerate(("111100", "111000")):
        training(tmp_path / "tandem" / f"seed-{seed}", played, mark, seed)
    lines = [
        {"step": n, "held_out": {"solo:senior": {"jargon_rate": v}}} for n, v in enumerate((0.9, 0.01, 0.3, 0.02, 0))
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "tandem" / "seed-0" / "metrics.jsonl").write_text(text)
    names: tuple[Literal["first", "second"], ...] = ("first", "second")
    for name in names:
        papers(PapersConfig(name, [str(tmp_path / "tandem")], tmp_path / "figures"))
        assert (tmp_path / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    said = capsys.readouterr().out
    assert "at or below 2% from update 3, never on (by seed, held-out)" in said  # it came back once, so not from 1
    assert "tandem: handoff accuracy 0.583 [" in said
    assert "no reading by junior is stored; for each run: python -m analysis.read" in said
    run_of(tmp_path / "a", played, "111110")
    with pytest.raises(UserError, match="there is no training run among these"):
        papers(PapersConfig("first", [str(tmp_path / "a")], tmp_path / "figures"))


def test_the_second_figure_has_the_reading_of_the_step_that_it_shows(
    tmp_path: Path, played: list[Episode], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, the reading of step 5 comes after that of step 10; metrics that nobody took are not 'never'."""
    run = training(tmp_path / "tandem", played, "111100", 0)
    shutil.rmtree(run / "test")
    run_of(run / "later", [made(one, step=10, id=f"{one.id}@10") for one in played], "111000")
    with (run / "validation" / "episodes.jsonl").open("ab") as file:
        file.write((run / "later" / "episodes.jsonl").read_bytes())
    (run / "metrics.jsonl").write_text("")
    (run / "validation" / reading_files.FOLDER).mkdir()
    readings = {}
    for step, value in ((10, 1.5), (5, 7.5)):
        path = run / "validation" / reading_files.FOLDER / f"junior--solo:senior@{step}.json"
        path.write_text("{}")
        found = {"nats_per_token": value, "nats_per_token_ci95": [1.0, 2.0], "solutions": 12, "problems": 6}
        readings[path] = {"reader": {"name": "junior"}, "condition": "solo:senior", "step": step, "legibility": found}
    monkeypatch.setattr(reading_files, "kept", lambda place: readings[place.figures])
    papers(PapersConfig("second", [str(run)], tmp_path / "figures"))
    assert "legibility (nats a token, junior) 1.500 [1.000, 2.000] (over 6 problems)" in capsys.readouterr().out
    papers(PapersConfig("first", [str(run)], tmp_path / "figures"))
    assert "at or below 2% from update unknown (not evaluated) on" in capsys.readouterr().out


def test_labels_are_the_shortest_that_tell_apart() -> None:
    names = [Path(name) for name in ("/r/x/a/seed-0", "/r/x/a/seed-1", "/r/y/a/seed-0", "/r/y/b")]
    assert arms_of._labels(names) == ["x/a", "x/a", "y/a", "y/b"]
    assert arms_of._labels(names[:2]) == ["a", "a"]


def test_languages_by_solution_and_by_author(tmp_path: Path, played: list[Episode], capsys) -> None:
    run = run_of(tmp_path / "a", played, "111000")
    main(ReportConfig(runs=[str(run)], out=tmp_path / "out.html", languages="en,fr"))
    with (tmp_path / "out" / "languages-words.csv").open() as file:
        rows = list(csv.DictReader(file))
    alone = next(row for row in rows if row["who"] == "senior alone")
    assert float(alone["en"]) + float(alone["und"]) == pytest.approx(1)
    assert alone["fr"] == "0.000"
    assert "--languages en,fr" in (tmp_path / "out.md").read_text()
    with pytest.raises(UserError, match=r"--languages en,xx: .*knows no 'xx'"):
        main(ReportConfig(runs=[str(run)], out=tmp_path / "no.html", languages="en,xx"))
    assert not (tmp_path / "no.html").exists()
