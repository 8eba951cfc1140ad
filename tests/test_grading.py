"""Grades: right, wrong and unreadable; hostile answers; the processes behind them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena.answers.expressions import compare_expressions
from arena.answers.grammar import by_grammar
from arena.answers.notation import tidy
from arena.answers.quantities import read_number
from arena.grading import Grader, GraderError, Item
from arena.tasks.gsm8k import Gsm8k
from arena.tasks.marks import after_hashes, last_boxed

GSM8K = Path(__file__).parents[2] / "shared" / "gsm8k"
needs_gsm8k = pytest.mark.skipif(not GSM8K.is_dir(), reason=f"no GSM8K in {GSM8K}")


class Bare:
    """The whole text is the answer."""

    def extract(self, text: str) -> str | None:
        return text or None


class Hashes:
    def extract(self, text: str) -> str | None:
        return after_hashes(text)


class Boxes:
    def extract(self, text: str) -> str | None:
        return last_boxed(text)


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader() as made:
        yield made


def verdicts(grader: Grader, pairs: list[tuple[str, str]]) -> list[str]:
    return [grade.verdict for grade in grader.grade([Item(answer, expected, Bare()) for expected, answer in pairs])]


CORRECT = [
    ("18", "$18.00"),
    ("18", r"\$18"),
    ("18", "$18$"),
    ("18", "**18**"),
    ("18", r"\(18\)."),
    ("35", "35."),
    ("35", "\N{FULLWIDTH DIGIT THREE}\N{FULLWIDTH DIGIT FIVE}\N{IDEOGRAPHIC FULL STOP}"),
    ("35", "+35"),
    ("35", r"\boxed{35}"),
    ("35", r"\boxed{\boxed{35}}"),
    ("1234", "1,234"),
    ("1234", "$1,234.0"),
    ("10000", r"10{,}000"),
    ("10000", r"10\,000"),
    ("-5", "\N{MINUS SIGN}5"),
    ("-5", "-$5"),
    ("50", "50%"),
    ("0.5", r"50\%"),
    ("50%", "50"),
    ("0.000000000255", "2.55e-10"),
    ("2.55e-10", r"2.55 \times 10^{-10}"),
    ("2.55*10^{-10}+x", "2.55e-10 + x"),
    ("1/2", "0.5"),
    ("1/3", "0.333333"),
    (r"\frac{1}{2}", "1/2"),
    (r"2\frac{1}{2}", "5/2"),
    (r"\sqrt{50}", r"5\sqrt 2"),
    ("35", "70/2"),
    ("35", "x = 35"),
    ("42", "6*7=42"),
    ("x=5", "5"),
    ("x^2+2x+1", "(x+1)^2"),
    (r"\{1,2\}", "2, 1"),
    ("(3, 4)", r"\left(3, 4\right)"),
    (r"[1,2)", r"\left[1, 2\right)"),
    (r"\frac{\pi}{2}", "pi/2"),
    (r"\text{Evelyn}", "evelyn"),
    ("east", r"\textbf{East}"),
    (r"\text{(C)}", "C"),
    ("C", "(C)"),
    ("No", "no"),
    ("5", r"5 \text{ cm}"),
]
WRONG = [
    ("18", "-18"),
    ("18", "1800"),
    ("1/3", "0.333"),
    ("35", "34.9999999999"),
    ("35", "99=35"),
    ("35", "35 or 36"),
    ("35", "9^9^9^9=35"),
    ("2.55e-10", "0"),
    ("2.55e-10", "7.1e-10"),
    (r"\frac{255}{10^{12}}", "7.1e-10"),
    (r"\sqrt{2}\cdot 10^{-20}", r"\sqrt{3}\cdot 10^{-20}"),
    ("x=5", "y=5"),
    ("(1,2)", "(2,1)"),
    ("Evelyn", "35"),
    ("silent", "listen"),
    ("123", "1,23"),
]
UNREADABLE = [
    ("35", "not 35"),
    ("35", "is 35"),
    ("35", "35 cookies"),
    ("35", r"35\text{ million}"),
    ("35", "35 36"),
    ("71", "35 36"),
    ("71", r"35 \quad 36"),
    ("35", "thirty-five"),
    ("35", "1.2.3"),
    ("35", "1/0"),
    ("35", r"\frac{3"),
    ("35", "\N{ARABIC-INDIC DIGIT THREE}\N{ARABIC-INDIC DIGIT FIVE}"),
    ("35", "三十五"),
    ("35", "35))"),
    ("1/0", "1/0"),
    ("{{{", "{{{"),
]


@pytest.mark.parametrize(
    ("verdict", "pairs"), [("correct", CORRECT), ("wrong", WRONG), ("unreadable", UNREADABLE)], ids=lambda v: str(v)[:9]
)
def test_verdicts(grader: Grader, verdict: str, pairs: list[tuple[str, str]]) -> None:
    got = verdicts(grader, pairs)
    assert [(pair, found) for pair, found in zip(pairs, got, strict=True) if found != verdict] == []


HOSTILE = [
    "9^9^9^9",
    "10**10**10",
    "10^{10^{10}}",
    "2^{2^{2^{2^{2^2}}}}",
    "1e999999999",
    "1e999",
    "((10!)!)!",
    "35!!!!",
    r"\boxed{\boxed{35}",
    "[" * 900,
    "(" * 400 + "35" + ")" * 400,
    "{" * 2_000_000,
    "35" + " " * 2_000 + "35",
    "35\x00",
    "35\ud800",
    "\u202e53",
    "\\" * 301,
    r"\frac" * 150,
    "x^" * 300 + "x",
    "__import__('os').system('x')",
    r"\int_0^\infty e^{x^x} dx",
    r"\sum_{n=1}^{10^9} n^n",
    "(x+y+z+w)^{200}",
    "9" * 999,
    "-" * 501 + "35",
    "35=36",
    "$" * 999,
    "*" * 999,
    r"35\begin{matrix}",
]


def test_hostile_answers_cost_bounded_time_and_are_never_right() -> None:
    with Grader(seconds=0.5) as grader:
        grader.grade([Item("1/2", "2/4", Bare())])
        began = time.monotonic()
        grades = grader.grade([Item(text, "35", Bare()) for text in HOSTILE])
        took = time.monotonic() - began
    assert len(grades) == len(HOSTILE)
    assert [text[:30] for text, grade in zip(HOSTILE, grades, strict=True) if grade.verdict == "correct"] == []
    assert all(grade.reason and grade.expected == "35" for grade in grades)
    assert grades[HOSTILE.index("((10!)!)!")].reason == "took longer than 0.5 s"
    assert took < 30


def test_memory_is_bounded_and_running_out_of_it_is_not_wrong() -> None:
    with Grader(seconds=20, workers=1, megabytes=64) as grader:
        grade, after = grader.grade([Item("2^{4000000000}+1", "2^{4000000000}", Bare()), Item("70/2", "35", Bare())])
    assert (grade.verdict, grade.reason) == ("unreadable", "needed more than 64 MB")
    assert after.verdict == "correct"


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_an_error_that_math_verify_swallows_is_not_wrong(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def simplify(*_: object) -> None:
        raise error

    pair = ("x^2+2x+1", "(x+1)^2")
    assert compare_expressions(*pair) == ("correct", "equal expressions")
    monkeypatch.setattr("math_verify.grader.simplify", simplify)
    if error is MemoryError:  # ends the worker
        with pytest.raises(MemoryError):
            compare_expressions(*pair)
    else:
        assert compare_expressions(*pair) == ("unreadable", "could not compare: RecursionError")


def test_a_killed_worker_costs_no_grade(grader: Grader) -> None:
    assert verdicts(grader, [("1/2", "2/4")]) == ["correct"]
    pool = grader._pool
    assert pool is not None
    for pid in list(pool._pool_manager.worker_manager.workers):
        os.kill(pid, signal.SIGKILL)
    assert verdicts(grader, [("1/2", "3/6"), ("1/2", "1/3")]) == ["correct", "wrong"]


def test_as_many_grades_as_items_in_order(grader: Grader) -> None:
    assert grader.grade([]) == []
    texts = ["#### 35", "none", "#### 70/2", "#### 36", "#### (", "#### 70/2"]
    grades = grader.grade([Item(text, "35", Hashes()) for text in texts])
    assert [grade.verdict for grade in grades] == ["correct", "unreadable", "correct", "wrong", "unreadable", "correct"]
    assert [grade.answer for grade in grades] == ["35", None, "70/2", "36", "(", "70/2"]
    assert grades[1].reason == "no marked answer"


def test_threads_share_a_grader(grader: Grader) -> None:
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(verdicts(grader, [("1/2", f"{n}/{2 * n}")] * 3)))
        for n in range(1, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["correct"] * 3] * 4


@pytest.mark.parametrize(
    ("task", "text", "verdict"),
    [
        (Hashes(), "#### 35", "unreadable"),
        (Hashes(), "#### 35 ", "unreadable"),
        (Hashes(), "#### 35\n", "correct"),
        (Hashes(), "#### 35\nso 35", "correct"),
        (Boxes(), r"\boxed{35}", "correct"),
        (Boxes(), r"\boxed{35} so 35", "correct"),
        (Boxes(), r"\boxed{36} or \boxed{35", "unreadable"),
        (Boxes(), r"\boxed{35} or \boxed{\frac{3", "unreadable"),
    ],
)
def test_an_answer_still_open_at_the_length_limit_is_unreadable(
    grader: Grader, task: Hashes | Boxes, text: str, verdict: str
) -> None:
    grade = grader.grade([Item(text, "35", task, cut_off=True)])[0]
    assert grade.verdict == verdict
    if verdict == "unreadable":
        assert grade.reason == "cut off inside the answer"


def test_faults_of_the_task_are_named_and_never_wrong(grader: Grader) -> None:
    class Broken:
        def extract(self, text: str) -> str | None:
            raise ZeroDivisionError

    broken, empty, strange = grader.grade(
        [Item("35", "35", Broken()), Item("35", " ", Bare()), Item("35", r"\frac{", Bare())]
    )
    assert broken.verdict == empty.verdict == strange.verdict == "unreadable"
    assert broken.reason == "the task could not look for an answer: ZeroDivisionError"
    assert empty.reason == strange.reason == "expected answer could not be parsed"


def test_a_grader_without_math_verify_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.grading._warm_up", _broken_start)
    with Grader(workers=1) as grader:
        assert verdicts(grader, [("35", "35")]) == ["correct"]  # needs no parser
        with pytest.raises(GraderError, match="no math_verify"):
            grader.grade([Item("1/2", "2/4", Bare())])


def _broken_start(megabytes: int) -> None:
    import arena.grading

    arena.grading._start_problem = "no math_verify"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.,+-$%eE{}()\\*^ x\x00\ud800#\n", max_size=60))
def test_reading_by_grammar_never_raises_and_agrees_with_python(text: str) -> None:
    tidied = tidy(text)
    by_grammar("35", tidied)
    by_grammar(tidied, "35")
    number = read_number(tidied)
    try:
        value = float(tidied)
    except ValueError:
        return
    assert number is None or float(number.value) == pytest.approx(value, rel=1e-12)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3))
def test_however_a_number_is_written_it_is_equal(value: object) -> None:
    for written in (f"{value:,}", f"${value}", f"{value}.0" if "." not in str(value) else f"{value}0"):
        if "$-" not in written:
            assert by_grammar(str(value), tidy(written)) == ("correct", "equal numbers")


@needs_gsm8k
def test_gsm8k_solutions_answer_their_own_problems_and_not_their_neighbours(grader: Grader) -> None:
    task = Gsm8k(str(GSM8K))
    problems = task.problems("test")
    assert len(problems) == 1319
    own = grader.grade([Item(p.solution or "", p.answer, task) for p in problems])
    assert [grade.verdict for grade in own] == ["correct"] * 1319
    shifted = [*problems[1:], problems[0]]
    other = grader.grade([Item(q.solution or "", p.answer, task) for p, q in zip(problems, shifted, strict=True)])
    assert sum(grade.verdict == "correct" for grade in other) == 15
    assert sum(grade.verdict == "wrong" for grade in other) == 1319 - 15


@needs_gsm8k
def test_the_two_routes_agree_on_gsm8k() -> None:
    answers = sorted({problem.answer for problem in Gsm8k(str(GSM8K)).problems("test")})
    for one, other in zip(answers, [*answers[1:], answers[0]], strict=True):
        assert by_grammar(one, one) == ("correct", "equal numbers")
        assert compare_expressions(one, one)[0] == "correct"
        assert by_grammar(one, other) == ("wrong", "not equal")
        assert compare_expressions(one, other)[0] == "wrong"
