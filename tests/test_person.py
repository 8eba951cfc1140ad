"""A person whose lines lie ready: what becomes of them, and what is shown."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contract import Agent, Span
from agents.line_desk import TerminalDesk
from agents.person import Person
from agents.plain import cleaned, inline, visible
from agents.units import RULES
from arena import terminal
from arena.engines import ReferenceEngine
from tests.models import embedded
from tests.typed import episode, job, parts, seat_of, typist

# What is written, by rule


@pytest.mark.parametrize(
    ("handoff", "lines", "text"),
    [
        ("word:alternate", "One\ntwo\n/end three\n", "One the two cat. three"),
        (
            "sentence:alternate",
            "One two.\nThree\nfour!\n/end #### 5\n",
            "One two. the cat. Three four! Sat on!\n#### 5",
        ),
        ("line:alternate", "One two\nThree\n/end Four\n", "One two\nthe cat. Sat on!\nThree\n\nFour"),
        ("paragraph:alternate", "One\\\ntwo\nThree\n/end\n", "One\ntwo\n\nthe cat. Sat on!\n\nThree\n\nIt "),
        ("token:alternate", "O\n/end n\n", "Otn"),
        ("solution:solo=ann", "One\ntwo.\nThree\\\nFour\n/end\n", "One two. Three\nFour"),
        ("word:solo=ann", "One 2\n, 3\n= (4\n)\n/newline\n中\n文 \\\n#### 5\n/end\n", "One 2, 3 = (4)\n中文 \n#### 5"),
    ],
)
def test_lines_become_units(handoff: str, lines: str, text: str) -> None:
    made, _ = episode(lines, handoff)
    assert (made.text, made.ended) == (text, "end")


def test_under_spaced_tokens_a_space_closes_each_piece() -> None:
    made, _ = episode("One\n/end two\n", "spaced-token:alternate", "the cat ")
    assert made.text == "One the two"


def test_a_turn_goes_on_until_the_units_that_are_held_are_written() -> None:
    made, shown = episode("One\ntwo three four\n/end\n", "word:script=ann,ann,ann,senior,ann")
    assert parts(made) == [("ann", "One two three"), ("senior", " the")]
    assert "your turn: 3 words (60 words left)\n> One\ngo on: 2 more words (59 words left)\n" in shown
    assert "kept: two three; not taken: four\nsenior: the\n" in shown
    assert "your turn: new words until /end (56 words left)\nso far: One two three the\n" in shown


def test_what_the_text_needs_to_open_is_put_before_it_and_said() -> None:
    made, shown = episode("cat\n)\n=\n#### \n/end\n", "word:alternate", "a b c d e f", pair="senior:ann")
    assert made.text == "a cat b ) c = d\n#### e"
    assert shown.count("a space was put before it; this is not said again\n") == 1
    assert shown.count("a line break was put before it\n") == 1


def test_the_length_is_counted_in_words_and_cuts() -> None:
    made, shown = episode("One two three four\n", "word:solo=ann", limit=3)
    assert (made.text, made.ended) == ("One two three", "limit")
    assert "kept: One two three; not taken: four\n" in shown
    made, shown = episode("/newline\nOne\n", "word:solo=ann", limit=1)
    assert (made.text, made.ended) == ("One", "limit")
    assert "not taken: white space cannot be all of it\n" in shown


def test_an_end_that_does_not_fit_is_not_taken() -> None:
    made, shown = episode("/end #### 12\n/end 12.\n", "word:alternate")
    assert made.text == "12."
    assert "not taken, and not ended: only #### would fit into your turn\n" in shown


def test_mistakes_are_asked_again() -> None:
    made, shown = episode(
        "\n/nope\n/give\n/undo\n/End\n//\n/text\nx\n/undo\n/text\n/end\n", "word:script=ann,ann,ann,senior"
    )
    assert made.text == "/"
    for said in (
        "nothing was typed;",
        "there is no /nope;",
        "the pen stays with you: it is",
        "nothing was typed in this",
    ):
        assert said in shown
    assert shown.count("your turn: 3 words (60 words left)\n") == 6


def test_help_names_every_command_and_text_shows_who_wrote_what() -> None:
    _, shown = episode("/help\n/text\nOne\n/text\ntwo\n/text\n/end\n", "word:script=ann,ann,senior,ann,ann")
    for command in ("/end", "/give", "/undo", "/newline", "/text", "/help", "/quit", "//"):
        assert command in shown
    assert "nothing is written yet\n" in shown
    assert "[ann, not sent yet]One\n" in shown
    made, shown = episode("One\ntwo\n/text\n/end\n", "word:alternate", "a b")
    assert "[ann]One\n[senior] a\n[ann] two\n[senior] b\n" in shown
    assert made.views["ann"]["person"] == "line mode"
    assert len(made.views["ann"]["seconds"]) == 3


def test_the_embedded_senior_and_a_person() -> None:
    for handoff in ("word:p=0.5", "sentence:alternate", "word:once=0.5"):
        policy = handoff if "once" not in handoff else "word:script=senior,senior,senior,ann"
        made, shown = episode(
            "so that is.\nit.\n" * 30 + "/end\n", policy, embedded("senior"), pair="senior:ann", limit=30
        )
        assert {span.author for span in made.spans} == {"senior", "ann"}
        for author, text in parts(made):
            assert author == "ann" or f"senior: {inline(text)}\n" in shown


# What is shown


def test_a_partner_cannot_move_the_cursor() -> None:
    _, shown = episode(
        "/end\n", "sentence:script=senior,ann", "\x1b[2J\x07\u202e\x9b1;31mevil\r\ttab. ", pair="senior:ann"
    )
    assert not [c for c in shown if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")]
    assert "evil" in shown


def test_visible_is_what_the_rest_of_the_program_shows() -> None:
    text = "".join(map(chr, [*range(0x250), *range(0x2000, 0x2070), 0x200D, 0xFEFF, 0xD800]))
    assert visible(text) == terminal.visible(text)


def test_joiners_are_shown_as_themselves_and_what_turns_text_round_is_not() -> None:
    text = "می\u200cخواهم 👩\u200d👧 क्\u200dष"
    assert visible(text) == text
    assert inline(text) == text
    turning = "\u202e\u2066\u200e\u200f\u061c\u200b\ufeff\u00ad"
    assert visible(turning) == "".join(f"<U+{ord(one):04X}>" for one in turning)


def test_what_is_heard_is_said_sentence_by_sentence_and_once() -> None:
    shown = io.StringIO()
    desk = TerminalDesk(io.StringIO(), shown)
    seat = seat_of(Person(desk))
    shown.truncate(0)
    shown.seek(0)
    pieces = ["She ", "has 3", ".5 p", "ens. Th", "en", " more\n#### ", "1", "2"]
    for piece in pieces:
        seat.hear("senior", piece.encode())
    seat.hear("ann", b"her own")
    assert shown.getvalue() == "senior: She has 3.5 pens.\nsenior: Then more\n"
    seat.read(Span("senior", "".join(pieces), ended=True))
    assert shown.getvalue().endswith("more\nsenior: (line break) #### 12\nsenior ends the solution\n")
    for piece in ("文。", "ab. ", "cd"):
        seat.hear("senior", piece.encode())
    seat.read(Span("senior", "文", cut=True))  # it was stopped, and what it had begun does not count
    assert shown.getvalue().endswith("senior: 文。ab.\nsenior (what counts of it): 文\n")
    seat.leave()


# Odd characters


def test_control_characters_are_taken_out_of_what_is_typed() -> None:
    assert cleaned("a\x1b[31mb\x1b[0m\x1b[D\x1bOAc\x1b]0;title\x07d\x00\x7f\x85\ud800\te\x1b") == "abcd\te"
    assert cleaned("שלום \u200fعا\u200cلم e\u0301 👩\u200d👧 中文") == "שלום \u200fعا\u200cلم e\u0301 👩\u200d👧 中文"
    made, shown = episode("o\x1b[Dne\n/end\n", "word:alternate", "a")
    assert made.text == "one a"
    assert "control characters were taken out\n" in shown


def test_bytes_that_are_no_text_are_taken_out() -> None:
    with typist() as (write, stream):
        write(b"caf\xe9 \xf0\x9f\r\n/end\n")
        shown = io.StringIO()
        agents: dict[str, Agent] = {"ann": Person(TerminalDesk(stream, shown))}
        (made,) = ReferenceEngine(agents, seed=0, limit=9).episodes([job("word:solo", "ann")])
    assert made.text == "caf"
    assert "control characters were taken out\n" in shown.getvalue()


def test_every_ideograph_is_a_word_and_marks_stay_with_their_letter() -> None:
    made, shown = episode("中文\ne\u0301te\u0301 x\nשלום\n/end\n", "word:alternate", "a b c")
    assert made.text == "中a e\u0301te\u0301 b שלום c"
    assert "kept: 中; not taken: 文\n" in shown


def test_an_output_that_cannot_spell_it_is_no_mistake() -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    seat = seat_of(Person(TerminalDesk(io.StringIO(), shown)))
    seat.read(Span("senior", "é"))
    shown.seek(0)
    assert "senior: \\xe9\n" in shown.read()
    seat.leave()


BITS = ["a", "Foo", "3", ".", ",", "!", "=", "####", " ", "\t", "\\", "中", "。", "❤\ufe0f", "\u0301", "ש", "(", ")"]
BITS += [
    "\x1b[A",
    "\x00",
    "\ud800",
    "\u200d",
    "\x85",
    "\u2028",
    "//",
    "/undo",
    "/newline",
    "/text",
    "/give",
    "/end",
    "/end x",
]


@given(
    lines=st.lists(st.lists(st.sampled_from(BITS), max_size=5).map("".join), max_size=40),
    unit=st.sampled_from([name for name in RULES if name != "spaced-token"]),
    schedule=st.sampled_from(["p=0.5", "p=0.9", "alternate", "solo=ann", "demand", "script=ann,senior,ann"]),
    partner=st.sampled_from(["ha ha. Ho!\n", "foo. Bar!\n\n", "x = 1. \n\n", "中。文。\n\n"]),
    limit=st.sampled_from([1, 2, 3, 9]),
    pair=st.sampled_from(["ann:senior", "senior:ann"]),
)
def test_whatever_is_typed_the_episode_is_proven(
    lines: list[str], unit: str, schedule: str, partner: str, limit: int, pair: str
) -> None:
    typed = "\n".join([*lines, *["/undo", "/end"] * 20, ""])
    episode(typed, f"{unit}:{schedule}", partner, limit=limit, pair=pair)
