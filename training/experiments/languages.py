"""Paper 1's second experiment: the senior is asked for one language, its junior writes another.

West et al. 2025 (arXiv 2510.13551) found that tandem training moves the senior to the junior's language, through
English where both are foreign, with j = 1. Here every condition has three values of j, and beside it a junior that
writes the same but reads all languages, no junior at all, and a reward that is ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from arena.tasks.arithmetic.wording import LANGUAGES, Language
from training.experiments.base import RIGHT, Arm, Column, Experiment, Panel, Table

if TYPE_CHECKING:
    from analysis.detectors.language import Identifier
    from arena.episode import Episode

JS = (0.0, 0.2, 1.0)
NAMES = {"en": "English", "fr": "French", "de": "German", "zh": "Chinese"}


class Pair(NamedTuple):
    """A condition."""

    asked: Language
    """What the senior is asked for."""
    junior: str
    target: Language
    """What the junior writes."""
    reads: str = ""
    """What the junior can go on from besides, for titles."""
    senior: str = "senior-languages"
    """``senior-leaning`` writes more English when it is asked for another language."""

    @property
    def title(self) -> str:
        leaning = ", leaning to English" if self.senior == "senior-leaning" else ""
        reads = f" that reads {self.reads}" if self.reads else ""
        return f"{NAMES[self.asked]}{leaning}, junior {NAMES[self.target]}{reads}"

    @property
    def short(self) -> str:
        leaning = " (leaning to English)" if self.senior == "senior-leaning" else ""
        return f"{NAMES[self.asked]}{leaning} -> {NAMES[self.target]}{f', reads {self.reads}' if self.reads else ''}"


PAIRS = {
    "en-en": Pair("en", "junior-en", "en"),
    "en-fr": Pair("en", "junior-fr", "fr"),
    "en-zh": Pair("en", "junior-zh", "zh"),
    "fr-en": Pair("fr", "junior-en", "en"),
    "de-fr": Pair("de", "junior-fr", "fr"),
    "de-fr-en": Pair("de", "junior-fr-en", "fr", "English"),
    "de-fr-leaning": Pair("de", "junior-fr-en", "fr", "English", "senior-leaning"),
}
"""Paper 1's four conditions: the same language, the senior English, the junior English, both foreign."""
CONTROLLED = ("en-fr", "de-fr")
"""The conditions that have controls."""


def shares(arm: Arm, episodes: Sequence[Episode]) -> dict[str, float]:
    """Shares of words by language and author, as the templates' words tell, and of whole solutions.

    ``words:fr``: of the senior's words that have a language; ``others:fr``: of the other author's. ``solutions:fr``,
    ``solutions:mixed``: of solutions, as in `analysis.detectors.shares`. ``identified:fr``: of solutions as py3langid
    sees them. ``agree``: of solutions of which both say the same. ``target``, ``solutions``, ``identified``: of the
    junior's language.
    """
    from analysis.detectors.language import UNSURE
    from analysis.detectors.shares import MIXED, languages_of
    from analysis.detectors.templates import NAMES as PEOPLE
    from analysis.detectors.templates import templates

    words: dict[str, Counter[str]] = {"words": Counter(), "others": Counter()}
    wholes: dict[str, Counter[str]] = {"solutions": Counter(), "identified": Counter()}
    identifier, agree = _identifier(), 0
    for episode in episodes:
        found = languages_of(episode, templates(), PEOPLE)
        seen = languages_of(episode, identifier, PEOPLE).language
        for author, counts in found.words.items():
            words["words" if author == "senior" else "others"].update(counts)
        wholes["solutions"][found.language] += 1
        wholes["identified"][seen] += 1
        agree += found.language == seen
    out = {"agree": agree / len(episodes)}
    for name, counts in words.items():
        if decided := counts.total() - counts[UNSURE]:
            out |= {f"{name}:{one}": counts[one] / decided for one in LANGUAGES}
    for name, counts in wholes.items():
        out |= {f"{name}:{one}": counts[one] / len(episodes) for one in (*LANGUAGES, MIXED, UNSURE)}
        out[name] = out[f"{name}:{arm.seen}"]
    return out | ({"target": out[f"words:{arm.seen}"]} if f"words:{arm.seen}" in out else {})


