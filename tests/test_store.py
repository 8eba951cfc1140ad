"""A run as a folder: killed at any byte, resumed, refused, full disks, hostile text, and what others read of it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena.episode import Episode, EpisodeError, SpanRecord
from arena.lines import Lines, StoreError, read_episodes, read_lines, replace_file
from arena.measures import summary_of
from arena.parquet import write_parquet
from arena.proof import problems_of
from arena.store import Run, differing

CONFIG: dict[str, Any] = {"pair": "ann:bob", "seed": 0, "agents": {"ann": {"temperature": 1.0}}}
ROOT = Path(__file__).parents[1]


def episode(number: int, text: str = "so 3 pens", question: str = "How many?", author: str = "ann") -> Episode:
    return Episode(
        id=f"p/{number}#0",
        problem_id=f"p/{number}",
        sample=0,
        question=question,
        text=text,
        spans=[SpanRecord(author, 0, len(text))],
        authors=[author],
        policy="word:solo",
        seed=0,
        ended="end",
        limit=99,
        grade={"verdict": "correct", "answer": "3", "expected": "3", "reason": "equal"},
        timings={"seconds": 0.25},
        versions={"python": "3"},
    )


def stored(folder: Path) -> list[Episode]:
    return list(read_episodes(folder))


def test_what_is_stored_is_what_was_given(tmp_path: Path) -> None:
    given = [episode(n) for n in range(3)]
    with Run(tmp_path / "run", CONFIG) as run:
        run.append(given[0])
        run.append(*given[1:])
        run.measure(step=1, loss=0.5)
        run.finish(summary_of(run.episodes()))
    assert stored(tmp_path / "run") == given
    assert [line for _, line in read_lines(tmp_path / "run" / "metrics.jsonl")] == [{"step": 1, "loss": 0.5}]
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["episodes"] == 3
    assert sorted(os.listdir(tmp_path / "run")) == [
        ".lock", "config.toml", "episodes.jsonl", "episodes.parquet", "metrics.jsonl", "summary.json",
    ]  # fmt: skip


def test_cut_at_every_byte_a_run_resumes_with_what_is_whole(tmp_path: Path) -> None:
    """Kill -9 anywhere: the torn line is dropped, the rest is kept in order, and what is owed is written again."""
    given = [episode(n, text) for n, text in enumerate(["a", "zwölf 😀\n", "<<3*4=12>>"])]
    folder = tmp_path / "run"
    with Run(folder, CONFIG) as run:
        run.append(*given)
    path = folder / "episodes.jsonl"
    whole = path.read_bytes()
    ends = [0, *(at + 1 for at, byte in enumerate(whole) if byte == 10)]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = sum(end <= cut for end in ends) - 1
        assert len(stored(folder)) == kept  # a reader leaves the torn line out, too, and changes nothing
        assert path.stat().st_size == cut
        lines = Lines(path)
        lines.close()
        assert (path.stat().st_size, lines.dropped) == (ends[kept], cut - ends[kept])
        if min(abs(cut - end) for end in ends) > 2 and cut % 50:
            continue  # opening a whole run at every byte takes long
        path.write_bytes(whole[:cut])
        with Run(folder, CONFIG, resume=True) as run:
            assert run.ids == {one.id for one in given[:kept]}
            assert path.read_bytes() == whole[: ends[kept]]
            for one in given:
                if one.id not in run.ids:
                    run.append(one)
        assert path.read_bytes() == whole


def test_a_torn_line_longer_than_a_block_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    for head in (b"", b"{}\n", b"{}\n" * 50000):
        path.write_bytes(head + b"x" * 200_000)
        lines = Lines(path)
        assert lines.dropped == 200_000
        lines.append([b"[]\n"])
        lines.close()
        assert path.read_bytes() == head + b"[]\n"


def test_a_run_whose_config_was_never_written_begins(tmp_path: Path) -> None:
    """Killed between making the folder and writing config.toml; and the leftovers of a killed process go."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (".lock", ".config.toml.123", ".summary.json.77"):
        (folder / name).write_text("half")
    for _ in range(2):
        with Run(folder, CONFIG, resume=True) as run:
            assert run.ids == set()
        assert sorted(os.listdir(folder)) == [".lock", "config.toml", "episodes.jsonl", "metrics.jsonl"]


