"""Personal links by command: nothing half-done, one line for a mistake, and a warning when the study is over."""

from __future__ import annotations

import asyncio
import math
import stat
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from arena.command import UserError
from human.links import LinksConfig, main
from human.record import Record
from human.record.people import Person, invite, people, set_state
from human.server import house
from human.session.stopping import over
from human.study import read_study
from tests.studies import made, replacing, study_file


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return made(study_file(tmp_path))[0].path


def links(study: Path, **options: Any) -> None:
    main(LinksConfig(study, draft=True, **options))


def states(study: Path) -> list[str]:
    path = study.with_suffix(".sqlite")
    if not path.exists():
        return []
    with Record(path) as record:
        return [one.state for one in people(record)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, "--count must be at least 1"),
        ({"days": 0.0}, "--days must be above 0"),
        ({"days": math.inf}, "--days must be above 0 and at most 3650, not inf"),
        ({"days": math.nan}, "--days must be above 0"),
        ({"days": 1e300}, "at most 3650"),
        ({"base": "http://study.example.org"}, "--base http://study.example.org: plain http is for this machine only"),
        ({"base": "https://x/#x"}, "--base https://x/#x: give scheme and host"),
        ({"base": "https://x/y"}, "give scheme and host"),
        ({"base": "https://x?"}, "give scheme and host"),
        ({"base": "https://a@x"}, "give scheme and host"),
        ({"base": "https://["}, "give scheme and host"),
        ({"base": "https://x:99999"}, "give scheme and host"),
        ({"again": "p-a", "revoke": "p-b"}, "--again and --revoke: give one of them"),
        ({"again": "p-a", "count": 5}, "--count 5: goes with neither"),
        ({"revoke": "p-a", "count": 5}, "--count 5: goes with neither"),
        ({"revoke": "p-a", "out": Path("x.csv")}, "--out: --revoke makes no link"),
        ({"again": "p-a"}, "p-a: there is nobody of this name"),
        ({"out": Path("/proc/links.csv")}, "--out /proc/links.csv: "),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_done(study: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        links(study, **options)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert states(study) == []


def test_links_are_in_a_file_of_its_owner(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "links.csv"
    links(study, count=3, out=out, base="https://study.example.org/")
    head, *rows = out.read_text().splitlines()
    assert (head, len(rows)) == ("person,link", 3)
    assert all(",https://study.example.org/#" in row for row in rows)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with pytest.raises(UserError, match="is there already"):
        links(study, out=out)
    assert states(study) == ["invited"] * 3


def test_links_that_cannot_be_written_end(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = house.private

    @contextmanager
    def full(path: Path) -> Any:
        with whole(path) as file:
            yield file
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(house, "private", full)
    with pytest.raises(UserError, match=r"No space left on device; no link was made$"):
        links(study, count=2, out=tmp_path / "links.csv")
    assert states(study) == ["revoked", "revoked"]
    with Record(study.with_suffix(".sqlite")) as record:
        ((name, _),) = invite(record, 1, 1)
    with pytest.raises(UserError, match=rf"the old link of {name} has ended, so make another"):
        links(study, again=name, out=tmp_path / "links.csv")
    assert [one.name for one in tmp_path.glob("*links.csv*")] == []


def test_it_is_over_by_its_own_rule(tmp_path: Path) -> None:
    study = read_study(
        study_file(tmp_path, replacing(("participants = 48", "participants = 2"), ("recruited = 80", "recruited = 4")))
    )
    assert study.stopping.latest
    before, after = study.stopping.latest, date.max

    def of(*given: tuple[int | None, Any]) -> list[Person]:
        return [Person(n, f"p-{n}", slot, state) for n, (slot, state) in enumerate(given)]

    few = of((0, "finished"), (1, "excluded"), (1, "joined"), (None, "invited"), (None, "declined"))
    assert over(study, few, before) == ()
    assert over(study, few, after) == (f"[stopping] latest, {before}, is over.",)
    assert over(study, [*few, *of((2, "left"))], before) == (
        "As many have finished and count as are wanted (2 of 2).",
        "As many have begun as [stopping] recruited says (4 of 4).",
    )


def test_a_study_that_is_over_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = made(study_file(tmp_path, replacing(("participants = 48", "participants = 1"))))[0].path
    links(study)
    assert "warning" not in capsys.readouterr().err
    with Record(study.with_suffix(".sqlite")) as record:
        (one,) = people(record)
        asyncio.run(set_state(record, one.id, "finished"))
    links(study)
    said = capsys.readouterr()
    assert "warning: the study's own rule ends it: As many have finished and count as are wanted (1 of 1)." in said.err
    assert "/#" in said.out
