"""What every column of the tables means: the codebook, and the types that files are written with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "whole", "real", "yes"]
NAMES: dict[Type, str] = {"text": "text", "whole": "whole number", "real": "number", "yes": "true or false"}


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    type: Type
    meaning: str
    unit: str = ""
    values: str = ""
    """Those that there are, where they are few."""
    source: str = "record"
    """Where it comes from: the record of the study, its file and stimuli, the grader, or what was computed of these."""


PERSON = Column("text", "who, by pseudonym; `person` of the episodes is the same")
TRIAL = Column(
    "text", "which of the person's trials: p01, p02, ... of practice, t01, t02, ... in the order in which they came"
)
SECONDS = Column("real", "since the person came first", "seconds")
DATE = Column("text", "when, by the clock in UTC; empty unless --dates was given", values="ISO 8601")

TABLES: dict[str, tuple[str, dict[str, Column]]] = {
    "flow": (
        "A row for everything that has become of somebody who was invited. Nothing else is here of who withdrew, "
        "declined, or never agreed.",
        {
            "state": Column(
                "text",
                "what has become of them; joined: is taking part, or may still come back; left: went, and had finished "
                "enough; who went with less is excluded",
                values="invited; came, and has not agreed; declined; joined; finished; excluded; left; revoked; "
                "withdrawn",
            ),
            "people": Column("whole", "how many", "people"),
        },
    ),
    "people": (
        "A row for everybody who agreed to take part, those who do not count too.",
        {
            "person": PERSON,
            "number": Column("whole", "`sample` of the person's episodes"),
            "slot": Column("whole", "place in the plan: decides what the person met; missing before the first trial"),
            "state": Column("text", "what the server knew last", values="joined, finished, excluded, left, revoked"),
            "counts": Column("yes", "its trials count, by the rules of [exclusion]", source="computed"),
            "excluded": Column(
                "text",
                "why they do not, or do not yet (state is joined); several reasons with ; between",
                source="computed",
            ),
            "left": Column("yes", "went before the end, and was away for longer than [withdrawal] rejoin_minutes"),
            "understood": Column("yes", "passed the comprehension check; missing if it did not come to an end"),
            "attention_failed": Column("whole", "attention checks that were answered wrongly", "checks"),
            "dealt": Column("whole", "trials of its slot, without practice", "trials", source="study"),
            "finished": Column("whole", "of these, finished", "trials"),
            "seconds_on": Column("real", "in finished trials, practice left out, on their clocks", "seconds"),
            "seconds_all": Column(
                "real", "from coming first to the last event that is not a researcher's, by the wall", "seconds"
            ),
            "client": Column("text", "what it took part by, first", values="page, app, bot, ..."),
            "connections": Column("whole", "how often a screen came", "times"),
            "began": DATE,
        },
    ),
    "trials": (
        "A row for every trial that somebody began, practice too. How it ended, how long it took and what was written "
        "are missing of one that was not finished.",
        {
            "person": PERSON,
            "trial": TRIAL,
            "episode": Column("text", "`id` of the episode; missing if the trial was not finished"),
            "place": Column("whole", "which of the trials that count, from 1; missing of practice", source="study"),
            "practice": Column("yes", "it is practice and counts for nothing", source="study"),
            "counts": Column("yes", "finished, no practice, by somebody who counts", source="computed"),
            "condition": Column("text", "of the study; practice for practice", source="study"),
            "problem": Column("text", "`problem_id` of the episode", source="study"),
            "prefix": Column(
                "whole", "which of the beginnings of its problem and condition, from 0; 0 without one", source="study"
            ),
            "parent": Column(
                "text", "the stored solution that the beginning is of; missing without one", source="study"
            ),
            "prefix_units": Column(
                "whole", "units of the beginning, those it was cut by; missing without one", "units", source="study"
            ),
            "prefix_words": Column("whole", "words of the beginning; missing without one", "words", source="study"),
            "rest": Column("yes", "a break came before it", source="study"),
            "finished": Column("yes", "it came to an end"),
            "ended": Column("text", "how the solution ended", values="end, limit, context, stopped, error"),
            "verdict": Column("text", "of the grader", values="correct, wrong, unreadable", source="grader"),
            "answer": Column("text", "what was read as the answer; missing if nothing was", source="grader"),
            "expected": Column("text", "the right answer", source="study"),
            "words": Column("whole", "that the person wrote", "words", source="computed"),
            "seconds": Column(
                "real",
                "on the trial's clock, which stands while nobody is there: asked to end of the solution; missing if it "
                "was never the person's turn",
                "seconds",
            ),
            "seconds_thinking": Column(
                "real",
                "of its turns, until the first action of each, on the clock; what of a turn came before a restart of "
                "the server is in neither this nor the next",
                "seconds",
            ),
            "seconds_writing": Column(
                "real", "of its turns, from the first action of each on, on the clock", "seconds"
            ),
            "seconds_all": Column("real", "asked to end of the solution by the wall", "seconds", source="computed"),
            "seconds_paused": Column("real", "of these, paused by the person", "seconds", source="computed"),
            "seconds_study_paused": Column(
                "real", "of these, the whole study paused by a researcher", "seconds", source="computed"
            ),
            "seconds_away": Column(
                "real", "of these, without a screen; may overlap with pauses", "seconds", source="computed"
            ),
            "pauses": Column("whole", "by the person", "times"),
            "extensions": Column("whole", "of the time limit, on request", "times"),
            "focus_lost": Column("whole", "how often the window lost the focus", "times"),
            "pasted": Column("whole", "how often something was pasted", "times"),
            "pasted_characters": Column("whole", "and how much", "characters"),
            "copied_out": Column("whole", "how often something was copied from the page", "times"),
            "prefix_results": Column(
                "whole",
                "numbers that the beginning worked out and the question does not have",
                "numbers",
                source="computed",
            ),
            "results_again": Column(
                "real",
                "share of these that the person worked out once more; missing without any",
                "share",
                source="computed",
            ),
            "first_from_prefix": Column(
                "yes", "the first number that the person wrote is one of these; missing without any", source="computed"
            ),
            "words_copied": Column(
                "whole",
                "words (of letters) of the person in runs of four or more that the beginning has; missing without one",
                "words",
                source="computed",
            ),
            "begun": SECONDS,
            "date": DATE,
        },
    ),
    "answers": (
        "A row for every question that was answered or passed, in order. What was typed freely is not here: `dropped`.",
        {
            "person": PERSON,
            "trial": Column("text", "after which trial; missing of questions that belong to none"),
            "page": Column("text", "on which page"),
            "question": Column("text", "`id` of the question in the study's file"),
            "kind": Column("text", "of the question", values="choice, scale, number, text", source="study"),
            "answer": Column("text", "the option, or the number; missing if it was passed or dropped"),
            "dropped": Column("yes", "something was typed freely, and is left out", source="computed"),
            "right": Column("yes", "it is the right answer; missing where none is right", source="computed"),
            "seconds": SECONDS,
            "date": DATE,
        },
    ),
    "events": (
        "A row for everything that the record has of somebody who agreed, in order; no texts.",
        {
            "person": PERSON,
            "event": Column("whole", "counts from 1"),
            "kind": Column("text", "what happened (`human.record.events`)"),
            "trial": Column("text", "in which trial; missing outside"),
            "detail": Column("text", "the page, the client, the kind of action, or why, where there is one"),
            "characters": Column("whole", "how much was written, pasted or copied", "characters"),
            "clock": Column("real", "on the trial's clock", "seconds"),
            "seconds": SECONDS,
            "date": DATE,
        },
    ),
    "senior_alone": (
        "A row for every stored solution that the study has under fraction 1: the senior alone, shown to nobody.",
        {
            "episode": Column("text", "`id` of the episode in this export", source="computed"),
            "condition": Column("text", "of the study", source="study"),
            "problem": Column("text", "`problem_id` of the episode", source="study"),
            "prefix": Column("whole", "which of the solutions of its problem, from 0", source="study"),
            "run": Column("text", "as the study names it", source="study"),
            "parent": Column("text", "`id` of the episode there", source="study"),
            "digest": Column("text", "of the episode there", source="study"),
            "verdict": Column(
                "text", "when the stimuli were made", values="correct, wrong, unreadable", source="grader"
            ),
        },
    ),
    "free_text": (
        "A row for every answer that was typed freely; only with --free-text. **To be read, line by line, before it is "
        "released**: people write names, places and complaints.",
        {
            "person": PERSON,
            "trial": Column("text", "after which trial; missing of questions that belong to none"),
            "question": Column("text", "`id` of the question in the study's file"),
            "text": Column("text", "as it was typed"),
            "read": Column("yes", "somebody has read it and found nothing that tells who wrote it: yours to fill in"),
        },
    ),
}
"""By name: what a row is, and the columns."""


def markdown() -> str:
    """The codebook, to be read."""
    lines = ["# Codebook", "", "Made with the tables; `codebook.csv` is the same. Missing is an empty cell.", ""]
    lines += ["`episodes.jsonl` and `episodes.parquet` are described in docs/EPISODES.md of tandem-arena.", ""]
    for name, (about, columns) in TABLES.items():
        lines += [
            f"## {name}",
            "",
            about,
            "",
            "| column | type | unit | values | source | |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| `{column}` | {NAMES[one.type]} | {one.unit} | {one.values} | {one.source} | {one.meaning} |"
            for column, one in columns.items()
        ]
        lines.append("")
    return "\n".join(lines)


def rows() -> list[dict[str, str]]:
    """The codebook, a row a column."""
    return [
        {
            "table": name,
            "column": column,
            "type": NAMES[one.type],
            "unit": one.unit,
            "values": one.values,
            "source": one.source,
            "meaning": one.meaning,
        }
        for name, (_, columns) in TABLES.items()
        for column, one in columns.items()
    ]
