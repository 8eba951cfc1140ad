"""Stored runs as frames: every episode once, every broken line named, parts and processes change nothing."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from analysis import stored
from analysis.columns import EPISODES, METRICS, SPANS, TOKENS
from arena import Arena
from arena.episode import Episode
from arena.lines import StoreError
from arena.measures import summary_of


@pytest.fixture(scope="module")
def played() -> list[Episode]:
    with Arena({"senior": "senior", "junior": "junior"}, seed=3, limit=192) as arena:
        return sorted(arena.episodes(12), key=lambda episode: episode.id)


def write(folder: Path, lines: list[bytes]) -> Path:
    folder.mkdir()
    (folder / "episodes.jsonl").write_bytes(b"".join(lines))
    return folder


def test_frames_say_what_the_episodes_say(tmp_path: Path, played: list[Episode]) -> None:
    frames = analysis.load(write(tmp_path / "run", [one.line() for one in played]))
    assert list(frames.episodes) == list(EPISODES)
    assert list(frames.spans) == list(SPANS)
    assert list(frames.tokens) == list(TOKENS)
    assert list(frames.metrics) == list(METRICS)
    assert len(frames.metrics) == 0
    assert frames.config == {}
    summary = summary_of(played)
    assert round(frames.episodes["correct"].mean(), 4) == summary["accuracy"]
    assert round(frames.episodes["jargon"].mean(), 4) == summary["jargon_rate"]
    assert round(frames.episodes["handoffs"].mean(), 4) == summary["handoffs_per_episode"]
    assert frames.episodes["tokens"].sum() == summary["tokens"] == len(frames.tokens)
    for episode in played:
        spans = frames.spans[frames.spans["id"] == episode.id]
        assert "".join(spans["text"]) == episode.text == "".join(frames.tokens[frames.tokens.id == episode.id].text)
        factors = [one for span in episode.spans for one in span.logprobs or ()]
        assert list(frames.tokens[frames.tokens.id == episode.id].logprob) == factors
        ends = [span.end_logprob for span in episode.spans if span.end_logprob is not None]
        assert spans["logprob"].sum() == pytest.approx(sum(factors) + sum(ends))
    assert frames.texts() == {one.id: one.text for one in played}
    assert frames.made.versions["tandem-arena", played[0].versions["tandem-arena"]] == 12


def test_every_line_is_read_once_whatever_the_parts(
    tmp_path: Path, played: list[Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write(tmp_path / "run", [one.line() for one in played])
    whole = analysis.load(run)
    first = len(played[0].line())
    for size in (997, 4096, first - 1, first, first + 1, (run / "episodes.jsonl").stat().st_size - 1):
        monkeypatch.setattr(stored, "PART", size)
        told: list[float] = []
        table = stored.read_table(run, jobs=1, progress=told.append)
        pd.testing.assert_frame_equal(table.episodes, whole.episodes)
        assert table.made == whole.made
        assert told[-1] == 1.0
    monkeypatch.setattr(stored, "PART", 20_000)
    pd.testing.assert_frame_equal(analysis.load(run, jobs=2).episodes, whole.episodes)


def test_broken_lines_are_named_and_left_out(
    tmp_path: Path, played: list[Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [one.line() for one in played]
    changed = good[1].replace(b'"ended": "end"', b'"ended": "limit"')
    later = json.dumps({**json.loads(good[2]), "schema": 2}).encode() + b"\n"
    odd = json.dumps({**json.loads(good[2]), "spans": 3}).encode() + b"\n"
    lines = [good[0], changed, b"{\n", good[3], b"[]\n", later, odd, b"\xff\n", good[4], good[5][:-20]]
    run = write(tmp_path / "run", lines)
    for size in (700, 3000, stored.PART):
        monkeypatch.setattr(stored, "PART", size)
        frames = analysis.load(run)
        assert list(frames.episodes["id"]) == [played[n].id for n in (0, 3, 4)]
        assert [one.line for one in frames.broken] == [2, 3, 5, 6, 7, 8, 10]
    said = [str(one).removeprefix(f"{run / 'episodes.jsonl'}:") for one in frames.broken]
    assert said[0] == "2: was changed after it was written"
    assert said[1].startswith("3: not JSON: ")
    assert said[2] == "5: not an episode"
    assert said[3].startswith("6: schema 2 is not 1")
    assert said[6] == "10: torn: the run was stopped while this line was written"


def test_an_empty_run_has_all_columns(tmp_path: Path) -> None:
    frames = analysis.load(write(tmp_path / "run", []))
    assert list(frames.episodes) == list(EPISODES)
    assert list(frames.tokens) == list(TOKENS)
    assert len(frames.episodes) == 0
    with pytest.raises(StoreError, match="name the folder of a run"):
        analysis.load(tmp_path / "nowhere")


def test_training_figures_are_long(tmp_path: Path, played: list[Episode]) -> None:
    run = write(tmp_path / "run", [played[0].line()])
    table = {"accuracy": 0.5, "accuracy_ci95": [0.4, 0.6], "accuracy_by_difficulty": {"1": {}}}
    lines = [{"step": 0, "held_out": {"team": table}}, {"step": 1, "loss": 0.25, "accuracy": 1, "seconds": {"a": 1}}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "torn")
    found = analysis.load(run).metrics
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        (0, "held-out", "team", "accuracy", 0.5),
        (1, "train", "team", "loss", 0.25),
        (1, "train", "team", "accuracy", 1.0),
    ]


def test_what_fits_no_column_and_what_is_stored_twice_is_named(tmp_path: Path, played: list[Episode]) -> None:
    def other(episode: Episode, **changes: Any) -> bytes:
        return dataclasses.replace(episode, digest="", **changes).line()

    half = other(played[3], id="half a pair: \ud83d", error="\ude00")
    lines = [
        other(played[0], sample="x"),
        other(played[0], seed=2**70),
        other(played[0], difficulty=2**40),
        other(played[0], versions=["0.1"]),
        other(played[0], p=[0.5]),
        played[1].line(),
        played[1].line(),
        half,
    ]
    frames = analysis.load(write(tmp_path / "run", lines))
    assert list(frames.episodes["id"]) == [played[1].id, "half a pair: \ufffd"]
    assert [(one.line, one.why) for one in frames.broken] == [
        (1, "not an episode: sample cannot be 'x'"),
        (2, f"not an episode: seed cannot be '{2**70}'"),
        (3, f"not an episode: difficulty cannot be '{2**40}'"),
        (4, "not an episode: 'list' object has no attribute 'items'"),
        (5, "not an episode: p cannot be '[0.5]'"),
        (7, f"{played[1].id} is stored already"),
    ]


def test_broken_metrics_are_named_and_left_out(tmp_path: Path, played: list[Episode]) -> None:
    run = write(tmp_path / "run", [played[0].line()])
    good = {"step": 1, "loss": 0.5, "done": True, "held_out": {"team": {"accuracy": math.inf}}}
    odd = [
        {"step": math.nan, "loss": 1},
        {"step": 2**40, "loss": 1},
        {"step": 2, "loss": 10**400},
        {"step": 3, "held_out": [1]},
        {"step": 4, "held_out": {"team": 1}},
    ]
    text = "".join(json.dumps(line) + "\n" for line in [good, *odd])
    (run / "metrics.jsonl").write_text(text + "garbage\n" + '{"step": 5, "torn')
    frames = analysis.load(run)
    rows = [tuple(row) for row in frames.metrics[["step", "split", "measure", "value"]].itertuples(index=False)]
    assert rows == [(1, "train", "loss", 0.5), (1, "held-out", "accuracy", math.inf)]
    assert sorted(one.line for one in frames.broken_metrics) == [2, 3, 4, 5, 6, 7]
