"""Exports: ids that agree, the same validator, people as a condition, nothing that tells who somebody is."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from agents.scripted import Reciting
from analysis.arms import read_arms
from analysis.people import within
from arena.command import UserError
from arena.engines import ReferenceEngine
from arena.jobs import Job
from arena.policy import parse
from arena.store import read_config
from arena.tasks import Problem
from arena.validate import Options
from arena.validate import main as validate
from human.export.__main__ import ExportConfig, main
from human.export.episodes import of_taker
from human.export.files import UNREAD
from human.export.takers import Taker
from human.messages import Ask, End, Question
from human.record import ClosedError, Event, Record
from human.record.people import Person, people
from human.server.house import opened
from human.session.past import past_of
from human.study import Stimuli, Study, read_stimuli, read_study
from human.study.estimate import Outcomes, primary
from human.study.lock import seal
from human.withdraw import WithdrawConfig
from human.withdraw import main as withdraw
from tests.studies import made, replacing, study_file
from tests.test_session import SHORT
from tests.visitors import RIGHT, House, Visitor, answer_of

PEOPLE = 4


class Writer(Visitor):
    """Answers some problems rightly: those of an even length, and every one of some conditions."""

    def __init__(self, study: tuple[Study, Stimuli], right: int, **options: Any):
        super().__init__(**options)
        self.right = right
        self.stops = ""
        """The trial in which it does nothing more."""
        self.known = {one.problem.question: one.problem.answer for one in study[1].all}

    def _write(self, ask: Ask) -> None:
        if self.trial == self.stops:
            return
        question = getattr(self.screen, "question", "")
        sure = len(question) % self.right == 0
        answer = self.known.get(question, "0") if sure else "1"
        self.say(End(n=1, turn=ask.turn, text=f"So it is {answer}.\n#### {answer}"))


def answers_badly(question: Question) -> Any:
    wrong = {"attention-1": 2, "attention-2": "apple"}
    return wrong.get(question.id, answer_of(question))


def never_understands(question: Question) -> Any:
    return "It ends by itself" if question.id == "end" else RIGHT.get(question.id, answer_of(question))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that some finished, one failed in attention, one never understood, one withdrew, one never came."""
    folder = tmp_path_factory.mktemp("study")
    asked = '[[rating]]\nid = "how"\nkind = "text"\ntext = "How?"\n\n[[rating]]'
    stricter = replacing(("attention = 1", "attention = 0"), ("[[rating]]", asked))
    study = made(study_file(folder, lambda text: stricter(SHORT(text))))

    async def go() -> None:
        house = House(*study, study[0].path.with_suffix(".sqlite"))
        house.record.set_meta("seal", "draft")
        try:
            async with asyncio.timeout(60):
                for right in range(1, PEOPLE + 1):
                    visitor = Writer(study, right)
                    await house.visit(visitor, house.invite())
                    await visitor.over.wait()
                for answer in (answers_badly, never_understands):
                    visitor = Writer(study, 2, answer=answer)
                    await house.visit(visitor, house.invite())
                    await visitor.over.wait()
                house.invite()
        finally:
            await house.kill()

    asyncio.run(go())
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "study")
    return tmp_path / "study" / "handoff.toml"


