"""The measures that every run prints, on episodes counted by hand, and their intervals beside another library's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from arena.episode import Episode, SpanRecord
from arena.measures import Tally, summary_of, wilson


def episode(
    problem: str, sample: int, verdict: str, *turns: tuple[str, str], prefix: int = 0, ended: str = "end"
) -> Episode:
    """An episode of text authors; the first ``prefix`` turns are frozen."""
    text, spans = "", []
    for author, words in turns:
        spans.append(SpanRecord(author, len(text), len(text) + len(words)))
        text += words
    made = Episode(f"{problem}#{sample}", problem, sample, "?", text, spans, ["a", "b"], "word:p=0.5", 0, ended, 99)
    made.prefix_spans = prefix or None
    made.grade = {"verdict": verdict, "answer": None, "expected": "1", "reason": ""}
    made.error = "b: away" if ended == "error" else None
    return made


@pytest.mark.parametrize(("right", "n"), [(0, 5), (1, 1), (3, 7), (69, 300), (1000, 1000)])
def test_wilson_is_that_of_scipy(right: int, n: int) -> None:
    other = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right, n) == pytest.approx((other.low, other.high), abs=1e-12)


def test_what_is_counted() -> None:
    found = summary_of(
        [
            episode("p", 0, "correct", ("a", "one two"), ("b", " three"), ("a", " #### 1")),
            episode("q", 0, "wrong", ("a", "so 1 + 1 = <<1"), ("b", " pens")),
            episode("r", 0, "unreadable", ("b", "x"), ended="error"),
        ]
    )
    assert (found["episodes"], found["correct"], found["wrong"], found["unreadable"], found["failed"]) == (
        3,
        1,
        1,
        1,
        1,
    )
    assert found["first_error"] == "r#0: b: away"
    assert found["accuracy"] == 0.3333
    assert found["jargon_rate"] == 0.3333  # opened and broken is jargon all the same
    assert found["handoffs_per_episode"] == 1.0
    # a: one two #### 1 / so 1 + 1 = <<1 (the sign is a word, the number behind it another); b: three / pens / x
    assert found["author_share"] == {"a": pytest.approx(11 / 14, abs=1e-4), "b": pytest.approx(3 / 14, abs=1e-4)}
    assert found["accuracy_ci95_method"] == "Wilson"


def test_without_a_team_what_stands_on_top_is_over_all() -> None:
    verdicts = {"alone": ["correct", "wrong"], "trained": ["correct", "correct", "correct"]}
    played = [
        replace(episode(f"{name}{n}", 0, verdict, ("a", "x")), condition=name)
        for name, all_ in verdicts.items()
        for n, verdict in enumerate(all_)
    ]
    found = summary_of(played)
    assert (found["episodes"], found["accuracy"]) == (5, 0.8)
    assert {name: one["accuracy"] for name, one in found["conditions"].items()} == {"alone": 0.5, "trained": 1.0}
    team = replace(episode("t", 0, "wrong", ("a", "x")), condition="team")
    found = summary_of([*played, team])
    assert (found["episodes"], found["accuracy"], next(iter(found["conditions"]))) == (1, 0.0, "team")
    alone = summary_of(played[:2])
    assert {name: value for name, value in alone.items() if name != "conditions"} == alone["conditions"]["alone"]
    assert summary_of([])["conditions"] == {}


def test_nobody_is_credited_with_a_prefix() -> None:
    found = summary_of([episode("p", 0, "correct", ("a", "<<1"), ("b", " x"), ("a", " y"), ("b", " z"), prefix=2)])
    assert found["jargon_rate"] == 0
    assert found["handoffs_per_episode"] == 1
    assert found["author_share"] == {"a": 0.5, "b": 0.5}


def test_samples_of_a_problem_go_together() -> None:
    """The interval of clustered samples is that of the problems' means, and says so."""
    tally = Tally()
    for problem, rights in {"p": "11", "q": "10", "r": "00", "s": "10"}.items():
        for sample, right in enumerate(rights):
            tally.add(episode(problem, sample, "correct" if right == "1" else "wrong", ("a", "x")))
    (low, high), method = tally.interval()
    means = [1.0, 0.5, 0.0, 0.5]
    other = stats.t.interval(0.95, 3, loc=0.5, scale=stats.sem(means))
    assert (low, high) == pytest.approx((max(0, other[0]), min(1, other[1])), abs=1e-9)
    assert method.startswith("t over problems")


def test_the_interval_is_named_for_what_it_is() -> None:
    tally = Tally()
    for problem, right in (("p", "correct"), ("q", "correct")):
        for sample in range(2):
            tally.add(episode(problem, sample, right, ("a", "x")))
    assert tally.interval() == (wilson(2, 2), "Wilson over problems, all of one mean")
