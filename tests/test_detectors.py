"""Detectors by address, what they find, and what is counted of it, on episodes worked out by hand."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.authorship import AuthorshipTally
from analysis.detectors import Detector, DetectorError, DetectorTimeoutError, load_detector, register
from analysis.detectors.base import checked, joined
from analysis.detectors.language import CONFIDENCE, Lexicon
from analysis.detectors.measures import MOST_TIMEOUTS, DetectorTally, agreement, measure
from analysis.detectors.ngrams import NUMBER, RARE, NgramDetector, pieces
from analysis.detectors.options import Options
from analysis.detectors.patterns import Calculator, Pattern
from analysis.detectors.shares import LanguageTally
from arena.episode import Episode, SpanRecord
from arena.measures import Tally
from tests.running import ENVIRONMENT, ROOT

TEXTS = st.text(
    st.one_of(st.sampled_from("<>=+ \n1a漢。.,)\ud800א\u200f😀"), st.characters(exclude_categories=())), max_size=40
)


def episode(name: str, *turns: tuple[str, str], prefix: int = 0, condition: str = "team") -> Episode:
    """An episode of text authors; the first ``prefix`` turns are frozen."""
    text, spans = "", []
    for author, words in turns:
        spans.append(SpanRecord(author, len(text), len(text) + len(words)))
        text += words
    made = Episode(f"{name}#0", name, 0, "?", text, spans, ["a", "b"], "word:p=0.5", 0, "end", 99, condition)
    made.prefix_spans = prefix or None
    return made


def found(detector: Detector, text: str, start: int = 0) -> list[str]:
    return [text[begin:end] for begin, end in detector.find(text, start)]


# -- addresses


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("analysis.detectors", {"torch", "numpy", "transformers", "py3langid", "scipy"}),
        ("analysis.detectors.measures, analysis.detectors.shares", {"torch", "transformers", "py3langid", "scipy"}),
    ],
)
def test_importing_costs_nothing_heavy(modules: str, heavy: set[str]) -> None:
    code = f"import {modules}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("calculater", "no detector 'calculater'; there are calculator, ngrams, pattern, python; did you mean 'calc"),
        ("calculator:x", "calculator takes nothing"),
        ("pattern", "pattern:REGEX"),
        ("pattern:", "pattern:REGEX"),
        ("pattern:(a", "pattern:(a: cannot read the expression: missing )"),
        ("pattern:(?u)(?L)x", "mutually incompatible"),
        ("pattern:" + "(" * 3000 + ")" * 3000, "recursion"),
        ("ngrams:", "ngrams:FILE"),
        ("ngrams:nowhere.json", "No such file"),
        ("python:", "python:MODULE:CALLABLE"),
        ("python:no_such_module:x", "PYTHONPATH"),
        ("python:json:nothing", "no class or function 'nothing'"),
        ("python:builtins:dict", "what this gives is no detector"),
        ("python:builtins:next", "next() failed (TypeError"),
    ],
)
def test_a_mistake_is_one_line(address: str, says: str, here: Path) -> None:
    with pytest.raises(DetectorError) as error:
        load_detector(address)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_ones_own_detectors(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "class Bangs:\n    name = 'bangs'\n    def find(self, text, start=0):\n        return [(0, 1)]\n"
    (here / "own_detector.py").write_text(code)
    monkeypatch.syspath_prepend(here)
    mine = load_detector("python:own_detector:Bangs")
    assert isinstance(mine, Detector)
    # what it gives is checked where it is used
    with pytest.raises(DetectorError, match=r"bangs: episode p#0: ValueError: the range \(0, 1\) .* outside 2 to 5"):
        measure(episode("p", ("a", "x "), ("b", "y z"), prefix=1), mine)
    for name in ("calculator", "a:b", " x", ""):
        with pytest.raises(DetectorError):
            register(name, lambda rest: Calculator())
    register("test-brackets", lambda rest: Pattern(rest or r"\["))
    assert found(load_detector("test-brackets"), "[a[") == ["[", "["]


# -- what the detectors find


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("", []),
        ("so 3 * 4 = <<3*4=12>>12 pens", ["<<3*4=12>>"]),
        ("<<1+1=2>>2 <<2+2=4>>4", ["<<1+1=2>>", "<<2+2=4>>"]),
        ("= <<3*4 pens\n12 >>", ["<<3*4 pens"]),  # never closed on its line
        ("<<1 <<2>>", ["<<1 ", "<<2>>"]),
        ("<<<<", ["<<", "<<"]),
        ("<<<", ["<<<"]),
        ("a<b>>c", []),
        ("<<", ["<<"]),
        ("因此 <<3*4=12>>12 支。", ["<<3*4=12>>"]),
        ("\u05d0 <<1\ud800>> \u05d1", ["<<1\ud800>>"]),
    ],
)
def test_calculator_notes(text: str, notes: list[str]) -> None:
    assert found(Calculator(), text) == notes


def test_patterns_find_no_nothings_and_see_what_stands_before() -> None:
    assert found(Pattern("a*"), "baab") == ["aa"]
    assert found(Pattern(r"(?<=x)a"), "xa a", start=1) == ["a"]
    assert found(Pattern(r"\p{Han}+"), "so 因此 3 支") == ["因此", "支"]
    assert found(Pattern("[\u0590-\u05ff]+"), "x \u05d0\u05d1 y") == ["\u05d0\u05d1"]
    assert Pattern("\ud800").find("a\ud800") == [(1, 2)]


@given(TEXTS, st.integers(0, 40))
def test_ranges_are_ranges(text: str, start: int) -> None:
    """Inside of the text, behind the start, not empty, in order, never overlapping."""
    start = min(start, len(text))
    ngrams = NgramDetector([("<<",), (" a", "=", NUMBER), ("漢", "。")])
    for detector in (Calculator(), Pattern("<+|[a漢]"), ngrams):
        ranges = list(detector.find(text, start))
        assert checked(ranges, text, start) == ranges
        assert list(detector.find(text, start)) == ranges


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=9))
def test_joining_keeps_every_character(given_: list[tuple[int, int]]) -> None:
    ranges = [(start, start + size) for start, size in given_]
    one = joined(ranges)
    assert {at for a, b in one for at in range(a, b)} == {at for a, b in ranges for at in range(a, b)}
    assert all(before[1] < after[0] for before, after in pairwise(one))


@pytest.mark.parametrize("ranges", [[(0, 0)], [(2, 1)], [(0, 9)], [(-1, 1)], [(1, 2), (0, 1)], [(0, 2), (1, 3)]])
def test_what_is_no_list_of_ranges_is_refused(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="range"):
        checked(ranges, "abcd")


# -- n-grams


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("29 + 6 = <<29+6=35>>35 pens.", "<num>| +| <num>| =| <<|<num>|+|<num>|=|<num>|>>|<num>| pens|.".split("|")),
        ("pay $3,000.50!  (ok)\n\n#### 5", ["pay", " $", "<num>", "!", " (", "ok", ")", "\n####", " <num>"]),
        ("她有3个。她", ["她", "有", "<num>", "个", "。", "她"]),
        (" <num> ", [" <", "num", ">"]),  # never the mark of a number
        ("x2 .", ["x<num>", " ."]),
        ("", []),
    ],
)  # fmt: skip
def test_pieces(text: str, forms: list[str]) -> None:
    assert [piece.form for piece in pieces(text)] == forms


@given(TEXTS)
def test_pieces_join_to_the_text(text: str) -> None:
    cut = pieces(text)
    ends = [0, *(piece.end for piece in cut)]
    assert [piece.start for piece in cut] == ends[:-1]
    assert text[ends[-1] :].strip() == ""
    for piece in cut:
        assert piece.start <= piece.shown < piece.end
        assert text[piece.start : piece.shown].isspace() or piece.start == piece.shown
        assert not text[piece.shown].isspace()


def test_ngrams_that_touch_are_one_range() -> None:
    detector = NgramDetector([(" <<",), (NUMBER, "+", NUMBER), (">>",), ("=", NUMBER)])
    text = "so 29 + 6 = <<29+6=35>>35 pens <<x>>"
    assert found(detector, text) == ["<<29+6=35>>", "<<", ">>"]
    assert found(detector, text, start=text.index("29+")) == ["29+6=35>>", "<<", ">>"]
    # white space before it may stand before the start
    assert found(detector, text, start=text.index("<<x")) == ["<<", ">>"]


def test_what_is_not_common_is_one_class() -> None:
    detector = NgramDetector([(" =", " " + RARE)], common=["so", " =", " <num>"])
    assert found(detector, "so = qx so = 12 = b7! =z") == ["= qx", "= b7"]
    with pytest.raises(DetectorError, match="nothing says what is common"):
        NgramDetector([(" " + RARE,)])


def test_ngrams_are_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mined.json"
    detector = NgramDetector([("<<",), ("\ud800", "漢")], record={"share": 1.0}, common=["a", "<<"])
    detector.save(path)
    again = load_detector(f"ngrams:{path}")
    assert isinstance(again, NgramDetector)
    assert (again.ngrams, again.record, again.common) == (detector.ngrams, detector.record, detector.common)
    assert again.name == f"ngrams:{path}"
    good = json.loads(path.read_text())
    changes: list[dict[str, object]] = [
        {"schema": 2}, {"unit": "line"}, {"ngrams": 3}, {"ngrams": [[]]}, {"ngrams": ["<<"]}, {"ngrams": [[3]]},
        {"record": 3}, {"common": 3}, {"common": [3]}, {"common": None, "ngrams": [[RARE]]},
    ]  # fmt: skip
    for bad in ("{", "[]", "3", *(json.dumps({**good, **change}) for change in changes)):
        path.write_text(bad)
        with pytest.raises(DetectorError, match=re.escape(f"ngrams:{path}")):
            load_detector(f"ngrams:{path}")


# -- what is counted


def test_who_opened_what() -> None:
    """By hand: a opens two notes, the second is finished by b; b opens one, which nobody closes."""
    tally = DetectorTally(Calculator())
    one = tally.add(episode("p", ("a", "3 = <<1+2=3>>3 and <<2+"), ("b", "2=4>>4"), ("a", " ok\n"), ("b", "<<9")))
    assert one is not None
    assert [(x.author, x.handoffs) for x in one.occurrences] == [("a", 0), ("a", 1), ("b", 0)]
    assert (one.inside, one.characters, one.share) == (9 + 9 + 3, 36, 21 / 36)
    tally.add(episode("q", ("a", "no")))
    tally.add(episode("q", ("a", "<<"), condition="solo:a"))
    assert tally.summary() == {
        "detector": "calculator",
        "timed_out": [],
        "conditions": {
            "solo:a": {
                "episodes": 1, "present": 1, "rate": 1.0, "occurrences": 1, "occurrences_per_episode": 1.0,
                "character_share": 1.0, "opened_by": {"a": 1}, "handoff_inside": {"a": 0},
            },
            "team": {
                "episodes": 2, "present": 1, "rate": 0.5, "occurrences": 3, "occurrences_per_episode": 1.5,
                "character_share": round(21 / 38, 4), "opened_by": {"a": 2, "b": 1},
                "handoff_inside": {"a": 1, "b": 0},
            },
        },
    }  # fmt: skip


def test_a_handoff_at_an_edge_is_not_inside() -> None:
    made = measure(episode("p", ("a", "so "), ("b", "<<1>>"), ("a", "2")), Calculator())
    assert [(one.author, one.handoffs) for one in made.occurrences] == [("b", 0)]


def test_nobody_is_credited_with_a_prefix() -> None:
    made = episode("p", ("a", "<<1+1=2>>2 <"), ("b", "<3 "), ("a", "<<4"), prefix=1)
    assert [(x.start, x.author) for x in measure(made, Calculator()).occurrences] == [(15, "a")]
    whole = measure(episode("p", ("a", "<<"), prefix=1), Calculator())
    assert (whole.present, whole.characters) == (False, 0)
    assert math.isnan(whole.share)


@given(st.lists(st.tuples(st.sampled_from("ab"), TEXTS), max_size=5), st.integers(0, 5))
def test_the_calculators_rate_is_the_runs(turns: list[tuple[str, str]], prefix: int) -> None:
    made = episode("p", *turns, prefix=min(prefix, len(turns)))
    theirs = Tally()
    theirs.add(made)
    assert measure(made, Calculator()).present == bool(theirs.jargon)


def test_order_changes_nothing() -> None:
    some = [episode(f"p{n}", ("a", "x" * n + "<<1"), ("b", ">>" * (n % 3)), condition=f"c{n % 2}") for n in range(1, 9)]
    summaries = []
    for seed in range(3):
        tally = DetectorTally(Calculator())
        for one in random.Random(seed).sample(some, len(some)):
            tally.add(one)
        summaries.append(json.dumps(tally.summary()))
    assert len(set(summaries)) == 1


def test_a_pattern_cannot_hang_a_report() -> None:
    """Six solutions on which it would backtrack for hours: five are named, at the sixth it is given up."""
    slow = Pattern("(?:a|aa|a?)+$|(?:x+x+)+y", seconds=0.02)
    hard = ("a", "a" * 60 + "b")
    with pytest.raises(DetectorTimeoutError, match=r"was stopped after 0.02 s, on episode p#0"):
        measure(episode("p", hard), slow)
    tally = DetectorTally(slow)
    assert tally.add(episode("easy", ("a", "aa"))) is not None
    for n in range(MOST_TIMEOUTS):
        assert tally.add(episode(f"p{n}", hard)) is None
    summary = tally.summary()
    assert summary["timed_out"] == [f"p{n}#0" for n in range(MOST_TIMEOUTS)]
    assert (summary["conditions"]["team"]["episodes"], summary["conditions"]["team"]["rate"]) == (1, 1.0)
    with pytest.raises(DetectorError, match=r"on episode p9#0, and on 5 before it"):
        tally.add(episode("p9", hard))


def test_agreement_by_hand() -> None:
    found_ = agreement(Pattern("[ab]+"), Pattern("[bc]+"), ["ab", "a", "c", "d", "a b c"])
    # texts 0, 4 both; 1 only the first; 2 only the second; 3 neither
    assert found_.solutions == (2, 1, 1, 1)
    assert (found_.found, found_.true) == ((2, 4), (2, 4))
    assert found_.summary() == {
        "solutions": 5,
        "solution_precision": 0.6667,
        "solution_recall": 0.6667,
        "range_precision": 0.5,
        "range_recall": 0.5,
    }


# -- docs/DETECTORS.md


def test_the_docs_name_what_is_published() -> None:
    text = (ROOT / "docs" / "DETECTORS.md").read_text(encoding="utf-8")
    made = episode("p", ("a", "so <<1"), ("b", "2"))
    tallies = DetectorTally(Calculator()), LanguageTally(Lexicon({"en": ["so"]})), AuthorshipTally()
    for tally in tallies:
        tally.add(made)
    jargon, languages, authors = (tally.summary() for tally in tallies)
    for name in (*jargon["conditions"]["team"], *languages["conditions"]["team"], *authors["team"], "timed_out"):
        assert f"`{name}`" in text
    for address in ("`calculator`", "`pattern:REGEX`", "`ngrams:FILE`", "`python:MODULE:CALLABLE`"):
        assert address in text
    options = Options()
    assert f"`least_share` = {options.least_share:.0%}" in text
    assert f"`longest` = {options.longest} " in text
    assert f"`alpha` = {str(options.alpha).removeprefix('0')} " in text
    assert options.least_excess == math.log(100)
    assert f"`confidence` = {CONFIDENCE}" in text
