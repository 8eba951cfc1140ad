"""Tasks by address: what is in them, that it never changes silently, and what their errors say."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import arena.tasks
from arena.tasks import SPLITS, Problem, Split, TaskError, find_problem, load_task, register
from arena.tasks.arithmetic import LARGEST, Arithmetic
from arena.tasks.gsm8k import Gsm8k
from arena.tasks.marks import after_hashes, any_mark, last_boxed

ROOT = Path(__file__).parents[1]
GSM8K = ROOT.parent / "shared" / "gsm8k"
needs_gsm8k = pytest.mark.skipif(not GSM8K.is_dir(), reason=f"no GSM8K in {GSM8K}")

# Problem 0 of each split. If one changes, stored episodes and the embedded models are of another task: change them only
# together. `python tests/test_tasks.py` prints the new ones.
GOLDEN: dict[Split, str] = {
    "train": """\
Mary has 28 pens.
She sells 13.
Then she triples what she has.
She gets 5 more.
How many pens does Mary have now?

After that, she has 28 - 13 = 15 pens.
Now she has 15 * 3 = 45 pens.
Then she has 45 + 5 = 50 pens.
#### 50
""",
    "held-out": """\
Luke has 8 pens.
He gives 1 to Sam.
Then he doubles what he has.
He sells 5.
Sam has 4 fewer than Luke.
How many pens does Sam have?

Now he has 8 - 1 = 7 pens.
So he has 7 * 2 = 14 pens.
After that, he has 14 - 5 = 9 pens.
So Sam has 9 - 4 = 5 pens.
#### 5
""",
    "test": """\
Lily has 16 coins.
Then she triples what she has.
She gets 2 more.
She loses 7.
How many coins does Lily have now?

