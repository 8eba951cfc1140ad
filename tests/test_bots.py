"""Bots take part in a served study as people do: each by its behaviour, from the link to the last page."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from arena.command import UserError
from arena.episode import Episode
from arena.proof import problems_of
from human.bots import Bot, BotsConfig, Known, crew, main, play, summary, too_fast
from human.record import Record
from human.record.people import invite
from human.server.house import opened, seated
from human.study import read_study
from human.study.config import Exclusion
from tests.studies import made, study_file
from tests.test_serve import serving
from tests.test_session import SHORT


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return made(study_file(tmp_path, SHORT))[0].path


def test_every_kind_of_person(study: Path) -> None:
    read, stimuli, _ = opened(study, draft=True)
    bots: list[Bot] = []

    async def act(port: int, record: Record) -> None:
        tokens = [token for _, token in invite(record, 12, 1)]
        await play(bots, f"ws://127.0.0.1:{port}", tokens, 60)
        found = [event for event in record.events() if event.kind == "episode" and not event.data["practice"]]
        assert len(found) > 15
        for event in found:
            assert problems_of(Episode.from_dict(event.data["episode"])) == []
        verdicts = [event.data["episode"]["grade"]["verdict"] for event in found]
        assert {"correct", "wrong"} <= set(verdicts)
        assert {"finished"} <= {state for (state,) in record.read("SELECT state FROM people")}

    with ExitStack() as stack:
        known = Known(read, stimuli, seated(["senior"], read, 8, stack))
        shares = dict.fromkeys(("steady", "fast", "careless", "leaving", "model"), 0.2)
        bots += crew(known, shares, 12, speed=200)
        serving(study, act)
    said = summary(bots)
    assert any(line.startswith(("model: 2 at the last page", "model: 3 at the last page")) for line in said), said
    assert any("messages acknowledged: median" in line for line in said)


def test_the_same_seed_is_the_same_crew(study: Path) -> None:
    read, stimuli, _ = opened(study, draft=True)
    known = Known(read, stimuli, {})

    async def kinds(seed: int) -> list[str]:
        return [bot.name for bot in crew(known, {"steady": 0.5, "fast": 0.5}, 10, seed)]

    one, two, other = (asyncio.run(kinds(seed)) for seed in (1, 1, 2))
    assert sorted(one) == ["fast"] * 5 + ["steady"] * 5
    assert one == two != other


def test_bots_in_a_hurry_are_told_that_they_will_be_excluded(tmp_path: Path) -> None:
    example = read_study(study_file(tmp_path))
    assert too_fast(example, 3) == ""
    assert too_fast(example, 20).startswith("--speed 20: a trial takes most bots about 1.1 s")
    assert too_fast(replace(example, exclusion=Exclusion()), 20) == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, "--count must be at least 1"),
        ({"speed": 0.0}, "must be above 0"),
        ({"url": "http://127.0.0.1"}, "give it as ws://"),
        ({"draft": False}, "serve a copy of it with --draft, and give --draft here as well"),
        ({"url": "ws://127.0.0.1:1"}, "serve the study there first"),
        ({"links": Path("nowhere.csv")}, "python -m human.links makes such a file"),
    ],
)
def test_mistakes_are_one_line(study: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as error:
        main(BotsConfig(study, **{"draft": True, **options}))  # type: ignore[arg-type]
    assert said in str(error.value)
    assert not study.with_suffix(".sqlite").exists()


def test_bots_that_do_not_get_in_are_a_failure(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = study.with_name("links.csv")
    file.write_text("person,link\np-a,http://127.0.0.1/#nonsense\n")

    async def act(port: int, record: Record) -> None:
        config = BotsConfig(study, f"ws://127.0.0.1:{port}", 1, file, speed=100, draft=True)
        with pytest.raises(UserError, match="no bot got in"):
            await asyncio.to_thread(main, config)

    serving(study, act)
    assert "turned away (no_access)" in capsys.readouterr().out