def refused(folder: Path, config: dict[str, Any] = CONFIG, *, resume: bool = False) -> str:
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(StoreError) as caught:
        Run(folder, config, resume=resume)
    assert sorted(folder.parent.rglob("*")) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refused_with_the_reason_and_the_fix(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    Run(folder, CONFIG).close()
    said = refused(folder)
    assert "--out" in said
    assert "--resume" in said
    other = {**CONFIG, "seed": 5, "agents": {"ann": {"temperature": 0.5}, "bob": {}}}
    said = refused(folder, other, resume=True)
    for part in ("--resume", "seed was 0, is 5", "agents.ann.temperature was 1.0, is 0.5", "agents.bob was None"):
        assert part in said
    (folder / "config.toml").write_text("pair = ")
    assert "not TOML" in refused(folder, resume=True)

    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_text("")
    for resume in (False, True):
        assert "holds other files" in refused(full, resume=resume)
    assert "is a file" in refused(full / "thesis.tex")
    assert "Not a directory" in refused(full / "thesis.tex" / "run")


def test_the_differences_of_two_configurations() -> None:
    assert list(differing({"a": 1, "b": {"c": [1]}}, {"a": 1, "b": {"c": [2]}, "d": ""})) == [
        "b.c was [1], is [2]",
        "d was None, is ''",
    ]
    assert not list(differing(CONFIG, CONFIG))


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with Run(tmp_path / "run", CONFIG) as run:
        run.append(episode(0))
        assert "another process is writing" in refused(tmp_path / "run", resume=True)
        command = [sys.executable, "-c", _SECOND_WRITER, str(tmp_path / "run")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert "another process is writing" in done.stdout, done.stderr
        assert len(stored(tmp_path / "run")) == 1  # reading is free
    Run(tmp_path / "run", CONFIG, resume=True).close()


_SECOND_WRITER = """
import sys
from pathlib import Path
from arena.lines import StoreError
from arena.store import Run
try:
    Run(Path(sys.argv[1]), {"pair": "ann:bob", "seed": 0, "agents": {"ann": {"temperature": 1.0}}}, resume=True)
except StoreError as error:
    print(error)
"""


def test_an_episode_is_stored_once(tmp_path: Path) -> None:
    with Run(tmp_path / "run", CONFIG) as run:
        run.append(episode(0))
        with pytest.raises(StoreError, match="stored already"):
            run.append(episode(1), episode(0))
        assert run.ids == {"p/0#0"}
    assert len(stored(tmp_path / "run")) == 1


def test_a_new_run_that_fails_before_its_first_episode_leaves_nothing(tmp_path: Path) -> None:
    def fails(folder: Path, *, resume: bool = False, first: Episode | None = None) -> None:
        with pytest.raises(ZeroDivisionError), Run(folder, CONFIG, resume=resume) as run:  # noqa: PT012
            if first:
                run.append(first)
            raise ZeroDivisionError

    fails(tmp_path / "new")
    assert os.listdir(tmp_path) == []
    (tmp_path / "there").mkdir()
    fails(tmp_path / "there")
    assert os.listdir(tmp_path / "there") == []
    fails(tmp_path / "played", first=episode(0))
    fails(tmp_path / "played", resume=True)
    assert len(stored(tmp_path / "played")) == 1


@pytest.mark.parametrize("after", [0, 1, 100, 5000])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A write that fails after some bytes: the file ends where it ended, and goes on when there is room again."""
    with Run(tmp_path / "run", CONFIG) as run:
        run.append(episode(0))
        real, left = os.write, after

        def full(file: int, data: bytes) -> int:
            nonlocal left
            if not left:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = real(file, bytes(data)[:left])
            left -= written
            return written

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(OSError, match="No space left"):
                run.append(*(episode(n, "x" * 600) for n in range(1, 11)))
        assert [one.id for one in stored(tmp_path / "run")] == ["p/0#0"]
        assert (tmp_path / "run" / "episodes.jsonl").read_bytes() == episode(0).line()
        run.append(episode(1))
    assert [one.id for one in stored(tmp_path / "run")] == ["p/0#0", "p/1#0"]


def test_a_file_size_limit_leaves_whole_lines(tmp_path: Path) -> None:
    """The same with the operating system's own refusal in the middle of a line."""
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Run(tmp_path / "run", CONFIG) as run:
        run.append(episode(0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(episode(0).line()) + 50, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                run.append(episode(1))
            with pytest.raises(OSError, match="too large"):
                replace_file(tmp_path / "run" / "summary.json", b" " * 5000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            signal.signal(signal.SIGXFSZ, before)
    assert [one.id for one in stored(tmp_path / "run")] == ["p/0#0"]
    assert sorted(os.listdir(tmp_path / "run")) == [".lock", "config.toml", "episodes.jsonl", "metrics.jsonl"]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Run(folder, CONFIG) as run:
        run.append(*(episode(n) for n in range(3)))
    lines = (folder / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    for damaged in (b"{]\n", b"\xff\n", b"[1]\n", b"3\n", b"{}\n", b"[" * 100_000 + b"\n", b'{"schema": 1}\n'):
        (folder / "episodes.jsonl").write_bytes(lines[0] + damaged + lines[2])
        with pytest.raises(StoreError, match=r"episodes\.jsonl:2: "):
            stored(folder)
        with pytest.raises(StoreError, match=r"episodes\.jsonl:2: "):
            Run(folder, CONFIG, resume=True)
    (folder / "episodes.jsonl").write_bytes(b"".join(lines))
    Run(folder, CONFIG, resume=True).close()  # and the failed openings hold no lock
    with pytest.raises(StoreError, match=r"no episodes\.jsonl"):
        stored(tmp_path)


weird = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from('\x00\x01\x1b\x7f\x85\u2028\u2029\u200e\u202e\ufeff\ufffd\ud800\udcff\U0010ffff\r\n\t"\\/{}[]'),
    ),
    max_size=40,
)


@given(weird, weird, weird)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_text_is_one_line_and_comes_back(tmp_path: Path, text: str, question: str, author: str) -> None:
    given = [episode(0, text, question, author or "a"), episode(1)]
    path = tmp_path / "episodes.jsonl"
    path.write_bytes(b"".join(one.line() for one in given))
    assert path.read_bytes().count(b"\n") == 2
    assert stored(tmp_path) == given
    assert [problems_of(one)[:1] for one in stored(tmp_path)] == [problems_of(one)[:1] for one in given]


def test_a_line_of_another_schema_or_without_a_digest_is_refused() -> None:
    plain = json.loads(episode(0).line())
    for change, word in (
        ({"schema": 2}, "schema 2"),
        ({"colour": 1}, "'colour'"),
        ({"spans": [{"author": "a"}]}, "not an episode"),
        ({"spans": 3}, "not an episode"),
        ({"digest": ""}, "digest"),
    ):
        with pytest.raises(EpisodeError, match=word):
            Episode.from_dict({**plain, **change})
    with pytest.raises(EpisodeError):
        Episode.from_dict({name: value for name, value in plain.items() if name != "text"})


def plainly(value: Any) -> Any:
    """A value as pandas, pyarrow and JSON all show it: lists for arrays, dicts for maps, None for nothing."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {name: plainly(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value


def compared(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the difference that the forms have by nature: what has no fixed shape is JSON text in Parquet."""
    out = []
    for row in rows:
        row = plainly(dict(row))
        for name in ("views", "pens", "timings", "versions"):
            row[name] = json.loads(row[name]) if isinstance(row[name], str) else row[name]
        for span in row["spans"]:
            span.setdefault("cut", None)  # a line has it only where it is true
        out.append(row)
    return out


def test_pandas_and_datasets_read_a_finished_run(
    tmp_path: Path, tiny_models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both files, both readers, the same contents: a real run of models and a script, with prefixes."""
    from arena.run import cli

    out = tmp_path / "run"
    agents = [f"--agent={name}=hf:{folder}" for name, folder in zip("ab", tiny_models, strict=True)]
    flags = ["--handoff", "word:once=0.5", "--episodes", "3", "--limit", "24", "--show", "0", "--out", str(out)]
    assert cli(["--pair", "a:b", *agents, *flags]) == 0
    expected = compared(dataclasses.asdict(one) for one in stored(out))
    assert len(expected) == 6
    assert any(row["prefix_units"] for row in expected)
    assert all(span["token_ids"] for row in expected for span in row["spans"])

    import pandas as pd

    of_lines = pd.read_json(out / "episodes.jsonl", lines=True, precise_float=True)
    assert compared(row for _, row in of_lines.iterrows()) == expected
    of_parquet = pd.read_parquet(out / "episodes.parquet")
    assert compared(row for _, row in of_parquet.iterrows()) == expected
    assert list(of_parquet.columns) == list(of_lines.columns)

    import datasets

    datasets.disable_progress_bars()
    for kind, name in (("json", "episodes.jsonl"), ("parquet", "episodes.parquet")):
        found = datasets.load_dataset(kind, data_files=str(out / name), split="train", cache_dir=str(tmp_path / "c"))
        assert compared(iter(found)) == expected, kind


def test_half_a_surrogate_pair_does_not_stop_the_parquet_file(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    one = episode(0, "a\ud800b", "\udc00?", "\ud83d")
    one.views = {"\ud83d": {"x": "\ud800"}}
    one.digest = one.fingerprint()
    (tmp_path / "episodes.jsonl").write_bytes(one.line() + episode(1, "\x00\u2028").line())
    rows = pq.read_table(write_parquet(tmp_path)).to_pylist()
    assert [row["text"] for row in rows] == ["a\ufffdb", "\x00\u2028"]
    assert rows[0]["question"] == "\ufffd?"
    assert rows[0]["authors"] == ["\ufffd"]
