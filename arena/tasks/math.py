r"""``math``: competition mathematics whose answers stand in ``\boxed{...}``: public sets, or any file of problems.

    math:SET         a set of `arena.tasks.sets`, fetched from the Hugging Face hub when it is first needed
    math:SET=PATH    the same set from a local copy: a Parquet, JSON-lines or JSON file, or a folder of them
    math:PATH        any such file or folder

Evaluation sets have the split test. ``deepscaler`` has train and held-out, the 1,000 problems that paper 2 held out.
Rows of other files say their split in ``split``, or their file does by its name (train, held-out, test); else test.

Ids are ``SET/INDEX``, ``SET/SOURCE/INDEX`` where a set has several sources, and ``FILE/INDEX``, the index counting
from 0 all rows of the original, also those left out. Where a set has ids, or a row of one's own file, they count
instead. So a set has the same ids from the hub and from a copy of the same files.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from arena.tasks.base import SPLITS, Problem, Split, TaskError
from arena.tasks.files import KINDS, Rows, problem_files, stored_rows
from arena.tasks.marks import last_boxed
from arena.tasks.sets import COLUMNS, IDS, SETS, MathSet, Row, Source, read_row

HELD_OUT = 1000
_SPLIT_FILE = re.compile(r"(train|held-?out|test)(?:-\d+-of-\d+)?")
_FORMS = (
    "write math:SET (from the hub), math:SET=PATH (your copy of it) or math:PATH (any file of problems); "
    f"sets: {', '.join(SETS)}"
)


def math_task(rest: str | None) -> Math:
    """The task of ``math:REST``. Raises TaskError, which shows the forms, if REST is none of them."""
    if not rest:
        raise TaskError(f"math needs a set or a file: {_FORMS}")
    if rest in SETS:
        return Math(SETS[rest])
    name, equals, path = rest.partition("=")
    if equals and name in SETS:
        if not path:
            raise TaskError(f"math:{rest} names no file: math:{name}=PATH")
        return Math(SETS[name], path)
    if os.path.exists(os.path.expanduser(rest)):
        return Math(None, rest)
    near = difflib.get_close_matches(name.strip().casefold(), SETS, n=1)
    hint = f"; did you mean math:{near[0]}{equals}{path}?" if near else ""
    raise TaskError(f"math: {rest!r} is neither a set nor a file that is there{hint}; {_FORMS}")


class Math:
    """The task. A set without ``path`` is fetched from the hub when its problems are first asked for; a path is read
    when the task is made, and is one's own file unless ``known`` says which set it is a copy of."""

    def __init__(self, known: MathSet | None = None, path: str | None = None):
        self._set = known
        self._read: dict[Split, list[Problem]] | None = None
        self._by_id: dict[str, Problem] = {}
        self.name = f"math:{known.name}" if known else f"math:{path}"
        if path is not None:
            place = Path(path).expanduser()
            if not place.exists():
                raise TaskError(f"{self.name}: no such file or folder: {path}")
            self._keep(self._own(place) if known is None else self._known(known, place))
        elif known is None:
            raise TaskError(f"math needs a set or a file: {_FORMS}")

    def problems(self, split: Split) -> Sequence[Problem]:
        """The problems of a split. Raises TaskError if there are none, or the hub does not give them."""
        if self._set is not None:
            there: tuple[str, ...] = ("train", "held-out") if self._set.trains else ("test",)
            if split not in there:
                raise TaskError(f"{self.name} has no split {split!r}; it has {', '.join(there)}")
        found = self._all()
        if not found.get(split):
            there = tuple(name for name, problems in found.items() if problems)
            raise TaskError(f"{self.name} has no problems of split {split!r}; it has {', '.join(there)}")
        return found[split]

    def find(self, problem_id: str) -> Problem | None:
        """The problem with this id. That a set has no id of another set is known without fetching it."""
        if self._set is not None and not problem_id.startswith(f"{self._set.name}/"):
            return None
        self._all()
        return self._by_id.get(problem_id)

    def extract(self, text: str) -> str | None:
        return last_boxed(text)

    def _all(self) -> dict[Split, list[Problem]]:
        if self._read is None:
            assert self._set is not None
            return self._keep(self._known(self._set, None))
        return self._read

    def _keep(self, found: dict[Split, list[Problem]]) -> dict[Split, list[Problem]]:
        self._read = found
        self._by_id = {problem.id: problem for problems in found.values() for problem in problems}
        return found

    def _known(self, known: MathSet, path: Path | None) -> dict[Split, list[Problem]]:
        """The problems of a set by split, from a copy or from the hub."""
        seen = _Seen()
        columns = (known.id_column,) if known.id_column else ()
        for source, rows in self._hub(known) if path is None else self._local(known, path):
            left_out = next((one.left_out for one in known.sources if one.name == source), frozenset[str]())
            prefix = f"{known.name}/{source}" if len(known.sources) > 1 else known.name
            for index, (place, found) in enumerate(rows):
                row = read_row(place, found, columns)
                if (known.trains and not row.answer) or (known.one_answer and row.several):
                    continue
                if row.raw_answer not in left_out:
                    seen.add(place, f"{known.name}/{row.own_id}" if row.own_id else f"{prefix}/{index}", row)
        total = len(seen.problems)
        if path is None and total != known.size:
            raise TaskError(
                f"{self.name}: the hub gave {total} problems, not {known.size}, so ids could mean other problems; "
                f"give a local file: {self.name}=PATH"
            )
        if total > known.size:
            raise TaskError(
                f"{self.name} has {known.size} problems and {path} has {total}; name its file, or math:PATH"
            )
        if not total:
            raise TaskError(f"{self.name}: no problems in {path}")
        if not known.trains:
            return {"test": seen.problems}
        held = _drawn(total)
        chosen = set(held)
        rest = [problem for index, problem in enumerate(seen.problems) if index not in chosen]
        return {"train": rest, "held-out": [seen.problems[index] for index in held]}

    def _own(self, path: Path) -> dict[Split, list[Problem]]:
        """The problems of one's own file or folder by split. The same question twice is refused."""
        seen = _Seen(questions={})
        by_split: dict[Split, list[Problem]] = {split: [] for split in SPLITS}
        for file in problem_files(path, self.name):
            stem = file.relative_to(path).with_suffix("").as_posix() if path.is_dir() else file.stem
            match = _SPLIT_FILE.fullmatch(file.stem)
            default = match[1].replace("heldout", "held-out") if match else "test"
            for index, (place, found) in enumerate(stored_rows(file, self.name)):
                row = read_row(place, found, IDS)
                split = next((split for split in SPLITS if split == (row.split or default)), None)
                if split is None:
                    raise TaskError(f"{place}: split must be one of {', '.join(SPLITS)}, not {row.split!r}")
                by_split[split].append(seen.add(place, row.own_id or f"{stem}/{index}", row))
        if not seen.problems:
            raise TaskError(f"{self.name}: no problems in it")
        return by_split

    def _hub(self, known: MathSet) -> Iterator[tuple[str, Rows]]:
        for source in known.sources:
            yield source.name, self._fetched(source)

    def _fetched(self, source: Source) -> Rows:
        fix = f"give a local file: {self.name}=PATH"
        try:
            from datasets import load_dataset

            from agents.hush import HUB_LIBRARY, hushed

            with hushed(HUB_LIBRARY):
                found = load_dataset(source.hub, source.config, split=source.split)
            columns, total = list(found.column_names), len(found)
        except Exception as error:  # the library raises many kinds, all of which mean the same here
            raise TaskError(
                f"{self.name}: could not get {source.hub} from the Hugging Face hub ({type(error).__name__}); {fix}"
            ) from error
        if total != source.rows:
            raise TaskError(
                f"{self.name}: {source.hub} has {total} rows and had {source.rows}, so ids could mean other problems; "
                + fix
            )
        used = [name for name in columns if name.casefold() in COLUMNS]
        rows = found.select_columns(used) if used else found
        return ((f"{source.hub} row {index}", dict.fromkeys(columns) | row) for index, row in enumerate(rows))

    def _local(self, known: MathSet, path: Path) -> Iterator[tuple[str, Rows]]:
        """(source, rows) from a copy. Where a set has several sources, names of files or folders say which is which."""
        names = [source.name for source in known.sources]

        def rows(place: Path) -> Rows:
            return (pair for file in problem_files(place, self.name) for pair in stored_rows(file, self.name))

        if len(names) == 1:
            yield names[0], rows(path)
            return
        inside = Path(os.path.abspath(path))  # links stay: caches of the hub link to files without a name
        own = (inside,) if path.is_dir() else (inside, inside.parent)
        if source := next((_stem(part) for part in own if _stem(part) in names), None):
            yield source, rows(path)
            return
        if path.is_file():
            yield "pooled", rows(path)
            return
        there: dict[str, Path] = {}
        for child in sorted(path.iterdir()):
            if _stem(child) in names and (child.is_dir() or child.suffix.lower() in KINDS):
                if first := there.get(_stem(child)):
                    raise TaskError(f"{self.name}: {first} and {child} are one source; name the folder of one of them")
                there[_stem(child)] = child
        if missing := [name for name in names if name not in there]:
            raise TaskError(
                f"{self.name}: no file or folder {missing[0]} in {path}; it needs {', '.join(names)}, or name one of "
                f"them: {self.name}={path / names[0]}"
            )
        for name in names:
            yield name, rows(there[name])


