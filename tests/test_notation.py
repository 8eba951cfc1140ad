"""How answers are written: one spelling, and the readers that say by grammar what an answer is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.answers.grammar import by_grammar
from arena.answers.notation import Listing, read_listing, read_words, spell_out, tidy
from arena.answers.quantities import Based, read_based, read_quantity


def test_one_spelling() -> None:
    for written, spelt in [
        ("$$ 18 $$.", "18"),
        (r"\left( 1 ,\; 2 \right)", "( 1 , 2 )"),
        (r"\dfrac 5 9", r"\frac{5}{9}"),
        (r"\frac1{72}", r"\frac{1}{72}"),
        (r"\frac{\sqrt3}2", r"\frac{\sqrt{3}}{2}"),
        (r"\frac\pi2", r"\frac{\pi}{2}"),
        (r"\binom52", r"\binom{5}{2}"),
        (r"\frac123", r"\frac{1}23"),  # no reading is sure
        (r"\log_2 3", r"\log_{2} 3"),
        (r"\sqrt2.5", r"\sqrt2.5"),
        ("√13", r"\sqrt{13}"),
        (r"90^{\circ}", r"90^\circ"),
        (r"$1$ or $2$", "1 or 2"),
        (r"\$5 and \$6", "$5 and $6"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\ 2\end{pmatrix}"),
    ]:
        assert tidy(written) == spelt


def test_bases_are_read() -> None:
    assert read_based("4210_5") == read_based("4210_{5}") == Based("4210", 5)
    assert read_based("-1A_{16}") == Based("-1A", 16)
    for text in ("4210", "x_5", "A_{16}", "2A_5", "3_x", "1_1", r"\log_2 3", "5_"):
        assert read_based(text) is None


def test_units_are_read() -> None:
    for text, rest, unit in [
        ("5 cm", "5", "cm"),
        (r"5\text{ square inches}", "5", "in^2"),
        ("5 sq. ft.", "5", "ft^2"),
        (r"9.8\mathrm{m/s^2}", "9.8", "m/s^2"),
        (r"60\text{ miles per hour}", "60", "mi/h"),
        (r"2\pi\text{ feet}", r"2\pi", "ft"),
        (r"12\text{ green apples}", "12", "green apple"),
        (r"30^\circ", "30", "deg"),
        (r"5\mod 7", "5", "mod 7"),
        ("5 min", "5", "min"),
    ]:
        assert read_quantity(text)[:2] == (rest, unit)
    for text in (
        "3t",
        "2mg",
        "3xyz",
        "2 sin x",
        r"\sin 30^\circ",
        r"x\text{ is odd}",
        "5",
        "cm",
        "5 or",
        r"2\pi m",
        "1 to",
    ):
        assert read_quantity(text).unit == ""


def test_lists_are_read() -> None:
    for text, kind, parts in [
        ("1, 2", "bare", ("1", "2")),
        ("1, 2, and 3", "bare", ("1", "2", "3")),
        ("1,000 and 2,000", "bare", ("1,000", "2,000")),
        ("(1,200)", "tuple", ("1", "200")),
        (r"\{1, (2,3)\}", "set", ("1", "(2,3)")),
        ("(1,2), [3,4)", "bare", ("(1,2)", "[3,4)")),
        ("[1,2,3]", "tuple", ("1", "2", "3")),
        ("1:2:3", "ratio", ("1", "2", "3")),
    ]:
        assert read_listing(text) == Listing(kind, parts, "and" if " and " in text else ",")  # type: ignore[arg-type]
    for text in ("[1,2]", "(1,2]", "(x+1)(x+2)", "f(1,2)", "1,", "(1,2", "]1,2[", r"\{\}", "sand"):
        assert read_listing(text) is None


def test_words_are_read() -> None:
    assert read_words("an ellipse") == read_words(r"\text{The Ellipse.}") == "ellipse"
    assert read_words(r"\text{A and B}") == "a and b"
    assert read_words("June 20") == "june 20"
    for text in ("x", "cos 20", "20 June", "x = odd", "ab"):
        assert read_words(text) is None


def test_letters_as_the_parser_reads_them() -> None:
    assert spell_out("2i+bi") == "2{I}+b{I}"
    assert spell_out(r"\sin i") == r"\sin {I}"
    assert spell_out("I^2") == r"\text{I}^2"
    assert spell_out(r"\sum_{i=1}^n i") == r"\sum_{i=1}^n i"
    assert spell_out("i_0+x_i") == "i_0+x_i"
    assert spell_out("2e3") == "(2*10^{3})"
    assert spell_out("2^(x+1)") == "2^{(x+1)}"


PIECES = r"1 2 , . : ( ) [ ] { } \{ \} $ % _ ^ x i \text{ \frac \sqrt and or cm = < \pm \\ \circ mod /".split()


@given(st.lists(st.sampled_from([*PIECES, " "])))
def test_readers_never_raise(pieces: list[str]) -> None:
    text = tidy("".join(pieces))
    by_grammar(text, "5")
    by_grammar("5", text)
    by_grammar("ellipse", text)
    read_listing(text)
    spell_out(text)


HOSTILE = [
    *r"ab^2 cm/ \text{a} 1, { \{ ~ \\ $ 1: \frac \sqrt i _ √ x' (mod 1_ $$ **".split(),
    "a ",
    "ab ",
    "1, ",
    "and ",
    r"\ ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_readers_take_no_time_over_hostile_text(piece: str) -> None:
    for text in (piece * (1000 // len(piece)), "5 " + piece * (990 // len(piece)) + "!"):
        began = time.monotonic()
        tidied = tidy(text)
        by_grammar("5", tidied)
        by_grammar(tidied, "5")
        read_listing(tidied)
        spell_out(tidied)
        assert time.monotonic() - began < 1
