r"""Answers as competition sets have them: what counts as the same, and the near misses that do not.

Every row is (expected, right answers, wrong answers). The pairs are ours, none is from a data set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.answers.expressions import compare_expressions
from arena.grading import Grader, Item


class Bare:
    """The whole text is the answer."""

    def extract(self, text: str) -> str | None:
        return text or None


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(seconds=10) as made:
        yield made


NUMBERS = [
    (
        "70",
        ["070", "70.", "70.0", "$70$", r"\boxed{70}", r"\text{70}", r"\mathbf{70}", "70\\ ", "~70", "70\\,"],
        ["7", "700"],
    ),
    ("12", ["１２", "12。", "１２．０", "**１２**。", "＄12"], ["１３", "21。"]),
    ("204", [r"\(204\)", "+204", r"204 \text{ minutes}", "**204**", "x = 204"], ["205", "-204", "20.4", "2 04"]),
    (
        "10080",
        ["10,080", r"10,\!080", r"10,\! 080", r"10\,080", "10{,}080", "$10{,}080$"],
        ["1080", "10,08", "10,080,000"],
    ),
    (r"11,\! 111,\! 111,\! 100", ["11111111100", "11,111,111,100"], ["11111111110", "11,111,111"]),
    (
        r"\$32,\!348",
        ["32348", "32,348", r"32{,}348", "$32,348.00", r"32348 \text{ dollars}"],
        ["32.348", "€32,348", "32349"],
    ),
    ("0.0625", [r"\frac{1}{16}", "1/16", ".0625", r"6.25 \times 10^{-2}", "6.25%"], ["0.062", "0.625", r"\frac{1}{6}"]),
    ("2.55e-10", [r"2.55 \times 10^{-10}", "2.55*10^-10", r"2.55\cdot 10^{-10}"], ["2.55e-9", "2.5e-10", "0"]),
    ("4.5e33", [r"4.5\times 10^{33}", "4.5 * 10^{33}"], ["4.5e32", "4.5"]),
    (r"50\%", ["50", "0.5", r"\frac12", "50 percent", r"50\text{ percent}"], ["5", "0.05", r"50\text{ cm}"]),
    ("0.\\overline{3}", ["1/3", r"\frac13", "0.\\bar{3}"], ["0.3", "0.33", "3"]),
    (r"0.1\overline{6}", [r"\frac{1}{6}"], ["0.16", r"\frac{16}{99}"]),
    (r"2.5 \text{ million}", ["2500000", "2,500,000", "2.5 million"], ["250000", "2.5", "2.5 billion"]),
]
FRACTIONS = [
    (
        r"\frac{5}{9}",
        [r"\frac 5 9", r"\frac59", r"\dfrac{5}{9}", r"\tfrac 59", "5/9", r"\frac{10}{18}", r"\frac5{9}"],
        ["9/5", "0.56", r"\frac 9 5", "5"],
    ),
    (r"\frac 1 2", ["0.5", r"\frac12", "1/2", ".5", "½"], ["2", r"\frac 2 1", "-1/2"]),
    (
        r"-\frac{7}{4}",
        ["-7/4", r"\frac{-7}{4}", r"\frac{7}{-4}", "-1.75", r"-1\frac34"],
        [r"\frac{7}{4}", "-4/7", r"1\frac34"],
    ),
    (r"3\frac{1}{2}", ["7/2", "3.5", r"3 \frac 1 2", r"\frac72"], [r"\frac32", "3", r"-3\frac12", "3/2"]),
    (
        r"\frac{\sqrt{3}}{3}",
        [r"\frac{1}{\sqrt{3}}", r"\frac1{\sqrt3}", r"\frac{\sqrt 3}3", r"3^{-1/2}"],
        [r"\sqrt{3}", r"\frac{\sqrt3}{2}", "1/3"],
    ),
    (
        r"\frac{3\sqrt{2}+4}{7}",
        [r"\frac{4+3\sqrt2}{7}", r"\frac17(3\sqrt{2}+4)"],
        [r"\frac{3\sqrt{2}-4}{7}", r"\frac{3\sqrt{2}}{7}+4"],
    ),
]
ROOTS_AND_POWERS = [
    (
        r"2\sqrt{13}",
        [r"\sqrt{52}", "2√13", r"2 \sqrt{13}", r"2\cdot\sqrt{13}"],
        [r"\sqrt{26}", r"\sqrt{13}", r"13\sqrt2", r"-2\sqrt{13}"],
    ),
    (r"\sqrt[3]{4}", [r"4^{1/3}", r"2^{2/3}", r"\sqrt[3] 4"], [r"\sqrt{4}", r"4^3"]),
    (r"2^{2007}", ["2^{2007}", r"2 \cdot 2^{2006}"], ["2^{2006}", "2007^2"]),
    ("2^{10}-1", ["1023", "2^10-1"], ["1024", "2^{9}"]),
    (
        r"\frac{\pi}{6}",
        ["pi/6", r"\pi/6", r"\frac\pi6", "π/6", "0.523599"],
        [r"\frac{\pi}{3}", r"30", "0.5236", r"\frac16"],
    ),
    (r"25\pi", [r"\pi \cdot 25", r"25 \pi \text{ cm}^2", r"25\pi\text{ square units}"], [r"25", r"5\pi", r"25\pi^2"]),
    (r"e^2-1", [r"(e-1)(e+1)", r"-1+e^2"], [r"e^2", r"e^{2-1}"]),
    (r"\log_2 3", [r"\log_{2} 3", r"\log_2{3}", r"\frac{\ln 3}{\ln 2}", r"\log_2(3)"], [r"\log_3 2", r"\log 3", "3"]),
    (r"\ln 2", [r"\ln(2)", r"-\ln\frac12", "ln 2", "0.693147"], [r"\log_2 e", "2"]),
    (r"10!", ["3628800", r"10 \cdot 9!"], ["9!", "10"]),
    (r"\binom{16}{8}", ["12870", r"\dbinom{16}{8}", r"\frac{16!}{8!8!}"], [r"\binom{8}{16}", r"\binom{16}{4}"]),
    (r"\cos 36^\circ", [r"\frac{1+\sqrt5}{4}", r"\sin 54^\circ", r"\cos\frac{\pi}{5}"], [r"\cos 36", r"\sin 36^\circ"]),
]
COMPLEX = [
    (
        "1+274i",
        ["1 + 274 i", r"1+274\mathrm{i}", "274i + 1", r"1+274\text{i}", "1+i274"],
        ["1-274i", "274+i", "1+274", "275i"],
    ),
    ("2i", ["2 i", r"2\mathrm{i}", r"i\cdot 2", "(1+i)^2"], ["2", "-2i", "i", "i^2"]),
    ("3 i", ["3i"], ["-3i", "3"]),
    ("-1", ["i^2", r"e^{i\pi}"], ["i", "1"]),
    (
        r"\frac{1}{2}+\frac{\sqrt{3}}{2}i",
        [r"\frac{1+i\sqrt3}{2}", r"e^{i\pi/3}", r"\frac{1+\sqrt{3}i}{2}"],
        [r"\frac{1-i\sqrt3}{2}", r"\frac{\sqrt{3}+i}{2}"],
    ),
    (r"1 \pm i\sqrt{3}", [r"1+i\sqrt3, 1-i\sqrt3", r"1-\sqrt{3}i, 1+\sqrt{3}i"], [r"1+i\sqrt3", r"\sqrt3 \pm i"]),
    ("a+bi", ["bi+a", "a + b i"], ["a-bi", "ai+b"]),
]
BASES = [
    (
        "4210_5",
        ["4210_{5}", r"4210_{\text{five}}", r"(4210)_5", r"4210 \text{ base }5", r"04210_5", "$4210_5$"],
        ["4210_6", "4210", "4201_5", "555", r"4210_{\text{six}}", "4210_{10}"],
    ),
    ("52_8", ["52_{8}", r"52_{(8)}", r"52_{\text{base }8}"], ["52", "42", "25_8", "52_{18}", "52_7"]),
    ("110_2", ["110_{2}", r"\text{110}_2"], ["110_3", "6", "110", "011_2", "1110_2"]),
    ("2A7_{12}", ["2A7_{12}"], ["2A7_{13}", "2B7_{12}", "403"]),
    ("101_{10}", ["101", "101_{10}"], ["101_2", "5"]),
    ("10_3, 11_3", ["11_3, 10_3"], ["10_2, 11_2", "10, 11", "11_3"]),
]
RATIOS = [
    (
        "1:2:3",
        ["2:4:6", "1 : 2 : 3", r"1\colon 2\colon 3", "a:b:c=1:2:3", r"1{:}2{:}3"],
        ["1:3:2", "3:2:1", "1:2", "1/6", "1,2,3", "2:3:4"],
    ),
    ("3:4", ["6:8", r"\frac34", "0.75"], ["4:3", "3:5", "3:4:5"]),
    (r"1:\sqrt{3}:2", [r"\sqrt3:3:2\sqrt3"], [r"1:2:\sqrt{3}"]),
    ("4:30", [r"4:30 \text{ p.m.}", "4{:}30"], ["2:15", "3:40", "16:30"]),
    (r"4:30 \text{ p.m.}", ["4:30", r"4:30\text{ pm}"], [r"4:30\text{ a.m.}", r"4:20 \text{ p.m.}"]),
]
UNITS = [
    (
        r"5\text{ cm}",
        ["5", "5 cm", "5cm", r"5\,\mathrm{cm}", r"5~\text{centimeters}", r"x=5\text{ cm}"],
        [r"5 \text{ m}", r"5\text{ cm}^2", "6", "50 mm"],
    ),
    (
        "3 dollars",
        ["3", r"\$3", "$3.00", "3 dollars", r"3\text{ dollars}"],
        ["3 euros", "€3", "3 cents", "4 dollars", "30"],
    ),
    ("5", [r"5\text{ dollars}", "5 cm", r"5 \text{ square units}", r"\$5"], ["5 x", "5mg", r"5^\circ C+1"]),
    (
        r"90^\circ",
        ["90°", "90", "90^{\\circ}", r"90 \text{ degrees}", "90 degrees", r"90\degree"],
        ["80°", r"90\text{ radians}", "9"],
    ),
    ("90°", ["90", r"90^\circ"], ["45°"]),
    (
        r"864\mbox{ inches}^2",
        ["864", r"864\text{ square inches}", r"864\text{ in}^2", "864 sq. in."],
        [r"864\text{ inches}", r"864\text{ cm}^2"],
    ),
    (r"6\sqrt{3}\text{ cm}", [r"6\sqrt3", r"6 \sqrt{3} cm"], [r"6\sqrt{3}\text{ m}", r"\sqrt{3}"]),
    (
        r"60\text{ mph}",
        [r"60 \text{ miles per hour}", "60", r"60\text{ mi/hr}"],
        [r"60\text{ km/h}", r"60\text{ miles}"],
    ),
    (r"9.8\text{ m/s}^2", ["9.8", r"9.8\ \mathrm{m/s^2}", r"9.8\,\mathrm{m\,s^{-2}}"], [r"9.8\text{ m/s}", "98"]),
    (r"70^\circ\text{F}", ["70", r"70^{\circ} F", r"70\text{ degrees Fahrenheit}"], [r"70^\circ\text{C}"]),
    (r"12\text{ students}", ["12", "12 students"], ["13 students", r"12\text{ teachers and 1 student}", "12 dollars"]),
    (r"\frac{3}{4}\text{ hours}", ["3/4", "0.75 hours", "0.75"], [r"\frac34\text{ minutes}", "4/3"]),
    ("7th", ["7th"], ["8th"]),
    (r"5^{\text{th}}", ["5"], ["6"]),
    ("3t", ["3 t", r"3\cdot t", "t+2t"], ["3", "3s", "t", r"3\text{ s}"]),
    ("2mg", ["2 m g", "2gm"], ["2", "2m", r"2 \text{ mg}"]),
    ("x+3t", ["3t+x"], ["x+3", "3tx"]),
]
INTERVALS = [
    (
        r"(2,\infty)",
        ["x>2", "2<x", r"(2, +\infty)", r"\{x \mid x>2\}", r"x\in(2,\infty)", r"\left(2,\infty\right)"],
        [r"x\ge 2", r"[2,\infty)", "x<2", "2", r"(-\infty,2)", "x>3"],
    ),
    (r"[2,\infty)", [r"x \geq 2", "x>=2", "x ≥ 2", r"2\le x"], ["x>2", r"(2,\infty)", r"x\le2"]),
    (
        "(-1,2)",
        ["-1<x<2", "2>x>-1", r"x>-1\text{ and }x<2", r"x \in (-1,2)"],
        [r"-1\le x<2", "(-1,2]", r"\{-1,2\}", "[-1,2]", "-2<x<1"],
    ),
    ("x>2", [r"(2,\infty)", "2 < x", r"x\in(2,\infty)"], [r"x\ge2", "y>2", r"[2,\infty)", "x>-2"]),
    (r"-3\le x\le 5", ["[-3,5]", r"5 \ge x \geq -3"], ["(-3,5)", "-3<x<5", r"-3\le x<5", r"-3\le y\le 5"]),
    (
        r"(-\infty,-1)\cup(2,\infty)",
        [r"x<-1 \text{ or } x>2", r"x>2 or x<-1", r"(2,\infty)\cup(-\infty,-1)", "x<-1, x>2"],
        [r"(-\infty,-1]\cup(2,\infty)", "-1<x<2", "x<-1", r"x\le-1\text{ or }x>2"],
    ),
    (r"x \ne 3", [r"(-\infty,3)\cup(3,\infty)", "x ≠ 3"], ["x=3", r"x\ne -3", "x>3"]),
    (r"(-\infty,\infty)", [r"\mathbb{R}", r"\text{all real numbers}"], [r"(0,\infty)", r"\emptyset"]),
    (r"[0,1)", [r"0\le x<1", r"\left[0,1\right)"], ["(0,1]", "[0,1]", "(0,1)"]),
    (
        r"\left[\frac{1}{2},\frac{4}{3}\right]",
        ["[0.5, 4/3]", r"\frac12\le x\le\frac43"],
        [r"(\frac12,\frac43)", r"[\frac12,\frac34]"],
    ),
    (r"\emptyset", [r"\varnothing", "∅", r"\{\}"], ["0", r"\{0\}"]),
]
LISTS = [
    (
        "1,-2",
        ["-2, 1", r"1 \text{ and } -2", r"\{1,-2\}", "x=1 or x=-2", "-2; 1", "x=1, x=-2", r"$1$ and $-2$"],
        ["1", "1,2", "-1,2", "1,-2,3", "(-2,1)", "1,1,-2"],
    ),
    (
        "(1,2)",
        [r"\left(1, 2\right)", "1,2", "x=1, y=2", "(x,y)=(1,2)", "(1,\\, 2)"],
        ["(2,1)", "2,1", r"\{1,2\}", "[1,2]", "(1,2,3)", "(x,y)=(2,1)", "3"],
    ),
    (
        r"\{1,2,3\}",
        ["3,2,1", r"\{3,1,2\}", r"\left\{1,2,3\right\}", "1, 2, and 3"],
        [r"\{1,2\}", "(1,2,3)", r"\{1,2,4\}"],
    ),
    (
        "(3, \\frac{\\pi}{2})",
        [r"\left(3,\pi/2\right)", r"(3,\frac\pi2)"],
        [r"(\frac{\pi}{2},3)", r"(3,\pi)", r"(-3,\frac{\pi}{2})"],
    ),
    (
        r"(2,3),(3,2)",
        [r"(3,2),(2,3)", r"(2,3) \text{ and } (3,2)", r"\{(3,2),(2,3)\}"],
        ["(2,3)", "(2,3),(2,3)", "2,3"],
    ),
    (r"\pm 3", ["3,-3", "-3, 3", r"x=\pm3", r"x = 3 \text{ or } x = -3"], ["3", "-3", r"\pm 4"]),
    (
        r"\frac{1\pm\sqrt5}{2}",
        [r"\frac{1+\sqrt5}2, \frac{1-\sqrt5}2"],
        [r"\frac{1+\sqrt5}{2}", r"\frac{-1\pm\sqrt5}{2}"],
    ),
    (r"1+\sqrt{2}, 1-\sqrt{2}", [r"1-\sqrt2, 1+\sqrt2", r"1\pm\sqrt2"], [r"1+\sqrt{2}", r"1+\sqrt{2}, -1+\sqrt2"]),
    ("x=1, y=2", ["y=2, x=1", "(1,2)", "1,2"], ["x=2, y=1", "(2,1)", "2,1", "x=1"]),
    ("1,000 and 2,000", ["1000, 2000", "2000, 1000"], ["1, 2", "1000"]),
    ("100,200,300", ["100, 200, 300"], ["300, 200, 100", "100200"]),
    (r"1,2,\ldots,10", [r"1, 2, \dots, 10", "1,2,...,10"], ["1,2,10", r"1,2,\ldots,11"]),
    (r"\langle 1,-2,2\rangle", ["(1,-2,2)"], ["(1,2,-2)", r"\{1,-2,2\}"]),
    ("A,C,E", ["A, C, E", "E, A, C", r"\text{A, C, E}"], ["A, C", "A,C,D", "ACE"]),
    (
        r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}",
        [r"\begin{pmatrix}1\\-2\end{pmatrix}", r"\begin{bmatrix} 1 \\ -2 \end{bmatrix}"],
        [r"\begin{pmatrix} -2 \\ 1 \end{pmatrix}", r"\begin{pmatrix} 1 & -2 \end{pmatrix}"],
    ),
]
ALGEBRA = [
    ("x^2+2x+1", ["(x+1)^2", "1+2x+x^2", "x^2 + 2*x + 1"], ["x^2+2x-1", "(x-1)^2", "x^2+2x"]),
    ("(x-1)(x+2)", ["x^2+x-2", "(x+2)(x-1)"], ["(x+1)(x-2)", "x^2+x+2"]),
    ("y=2x+3", ["2x+3", "y = 3+2x", "2x-y+3=0"], ["y=3x+2", "y=2x", "x=2y+3"]),
    ("x=5", ["5", "5=x"], ["y=5", "x=-5", "4=5"]),
    ("5", ["x=5", "2+3=5"], ["4=5", "x=6", "5=6"]),
    (
        r"\frac{n(n+1)}{2}",
        ["n(n+1)/2", r"\binom{n+1}{2}", r"\frac{n^2+n}{2}", r"\sum_{i=1}^{n} i"],
        [r"\frac{n(n-1)}{2}", "n(n+1)"],
    ),
    (r"\frac{M}{m}", [r"\frac{2M}{2m}"], ["1", r"\frac{m}{M}", r"\frac{M}{M}"]),
    ("R-r", ["-r+R"], ["0", "r-R", "R+r"]),
    (r"\frac{1}{2}mv^2", [r"\frac{mv^2}{2}", "0.5mv^2"], ["mv^2", r"\frac12 mv"]),
    ("I^2 R", ["RI^2"], ["-R", "IR"]),
    (
        r"V_0\sin(\omega t)",
        [r"V_{0} \sin (\omega t)", r"\sin(\omega t) V_0"],
        [r"V_1\sin(\omega t)", r"V_0\cos(\omega t)"],
    ),
    ("f'(x)=2x", ["2x"], ["f(x)=2x", "f''(x)=2x"]),
    ("y''+y=0", ["y+y''=0"], ["y'+y=0", "2y=0"]),
    (r"\lfloor n/2\rfloor", [r"\left\lfloor\frac n2\right\rfloor"], ["n/2", r"\lceil n/2\rceil"]),
    ("|x-2|", ["|2-x|", r"\left|x-2\right|"], ["x-2", "|x+2|"]),
    (r"\sin^2 x", [r"1-\cos^2 x", r"\sin^2(x)"], [r"\cos^2 x", r"\sin x^2"]),
    ("2^n-1", ["-1+2^n", "2^{n}-1"], ["2^{n-1}", "2^n"]),
    (r"\frac{x+2}{7}", ["(x+2)/7", r"\frac17(x+2)"], [r"x+\frac27", r"\frac{x}{7}+2"]),
    (r"5 \pmod{7}", [r"5", r"5 \bmod 7", "5 (mod 7)", r"x \equiv 5 \pmod{7}"], ["7", r"5\pmod{8}", r"4 \pmod 7"]),
    (r"3\mathbf{i}+4\mathbf{j}", [r"3\hat{i}+4\hat{j}", "3i+4j"], ["4i+3j", "7"]),
]
WORDS = [
    (
        "an ellipse",
        ["ellipse", r"\text{ellipse}", "Ellipse", r"\text{an ellipse}", "the ellipse"],
        ["circle", "a circle", "an", "a hyperbola"],
    ),
    (r"\text{Evelyn}", ["Evelyn", "evelyn", r"\textbf{Evelyn}"], ["Evelyn and Briana", "Eve", "7"]),
    (r"\text{(B)}", ["B", "(B)", "b", r"\textbf{(B)}"], ["C", "(A)", "AB"]),
    (r"\text{A, C}", ["A, C", "C,A"], ["C", "A", "A, B"]),
    (r"\text{June 20}", ["June 20", "june 20"], ["June 21", "July 20"]),
    ("No", ["no", r"\text{No}"], ["yes", "No solution"]),
    (r"\Omega", [r"\Omega"], [r"\omega"]),
    (r"\text{even}", ["even"], ["odd", "neither even nor odd"]),
]
TABLES = {
    "numbers": NUMBERS,
    "fractions": FRACTIONS,
    "roots and powers": ROOTS_AND_POWERS,
    "complex": COMPLEX,
    "bases": BASES,
    "ratios": RATIOS,
    "units": UNITS,
    "intervals": INTERVALS,
    "lists": LISTS,
    "algebra": ALGEBRA,
    "words": WORDS,
}


@pytest.mark.parametrize("name", TABLES)
def test_right_answers_are_correct_and_near_misses_are_not(grader: Grader, name: str) -> None:
    pairs = [(gold, answer, True) for gold, rights, _ in TABLES[name] for answer in (gold, *rights)]
    pairs += [(gold, answer, False) for gold, _, wrongs in TABLES[name] for answer in wrongs]
    grades = grader.grade([Item(answer, gold, Bare()) for gold, answer, _ in pairs])
    found = [
        (pair[:2], grade.verdict, grade.reason)
        for pair, grade in zip(pairs, grades, strict=True)
        if (grade.verdict == "correct") != pair[2]
    ]
    assert found == []


UNREADABLE = [
    ("5", "5 m"),  # metres, or a variable
    ("5", "5 cookies"),
    ("3:5", "3 to 5"),  # 6 to 10 would be the same ratio and another range
    ("x<-1 or x>2", "x<-1 and x>2"),
    ("5", r"5\text{ million}"),
    ("5", r"\text{about } 5"),
    ("52", "52_8"),  # the question may have named the base
    ("x+1", "10_2+1"),
    (r"\frac{1}{23}", r"\frac123"),  # TeX shows 1/2 3
    (r"\sqrt{12}", r"\sqrt12"),
    ("(1,2)", "y=1, x=2"),
    ("(5,2)", "n=5, k=2"),
    ("1, 2", "a=2, b=1"),
    ("10", "1+2+\\ldots+4"),
    ("15", r"1\text{ foot } 3\text{ inches}"),
    ("5", "3, {{"),
    ("1:2", "1:"),
    ("(1,2)", "(1,2"),
    ("[1,2]", "]1,2["),
]


def test_what_nobody_can_decide_is_unreadable(grader: Grader) -> None:
    grades = grader.grade([Item(answer, gold, Bare()) for gold, answer in UNREADABLE])
    assert [pair for pair, grade in zip(UNREADABLE, grades, strict=True) if grade.verdict != "unreadable"] == []


def test_right_answers_may_be_expected_too(grader: Grader) -> None:
    """Grades are symmetric, except for an expected equation of numbers, which asks for one."""
    pairs = [(answer, gold) for table in TABLES.values() for gold, rights, _ in table for answer in rights]
    grades = grader.grade([Item(answer, gold, Bare()) for gold, answer in pairs])
    odd = [pair for pair, grade in zip(pairs, grades, strict=True) if grade.verdict != "correct"]
    assert odd == [("2+3=5", "5")]


def test_another_digit_is_another_answer(grader: Grader) -> None:
    """Every digit of every expected answer is changed once. Each changed one is wrong, or nobody can read it."""
    draw = random.Random(5)
    pairs = []
    for gold in (gold for table in TABLES.values() for gold, _, _ in table):
        for match in re.finditer(r"[0-9]", gold):
            digit = draw.choice([digit for digit in "123456789" if digit != match[0]])
            pairs.append((gold, gold[: match.start()] + digit + gold[match.end() :]))
    grades = grader.grade([Item(changed, gold, Bare()) for gold, changed in pairs])
    assert [pair for pair, grade in zip(pairs, grades, strict=True) if grade.verdict == "correct"] == []
    assert sum(grade.verdict == "wrong" for grade in grades) > 0.97 * len(pairs)


def test_another_number_is_wrong_however_it_is_written(grader: Grader) -> None:
    """Numbers near an expected one, and those that slips give, in ten spellings."""
    draw = random.Random(7)
    pairs = []
    for _ in range(150):
        gold = draw.choice([draw.randint(-999, 999), draw.randint(1000, 10**7)])
        near = gold + draw.choice([-1, 1, 9, 10, -100, draw.randint(2, 50)])
        for other in {near, -gold, gold * 10, gold // 10} - {gold}:
            spelt = draw.choice(
                ["{0}", "{0:,}", "${0}$", r"{0}\text{{ cm}}", "x={0}", r"\frac{{{0}}}{{1}}", "{0}.0", "{0}°", r"{0}\%"]
            ).format(other)
            pairs.append((str(gold), spelt))
    grades = grader.grade([Item(answer, gold, Bare()) for gold, answer in pairs])
    assert [pair for pair, grade in zip(pairs, grades, strict=True) if grade.verdict != "wrong"] == []


@given(st.lists(st.fractions(min_value=-50, max_value=50, max_denominator=9), min_size=2, max_size=4), st.randoms())
def test_lists_are_equal_in_any_order_and_tuples_in_one(values: list[Fraction], draw: random.Random) -> None:
    mixed = draw.sample(values, len(values))
    one, other = (", ".join(map(str, found)) for found in (values, mixed))
    if "/" in one:
        return  # parts that need a parser: above
    assert compare_expressions(one, other)[0] == "correct"
    assert compare_expressions(rf"\{{{one}\}}", other)[0] == "correct"
    assert (compare_expressions(f"({one})", f"({other})")[0] == "correct") == (values == mixed)
    assert compare_expressions(one, f"{other}, 51")[0] == "wrong"
    assert compare_expressions(one, one.replace(str(values[0]), "51", 1))[0] == "wrong"
