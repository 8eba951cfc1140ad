"""One story in every language and notation: the same numbers, and words that the detectors know."""

from __future__ import annotations

import re

import pytest

from agents.chance import Picks
from agents.units import RULES
from analysis.detectors.language import UNSURE, Identifier
from analysis.detectors.templates import NAMES, language_of, templates
from analysis.detectors.words import words_of
from arena.tasks import TaskError, load_task
from arena.tasks.arithmetic import Arithmetic
from arena.tasks.arithmetic.notation import NOTATIONS, PATTERNS, begun
from arena.tasks.arithmetic.solution import NOTATION_OF, STYLES, solution, styled_solution, switched
from arena.tasks.arithmetic.wording import LANGUAGES, Language, wording_of

TASK = Arithmetic()
STORIES = [TASK.story("train", index) for index in range(600)]


def plain(language: Language, index: int) -> str:
    story = STORIES[index]
    return solution(story, ["plain"] * len(story.steps), language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_languages_tell_the_same_numbers(language: Language) -> None:
    for index, story in enumerate(STORIES):
        told = re.findall(r"\d+", wording_of(language).question(story))
        factors = [step.right for step in story.steps if step.kind not in ("double", "triple")]
        assert told == [str(number) for number in (story.start, *factors)]
        text = plain(language, index)
        assert re.findall(r"\d+|[-+*/]", text) == re.findall(r"\d+|[-+*/]", plain("en", index))
        assert TASK.extract(text) == str(story.answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_a_solution_is_known_to_its_detector(language: Language) -> None:
    for index in range(len(STORIES)):
        text = plain(language, index)
        labels = set(templates().label(words_of(text, NAMES)))
        assert labels <= {language, UNSURE}  # "dollars" is English and French
        assert language_of(text) == language


def test_the_identifier_agrees_with_the_templates_on_whole_solutions() -> None:
    """Short ones may be left open, but none is taken for another language."""
    identifier = Identifier(LANGUAGES)
    for language in LANGUAGES:
        found = []
        for index in range(200):
            words = [word.text for word in words_of(plain(language, index), NAMES)]
            found.append(identifier.identify(("" if language == "zh" else " ").join(words)))
        assert set(found) <= {language, UNSURE}
        assert found.count(language) >= 150


def test_no_two_languages_share_many_words() -> None:
    by_language = {
        language: {word.text.casefold() for index in range(600) for word in words_of(plain(language, index), NAMES)}
        for language in LANGUAGES
    }
    shared = {
        word
        for one in LANGUAGES
        for other in LANGUAGES
        if one < other
        for word in by_language[one] & by_language[other]
    }
    assert shared == {"dollars"}


@pytest.mark.parametrize("notation", [one for one in NOTATIONS if one != "plain"])
def test_a_notation_is_found_where_it_is_and_nowhere_else(notation: str) -> None:
    for index, story in enumerate(STORIES):
        written = {one: solution(story, [one] * len(story.steps)) for one in NOTATIONS}
        assert begun(written[notation], notation)  # type: ignore[arg-type, index]
        assert not [one for one in PATTERNS if one != notation and begun(written[notation], one)]  # type: ignore[index]
        for language in LANGUAGES:
            assert not begun(plain(language, index), notation)  # type: ignore[arg-type]
        assert TASK.extract(written[notation]) == str(story.answer)  # type: ignore[index]


def test_a_mixed_style_has_plain_steps_and_others() -> None:
    for style in STYLES:
        steps = [0, 0]
        for index, story in enumerate(STORIES):
            for line in styled_solution(story, style, Picks(1, index)).splitlines()[:-1]:
                steps[NOTATION_OF[style] != "plain" and begun(line, NOTATION_OF[style])] += 1
        share = steps[1] / sum(steps)
        assert share == {"plain": 0.0, "jargon": 1.0, "rpn": 1.0, "codes": 1.0}.get(style, pytest.approx(0.5, abs=0.05))


@pytest.mark.parametrize("other", [one for one in LANGUAGES if one != "zh"])
def test_a_solution_of_two_writers_keeps_numbers_lines_and_words(other: Language) -> None:
    both = 0
    for index, story in enumerate(STORIES):
        pieces = switched(story, ("zh", other), 0.5, Picks(2, index))
        text = "".join(piece.text for piece in pieces)
        assert re.findall(r"\d+|[-+*/]", text) == re.findall(r"\d+|[-+*/]", plain("en", index))
        assert len(text.splitlines()) == len(story.steps) + 1
        for piece in pieces:
            word = piece.text.strip(" \n.,。")
            assert not word or word in plain(piece.language, index)
        both += len({piece.language for piece in pieces}) == 2
    assert both > 500
    alone = switched(STORIES[0], ("zh",), 0.5, Picks(2, 0))
    assert "".join(piece.text for piece in alone) == plain("zh", 0)


def test_each_chinese_character_is_a_word() -> None:
    assert RULES["word"].split("然后她有 3 + 4 = 7 个苹果。") == [
        "然", "后", "她", "有", " 3", " +", " 4", " =", " 7", " 个", "苹", "果。",
    ]  # fmt: skip


def test_the_question_has_a_language_of_its_own() -> None:
    french = load_task("arithmetic:question=fr,language=zh,steps=2")
    problem = french.problems("test")[3]
    assert problem.id == "arithmetic-2-steps-fr/test/3"
    assert problem.question.startswith(("Combien", *NAMES))
    assert "Combien" in problem.question
    assert language_of(problem.solution or "") == "zh"
    same = load_task("arithmetic:steps=2").problems("test")[3]
    assert (same.answer, same.steps) == (problem.answer, problem.steps)
    for wrong in ("arithmetic:language=es", "arithmetic:question=FR", "arithmetic:style=latin"):
        with pytest.raises(TaskError, match="must be one of"):
            load_task(wrong)