def export(study: Path, name: str = "out", **options: Any) -> Path:
    out = study.parent.parent / name
    main(ExportConfig(study, out, draft=True, **options))
    return out


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_whole_way(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = export(study)
    said = capsys.readouterr().out
    assert "failed the comprehension check" in said
    assert "failed attention checks" in said
    assert f"{PEOPLE} people count, 2 do not\n" in said
    assert validate(Options(out)) == 0
    frames = analysis.load(out)
    assert not frames.broken
    met = frames.episodes[frames.episodes["person"].notna()]
    assert met["person"].nunique() == PEOPLE
    assert set(met["condition"]) == {"alone", "jargon", "trained"}
    alone = frames.episodes[frames.episodes["person"].isna()]
    assert set(alone["condition"]) == {"senior-jargon", "senior-trained"}
    assert alone["correct"].all()

    trials, persons = (pd.read_parquet(out / f"{name}.parquet") for name in ("trials", "people"))
    counted = trials[trials["counts"]]
    assert set(counted["episode"]) == set(met["id"])
    both = counted.merge(met, left_on="episode", right_on="id", suffixes=("", "_there"))
    for mine, theirs in (("person", "person_there"), ("problem", "problem_id"), ("condition", "condition_there")):
        assert list(both[mine]) == list(both[theirs].astype(str))
    assert list(both["verdict"]) == list(both["verdict_there"].astype(str))
    assert set(persons.loc[persons["counts"], "person"]) == set(map(str, met["person"]))
    assert sorted(persons["excluded"].dropna()) == [
        "failed attention checks",
        "failed the comprehension check; finished too few trials",
    ]
    flow = {row["state"]: row["people"] for row in cells(out / "flow.csv")}
    assert flow == {"finished": str(PEOPLE), "excluded": "2", "invited": "1"}
    senior = cells(out / "senior_alone.csv")
    assert {row["episode"] for row in senior} == set(alone["id"])
    codebook = cells(out / "codebook.csv")
    for name in ("people", "trials", "answers", "events", "flow", "senior_alone"):
        told = [row["column"] for row in codebook if row["table"] == name]
        assert list(pd.read_parquet(out / f"{name}.parquet").columns) == told
        assert list(cells(out / f"{name}.csv")[0]) == told


def test_a_report_has_people_as_conditions(study: Path) -> None:
    from analysis.report.__main__ import ReportConfig
    from analysis.report.__main__ import main as report

    out = export(study)
    page = study.parent / "r.html"
    report(ReportConfig([str(out)], page))
    text = page.with_suffix(".md").read_text(encoding="utf-8")
    for condition in ("alone", "jargon", "trained", "senior-jargon", "senior-trained"):
        assert f"| {condition} |" in text
    assert f"over {PEOPLE} people and " in text
    assert "same problems. Two-way clustered variance" in text  # notes on methods are sentences
    assert "\n\nTwo-way clustered variance" in text
    frames = analysis.load(out).episodes
    met = frames[frames["person"].notna()]
    columns = (list(map(str, met[name])) for name in ("condition", "person", "problem_id"))
    found = primary(read_study(study), Outcomes([*map(int, met["correct"])], *columns))
    shown = pd.read_csv(page.with_suffix("") / "conditions-table.csv")
    assert shown["named_beforehand"].tolist()[0]
    assert shown.iloc[0][["difference", "low", "high"]].tolist() == pytest.approx([found.value, found.low, found.high])
    figures = pd.read_csv(page.with_suffix("") / "accuracy-table.csv")
    kept = figures[figures["measure"] == "retention"].set_index("condition")["value"]
    assert set(kept.index) == {"jargon", "trained"}  # nobody began what was solved alone
    for condition, value in kept.items():  # this study's seniors are right wherever they were cut
        assert value == pytest.approx(met.loc[met["condition"] == condition, "correct"].astype(float).mean())
    assert "python -m arena.run" not in text


def test_the_same_again_byte_for_byte(study: Path) -> None:
    one, other = (export(study, name) for name in ("one", "other"))
    names = sorted(path.name for path in one.iterdir())
    assert "READ" not in " ".join(names)
    assert [(other / name).read_bytes() for name in names] == [(one / name).read_bytes() for name in names]
    assert [path.name for path in one.parent.iterdir() if path.name.startswith(".")] == []
    assert one.stat().st_mode & 0o777 == 0o700


def test_new_keys_lead_to_nobody(study: Path) -> None:
    plain, new = export(study), export(study, "new", rekey=True)
    assert validate(Options(new)) == 0
    with Record(study.with_suffix(".sqlite")) as record:
        names = [one.id for one in people(record)]
    for path in new.iterdir():
        data = path.read_bytes()
        assert not [name for name in names if name.encode() in data], path.name
    before, after = (sorted(pd.read_parquet(out / "trials.parquet")["seconds"].dropna()) for out in (plain, new))
    assert before == after
    again = export(study, "again", rekey=True)
    assert {row["person"] for row in cells(new / "people.csv")}.isdisjoint(
        row["person"] for row in cells(again / "people.csv")
    )


def test_what_was_typed_freely_is_kept_apart(study: Path) -> None:
    out = export(study, free_text=True)
    found = cells(out / UNREAD)
    assert {row["text"] for row in found} == {"nothing to say"}
    assert {row["read"] for row in found} == {"false"}
    for path in out.iterdir():
        if path.name != UNREAD:
            assert b"nothing to say" not in path.read_bytes(), path.name
    dropped = [row for row in cells(out / "answers.csv") if row["dropped"] == "true"]
    assert len(dropped) == len(found)
    assert not any(row["answer"] for row in dropped)


def test_times_are_relative_unless_they_are_asked_for(study: Path) -> None:
    out, dated = export(study), export(study, "dated", dates=True)
    assert not any(row["date"] for row in cells(out / "events.csv"))
    assert all(row["date"].startswith("20") for row in cells(dated / "events.csv"))
    events = pd.read_parquet(out / "events.parquet")
    assert events.groupby("person")["seconds"].min().eq(0).all()
    trials = pd.read_parquet(out / "trials.parquet").dropna(subset="seconds")
    assert (trials["seconds_all"] + 0.1 >= trials["seconds"]).all()


def test_others_only_where_they_are_asked_for(study: Path) -> None:
    out = export(study, "all", excluded=True, practice=True)
    assert validate(Options(out)) == 0
    frames = analysis.load(out).episodes
    assert frames["person"].nunique() == PEOPLE + 1  # who never understood has no trial
    assert (frames["condition"] == "practice").sum() == 2 * (PEOPLE + 1)
    pairs = {one for found in within(read_arms([str(out)])[0][0]) for one in (found.condition, found.against)}
    assert pairs == {"alone", "jargon", "trained"}, "practice is no condition"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["episodes"] == len(frames) == sum(one["episodes"] for one in summary["conditions"].values())
    assert summary["correct"] == frames["correct"].sum()
    bare = export(study, "bare", solutions=False, baselines=False)
    assert not (bare / "episodes.jsonl").exists()
    assert (bare / "trials.parquet").is_file()


def test_who_leaves_or_never_agrees(study: Path) -> None:
    both = read_study(study), read_stimuli(read_study(study))
    leaves, declines, waits = Writer(both, 1), Visitor(lambda one: one.options[-1]), Visitor()
    waits.keeps_quiet, leaves.stops = True, "t02"

    async def go() -> None:
        house = House(*both, study.with_suffix(".sqlite"))
        try:
            async with asyncio.timeout(20):
                for visitor in (declines, waits, leaves):
                    await house.visit(visitor, house.invite())
                await declines.over.wait()
                begun = "SELECT 1 FROM events WHERE trial = 't02' AND kind = 'shown' AND person = ?"
                while not house.record.read(begun, people(house.record)[-1].id):
                    await asyncio.sleep(0.001)
        finally:
            await house.kill()

    asyncio.run(go())
    out = export(study)
    flow = {row["state"]: row["people"] for row in cells(out / "flow.csv")}
    assert (flow["declined"], flow["came, and has not agreed"], flow["joined"]) == ("1", "1", "1")
    last = cells(out / "people.csv")[-1]
    assert (last["state"], last["counts"], last["excluded"]) == ("joined", "false", "finished too few trials")
    trials = [row for row in cells(out / "trials.csv") if row["person"] == last["person"]]
    assert [(row["trial"], row["finished"]) for row in trials if row["place"]] == [("t01", "true"), ("t02", "false")]
    assert not trials[-1]["episode"]


def test_somebody_who_withdraws_is_in_no_new_export(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = export(study)
    first = cells(out / "people.csv")[0]["person"]
    for late in (False, True):
        with pytest.raises(UserError, match="nothing was deleted"):
            withdraw(WithdrawConfig(study, first, late=late, draft=True))
    withdraw(WithdrawConfig(study, first, yes=True, draft=True))
    assert "make exports again" in capsys.readouterr().out
    with pytest.raises(UserError, match="has withdrawn already"):
        withdraw(WithdrawConfig(study, first, yes=True, draft=True))
    with pytest.raises(UserError, match="nobody of this name"):
        withdraw(WithdrawConfig(study, "p-nobody", yes=True, draft=True))
    export(study, force=True)
    assert {row["state"]: row["people"] for row in cells(out / "flow.csv")}["withdrawn"] == "1"
    for path in out.iterdir():
        assert first.encode() not in path.read_bytes(), path.name
    with Record(study.with_suffix(".sqlite")) as record:
        assert [event.kind for event in record.events(first)] == ["withdrew"]
        with pytest.raises(ClosedError):
            asyncio.run(record.write(Event(first, "did", data={"text": "I am still here"})))
        assert [event.kind for event in record.events(first)] == ["withdrew"]


def test_after_its_days_a_withdrawal_has_to_be_meant(study: Path) -> None:
    with Record(study.with_suffix(".sqlite")) as record:
        record.now(lambda db: db.execute("UPDATE events SET at = at - 86400 * 31"))
        name = people(record)[0].id
    with pytest.raises(UserError, match="31 days ago, and the study gives 30"):
        withdraw(WithdrawConfig(study, name, yes=True, draft=True))
    withdraw(WithdrawConfig(study, name, yes=True, late=True, draft=True))


def test_a_record_that_is_written_meanwhile_is_read(study: Path) -> None:
    with Record(study.with_suffix(".sqlite")) as record:
        asyncio.run(record.write(Event(people(record)[0].id, "focus_lost", "t01")))
        out = export(study)
        record.now(lambda db: db.execute("UPDATE meta SET value = value"))
    assert [row["kind"] for row in cells(out / "events.csv")].count("focus_lost") == 1


def test_what_cannot_be_is_one_line(study: Path, tmp_path: Path) -> None:
    out = export(study)
    with pytest.raises(UserError, match="holds an export already; give --force"):
        export(study)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        export(study, "other", force=True)
    with pytest.raises(UserError, match="there is no folder"):
        export(study, "nowhere/out")
    before = (out / "people.csv").read_bytes()
    runs = study.parent / "runs"
    runs.rename(study.parent / "away")
    with pytest.raises(UserError, match=r"\[\[conditions\]\] senior-jargon senior"):
        export(study, force=True)
    assert (out / "people.csv").read_bytes() == before
    export(study, force=True, baselines=False)
    with pytest.raises(UserError, match="is not locked"):
        main(ExportConfig(study, tmp_path / "locked"))
    study.with_suffix(".sqlite").rename(tmp_path / "gone")
    with pytest.raises(UserError, match="there is no record"):
        export(study, "none")
    assert not study.with_suffix(".sqlite").exists()


def test_a_locked_study(study: Path) -> None:
    read = read_study(study)
    seal(read, read_stimuli(read), "guessed")
    with pytest.raises(UserError, match="was begun under a draft"):
        main(ExportConfig(study, study.parent.parent / "out"))
    with Record(study.with_suffix(".sqlite")) as record:
        record.set_meta("seal", opened(study, draft=False)[2])
    main(ExportConfig(study, study.parent.parent / "out"))
    assert not read_config(study.parent.parent / "out")["study"]["draft"]
    found = cells(study.parent.parent / "out" / "people.csv")
    assert {row["counts"] for row in found} == {"false"}, "visitors here say that they are bots"
    assert all(row["excluded"].startswith("is a bot") for row in found)


def test_numbers_that_decide_who_writes_are_not_changed() -> None:
    """Under live conditions with coins, the coins hang on the person's number."""
    names = ("human", "partner")
    agents = {name: Reciting("So it is what it is, and so it goes on.") for name in names}
    job = Job(Problem("toy/1", "How many?", "12"), 1, parse("word:p=0.5").check(names), names, "live")
    (episode,) = ReferenceEngine(agents, seed=3, limit=40).episodes([job])
    event = Event(
        "p-a", "episode", "t01", data={"episode": json.loads(episode.line()), "practice": False, "seconds": 1}
    )
    taker = Taker("p-a", 1, Person(1, "p-a", None, "finished"), [event], past_of([event]))
    (mine,) = of_taker(taker).values()
    assert mine.views["human"]["participant"] == "p-a"
    taker.number = 2
    with pytest.raises(UserError, match="--rekey: live: who writes next hangs on the person's number"):
        of_taker(taker)


def test_an_episode_that_was_changed_is_refused(study: Path) -> None:
    with Record(study.with_suffix(".sqlite")) as record:
        change = "UPDATE events SET data = replace(data, 'So it is', 'So it was') WHERE kind = 'episode'"
        record.now(lambda db: db.execute(change))
    with pytest.raises(UserError, match="restore the record from a backup"):
        export(study)
