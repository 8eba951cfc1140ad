"""``math`` and ``python`` tasks: the forms of their addresses, what is read from where, ids and splits that stay."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arena.grading import Grader, Item
from arena.tasks import Problem, Split, TaskError, find_problem, load_task
from arena.tasks.math import HELD_OUT, Math
from arena.tasks.sets import SETS, gold, level, read_row

ROOT = Path(__file__).parents[1]
datasets = pytest.importorskip("datasets")

Row = dict[str, Any]


def store(path: Path, rows: list[Row]) -> Path:
    """Writes rows as what the file's name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def numbered(source: str, count: int) -> list[Row]:
    """Rows as the hub has them for a source: the same columns, and questions and answers that say where they stand."""
    rows: list[Row] = [{"problem": f"{source} {index}", "answer": str(index)} for index in range(count)]
    for index, row in enumerate(rows):
        if source == "aime24":
            row |= {"solution": rf"so \boxed{{9}}, no: \boxed{{{index}}}", "url": "there"}
            del row["answer"]
        elif source == "aime26":
            row |= {"problem_idx": index + 1, "answer": index}
        elif source in ("amc23", "amc25", "minerva", "olympiad"):
            row["question"] = row.pop("problem")
        if source == "amc23":
            row |= {"answer": f"{index}.0", "id": index, "url": "there"}
        elif source == "math-500":
            row |= {"unique_id": f"test/algebra/{index}.json", "level": index % 5 + 1, "subject": "Algebra"}
        elif source == "olympiad":
            row["final_answer"] = [f"${row.pop('answer')}$"]
            row |= {"is_multiple_answer": index % 7 == 3 and index < 651, "solution": ["one way", "another"], "id": 7}
        elif source == "deepscaler":
            row |= {"solution": "", "answer": "" if index % 7000 == 5 else row["answer"]}
    if source == "amc24":
        for index, answer in enumerate((r"(0, \frac{1}{2})", "D", r"[\frac{3}{4}, \frac{7}{8}]")):
            rows[index + 1]["answer"] = answer
        rows[40] |= {"answer": r"\frac{\pi}{2} - 2\alpha", "exam": "AMC 12B"}
    if source == "amc25":
        rows[0]["answer"], rows[41]["answer"] = "4{:}30", "k"
    return rows