ALONE = "team"
"""The condition of a run of one agent: a team of one."""
TABLES = (
    Table(
        "The junior's language, in the senior's own words",
        (
            Column("alone, before", "first", "solo:senior", "target"),
            Column("alone, after", "test", "solo:senior", "target"),
            Column("English, alone, after", "test", "solo:senior", "words:en"),
            Column("in the team, after", "test", "team", "target"),
        ),
    ),
    Table(
        "Whole solutions of the senior alone, after: by the words of the templates, and by py3langid",
        (
            Column("in the junior's language", "test", "solo:senior", "solutions"),
            Column("the same by py3langid", "test", "solo:senior", "identified"),
            Column("mixed", "test", "solo:senior", "solutions:mixed"),
            Column("mixed by py3langid", "test", "solo:senior", "identified:mixed"),
            Column("both say the same", "test", "solo:senior", "agree"),
        ),
    ),
    RIGHT,
    Table(
        "Whole solutions in the junior's language when the senior alone is asked for a third: what spills over",
        tuple(Column(f"asked for {NAMES[one]}", f"told-{one}", ALONE, "solutions") for one in LANGUAGES),
    ),
    Table(
        "Right, alone, when asked for a third language",
        tuple(Column(f"asked for {NAMES[one]}", f"told-{one}", ALONE, "accuracy") for one in LANGUAGES),
    ),
)


@lru_cache(maxsize=1)
def _identifier() -> Identifier:
    """One for all runs: it remembers what it has identified."""
    from analysis.detectors.language import Identifier

    return Identifier(LANGUAGES)


def languages() -> Experiment:
    """Which language does the senior come to write, and is that about the reward?"""
    arms = [_arm(f"{name}-j{j:g}", f"{pair.title}, j = {j:g}", pair, j) for name, pair in PAIRS.items() for j in JS]
    conditions = dict(PAIRS)
    for name in CONTROLLED:
        pair = PAIRS[name]
        reads = pair._replace(junior="junior-all", reads="all")
        conditions[f"{name}-reads"] = reads
        own = (f"agents.junior.language={pair.target}",)
        arms += [_arm(f"{name}-reads-j{j:g}", f"{reads.title}, j = {j:g}", reads, j, own) for j in JS]
        arms += [
            _arm(f"{name}-ignored-j{j:g}", f"{pair.title}, reward ignored, j = {j:g}", pair, j, (), "reward-ignored")
            for j in JS
        ]
        arms.append(_arm(f"{name}-alone", f"{NAMES[pair.asked]}, no junior", pair, 0.0, (), "no-junior"))
    panels = [_panel("{}: junior's language", "solo:senior", "target", name, one) for name, one in conditions.items()]
    panels += [
        Panel(
            f"{PAIRS[name].short}: junior's language, controls",
            "solo:senior",
            "target",
            {
                **{f"reward ignored, j = {j:g}": f"{name}-ignored-j{j:g}" for j in JS},
                "no junior": f"{name}-alone",
            },
        )
        for name in CONTROLLED
    ]
    english = [name for name, pair in PAIRS.items() if "en" not in (pair.asked, pair.target)]
    panels += [_panel("{}: English", "solo:senior", "words:en", name, PAIRS[name]) for name in english]
    for title, who in (("{}: right, alone", "solo:senior"), ("{}: right, team", "team")):
        panels += [_panel(title, who, "accuracy", name, pair) for name, pair in PAIRS.items()]
    return Experiment(
        "Which language does the senior come to write, and is it the reward that moves it?",
        tuple(arms),
        recipe="languages",
        panels=tuple(panels),
        tables=TABLES,
        look=shares,
        notes=(
            "The junior's language: the share of the senior's own words, solo, of those that have a language.",
            "Before: held-out problems, before the first update. After: test problems.",
            "Without a junior the team is the senior with the junior of the same condition.",
        ),
    )


def _panel(title: str, who: str, measure: str, name: str, pair: Pair) -> Panel:
    return Panel(title.format(pair.short), who, measure, {f"j = {j:g}": f"{name}-j{j:g}" for j in JS})


def _arm(name: str, title: str, pair: Pair, j: float, more: tuple[str, ...] = (), control: str = "") -> Arm:
    asked, junior, target, _, senior = pair
    address = () if senior == "senior-languages" else (f"agents.senior.address={senior}",)
    sets = (*address, f"agents.senior.language={asked}", f"agents.junior.address={junior}", f"objective.j={j:g}", *more)
    thirds = tuple(one for one in LANGUAGES if one not in (asked, target))
    return Arm(name, title, control=control, sets=sets, told=thirds, seen=target)
