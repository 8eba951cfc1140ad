"""The rows of the tables (`human.export.codebook`), from who took part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.units import words
from arena.episode import Episode, assemble
from human.export.behaviour import behaviour
from human.export.takers import Everybody, Taker
from human.export.times import times
from human.record import BY_RESEARCHER, Event
from human.session.forms import wrong
from human.study import Question, Stimuli, Study, Trial
from human.study.config import PERSON
from human.study.results import number

Row = dict[str, Any]


@dataclass
class Tables:
    """Rows by table."""

    study: Study
    dates: bool
    """Say when, by the clock."""
    texts: bool
    """An answer that is no number may stand there: it is part of what somebody wrote."""
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, row: Row) -> None:
        self.rows.setdefault(table, []).append(row)

    def date(self, at: float) -> str | None:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if self.dates else None

    def of_everybody(self, found: Everybody) -> None:
        for state, people in sorted(found.counts.items()):
            self.add("flow", {"state": state, "people": people})

    def of_the_senior(self, stimuli: Stimuli) -> None:
        """What stands under fraction 1."""
        for one in stimuli.all:
            if one.parent and self.study.condition(one.condition).baseline:
                self.add(
                    "senior_alone",
                    {
                        "episode": f"{one.problem.id}#{one.number}:{one.condition}",
                        "condition": one.condition,
                        "problem": one.problem.id,
                        "prefix": one.number,
                        "run": one.parent.run,
                        "parent": one.parent.id,
                        "digest": one.parent.digest,
                        "verdict": one.parent.verdict,
                    },
                )

    def of(self, taker: Taker, episodes: dict[str, Episode]) -> None:
        """All rows of a person. ``episodes`` are its own in the export, by trial, those that do not count too."""
        self.add("people", _person(taker, self.date(taker.start)))
        place = 0
        for trial in taker.trials:
            place += not trial.practice
            mine = taker.of_trial(trial.id)
            if mine:
                row = _trial(taker, trial, mine, episodes.get(trial.id))
                if not self.texts and number(row.get("answer") or "") is None:
                    row["answer"] = None
                when = {"begun": _since(taker, mine[0]), "date": self.date(mine[0].at)}
                self.add("trials", {**row, **when, "place": None if trial.practice else place})
        for row in _answers(self.study, taker):
            event, text = row.pop("event"), row.pop("text")
            self.add("answers", {**row, "seconds": _since(taker, event), "date": self.date(event.at)})
            if text:
                kept = {name: row[name] for name in ("person", "trial", "question")}
                self.add("free_text", {**kept, "text": text, "read": False})
        for count, event in enumerate(taker.events, start=1):
            row = _event(taker, count, event)
            self.add("events", {**row, "date": self.date(event.at)})


def _since(taker: Taker, event: Event) -> float:
    return round(event.at - taker.start, 3)


def _person(taker: Taker, began: str | None) -> Row:
    counted = [one["seconds"] for one in taker.past.finished.values() if not one["practice"]]
    screens = [event for event in taker.events if event.kind in ("joined", "restarted")]
    return {
        "person": taker.name,
        "number": taker.number,
        "slot": taker.person.slot,
        "state": taker.person.state,
        "counts": not taker.reasons,
        "excluded": "; ".join(taker.reasons) or None,
        "left": taker.past.left,
        "understood": taker.understood,
        "attention_failed": taker.attention_failed,
        "dealt": sum(not trial.practice for trial in taker.trials),
        "finished": len(counted),
        "seconds_on": round(sum(one for one in counted if one is not None), 3),
        "seconds_all": _since(taker, [one for one in taker.events if one.kind not in BY_RESEARCHER][-1]),
        "client": screens[0].data.get("client") if screens else None,
        "connections": len(screens),
        "began": began,
    }


def _trial(taker: Taker, trial: Trial, mine: list[Event], episode: Episode | None) -> Row:
    kinds = Counter(event.kind for event in mine)
    wall = times(taker.events, trial.id, taker.halts) if episode else None
    prefix = assemble(trial.prefix)[0] if trial.prefix else None
    row: Row = {
        "person": taker.name,
        "trial": trial.id,
        "episode": episode and episode.id,
        "practice": trial.practice,
        "counts": episode is not None and not trial.practice and not taker.reasons,
        "condition": trial.condition,
        "problem": trial.problem.id,
        "prefix": trial.number,
        "parent": trial.parent_id,
        "prefix_units": trial.prefix_units,
        "prefix_words": None if prefix is None else words(prefix),
        "rest": trial.rest,
        "finished": episode is not None,
        "expected": trial.problem.answer,
        "seconds": taker.past.finished.get(trial.id, {}).get("seconds"),
        "seconds_all": wall and round(wall.all, 3),
        "seconds_paused": wall and round(wall.paused, 3),
        "seconds_study_paused": wall and round(wall.halted, 3),
        "seconds_away": wall and round(wall.away, 3),
        "pauses": kinds["paused"],
        "extensions": kinds["extended"],
        "focus_lost": kinds["focus_lost"],
        "pasted": kinds["pasted"],
        "pasted_characters": sum(event.data.get("characters", 0) for event in mine if event.kind == "pasted"),
        "copied_out": kinds["copied"],
    }
    return row if episode is None else {**row, **_solution(trial, episode, prefix)}


def _solution(trial: Trial, episode: Episode, prefix: str | None) -> Row:
    """What the episode says."""
    turns = episode.views.get(PERSON, {}).get("seconds", [])
    own = [span for span in episode.spans[episode.prefix_spans or 0 :] if span.author == PERSON]
    texts = [episode.text[span.start : span.end] for span in own]
    grade = episode.grade or {}
    row: Row = {
        "ended": episode.ended,
        "verdict": grade.get("verdict"),
        "answer": grade.get("answer"),
        "words": sum(map(words, texts)),
        "seconds_thinking": round(sum(first for first, _ in turns), 1),
        "seconds_writing": round(sum(whole - first for first, whole in turns), 1),
    }
    if prefix is not None:
        found = behaviour(trial.problem.question, prefix, "\n".join(texts))
        row |= {
            "prefix_results": found.results,
            "results_again": found.again,
            "first_from_prefix": found.first,
            "words_copied": found.copied,
        }
    return row


def _answers(study: Study, taker: Taker) -> Iterator[Row]:
    """What was asked and answered; ``event`` and ``text`` (typed freely) are no columns."""
    of_trials = {f"{trial.id}/questions": trial for trial in taker.trials}
    for event, page, given in taker.answers():
        trial = of_trials.get(page)
        asked: tuple[Question, ...] = (*study.comprehension, *study.exit, *(trial.questions if trial else ()))
        known = {one.id: one for one in asked}
        for name, value in given.items():
            one = known.get(name)
            if one is None:  # consent: whoever is here has given it
                continue
            free = one.kind == "text" and value is not None
            yield {
                "person": taker.name,
                "trial": trial and trial.id,
                "page": page,
                "question": name,
                "kind": one.kind,
                "answer": None if value is None or free else str(value),
                "dropped": free,
                "right": None if one.right is None or value is None else not wrong([one], {name: value}),
                "event": event,
                "text": value if free else None,
            }


def _event(taker: Taker, count: int, event: Event) -> Row:
    data = event.data
    detail = next((str(data[name]) for name in ("type", "page", "client", "by", "ended") if name in data), None)
    if event.kind == "excluded":
        detail = "; ".join(data.get("reasons", [])) or None
    written = data.get("text") if event.kind == "did" else None
    return {
        "person": taker.name,
        "event": count,
        "kind": event.kind,
        "trial": event.trial or None,
        "detail": detail,
        "characters": len(written) if isinstance(written, str) else data.get("characters"),
        "clock": event.clock,
        "seconds": _since(taker, event),
    }
