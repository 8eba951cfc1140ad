"""Words that have a language, which one, and shares by author; on solutions worked out by hand."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.detectors import DetectorError
from analysis.detectors.language import UNSURE, Identifier, LanguageDetector, Lexicon
from analysis.detectors.shares import MIXED, LanguageTally, languages_of, solution_language
from analysis.detectors.words import words_of
from benchmarks.languages import LENGTHS, MOST_WRONG, counts, episode
from benchmarks.sentences import SENTENCES, STRANGERS

TEXTS = st.text(
    st.one_of(st.sampled_from("ab 1漢。.\n$\\({})א\u0301\ud800'x"), st.characters(exclude_categories=())), max_size=60
)


@pytest.fixture(scope="module")
def identifier() -> Identifier:
    return Identifier()


# -- words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("So she has 29 + 6 = <<29+6=35>>35 cookies.\n#### 35", "So she has cookies"),
        ("it costs $5 and then $6 more", "it costs and then more"),  # money is no formula
        (r"since $ab + cd$ and \(foo\), \[ bar\n \] then $$ baz $$ so", "since and then so"),
        (r"\text{half} of \frac{1}{2} \begin{align} is \end{align}", "half of is"),
        ("x2 20th ½ two_3 x y a I", ""),  # numbers and variables
        ("D'une part, l’autre aujourd'hui", "D'une part l’autre aujourd'hui"),
        ("(really)! «oui» “nein”", "really oui nein"),
        ("她有 3 个苹果，x 个。三", "她 有 个 苹 果 个 三"),
        ("abc漢字def", "abc 漢 字 def"),
        ("\u05d9\u05e9 3 \u05dc\u05d4", "\u05d9\u05e9 \u05dc\u05d4"),  # right to left
        ("Sara gives Omar tea", "gives tea"),  # named
    ],
)  # fmt: skip
def test_words(text: str, words: str) -> None:
    assert " ".join(word.text for word in words_of(text, ignored=("SARA", "omar"))) == words


@pytest.mark.parametrize(
    ("segments", "numbers"),
    [("sentence", [1, 1, 2, 3, 3, 4, 5]), ("line", [1, 1, 1, 2, 2, 2, 2]), ("solution", [0] * 7)],
)
def test_segments(segments: str, numbers: list[int]) -> None:
    text = "One two. Three\nfour five. 六。七"
    assert [word.segment for word in words_of(text, segments=segments)] == numbers


def test_there_are_no_other_segments() -> None:
    with pytest.raises(ValueError, match="sentence, line or solution"):
        words_of("a", segments="word")


@given(TEXTS, st.sampled_from(["sentence", "line", "solution"]))
def test_words_are_where_they_say(text: str, segments: str) -> None:
    words = words_of(text, segments=segments)
    at = 0
    for word in words:
        assert word.start >= at
        at = word.start + len(word.text)
        assert text[word.start : at] == word.text
    assert [word.segment for word in words] == sorted(word.segment for word in words)


# -- identification


def test_what_was_not_used_to_choose_is_identified(identifier: Identifier) -> None:
    """Sentences that the threshold has not seen, and all fragments of them."""
    for language in SENTENCES:
        for length in LENGTHS:
            found = counts(identifier, 1, length, language)
            assert found["wrong"] <= MOST_WRONG * (found["wrong"] + found["right"])
        assert counts(identifier, 1, 0, language) == {"right": 15}


@pytest.mark.parametrize("text", ["", "29 + 6 = 35", "x = y", r"$\alpha + \beta$", "Tom", "#### 35", "\ud800", "a"])
def test_what_has_no_language(identifier: Identifier, text: str) -> None:
    assert set(identifier.label(words_of(text))) <= {UNSURE}
    assert identifier.identify(text) == UNSURE


def test_strangers_are_not_taken_for_anybody(identifier: Identifier) -> None:
    """One Spanish sentence of sixteen strange ones still passes for French."""
    labels = [identifier.label(words_of(one))[0] for some in STRANGERS.values() for one in some]
    assert Counter(labels)[UNSURE] >= 15
    assert identifier.identify("Después de pagar el alquiler todavía le quedan cuarenta euros.") == UNSURE
    spanish = Identifier(("es", "fr"))
    assert spanish.identify("Después de pagar el alquiler todavía le quedan cuarenta euros.") == "es"


def test_identifiers_share_nothing_that_one_changes(identifier: Identifier) -> None:
    before = [identifier.identify(one) for one in SENTENCES["de"]]
    Identifier(("zh", "ja"), confidence=0.0)
    identifier.identify.cache_clear()
    assert [identifier.identify(one) for one in SENTENCES["de"]] == before


@pytest.mark.parametrize(
    ("languages", "confidence", "says"),
    [(("en", "xx"), 0.8, "knows no 'xx', but"), (("en",), 0.8, "two"), (("en", "fr"), 1.5, "between 0 and 1")],
)
def test_identifiers_that_cannot_be(languages: tuple[str, ...], confidence: float, says: str) -> None:
    with pytest.raises(DetectorError, match=says) as error:
        Identifier(languages, confidence)
    assert "\n" not in str(error.value)


LEXICON = Lexicon({
    "en": ["so", "she", "has", "then", "apples", "on", "then she"],
    "fr": ["donc", "elle", "a", "ensuite", "pommes", "on"],
    "zh": ["苹果", "她有", "所以"],
})  # fmt: skip


def test_word_lists() -> None:
    words = words_of("So she has 3 apples, on en a pommes. 她的苹果")
    assert LEXICON.label(words) == ["en", "en", "en", "en", UNSURE, UNSURE, "fr", "zh", UNSURE, "zh", "zh"]
    assert LEXICON.languages == ("en", "fr", "zh")
    with pytest.raises(DetectorError, match="und"):
        Lexicon({"und": ["x"]})


# -- shares


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ({}, UNSURE),
        ({"en": 0, UNSURE: 0}, UNSURE),
        ({"en": 1}, "en"),
        ({"en": 5, UNSURE: 5}, "en"),
        ({"en": 5, UNSURE: 6}, UNSURE),
        ({"en": 91, "fr": 9}, "en"),
        ({"en": 90, "fr": 10}, MIXED),
        ({"en": 90, "fr": 5, "de": 5}, MIXED),
        ({"en": 1, "fr": 1}, MIXED),
    ],
)
def test_language_of_a_solution(words: dict[str, int], language: str) -> None:
    assert solution_language(words) == language


def test_shares_by_hand() -> None:
    """a writes English, b French in the same sentence; then both in turn; b ends in Chinese."""
    tally = LanguageTally(LEXICON)
    one = tally.add(
        episode("p", [("a", "So she has "), ("b", "3 pommes, donc"), ("a", " then 2."), ("b", " Elle 有。\n#### 3")])
    )
    assert one.words == {"a": Counter(en=4), "b": Counter(fr=3, zh=1)}
    assert one.language == MIXED
    tally.add(episode("q", [("a", "She has "), ("b", "12 trucs")]))
    tally.add(episode("r", [("b", "#### 3")]))
    assert tally.summary() == {
        "detector": "lexicon",
        "languages": ["en", "fr", "zh"],
        "conditions": {
            "team": {
                "episodes": 3,
                "solutions": {"en": 1, "mixed": 1, "und": 1},
                "solution_share": {"en": 0.3333, "mixed": 0.3333, "und": 0.3333},
                "words": {"a": {"en": 6}, "b": {"fr": 3, "und": 1, "zh": 1}},
                "word_share": {"a": {"en": 1.0}, "b": {"fr": 0.6, "und": 0.2, "zh": 0.2}},
                "words_unsure": 0.0909,
            }
        },
    }


class Noting:
    """Says what it was asked."""

    name, languages = "noting", ("en",)

    def __init__(self) -> None:
        self.seen: list[str] = []

    def label(self, fragment: list[object]) -> list[str]:
        self.seen.append(" ".join(word.text for word in fragment))  # type: ignore[attr-defined]
        return ["en"] * len(fragment)


def test_a_fragment_is_what_one_author_wrote_of_a_sentence() -> None:
    """Prefixes are left out, cut words go to who began them, scripts apart, several turns together."""
    made = episode("p", [("b", "Before. He"), ("a", "re she fi"), ("b", "nds 有 more "), ("a", "shells. Then on")])
    noting = Noting()
    detector: LanguageDetector = noting  # type: ignore[assignment]
    found = languages_of(made, detector)
    assert sorted(noting.seen) == ["Before", "Here more", "Then on", "she finds shells", "有"]
    assert found.words == {"a": Counter(en=5), "b": Counter(en=4)}
    noting.seen.clear()
    made.prefix_spans = 1
    languages_of(made, detector)
    assert sorted(noting.seen) == ["Then on", "more", "she finds shells", "有"]
    made.prefix_spans = 4
    assert languages_of(made, detector).language == UNSURE


def test_the_offline_identifier_on_mixed_solutions(identifier: Identifier) -> None:
    turns = [("a", SENTENCES["en"][0] + " "), ("b", SENTENCES["fr"][1] + "\n"), ("a", "#### 3")]
    found = languages_of(episode("p", turns), identifier)
    assert found.language == MIXED
    assert {author: set(words) for author, words in found.words.items()} == {"a": {"en"}, "b": {"fr"}}


def test_order_changes_nothing() -> None:
    some = [episode(f"p{n}", [("a", "so she " * n), ("b", "elle pommes" * (n % 3))]) for n in range(1, 9)]
    found = set()
    for seed in range(3):
        tally = LanguageTally(LEXICON)
        for one in random.Random(seed).sample(some, len(some)):
            tally.add(one)
        found.add(json.dumps(tally.summary()))
    assert len(found) == 1


@given(st.lists(st.tuples(st.sampled_from("ab"), TEXTS), min_size=1, max_size=5))
def test_any_text_can_be_asked_about(turns: list[tuple[str, str]]) -> None:
    made = episode("p", turns)
    found = languages_of(made, LEXICON)
    assert sum(words.total() for words in found.words.values()) == len(words_of(made.text))
