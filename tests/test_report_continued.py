"""What other commands have stored, in a report: shown as they have it, told apart, and one line where it is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.pictures import Dot, dots
from analysis.report.continued import _names, continued
from arena.command import UserError


def test_a_profile_of_one_problem_has_no_interval(tmp_path: Path) -> None:
    kind = {"kind": "words", "steps": 4, "change_per_solution": -0.25, "change_per_solution_ci95": [None, None]}
    figures: dict[str, object] = {"rollouts": 8, "solutions": 1, "problems": 1, "broken": 0, "break_level": 0.05}
    found = {"label": "", "writer": "junior", "unit": "line", "rollouts": 2}
    figures["kinds"] = [{**kind, "breaks": 0}]
    (tmp_path / "profile.json").write_text(json.dumps({**found, "figures": figures}))
    dots("profile", "", "", [Dot("a", "b", 0.5, 0.4, 0.6)], label="").write(tmp_path)
    (section,) = continued([tmp_path])
    assert section.grids[0].rows == (("words", "4", "-0.250", "-", "0"),)


@pytest.mark.parametrize("text", ["{}", "[]", "3", "garbage", '{"points": [{}], "label": "", "author": 1}'])
@pytest.mark.parametrize("name", ["curve", "profile", "crossplay"])
def test_files_that_are_not_theirs_are_one_line(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / f"{name}.json").write_text(text)
    with pytest.raises(UserError, match=f"other/{name}.json: cannot be read: .*make it again with"):
        list(continued([tmp_path / "other"]))


def test_folders_of_one_name_have_files_of_their_own() -> None:
    assert _names([Path("a/curve"), Path("b/curve"), Path("c d/curve-2"), Path("x/../é(1)")]) == [
        "curve",
        "curve-2",
        "curve-2-2",
        "é_1_",
    ]