class Hub:
    """Stands in for ``datasets.load_dataset``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.change: Callable[[str, list[Row]], list[Row]] = lambda name, rows: rows

    def load_dataset(self, hub: str, config: str | None = None, *, split: str) -> Any:
        source = next(one for found in SETS.values() for one in found.sources if one.hub == hub)
        assert (config, split) == (source.config, source.split)
        self.asked.append(hub)
        return datasets.Dataset.from_list(self.change(source.name, numbered(source.name, source.rows)))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub()
    monkeypatch.setattr(datasets, "load_dataset", made.load_dataset)
    return made


# From the hub


FIRST = {
    "aime": ("aime/aime24/0", "aime/aime26/29"),
    "amc": ("amc/amc23/0", "amc/amc25/40"),
    "math-500": ("math-500/test/algebra/0.json", "math-500/test/algebra/499.json"),
    "minerva": ("minerva/0", "minerva/271"),
    "olympiad": ("olympiad/0", "olympiad/673"),
}


@pytest.mark.parametrize("name", FIRST)
def test_evaluation_sets_from_the_hub(hub: Hub, name: str) -> None:
    task = load_task(f"math:{name}")
    assert find_problem(task, "gsm8k/test/0") is None
    with pytest.raises(TaskError, match=f"math:{name} has no split 'train'; it has test"):
        task.problems("train")
    assert hub.asked == []  # nothing is fetched before a problem is needed
    problems = task.problems("test")
    assert hub.asked == [source.hub for source in SETS[name].sources]
    assert len(problems) == len({problem.id for problem in problems}) == SETS[name].size
    assert (problems[0].id, problems[-1].id) == FIRST[name]
    assert all(find_problem(task, problem.id) == problem for problem in problems)
    assert find_problem(task, f"{name}/none") is None
    assert len(hub.asked) == len(SETS[name].sources)


def test_what_the_sets_leave_out_keeps_the_ids_of_the_rest(hub: Hub) -> None:
    amc = {problem.id for problem in load_task("math:amc").problems("test")}
    assert not amc & {"amc/amc24/1", "amc/amc24/2", "amc/amc24/3", "amc/amc24/40", "amc/amc25/0", "amc/amc25/41"}
    assert {"amc/amc24/0", "amc/amc24/4", "amc/amc24/44", "amc/amc25/1"} <= amc
    olympiad = load_task("math:olympiad").problems("test")
    assert [problem.id for problem in olympiad[:4]] == ["olympiad/0", "olympiad/1", "olympiad/2", "olympiad/4"]


def test_what_is_read_of_a_row(hub: Hub) -> None:
    aime, maths, olympiad = (load_task(f"math:{name}").problems("test") for name in ("aime", "math-500", "olympiad"))
    assert aime[3] == Problem("aime/aime24/3", "aime24 3", "3", None, r"so \boxed{9}, no: \boxed{3}")
    assert aime[63] == Problem("aime/aime26/3", "aime26 3", "3")
    assert [problem.steps for problem in maths[:6]] == [1, 2, 3, 4, 5, 1]
    assert olympiad[4] == Problem("olympiad/5", "olympiad 5", "5", None, "one way")
    assert load_task("math:amc").problems("test")[27].answer == "27.0"


def test_deepscaler_has_the_split_of_the_paper(hub: Hub) -> None:
    pandas = pytest.importorskip("pandas")
    task = load_task("math:deepscaler")
    train, held_out = task.problems("train"), task.problems("held-out")
    assert (len(train), len(held_out), HELD_OUT) == (39_309, 1_000, 1_000)
    rows = numbered("deepscaler", 40_315)
    kept = pandas.DataFrame([(f"deepscaler/{index}", row["answer"]) for index, row in enumerate(rows) if row["answer"]])
    drawn = kept.sample(n=1000, random_state=0)
    assert [(problem.id, problem.answer) for problem in held_out] == list(drawn.itertuples(index=False, name=None))
    rest = kept.drop(drawn.index)
    assert [problem.id for problem in train] == list(rest[0])
    assert [problem.id for problem in held_out[:3]] == ["deepscaler/31700", "deepscaler/394", "deepscaler/3111"]
    with pytest.raises(TaskError, match="math:deepscaler has no split 'test'; it has train, held-out"):
        task.problems("test")


def one_line(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_a_hub_out_of_reach_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("three\nlines\nof it")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(TaskError) as caught:
        load_task("math:amc").problems("test")
    said = one_line(caught.value)
    assert "could not get math-ai/amc23 from the Hugging Face hub (ConnectionError)" in said
    assert said.endswith("give a local file: math:amc=PATH")


def test_a_hub_set_that_has_changed_is_refused(hub: Hub) -> None:
    hub.change = lambda name, rows: rows[1:]
    with pytest.raises(TaskError, match=r"minervamath has 271 rows and had 272.*give a local file: math:minerva=PATH"):
        load_task("math:minerva").problems("test")
    hub.change = lambda name, rows: [row | {"answer": "1"} for row in rows]  # so none is left out
    with pytest.raises(TaskError, match=r"gave 127 problems, not 121.*give a local file: math:amc=PATH"):
        load_task("math:amc").problems("test")
    hub.change = lambda name, rows: [{"text": "q", "label": "a"} for _ in rows]
    with pytest.raises(TaskError, match=r"math-ai/minervamath row 0: needs a question.*it has 'text', 'label'"):
        load_task("math:minerva").problems("test")


# From a copy


@pytest.mark.parametrize("kind", [".parquet", ".jsonl", ".json"])
@pytest.mark.parametrize("name", ["minerva", "math-500", "olympiad"])
def test_a_copy_has_the_ids_of_the_hub(hub: Hub, tmp_path: Path, name: str, kind: str) -> None:
    wanted = list(load_task(f"math:{name}").problems("test"))
    rows = numbered(name, SETS[name].sources[0].rows)
    hub.asked.clear()
    assert list(load_task(f"math:{name}={store(tmp_path / f'a{kind}', rows)}").problems("test")) == wanted
    store(tmp_path / "two" / "data" / f"test-00001-of-00002{kind}", rows[90:])
    store(tmp_path / "two" / "data" / f"test-00000-of-00002{kind}", rows[:90])
    store(tmp_path / "two" / ".cache" / f"x{kind}", rows)
    (tmp_path / "two" / "dataset_infos.json").write_text("{}")
    assert list(load_task(f"math:{name}={tmp_path / 'two'}").problems("test")) == wanted
    assert hub.asked == []


def test_a_set_of_several_sources_goes_by_names(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = list(load_task("math:amc").problems("test"))
    every = {source.name: numbered(source.name, source.rows) for source in SETS["amc"].sources}
    folder = tmp_path / "all"
    store(folder / "amc23" / "test.parquet", every["amc23"])
    store(folder / "amc24.jsonl", every["amc24"])
    store(folder / "amc25.json", every["amc25"])
    store(folder / "minerva.jsonl", numbered("minerva", 3))
    (folder / "amc25.md").write_text("about it")
    assert list(load_task(f"math:amc={folder}").problems("test")) == wanted

    monkeypatch.chdir(folder)
    alone = list(load_task("math:amc=amc24.jsonl").problems("test"))
    assert alone == [problem for problem in wanted if problem.id.startswith("amc/amc24/")]
    for part in ("amc23", "amc23/test.parquet"):
        assert [problem.id for problem in load_task(f"math:amc={part}").problems("test")[:2]] == [
            "amc/amc23/0",
            "amc/amc23/1",
        ]
    pooled = store(tmp_path / "pool.jsonl", every["amc23"][:5])
    assert load_task(f"math:amc={pooled}").problems("test")[4].id == "amc/pooled/4"

    store(folder / "amc24.parquet", every["amc24"])
    with pytest.raises(TaskError, match=r"amc24\.jsonl and .*amc24\.parquet are one source"):
        load_task(f"math:amc={folder}")
    with pytest.raises(TaskError, match=r"no file or folder aime24 in .*; it needs aime24, aime25, aime26, or name"):
        load_task(f"math:aime={folder}")


def test_links_into_a_cache_keep_their_names(tmp_path: Path) -> None:
    blob = store(tmp_path / "blobs" / "0123abc.jsonl", numbered("aime25", 4)).rename(tmp_path / "blobs" / "0123abc")
    (tmp_path / "aime25.jsonl").symlink_to(blob)
    assert load_task(f"math:aime={tmp_path / 'aime25.jsonl'}").problems("test")[3].id == "aime/aime25/3"


def test_more_problems_than_the_set_has_are_not_the_set(tmp_path: Path) -> None:
    store(tmp_path / "a" / "test.jsonl", numbered("minerva", 272))
    store(tmp_path / "b" / "test.jsonl", numbered("aime25", 30))
    with pytest.raises(TaskError, match=r"math:minerva has 272 problems and .* has 302; name its file"):
        load_task(f"math:minerva={tmp_path}")


def test_part_of_deepscaler_is_split_alike(tmp_path: Path) -> None:
    path = store(tmp_path / "part.json", numbered("deepscaler", 106))
    task = load_task(f"math:deepscaler={path}")
    train, held_out = task.problems("train"), task.problems("held-out")
    assert (len(train), len(held_out)) == (95, 10)
    assert not {problem.id for problem in train} & {problem.id for problem in held_out}
    assert find_problem(task, "deepscaler/5") is None  # it has no answer
    few = load_task(f"math:deepscaler={store(tmp_path / 'few.json', numbered('deepscaler', 4))}")
    assert len(few.problems("train")) == 4
    with pytest.raises(TaskError, match="no problems of split 'held-out'; it has train"):
        few.problems("held-out")


# One's own files


def test_ones_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "q3"}]
    rows: list[Row] = [
        {"Question": "q0", "Answer": 4, "split": "train", "Level": "Level 3", "note": "kept out"},
        {"prompt": "q1", "expected_answer": "$x^2$", "ID": "one", "steps": 2, "reference_solution": "s"},
        {"problem": "q2", "solution": r"we get \boxed{\frac{1}{2}}."},
        {"prompt": chat, "reward_model": {"ground_truth": "7"}},
    ]
    path = store(tmp_path / "mine.jsonl", rows)
    task = load_task(f"math:{path}")
    assert list(task.problems("train")) == [Problem("mine/0", "q0", "4", 3)]
    assert list(task.problems("test")) == [
        Problem("one", "q1", "x^2", 2, "s"),
        Problem("mine/2", "q2", r"\frac{1}{2}", None, r"we get \boxed{\frac{1}{2}}."),
        Problem("mine/3", "q3", "7"),
    ]
    assert find_problem(task, "one") == task.problems("test")[0]
    assert find_problem(task, "two") is None
    with pytest.raises(TaskError, match="no problems of split 'held-out'; it has train, test"):
        task.problems("held-out")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load_task("math:~/mine.jsonl").problems("test")) == 3
    monkeypatch.chdir(tmp_path)
    assert load_task("math:mine.jsonl").name == "math:mine.jsonl"


@pytest.mark.parametrize("kind", [".parquet", ".json", ".jsonl"])
def test_files_named_for_splits(tmp_path: Path, kind: str) -> None:
    def row(question: str) -> Row:
        return {"data_source": "d", "prompt": [{"role": "user", "content": question}],
                "reward_model": {"ground_truth": "1", "style": "rule"}, "extra_info": {"index": 0}}  # fmt: skip

    store(tmp_path / "d" / f"train{kind}", [row("a"), row("b")])
    store(tmp_path / "d" / f"heldout{kind}", [row("c")])
    store(tmp_path / "d" / "more" / f"test-00000-of-00001{kind}", [row("d")])
    store(tmp_path / "d" / "more" / f"training-notes{kind}", [row("e")])
    task = load_task(f"math:{tmp_path / 'd'}")
    ids: dict[Split, list[str]] = {
        "train": ["train/0", "train/1"],
        "held-out": ["heldout/0"],
        "test": ["more/test-00000-of-00001/0", "more/training-notes/0"],
    }
    assert {split: [problem.id for problem in task.problems(split)] for split in ids} == ids
    assert task.problems("held-out")[0].question == "c"


GOOD = {"problem": "q", "answer": "a"}
NO_QUESTION = "needs a question, as text, in the column 'problem', 'question' or 'prompt'; it has "
NO_ANSWER = (
    "needs an answer in the column 'final_answer', 'expected_answer', 'answer', 'ground_truth' or 'reward_model', "
    "or a 'solution' with a \\boxed{...}; it has "
)
NOT_AN_ANSWER = "an answer must be text, a number or a list of them, not "


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("m.jsonl", [{"text": "q", "target": "a"}], f"m.jsonl:1: {NO_QUESTION}'text', 'target'"),
        ("m.parquet", [{"text": "q", "target": "a"}], f"m.parquet row 0: {NO_QUESTION}'text', 'target'"),
        ("m.parquet", [{"problem": "q", "target": "a"}], f"m.parquet row 0: {NO_ANSWER}'problem', 'target'"),
        ("m.json", [GOOD, {}], f"m.json row 1: {NO_QUESTION}none"),
        ("m.jsonl", [{"problem": "q", "solution": "no box"}], "m.jsonl:1: needs an answer in the column"),
        ("m.jsonl", [{"problem": " ", "answer": "a"}], "m.jsonl:1: needs a question, as text"),
        ("m.jsonl", [{"prompt": [{"role": "system", "content": "q"}]}], "m.jsonl:1: needs a question, as text"),
        ("m.jsonl", [GOOD, {"problem": "r", "answer": " "}], "m.jsonl:2: its answer is empty"),
        ("m.jsonl", [{"problem": "r", "answer": None}], "m.jsonl:1: its answer is empty"),
        ("m.jsonl", [{"problem": "r", "answer": "$ $"}], "m.jsonl:1: its answer is empty"),
        ("m.jsonl", [{"problem": "q", "answer": True}], f"m.jsonl:1: {NOT_AN_ANSWER}True"),
        ("m.json", [{"problem": "q", "answer": {"a": 1}}], f"m.json row 0: {NOT_AN_ANSWER}{{'a': 1}}"),
        ("m.json", [{"problem": "q", "answer": ["1", {"a": 1}]}], f"m.json row 0: {NOT_AN_ANSWER}{{'a': 1}}"),
        ("m.jsonl", [{**GOOD, "split": "dev"}], "m.jsonl:1: split must be one of train, held-out, test, not 'dev'"),
        ("m.jsonl", [{**GOOD, "id": 1}, {"problem": "r", "answer": "b", "id": "1"}], "m.jsonl:2: id '1' is that of"),
        ("m.jsonl", [{**GOOD, "id": "m/1"}, {"problem": "r", "answer": "b"}], "m.jsonl:2: id 'm/1' is that of"),
        ("m.parquet", [GOOD, {"problem": "r", "answer": "b"}, GOOD], "m.parquet row 2: its question is that of"),
        ("m.jsonl", [], "m.jsonl: no problems in it"),
        ("m.json", [], "m.json: no problems in it"),
        ("m.csv", [GOOD], "m.csv is by its name; .parquet, .jsonl, .json are read"),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_what_is_there(tmp_path: Path, name: str, rows: list[Row], message: str) -> None:
    path = store(tmp_path / name, rows)
    with pytest.raises(TaskError) as caught:
        load_task(f"math:{path}")
    assert message in one_line(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.parquet", b"PAR1 and no more", "cannot read "),
        ("m.json", b'[{"problem": "\xff"}]', "m.json: not UTF-8 text"),
        ("m.json", b'[{"problem": ', "m.json: not a JSON list of objects"),
        ("m.json", b"[" * 100_000, "m.json: not a JSON list of objects"),
        ("m.json", b"[3]", "m.json row 0: a JSON object is needed, not int"),
        ("m.json", b'{"problem": "q"', "m.json:1: not a JSON object a line"),
        ("m.jsonl", b"3", "m.jsonl:1: a JSON object is needed, not int"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    for address in (f"math:{tmp_path / name}", f"math:minerva={tmp_path / name}", f"math:{tmp_path}"):
        with pytest.raises(TaskError) as caught:
            load_task(address)
        assert message in one_line(caught.value)


def test_json_lines_and_lists_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    lines = store(tmp_path / "a.jsonl", [GOOD]).rename(tmp_path / "lines.json")
    listed = store(tmp_path / "b.json", [GOOD]).rename(tmp_path / "listed.jsonl")
    listed.write_bytes(b"\xef\xbb\xbf\n " + listed.read_bytes())
    for path in (lines, listed):
        assert [problem.answer for problem in load_task(f"math:{path}").problems("test")] == ["a"]


def test_folders_that_cannot_be_meant(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(TaskError, match="no file of problems in "):
        load_task(f"math:{tmp_path}")
    store(tmp_path / "a.jsonl", [GOOD])
    store(tmp_path / "a.parquet", [GOOD])
    with pytest.raises(
        TaskError, match=r"has \.jsonl and \.parquet files, perhaps of the same problems; name one file"
    ):
        load_task(f"math:{tmp_path}")


# Addresses


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("math", ["math:SET (from the hub)", "math:SET=PATH", "math:PATH", "aime, amc, deepscaler, math-500"]),
        ("math:", ["math:SET=PATH"]),
        ("math:AIME", ["'AIME' is neither", "did you mean math:aime?"]),
        ("math:math500", ["did you mean math:math-500?"]),
        ("math:OlympiadBench=x.json", ["did you mean math:olympiad=x.json?"]),
        ("math:Minerva", ["did you mean math:minerva?"]),
        ("math:deepscaleR=", ["did you mean math:deepscaler=?"]),
        ("math:no/such.jsonl", ["'no/such.jsonl' is neither a set nor a file that is there", "math:PATH"]),
        ("math:amc=", ["math:amc=PATH"]),
        ("math:amc=no/such", ["math:amc: no such file or folder: no/such"]),
        ("math:" + "x" * 5000, ["is neither"]),
        ("Math:aime", ["no task 'Math'", "did you mean 'math'?"]),
        ("python", ["python:MODULE:CALLABLE"]),
        ("python:json", ["python:MODULE:CALLABLE"]),
        ("python:nowhere:Task", ["python:nowhere:Task: cannot import nowhere", "PYTHONPATH"]),
        ("python:.json:Task", ["cannot import .json"]),
        ("python:json:Tasks", ["json has no class or function 'Tasks'"]),
        ("python:json:__name__", ["json has no class or function '__name__'"]),
        ("python:json:loads", ["loads() failed (TypeError"]),
        ("python:json:JSONDecoder", ["is no task; it lacks name, problems(split), extract(text)"]),
    ],
)
def test_bad_addresses_say_what_to_write(address: str, words: list[str]) -> None:
    with pytest.raises(TaskError) as caught:
        load_task(address)
    for word in words:
        assert word in one_line(caught.value)


def test_what_ones_own_module_does_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_fails.py").write_text("1 /\\\n 0")
    (tmp_path / "own_exits.py").write_text("raise SystemExit('two\\nlines')")
    (tmp_path / "own_typo.py").write_text("def")
    (tmp_path / "own_needs.py").write_text("import no_such_thing")
    (tmp_path / "own_fine.py").write_text(
        "from arena.tasks import TaskError\n"
        "from arena.tasks.arithmetic import Arithmetic\n"
        "def refuses(): raise TaskError('own words')\n"
        "def a_class(): return Arithmetic\n"
    )
    for name, words in (
        ("own_fails:T", "cannot import own_fails (ZeroDivisionError: division by zero)"),
        ("own_exits:T", "cannot import own_exits (SystemExit: two lines)"),
        ("own_typo:T", "cannot import own_typo (SyntaxError"),
        ("own_needs:T", "No module named 'no_such_thing'"),
        ("own_fine:refuses", "own words"),
        ("own_fine:a_class", "it gives a class"),
    ):
        with pytest.raises(TaskError) as caught:
            load_task(f"python:{name}")
        assert words in one_line(caught.value)
    assert load_task("python:own_fine:Arithmetic").name == "arithmetic"


def test_without_a_set_and_a_path_there_is_no_task() -> None:
    with pytest.raises(TaskError, match="math:SET=PATH"):
        Math()


def test_importing_the_task_is_light() -> None:
    heavy = "{'torch', 'datasets', 'sympy', 'numpy', 'pandas', 'pyarrow'}"
    code = f"import sys; from arena.tasks import load_task; load_task('math:aime'); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


# Answers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (204, "204"),
        (27.0, "27"),
        (0.5, "0.5"),
        (float("nan"), ""),
        (None, ""),
        ("035", "035"),
        (" 5 ", "5"),
        ("$5$", "5"),
        ("$$ 5 $$", "5"),
        (r"\(5\)", "5"),
        (r"\[ 5 \]", "5"),
        (r"$\boxed{5}$", "5"),
        (r"\boxed{$\frac{1}{2}$}", r"\frac{1}{2}"),
        (r"\boxed {\boxed{5}}", "5"),
        (r"\fbox{5}", "5"),
        (r"\boxed{}", ""),
        (r"\boxed{1}, \boxed{2}", r"\boxed{1}, \boxed{2}"),
        (r"\boxed{1}{2}", r"\boxed{1}{2}"),
        ("$1$ or $2$", "$1$ or $2$"),
        (r"\(1\) or \(2\)", r"\(1\) or \(2\)"),
        ("$5", "$5"),
        (r"\$5", r"\$5"),
        (r"$\$5$", r"$\$5$"),
        (r"$5\$", r"$5\$"),
        ("$", "$"),
        ("(1,2)", "(1,2)"),
        (r"\frac{1}{2}", r"\frac{1}{2}"),
        (["2"], "2"),
        (["$2$", "", 3.0], "2, 3"),
        ([], ""),
        (("x", ["y"]), "x, y"),
    ],
)
def test_gold_answers_are_unwrapped(value: object, expected: str) -> None:
    assert gold(value) == expected


@pytest.mark.parametrize("value", [True, [False], {"a": 1}, float("inf"), float("-inf"), b"5"])
def test_what_is_no_answer(value: object) -> None:
    with pytest.raises(ValueError, match="an answer must be text"):
        gold(value)


@given(st.text(alphabet="$\\()[]{}boxed 12,", max_size=40))
@example("$$$")
@example(r"\boxed{}}")
def test_unwrapping_takes_nothing_but_what_is_around_the_whole(text: str) -> None:
    once = gold(text)
    assert gold(once) == once
    assert once in text
    plain = text.strip().strip("$")
    if plain and not set(plain) & set("$\\{}"):
        inner = plain.strip()
        for left, right in (("$", "$"), ("$$", "$$"), (r"\(", r"\)"), (r"\[", r"\]"), (r"\boxed{", "}")):
            assert gold(f"{left} {inner} {right}") == gold(inner)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (3.0, 3), ("3", 3), ("Level 5", 5), ("level 1", 1), ("Level ?", None), (0, None), (-1, None), (2.5, None),
     (True, None), (None, None), ("hard", None), ([1], None)],
)  # fmt: skip
def test_levels(value: object, expected: int | None) -> None:
    assert level(value) == expected


def test_the_more_particular_column_counts() -> None:
    row = read_row("here", {"question": "q", "answer": "so 5", "final_answer": "5", "problem": None})
    assert (row.question, row.answer) == ("q", "5")


def test_the_last_box_is_the_answer() -> None:
    task = load_task("math:aime")
    assert task.extract(r"\boxed{1} then $\boxed{\frac{1}{2}}$") == r"\frac{1}{2}"
    assert task.extract("#### 5") is None
    assert task.extract(r"\boxed{1} then \boxed{2") == "1"


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader() as made:
        yield made


@pytest.mark.parametrize(
    ("verdict", "pairs"),
    [
        (
            "correct",
            [
                (r"$\frac{1}{2}$", r"\dfrac12"),
                (27.0, "27"),
                ("035", "35"),
                (r"(3, \frac{\pi}{2})", r"\left( 3, \pi/2 \right)"),
                (r"(-\infty, 3]", r"\left(-\infty,3\right]"),
                (r"x \in [-2,7]", "[-2,7]"),
                (r"5\text{ cm}", "5"),
                ("864", r"864 \mbox{ inches}^2"),
                (r"50\%", "0.5"),
                (r"\{1,2,3\}", "3, 2, 1"),
                (["1", "-2"], "-2, 1"),
                (r"30^\circ", "30"),
                (r"\text{Evelyn}", "evelyn"),
                (r"\text{(B)}", "B"),
                ("x=5", "5"),
                ("5", "x=5"),
                (r"1{,}000", "1000"),
                (r"s^2+\omega^2", r"p(s)=s^2+\omega^2"),
                ("2.55e-10", r"2.55 \times 10^{-10}"),
                ("(2,3),(3,2)", "(3,2), (2,3)"),
            ],
        ),
        (
            "wrong",
            [
                (r"\frac{1}{2}", "2"),
                ("(1,2)", "(2,1)"),
                ("(0,2)", "[0,2]"),
                (r"\{1,2\}", r"\{1,3\}"),
                (["1", "2"], "1"),
            ],
        ),
    ],
    ids=["correct", "wrong"],
)
def test_answers_are_graded(grader: Grader, verdict: str, pairs: list[tuple[object, str]]) -> None:
    task = load_task("math:aime")
    grades = grader.grade([Item(rf"so \boxed{{{answer}}}", gold(expected), task) for expected, answer in pairs])
    assert [(pair, grade.reason) for pair, grade in zip(pairs, grades, strict=True) if grade.verdict != verdict] == []


# The example and the document


def test_the_document_has_every_set() -> None:
    lines = (ROOT / "docs" / "TASKS.md").read_text().splitlines()
    for name, found in SETS.items():
        row = next(line for line in lines if line.startswith(f"| `{name}` |"))
        assert f"| {found.size:,} |" in row
        assert all(source.hub in row for source in found.sources)


def test_the_example() -> None:
    task = load_task("python:examples.own_task:Capitals")
    problems = task.problems("test")
    assert problems[1] == Problem("capitals/Italy", "What is the capital of Italy?", "Rome")
    assert find_problem(task, "capitals/Peru") == problems[-1]
    with pytest.raises(TaskError, match="capitals has no split 'train'; it has test"):
        task.problems("train")
    done = subprocess.run(
        [sys.executable, "-m", "examples.own_task"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert [line.rpartition(" ")[2] for line in done.stdout.splitlines()] == ["correct"] * 3 + ["wrong"] * 3


def test_the_example_from_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "arena.run", "--pair", "senior", "--episodes", "2", "--json"]
    command += ["--task", "python:examples.own_task:Capitals", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, json.loads(done.stdout)["episodes"]) == (0, 2), done.stderr
    stored = [json.loads(line) for line in (tmp_path / "run" / "episodes.jsonl").read_text().splitlines()]
    assert [(one["id"], one["grade"]["expected"]) for one in stored] == [
        ("capitals/France#0", "Paris"),
        ("capitals/Italy#0", "Rome"),
    ]


def test_a_mistaken_address_is_one_line_of_the_command(tmp_path: Path) -> None:
    for address in ("math:nope", "python:nope:T", f"math:{tmp_path}", "math:aime"):
        command = [sys.executable, "-m", "arena.run", "--task", address, "--out", str(tmp_path / "run"), "--dry-run"]
        command += ["--split", "train"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith(("error: --task " + address, "error: --split train")), done.stderr
        assert len(done.stderr.splitlines()) == 1