class _Seen:
    """Problems as they are found. Ids are unique, and with ``questions`` the questions are, too."""

    def __init__(self, questions: dict[str, str] | None = None):
        self.problems: list[Problem] = []
        self._places: dict[str, str] = {}
        self._questions = questions

    def add(self, place: str, identity: str, row: Row) -> Problem:
        if not row.answer:
            raise TaskError(f"{place}: its answer is empty")
        if identity in self._places:
            raise TaskError(f"{place}: id {identity!r} is that of {self._places[identity]} already")
        if self._questions is not None:
            if row.question in self._questions:
                raise TaskError(f"{place}: its question is that of {self._questions[row.question]} already")
            self._questions[row.question] = place
        self._places[identity] = place
        self.problems.append(Problem(identity, row.question, row.answer, row.steps, row.solution))
        return self.problems[-1]


def _drawn(total: int) -> list[int]:
    """Which of ``total`` training problems are held out, in the order drawn: 1,000, or a tenth if that is fewer.

    Of 40,309 they are those of paper 2, whose scripts call pandas' ``sample(n=1000, random_state=0)``: the beginning
    of a permutation by numpy's old generator, whose numbers numpy promises not to change.
    """
    import numpy as np

    order = np.random.RandomState(0).permutation(total)
    return [int(index) for index in order[: min(HELD_OUT, total // 10)]]


def _stem(path: Path) -> str:
    """The name up to its first dot."""
    return path.name.partition(".")[0]
