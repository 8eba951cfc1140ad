"""What an export computes of a trial, worked by hand: what was done with a beginning, and times by the wall."""

from __future__ import annotations

import pytest

from human.export.behaviour import Behaviour, behaviour
from human.export.times import Times, times
from human.record import Event


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("So 20 + 3 = 23.\n#### 23", Behaviour(1, 0.0, True, 0)),  # goes on
        ("4 * 5 = 20 and 20 + 3 = 23\n#### 23", Behaviour(1, 1.0, False, 0)),  # begins again
        ("First there are 4 * 5 = 20 nuts. #### 20", Behaviour(1, 1.0, False, 4)),  # copies
        ("I do not know", Behaviour(1, 0.0, None, 0)),
    ],
)
def test_what_somebody_did_with_a_beginning(text: str, found: Behaviour) -> None:
    """Worked by hand: 20 is the one result; 4, 5 and 3 stand in the question."""
    question = "There are 4 bags of 5 nuts, and 3 more."
    assert behaviour(question, "First there are 4 * 5 = 20 nuts.", text) == found


def test_a_beginning_without_results_tells_nothing() -> None:
    assert behaviour("There are 4 nuts.", "There are 4 nuts", "so 4") == Behaviour(0, None, None, 0)


def test_times_by_the_wall() -> None:
    """Asked at 10, paused from 12 to 15, gone from 16 to 18, down from 20 to 26, last word at 30."""
    events = [
        Event("p", kind, trial, at=at)  # type: ignore[arg-type]
        for kind, trial, at in [
            ("joined", "", 0.0),
            ("shown", "t01", 10.0),
            ("paused", "t01", 12.0),
            ("resumed", "t01", 15.0),
            ("gone", "t01", 16.0),
            ("joined", "", 18.0),
            ("did", "t01", 20.0),
            ("restarted", "", 26.0),
            ("turn", "t01", 30.0),
            ("paused", "t01", 31.0),
            ("episode", "t01", 40.0),
        ]
    ]
    assert times(events, "t01") == Times(20.0, 3.0, 0.0, 8.0)
    halts = [
        Event("", kind, at=at)  # type: ignore[arg-type]
        for kind, at in (("study_paused", 8.0), ("study_resumed", 11.0), ("study_paused", 28.0))
    ]
    assert times(events, "t01", halts) == Times(20.0, 3.0, 3.0, 8.0)
    assert times(events, "t02") is None