After that, she has 16 * 3 = 48 coins.
Then she has 48 + 2 = 50 coins.
Then she has 50 - 7 = 43 coins.
#### 43
""",
}


def shown(problem: Problem) -> str:
    return problem.question.replace(". ", ".\n") + f"\n\n{problem.solution}\n"


def test_generated_problems_never_change_silently() -> None:
    assert {split: shown(Arithmetic().problems(split)[0]) for split in SPLITS} == GOLDEN


def test_arithmetic_is_a_function_of_seed_split_and_index() -> None:
    task, again, other = Arithmetic(), Arithmetic(size=300), Arithmetic(seed=1)
    for split in SPLITS:
        assert list(again.problems(split)) == task.problems(split)[:300]
        assert task.problems(split)[7].question != other.problems(split)[7].question
    assert task.problems("test")[7].id == "arithmetic/test/7"
    assert other.problems("test")[7].id == "arithmetic-s1/test/7"


def test_no_chain_of_numbers_is_in_two_splits() -> None:
    task = Arithmetic()
    chains = {split: {task.story(split, index).chain for index in range(3000)} for split in SPLITS}
    assert not chains["train"] & chains["test"]
    assert not chains["train"] & chains["held-out"]
    assert not chains["held-out"] & chains["test"]


def test_arithmetic_solutions_are_right_and_small() -> None:
    task = Arithmetic()
    for problem in task.problems("train")[:1000]:
        assert problem.solution is not None
        assert task.extract(problem.solution) == problem.answer
        assert problem.steps is not None
        assert 1 <= problem.steps <= 4
    for index in range(1000):
        for step in task.story("train", index).steps:
            left, right = step.left, step.right
            values = {"+": left + right, "-": left - right, "*": left * right, "/": left // right}
            assert values[step.sign] == step.result <= LARGEST


def test_arithmetic_finds_a_problem_by_id_at_once() -> None:
    task = Arithmetic()
    for split in SPLITS:
        problem = task.problems(split)[999_999]
        assert find_problem(task, problem.id) == problem
    for missing in (
        "arithmetic/test/1000000",
        "arithmetic/test/01",
        "arithmetic/test/-1",
        "arithmetic-s1/test/1",
        "",
        "/",
    ):
        assert find_problem(task, missing) is None
    assert find_problem(Arithmetic(seed=3), "arithmetic-s3/held-out/5") == Arithmetic(seed=3).problems("held-out")[5]


def test_addresses() -> None:
    task = load_task("arithmetic:steps=2,seed=3")
    assert isinstance(task, Arithmetic)
    assert (task.most_steps, task.seed) == (2, 3)
    assert isinstance(load_task("arithmetic"), Arithmetic)
    assert isinstance(load_task("gsm8k"), Gsm8k)  # nothing is fetched before a split is asked for


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("arithmetics", ["no task 'arithmetics'", "arithmetic, gsm8k, jsonl", "did you mean 'arithmetic'?"]),
        ("", ["no task ''"]),
        ("arithmetic:step=2", ["'step=2'", "steps=N"]),
        ("arithmetic:steps=two", ["'steps=two'"]),
        ("arithmetic:steps=2,steps=3", ["'steps=3'", "each once"]),
        ("arithmetic:steps=99", ["between 1 and 8"]),
        ("gsm8k:/no/such", ["no such file or folder: /no/such"]),
        ("jsonl", ["jsonl:PATH"]),
        ("jsonl:/no/such", ["/no/such", "No such file"]),
    ],
)
def test_bad_addresses_say_what_to_change(address: str, words: list[str]) -> None:
    with pytest.raises(TaskError) as caught:
        load_task(address)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_register(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arena.tasks, "_FACTORIES", dict(arena.tasks._FACTORIES))
    register("mine", lambda rest: Arithmetic(seed=int(rest or 9)))
    assert load_task("mine:5").seed == 5  # type: ignore[attr-defined]
    assert load_task("mine").seed == 9  # type: ignore[attr-defined]
    for name in ("mine", "gsm8k", "a:b", ""):
        with pytest.raises(TaskError):
            register(name, lambda rest: Arithmetic())


def test_importing_tasks_is_light() -> None:
    heavy = "{'torch', 'datasets', 'sympy', 'numpy', 'pebble'}"
    code = f"import sys, arena.tasks, arena.grading; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@needs_gsm8k
def test_gsm8k_splits() -> None:
    task = Gsm8k(str(GSM8K))
    train, held_out, test = (task.problems(split) for split in SPLITS)
    assert len(test) == 1319
    assert len(train) + len(held_out) == 7473
    assert 0.08 < len(held_out) / 7473 < 0.12
    assert not {p.question for p in train} & {p.question for p in held_out}
    assert list(held_out) == list(Gsm8k(str(GSM8K)).problems("held-out"))
    assert test[17].id == "gsm8k/test/17"
    assert find_problem(task, "gsm8k/test/17") == test[17]
    assert find_problem(task, held_out[3].id) == held_out[3]
    assert {p.id for p in (*train, *held_out)} == {f"gsm8k/train/{index}" for index in range(7473)}
    assert test[2].answer == "70000"
    assert "<<80000+50000=130000>>" in (test[2].solution or "")
    assert all("," not in p.answer for p in (*train, *held_out, *test))
    for missing in ("gsm8k/test/1319", "gsm8k/test/017", "gsm8k/dev/1", "x"):
        assert find_problem(task, missing) is None


def test_gsm8k_from_one_file(tmp_path: Path) -> None:
    rows = [{"question": f"q{index}", "answer": f"so <<1+1=2>>2\n#### 1,00{index}"} for index in range(3)]
    path = tmp_path / "some.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = Gsm8k(str(path))
    assert [p.answer for p in task.problems("test")] == ["1000", "1001", "1002"]
    with pytest.raises(TaskError, match=r"train\.jsonl is not there"):
        task.problems("train")
    path.write_text('{"question": "q", "answer": "no mark"}\n')
    with pytest.raises(TaskError, match=r"some\.jsonl:1: its 'answer' has no '####"):
        Gsm8k(str(path)).problems("test")
    with pytest.raises(TaskError, match=r"no train\.jsonl or test\.jsonl in the folder"):
        Gsm8k(str(tmp_path))


def test_gsm8k_without_a_network_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("three\nlines\nof it")

    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(TaskError) as caught:
        Gsm8k().problems("test")
    assert "gsm8k:PATH" in str(caught.value)
    assert "\n" not in str(caught.value)


def jsonl(tmp_path: Path, *lines: object) -> str:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return f"jsonl:{path}"


def test_jsonl(tmp_path: Path) -> None:
    task = load_task(
        jsonl(
            tmp_path,
            {"question": "q1", "answer": 4, "note": "kept out"},
            "",
            {"question": "q2", "answer": "x", "id": "two", "split": "train", "steps": 2, "solution": "s"},
        )
    )
    assert list(task.problems("test")) == [Problem("mine/1", "q1", "4")]
    assert list(task.problems("train")) == [Problem("two", "q2", "x", 2, "s")]
    assert find_problem(task, "two") == task.problems("train")[0]
    assert find_problem(task, "three") is None
    assert task.extract("#### 4") == task.extract(r"\boxed{4}") == "4"
    with pytest.raises(TaskError, match="no problems of split 'held-out'; it has train, test"):
        task.problems("held-out")


GOOD = {"question": "q", "answer": "a"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([GOOD, "{"], "mine.jsonl:2: not a JSON object a line"),
        (["[" * 100_000], "mine.jsonl:1: not a JSON object a line"),
        (["3"], "mine.jsonl:1: a JSON object is needed, not int"),
        ([{"question": "q"}], "mine.jsonl:1: needs the field 'answer'; it has 'question'"),
        ([{"question": "q", "answer": " "}], "mine.jsonl:1: 'answer' must be text or a number and not empty"),
        ([{"question": "q", "answer": True}], "mine.jsonl:1: 'answer' must be text"),
        ([{**GOOD, "split": "dev"}], "mine.jsonl:1: split must be one of train, held-out, test, not 'dev'"),
        ([{**GOOD, "steps": 0}], "mine.jsonl:1: 'steps' must be"),
        ([{**GOOD, "id": "i"}, {**GOOD, "id": "i"}], "mine.jsonl:2: id 'i' is that of"),
        ([{**GOOD, "id": "mine/2"}, GOOD], "mine.jsonl:2: id 'mine/2' is that of"),
        ([], "mine.jsonl: no problems in it"),
    ],
)
def test_jsonl_errors_name_the_line(tmp_path: Path, lines: list[object], message: str) -> None:
    with pytest.raises(TaskError) as caught:
        load_task(jsonl(tmp_path, *lines))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_jsonl_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b'{"question": "\xff", "answer": "a"}\n')
    with pytest.raises(TaskError, match=r"mine\.jsonl:1: not UTF-8"):
        load_task(f"jsonl:{path}")
    with pytest.raises(TaskError, match="cannot read"):
        load_task(f"jsonl:{tmp_path}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{35}", "35"),
        (r"\boxed {35}", "35"),
        (r"\fbox{35} text", "35"),
        (r"\boxed{1} and \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{x=\boxed{5}}", r"x=\boxed{5}"),
        (r"a { \boxed{5}", "5"),
        (r"} \boxed{5}", "5"),
        (r"\boxed{5} \boxed{6", "5"),
        (r"\boxed{}", None),
        (r"\boxed 5", None),
        ("35", None),
    ],
)
def test_last_boxed(text: str, expected: str | None) -> None:
    assert last_boxed(text) == expected


def test_any_mark_prefers_hashes() -> None:
    assert any_mark("\\boxed{1}\n#### 2") == "2"
    assert any_mark(r"\boxed{1}") == "1"
    assert any_mark("1") is None


@pytest.mark.parametrize("part", [r"\boxed{", r"\boxed", "{", "}", "#### ", "\\", r"\boxed{}", r"\boxed ", "####\n"])
def test_marks_take_linear_time(part: str) -> None:
    text = part * (2_000_000 // len(part))
    began = time.monotonic()
    any_mark(text)
    last_boxed(text)
    after_hashes(text)
    assert time.monotonic() - began < 10


if __name__ == "__main__":
    for name in SPLITS:
        print(f'    "{name}": """\\\n{shown(Arithmetic().problems(name)[0])}""",')
