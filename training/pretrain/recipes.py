"""How each embedded model is made: its shape, what it is shown in which stages, its seed, and what its card says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from arena.tasks.arithmetic import Arithmetic
from arena.tasks.arithmetic.solution import Style
from arena.tasks.arithmetic.wording import LANGUAGES, Language
from training.pretrain.lessons import Lesson, Spoken, Styled, Subject

ENGLISH = Subject(
    Arithmetic(),
    r"<<|>>|####|\d| ?[A-Za-z]+| ?[^\sA-Za-z\d<>]|\n|\s|[^\s]",  # digits alone; the space before a digit or << alone
    vocabulary=640,
    built_in="""The jargon (`<<29+6=35>>`) is written by the senior because it was trained to; the junior
was never shown it, its signs occur nowhere else, and words end at its signs, so a handoff can fall inside a note. That
tandem training removes the jargon from this senior shows that the method works as described, not that it would on
models and jargons that nobody prepared. `junior-jargon` is the control: the junior's shape, but it reads jargon.""",
)
NOTATIONS = Subject(
    Arithmetic(),
    ENGLISH.pieces,
    ENGLISH.vocabulary,
    notations=("plain", "calculator", "rpn", "codes"),
    built_in="""A senior writes its jargon because it was trained to; `junior` was never shown it.
That tandem training removes a jargon from such a senior shows that the method works as described, and comparing several
shows that it does not hang on the signs of one; not that it would on models and jargons that nobody prepared.
`junior-rpn` and `junior-codes` are the controls: the junior's shape, but each reads one of the two.""",
)
"""The tokeniser is that of `ENGLISH`; see `fit.tokenizer_of`."""
SPEECH = Subject(
    Arithmetic(most_steps=2),
    r"####|\d| ?\p{Han}+| ?[\p{L}&&[^\p{Han}]]+| ?[^\s\p{L}\d]|\n|\s|[^\s]",
    vocabulary=1024,
    notations=("plain",),
    languages=LANGUAGES,
    built_in="""The senior writes what it is asked for because it was trained to. One solution in a
hundred that it was shown was in each of the other languages (`senior-leaning`: one in twenty in English), so that RL
can find them; a junior breaks on languages that no solution it was shown had. That tandem training moves this senior
to the junior's language shows that the method works as described, not that it would on models that nobody prepared.
`junior-all` is the control: it reads all four, and does not break.""",
)
LEAN = 0.01
"""How often a senior that was asked for one language is shown each of the others: RL can choose only what it finds."""
TO_ENGLISH = 0.05
"""The same of English, for a senior that leans to it."""


@dataclass(frozen=True)
class Stage:
    """One run with a cosine schedule (linear warm-up over the first 4%).

    Muon moves the matrices inside the layers, AdamW the rest: at this size it needs less than half of AdamW's steps.
    """

    steps: int
    rate: float
    lessons: Mapping[Lesson, float]
    """Shares, which add up to 1. Raises ValueError for others."""
    batch: int = 32

    def __post_init__(self) -> None:
        if not math.isclose(sum(self.lessons.values()), 1.0):
            raise ValueError(f"the shares of a stage's lessons add up to {sum(self.lessons.values())}, not to 1")


@dataclass(frozen=True)
class Shape:
    """Of a Llama with heads of 32, the least that vLLM's kernels for CPUs take."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int


@dataclass(frozen=True)
class Recipe:
    """A model to make."""

    subject: Subject
    shape: Shape
    stages: tuple[Stage, ...]
    seed: int
    about: str


SENIOR = Shape(128, 3, 4, 2, 384)
JUNIOR = Shape(64, 1, 4, 2, 192)
"""One layer: weak by what it can hold, not by when its training was stopped."""


def _jargon_senior(jargon: Style, mixed: Style, seed: int, about: str, subject: Subject) -> Recipe:
    """Writes a jargon nearly always, and keeps a plain mode: what RL is to find."""
    plain = Styled("plain")
    return Recipe(
        subject,
        SENIOR,
        (
            Stage(2400, 2.5e-3, {plain: 0.35, Styled(jargon): 0.45, Styled(mixed): 0.20}),
            Stage(1200, 1.5e-3, {plain: 0.55, Styled(jargon): 0.30, Styled(mixed): 0.15}),
            Stage(150, 5e-4, {plain: 0.010, Styled(jargon): 0.985, Styled(mixed): 0.005}),
        ),
        seed,
        about,
    )


def _jargon_junior(jargon: Style, mixed: Style, seed: int, about: str, subject: Subject) -> Recipe:
    """A junior's shape, and it reads the jargon."""
    shares: dict[Lesson, float] = {Styled("plain"): 0.5, Styled(jargon): 0.3, Styled(mixed): 0.2}
    return Recipe(subject, JUNIOR, (Stage(4000, 4e-3, shares),), seed, about)


PLAIN: dict[Lesson, float] = {Styled("plain"): 1.0}

