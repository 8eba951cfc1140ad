"""The replay viewer without its screen."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from textual.color import Color

from agents.contract import Span
from arena.episode import Episode
from arena.lines import StoreError
from arena.measures import facts
from arena.run import cli as play
from human import theme
from human.marks import DARK, LIGHT, Marks, mark
from human.replay.beside import Heard, Readings, heard
from human.replay.factors import table
from human.replay.filters import MANY, Filter, counts
from human.replay.index import describe
from human.replay.paint import HERE, Look, Wanted, page, row_text, solution, turn_line
from human.replay.search import hits
from human.replay.state import Replay
from human.replay.turns import Turns, first_difference, turns_of
from tests.replaying import HOSTILE, episode, mixed, write
from tests.stored import stored

LOOK = Look(Marks(["senior", "junior"]))


def opened(*runs: Path) -> Replay:
    """With everything indexed."""
    state = Replay(runs)
    index(state)
    return state


def index(state: Replay) -> None:
    for side, source in enumerate(state.sources):
        for part in source.scan():
            state.add(side, part)
        source.complete = True


def ids(state: Replay) -> list[str]:
    return [next(row.id for row in state.entries[n] if row is not None) for n in state.shown]


def search(state: Replay, query: str) -> list[str]:
    state.search(query)
    for side, source in enumerate(state.sources):
        state.found(side, [row.line - 1 for row in hits(source, source.rows, query)])
    return ids(state)


def turns(state: Replay, side: int = 0) -> Turns:
    found = state.opened[side]
    assert isinstance(found, Turns)
    return found


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write(tmp_path / "run", mixed())


def test_the_index_says_what_the_measures_say(run: Path) -> None:
    state = opened(run)
    assert [row.line for row in state.sources[0].rows] == [1, 2, 3, 4, 5, 6, 7]
    for row in state.sources[0].rows:
        found = state.sources[0].episode(row)
        if isinstance(found, str):
            assert row.verdict == "broken"
            continue
        said = facts(found)
        assert (row.verdict, row.jargon, row.handoffs) == (said.verdict, said.jargon, said.handoffs)
        assert set(row.writers) == {name for name, words in said.words.items() if words}
    assert state.sources[0].share == 1


def test_filters(run: Path) -> None:
    state = opened(run)

    def shown(**chosen: object) -> list[str]:
        state.choose(Filter.of((group.replace("_", " "), value) for group, value in chosen.items()))  # type: ignore[misc]
        return ids(state)

    assert shown() == ["p/0#0", "p/1#0", "line 3", "p/2#0@7", "p/0#0:solo:senior", "line 6", "p/3#0"]
    assert shown(verdict="right") == ["p/0#0", "p/0#0:solo:senior"]
    assert shown(verdict="wrong", jargon="yes") == ["p/1#0"]
    assert shown(verdict="broken") == ["line 3", "line 6"]
    assert shown(condition="solo:senior") == ["p/0#0:solo:senior"]
    assert shown(step=7) == ["p/2#0@7"]
    assert shown(written_by="junior") == ["p/0#0", "p/1#0", "p/2#0@7", "p/3#0"]
    assert shown(handoffs="20 or more") == ["p/2#0@7"]
    state.choose(Filter().toggled("handoffs", MANY))
    assert ids(state) == ["p/2#0@7"]
    assert str(state.filter) == "handoffs 10 to 19, 20 or more"
    assert state.filter.toggled("handoffs", MANY) == Filter()


def test_counts_are_of_entries(run: Path) -> None:
    found = counts(opened(run).entries)
    assert found["verdict"] == {"right": 2, "wrong": 2, "unreadable": 1, "broken": 2}
    assert found["jargon"] == {"yes": 1, "no": 4}
    assert found["step"] == {7: 1}
    assert not found["compared"]


def test_one_stays_with_the_episode_or_goes_to_the_nearest(run: Path) -> None:
    state = opened(run)
    state.go(3)
    state.choose(Filter.of([("verdict", "unreadable")]))
    assert state.entry is not None
    assert (ids(state)[state.place], state.place) == ("p/2#0@7", 0)
    state.choose(Filter.of([("verdict", "right")]))
    assert ids(state)[state.place] == "p/0#0:solo:senior"
    state.choose(Filter.of([("verdict", "right"), ("jargon", "yes")]))
    assert state.entry is None
    assert state.opened[0] is None
    assert state.turns_shown() == 0
    state.choose(Filter())
    assert state.place == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("pens", ["p/0#0:solo:senior"]),
        ("éclairs", ["p/3#0"]),
        ("éclairs\nAND", ["p/3#0"]),
        ("P/1", ["p/1#0"]),
        ("how many?", ["p/0#0", "p/1#0", "p/2#0@7", "p/0#0:solo:senior", "p/3#0"]),
        ("token_ids", []),
        ('"', []),
    ],
)
def test_search(run: Path, query: str, found: list[str]) -> None:
    assert search(opened(run), query) == found


def test_search_finds_what_is_written_by_number(tmp_path: Path) -> None:
    hard = episode(("senior", "\ud800 Éclair \\ \x1b"))
    assert b"\\u" in hard.line()
    state = opened(write(tmp_path / "run", [hard]))
    assert search(state, "éCLAIR \\ \x1b") == ["p/0#0"]


@given(st.text(), st.text(min_size=1))
def test_search_is_that_of_the_text(text: str, query: str) -> None:
    one = episode(("senior", text or "x"))
    row = describe(one.line(), 1, 0)

    class Memory:
        def line(self, row: object) -> bytes:
            return one.line()

    wanted = any(query.casefold() in where.casefold() for where in (one.text, one.question, one.id))
    assert bool(list(hits(Memory(), [row], query))) == wanted  # type: ignore[arg-type]


def test_turns_come_one_by_one(run: Path) -> None:
    state = opened(run)
    assert (state.turn, state.turns_shown(), state.longest) == (None, 2, 2)
    state.step(-1)
    assert state.turns_shown() == 1
    assert solution(turns(state), LOOK, Wanted(1, whole=False)).plain == "▍So 3 * 4"
    assert turn_line(turns(state), 1, LOOK).plain == "turn 1 of 2  ▍ senior  units 1 to 4 of 6  next ░ junior"
    state.step(-5)
    assert turn_line(turns(state), state.turns_shown(), LOOK).plain == "turn 0 of 2  next ▍ senior"
    state.step(9)
    assert turn_line(turns(state), state.turns_shown(), LOOK).plain.endswith("units 5 to 6 of 6  ends by limit")
    state.go(2)
    assert state.opened[0] == "not JSON: Expecting value: line 1 column 1 (char 0)"
    state.step(1)
    assert state.turns_shown() == 0


def test_a_mark_stands_at_the_beginning_of_a_line() -> None:
    one = turns_of(episode(("senior", "a."), ("junior", "\n\nb"), ("senior", "\n")))
    assert solution(one, LOOK, Wanted(3)).plain == "▍a.\n\n░b\n▍"


def test_prefix_units_and_search_are_drawn(tmp_path: Path) -> None:
    one = turns_of(
        episode(
            ("senior", "A b"), ("junior", " c d"), prefix_spans=1, prefix_units=2, parent_id="q", policy="word:once=0.5"
        )
    )
    drawn = solution(one, LOOK, Wanted(2, units=True, query="C D"))
    assert drawn.plain == "(prefix)▍A b(end of the prefix)░ c d"
    assert "".join(drawn.plain[s.start : s.end] for s in drawn.spans if "reverse" in str(s.style)) == "c d"
    underlined = [drawn.plain[s.start : s.end] for s in drawn.spans if "underline" in str(s.style)]
    assert "".join(underlined) == "A c"
    assert [token.logprob for token in one.tokens(0)] == [None, None, None]
    assert [token.factor for token in one.tokens(1)] == ["open", "token", "token", "token"]


def test_factors_and_the_end() -> None:
    one = episode(("senior", "ab"), ("junior", "c"))
    one.spans[1] = type(one.spans[1])("junior", 2, 3, [1, 2], [3, 3], [-1.0, -2.0])
    one.ended = "end"
    found = turns_of(one)
    assert [(t.text, t.factor, t.kind, t.logprob) for t in found.tokens(0)] == [
        ("a", "token", "", -0.25),
        ("b", "token", "", -0.5),
        ("", "end", "hands over", -0.5),
    ]
    assert [(t.text, t.factor, t.kind) for t in found.tokens(1)] == [("c", "open", ""), ("", "token", "ends")]
    drawn = table(found, 2, LOOK, [Heard("other", ((0, 3, -4.0),), -9.0)], "").plain.splitlines()
    assert drawn[0] == "░ junior"
    assert drawn[1].split() == ["token", "author", "other"]
    assert drawn[2].split() == ["c", "-1.00", "▂", "open", "-"]
    assert drawn[3].split() == ["(end)", "-2.00", "▄", "token", "-9.00", "█"]


def test_text_authors_have_no_figures() -> None:
    one = turns_of(stored(Span("ann", "She has 3. ")))
    drawn = table(one, 1, LOOK, [], "the hint").plain
    assert "without tokens" in drawn
    assert drawn.endswith("the hint")
    assert table(one, 0, LOOK, [], "").plain == "Nothing is written yet."


def test_what_others_heard_is_put_where_their_tokens_meet_the_authors() -> None:
    def row(start: int | None, stop: int | None, token: str, value: float, end: bool = False) -> dict[str, object]:
        return {"start": start, "stop": stop, "token": token, "surprisal": value, "is_end": end}

    rows = [
        row(0, 1, "a", 1),
        row(1, 1, "\ufffd", 2),
        row(1, 2, "\ufffd", 3),
        row(2, 4, "cd", 4),
        row(4, 4, "", 5, True),
    ]
    found = heard("other", rows, "aécd")
    assert found is not None
    assert found.along([(0, 1), (1, 1), (1, 2), (0, 2), (2, 3), (3, 4), (2, 4), (9, 9)]) == [
        -1,
        None,
        -5,
        -6,
        None,
        None,
        -4,
        None,
    ]
    assert found.end == -5
    assert heard("other", rows, "aéXd") is None
    assert heard("other", [], "a") is None


def test_readings_of_a_run(tmp_path: Path) -> None:
    from analysis.read import cli as read

    out = tmp_path / "run"
    assert play(["--pair", "senior:junior", "--episodes", "3", "--baselines", "--show", "0", "--out", str(out)]) == 0
    assert read([str(out), "--reader", "junior", "--condition", "solo:senior"]) == 0
    state = opened(out)
    state.choose(Filter.of([("condition", "solo:senior")]))
    with state.readings[0] as readings:
        (found,) = readings.of(turns(state).episode)
        tokens = list(turns(state).tokens(0))
        assert found.reader == "junior"
        along = found.along((token.start, token.end) for token in tokens)
        assert None not in along[:-1]
        assert sum(value or 0 for value in along) < -20
        state.choose(Filter.of([("condition", "team")]))
        assert readings.of(turns(state).episode) == []
    table_file = next((out / "readings").glob("*.parquet"))
    table_file.write_bytes(b"")
    state.choose(Filter.of([("condition", "solo:senior")]))
    assert Readings(out).of(turns(state).episode) == []
    with state.readings[0] as readings:
        assert readings.of(turns(state).episode) == []


def test_comparing_pairs_by_problem_sample_and_condition(tmp_path: Path) -> None:
    a = write(tmp_path / "a", mixed())
    b = write(
        tmp_path / "b",
        [
            episode(("senior", "So <<3*4"), ("junior", " 12"), problem="p/1"),
            episode(("senior", "So 3 * 4"), ("junior", " = 12"), problem="p/0"),
            episode(("senior", "new"), problem="p/9"),
            b"broken\n",
        ],
    )
    state = opened(a, b)
    assert ids(state) == [*ids(opened(a)), "p/9#0", "line 4"]
    assert counts(state.entries)["compared"] == {
        "same text": 1,
        "gained": 1,
        "only in the first": 5,
        "only in the second": 2,
    }
    assert not state.step_to_difference()
    state.choose(Filter.of([("compared", "gained")]))
    assert state.difference == len("So <<3*4 1")
    assert state.step_to_difference()
    assert (state.turns_shown(0), state.turns_shown(1)) == (2, 2)
    drawn = solution(turns(state, 1), LOOK, Wanted(2, difference=state.difference)).plain
    assert drawn == "▍So <<3*4░ 1≠2"
    state.choose(Filter.of([("compared", "only in the second")]))
    assert state.opened[0] is None
    assert (state.solution(0), state.line(0), state.identity(0)) == (None, None, None)
    assert state.identity(1) == "p/9#0"


def test_episodes_twice_in_a_file_are_paired_in_order(tmp_path: Path) -> None:
    one = episode(("senior", "x"))
    state = opened(write(tmp_path / "a", [one, one]), write(tmp_path / "b", [one, one, one]))
    assert [sum(row is not None for row in entry) for entry in state.entries] == [2, 2, 1]


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_the_first_difference(common: str, a: str, b: str) -> None:
    left, right = common + a, common + b
    found = first_difference(left, right)
    slow = next((n for n in range(max(len(left), len(right))) if left[n : n + 1] != right[n : n + 1]), None)
    assert found == slow


def test_one_solution_may_be_the_beginning_of_another(tmp_path: Path) -> None:
    a = write(tmp_path / "a", [episode(("senior", "a b"))])
    state = opened(a, write(tmp_path / "b", [episode(("senior", "a b"), ("junior", " c"))]))
    assert state.difference == 3
    assert [solution(turns(state, n), LOOK, Wanted(9, difference=3)).plain for n in (0, 1)] == ["▍a b≠", "▍a b░≠ c"]


def test_a_run_that_is_written_is_read_again(tmp_path: Path) -> None:
    lines = [episode(("senior", "x"), problem=f"p/{n}").line() for n in range(4)]
    run = write(tmp_path / "run", [lines[0], lines[1][:40]])
    state = opened(run)
    assert (ids(state), state.sources[0].torn) == (["p/0#0"], True)
    write(run, lines[:3])
    state.reload()
    index(state)
    assert (ids(state), state.sources[0].torn) == (["p/0#0", "p/1#0", "p/2#0"], False)
    state.go(1)
    state.reload()
    index(state)
    assert (len(state.entries), state.place) == (3, 1)


def test_a_file_that_took_the_place_of_another_is_read_from_its_beginning(tmp_path: Path) -> None:
    one, two = (episode(("senior", "x"), problem=f"p/{n}") for n in (1, 2))
    run, other = write(tmp_path / "run", [one, two]), write(tmp_path / "other", [two, one])
    state = opened(run, other)
    write(tmp_path / "new", [two, one, two])
    os.replace(tmp_path / "new" / "episodes.jsonl", run / "episodes.jsonl")
    # What is open stays what it was until it is read again.
    assert [turns(state).episode.problem_id, *ids(state)] == ["p/1", "p/1#0", "p/2#0"]
    state.reload()
    index(state)
    assert ids(state) == ["p/2#0", "p/1#0", "p/2#0"]
    write(run, [one])
    state.reload()
    index(state)
    assert counts(state.entries)["compared"] == {"same text": 1, "only in the second": 1}
    (run / "episodes.jsonl").unlink()
    with pytest.raises(StoreError, match=r"episodes\.jsonl: No such file"):
        state.reload()


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no episodes\.jsonl"):
        Replay([tmp_path])


def test_copies_carry_no_control_characters(tmp_path: Path) -> None:
    one = episode(("senior", HOSTILE), problem=f"p{HOSTILE}", question=HOSTILE)
    state = opened(write(tmp_path / "run", [one, b"\xff\x1b[2J\n"]))
    for text in (state.solution(0), state.line(0), state.identity(0)):
        assert text is not None
        text.encode()
        assert "\x1b" not in text
        assert "\x9b" not in text
    assert json.loads(state.line(0) or "")["text"] == HOSTILE
    state.go(1)
    assert (state.solution(0), state.line(0), state.identity(0)) == (None, "\ufffd", "line 2")


WRONG: list[dict[str, object]] = [
    {"spans": 3},
    {"spans": [{"author": 1, "start": 0, "end": 1}]},
    {"spans": [{"author": "a", "start": "0", "end": 1}]},
    {"spans": [{"author": "a", "start": 0, "end": 99}]},
    {"spans": [{"author": "a", "start": 0, "end": 2, "token_ids": [1], "token_ends": ["x"]}]},
    {"spans": [{"author": "a", "start": 0, "end": 2, "token_ids": [1, 2], "token_ends": [2]}]},
    {"spans": [{"author": "a", "start": 0, "end": 2, "token_ids": [1], "token_ends": [2], "logprobs": ["x"]}]},
    {"text": None},
    {"grade": [1]},
    {"step": [1]},
    {"sample": {}},
    {"policy": "nonsense"},
    {"policy": 5},
    {"prefix_spans": "x"},
    {"authors": 5},
    {"question": 5},
    {"error": 5},
    {"ended": None},
    {"no_such_field": 1},
]
SHAPES = [
    b"null\n",
    b"\n",
    b"[1]\n",
    b'{"schema": 2}\n',
    b"\xff\xfe\n",
    b'{"schema":' * 9999 + b"\n",
    *(
        json.dumps({**json.loads(episode(("senior", "ab"), ("junior", "c")).line()), **wrong}).encode() + b"\n"
        for wrong in WRONG
    ),
]


@pytest.mark.parametrize("line", SHAPES, ids=range(len(SHAPES)))
def test_a_line_of_any_shape_is_shown_or_shown_as_broken(tmp_path: Path, line: bytes) -> None:
    good = episode(("senior", "x"))
    state = opened(write(tmp_path / "run", [line, good]))
    assert len(state.entries) == 2
    assert row_text(state.entries[0], LOOK, 40).plain
    if isinstance(found := state.opened[0], Turns):
        drawn = page(found, state.sources[0].rows[0], LOOK, Wanted(len(found)))
        for number in range(len(found) + 1):
            drawn += table(found, number, LOOK, [], "")
            turn_line(found, number, LOOK)
    else:
        drawn = page(found, state.sources[0].rows[0], LOOK, Wanted(0))
        assert "broken" in drawn.plain
    state.go(1)
    assert isinstance(state.opened[0], Turns)


def test_hostile_text_is_drawn_as_text(tmp_path: Path) -> None:
    name = f"a{HOSTILE}"
    one = episode((name, HOSTILE), ("junior", "ok"), problem=HOSTILE, question=HOSTILE, authors=[name, "junior"])
    one.error, one.ended = HOSTILE, "error"
    state = opened(write(tmp_path / "run", [one]))
    found = turns(state)
    row = state.sources[0].rows[0]
    drawn = [page(found, row, LOOK, Wanted(2)), row_text((row,), LOOK, 200), turn_line(found, 1, LOOK)]
    drawn.append(table(found, 1, LOOK, [Heard(HOSTILE, ((0, 1, -1.0),), None)], ""))
    for text in drawn:
        assert isinstance(text, Text)
        assert not set(text.plain) & set("\x1b\x9b\u202e\u2069\ud800\x00\r\t")
    assert "[red]x[/red] [@click=app.quit]y[/] ␛[2J" in drawn[0].plain


def test_a_megabyte_is_drawn_in_parts() -> None:
    long = "x" * 500_000
    found = turns_of(episode(("senior", long), ("junior", "y" * 500_000)))
    drawn = solution(found, LOOK, Wanted(2))
    assert len(drawn) < 51_000
    assert drawn.plain.endswith("(950,000 characters more: step back from the end to see them)")
    late = solution(found, LOOK, Wanted(2, whole=False))
    assert len(late) < 51_000
    assert late.plain.startswith("(950,000 characters before)\n░yyy")
    assert HERE in [span.style for span in late.spans]
    assert len(table(found, 1, LOOK, [], "").plain) < 100_000


def test_marks_tell_authors_apart() -> None:
    many = [mark(n) for n in range(42)]
    assert len({(one.sign, one.dark) for one in many}) == 42
    assert len({(one.sign, one.light) for one in many}) == 42
    plain = Marks(["a", "b"], ascii_only=True)
    assert plain.of("a") == plain.of("a") != plain.of("b")
    assert (plain.of("a").sign + plain.of("z").sign).isascii()
    assert plain.shown("é\x1b") == "??"


@pytest.mark.parametrize(("colours", "name"), [(DARK, "DARK"), (LIGHT, "LIGHT")])
def test_contrasts(colours: tuple[str, ...], name: str) -> None:
    given = getattr(theme, name)
    for ground in (given.background, given.surface, given.panel):
        for colour in (*colours, given.foreground):
            assert contrast(Color.parse(colour), Color.parse(ground)) >= 4.5, (colour, ground)


def contrast(a: Color, b: Color) -> float:
    """WCAG 2's contrast ratio."""

    def light(colour: Color) -> float:
        parts = [part / 255 for part in colour.rgb]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(a), light(b)))
    return (high + 0.05) / (low + 0.05)


def test_a_changed_episode_is_noticed() -> None:
    one = episode(("senior", "x"))
    row = describe(one.line(), 1, 0)
    other = Episode(**{**vars(one), "text": "y"})
    said = [page(turns_of(each), row, LOOK, Wanted(1)).plain.count("was changed") for each in (one, other)]
    assert said == [0, 1]