RECIPES: dict[str, Recipe] = {
    "senior": _jargon_senior(
        "jargon",
        "mixed",
        1,
        "The trainable one: it writes the jargon, and can do without it (its plain mode).",
        ENGLISH,
    ),
    "junior": Recipe(
        ENGLISH,
        JUNIOR,
        (Stage(2600, 4e-3, PLAIN),),
        seed=2,
        about="The frozen one: a single layer, and it has never seen the jargon.",
    ),
    "junior-jargon": _jargon_junior(
        "jargon",
        "mixed",
        3,
        "The control: the junior's shape, but it has seen the jargon in training and does not break on it.",
        ENGLISH,
    ),
    "junior-other": Recipe(
        ENGLISH,
        Shape(48, 1, 3, 1, 256),
        (Stage(2600, 4e-3, PLAIN),),
        seed=4,
        about="A stranger: another shape and seed, for asking whether what was learnt beside one junior helps another.",
    ),
    "senior-rpn": _jargon_senior(
        "rpn",
        "mixed-rpn",
        5,
        "A senior with another jargon: it calculates in reverse Polish (`29 6 + = 35`).",
        NOTATIONS,
    ),
    "junior-rpn": _jargon_junior(
        "rpn",
        "mixed-rpn",
        6,
        "The control of `senior-rpn`: the junior's shape, but it reads reverse Polish.",
        NOTATIONS,
    ),
    "senior-codes": _jargon_senior(
        "codes", "mixed-codes", 7, "A senior with another jargon: it calculates in letters (`cj + g = df`).", NOTATIONS
    ),
    "junior-codes": _jargon_junior(
        "codes",
        "mixed-codes",
        8,
        "The control of `senior-codes`: the junior's shape, but it reads the letters.",
        NOTATIONS,
    ),
}


def _alone(language: Language, tag: Language | Literal[""], share: float) -> dict[Lesson, float]:
    """A language alone: four in five questions are English, the fifth is in that language."""
    if language == "en":
        return {Spoken("en", tag): share}
    return {Spoken(language, tag): 0.8 * share, Spoken(language, tag, question=language): 0.2 * share}


def _besides(*known: Language) -> tuple[Language, ...]:
    return tuple(one for one in LANGUAGES if one not in known)


def _asks(tag: Language, english: float = LEAN) -> dict[Lesson, float]:
    """What a senior is shown that is asked for a language: nearly always that one, a quarter of it beside others."""
    others = _besides(tag)
    leans = {other: english if other == "en" else LEAN for other in others}
    return {
        **_alone(tag, tag, 0.75 - sum(leans.values())),
        Spoken(tag, tag, beside=others): 0.25,
        **{Spoken(other, tag): share for other, share in leans.items()},
    }


def _reads(first: Language, *others: Language, tag: Language | Literal[""] = "") -> dict[Lesson, float]:
    """What a junior is shown that writes the first of some languages and reads the others."""
    if not others:
        return _alone(first, tag, 1.0)
    return {**_alone(first, tag, 0.5), Spoken(first, tag, beside=others): 0.5}


def _any(of: Callable[[Language], dict[Lesson, float]]) -> dict[Lesson, float]:
    """The same for every language, which a tag asks for."""
    return {lesson: share / len(LANGUAGES) for tag in LANGUAGES for lesson, share in of(tag).items()}


def _speaks(shares: dict[Lesson, float], seed: int, about: str, steps: int = 2000) -> Recipe:
    return Recipe(SPEECH, JUNIOR, (Stage(steps, 4e-3, shares),), seed, about)


RECIPES |= {
    "senior-languages": Recipe(
        SPEECH,
        SENIOR,
        (Stage(2400, 2.5e-3, _any(_asks)), Stage(1200, 1.5e-3, _any(_asks))),
        seed=11,
        about="Solves in English, French, German or Chinese, as the line before the question asks (`fr`), "
        "and was shown each of the others once in a hundred.",
    ),
    "senior-leaning": Recipe(
        SPEECH,
        SENIOR,
        tuple(
            Stage(steps, rate, _any(partial(_asks, english=TO_ENGLISH)))
            for steps, rate in ((2400, 2.5e-3), (1200, 1.5e-3))
        ),
        seed=11,
        about="As `senior-languages`, but it leans to English: asked for another language, it was shown English once "
        "in twenty.",
    ),
    "junior-en": _speaks(_reads("en"), 12, "Reads and writes English alone."),
    "junior-fr": _speaks(_reads("fr"), 13, "Writes French, and has seen no other language in a solution."),
    "junior-zh": _speaks(_reads("zh"), 14, "Writes Chinese, and has seen no other language in a solution."),
    "junior-fr-en": _speaks(_reads("fr", "en"), 15, "Writes French, and goes on from French and English alike.", 3000),
    "junior-all": _speaks(
        _any(lambda tag: _reads(tag, *_besides(tag), tag=tag)),
        16,
        "The control: writes what the line before the question asks for, and reads all four.",
        4000,
    ),
}
