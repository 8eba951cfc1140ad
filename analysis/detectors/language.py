"""Which language words are in: an offline identifier that abstains, and word lists of one's own.

Both label the words of one *fragment*: what one author wrote of one sentence, in one kind of script. Labels are ISO 639
codes as given by whoever made the detector, or `UNSURE`.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from analysis.detectors.base import DetectorError
from analysis.detectors.words import Word, words_of

UNSURE = "und"
"""ISO 639-2's code for a language that is not determined."""
LANGUAGES = ("en", "fr", "de", "zh")
CONFIDENCE = 0.8
"""Below this the identifier abstains. `benchmarks.languages` chose it: the least multiple of 0.1 at which at most 1% of
the decided fragments of each length are wrong."""
_REMEMBERED = 1 << 16


class LanguageDetector(Protocol):
    """Labels words. Equal fragments get equal labels."""

    name: str
    languages: tuple[str, ...]
    """What it may say, besides `UNSURE`."""

    def label(self, fragment: Sequence[Word]) -> list[str]:
        """The language of each word of a fragment, or `UNSURE`."""
        ...


class Identifier:
    """py3langid, offline, restricted to some languages. All words of a fragment get one label.

    It abstains where the best of the languages has less than ``confidence`` (py3langid's normalised score), and where
    one of all the others that it knows has as much and more than any of these: restricted alone, it would take Spanish
    for French. Raises DetectorError for a language that it does not know.
    """

    def __init__(self, languages: Sequence[str] = LANGUAGES, confidence: float = CONFIDENCE):
        if not 0 <= confidence <= 1:
            raise DetectorError(f"language: confidence must be between 0 and 1, not {confidence}")
        if len(set(languages)) < 2:
            raise DetectorError("language: name at least two languages to tell apart")
        self._any = _model()
        unknown = [language for language in languages if language not in self._any.labels]
        if unknown:
            others = f"{len(self._any.labels)} others, as en, fr, de and zh"
            raise DetectorError(f"language: py3langid knows no {unknown[0]!r}, but {others}")
        self.name, self.languages, self.confidence = "py3langid", tuple(languages), confidence
        self._given = copy.copy(self._any)
        self._given.set_languages(self.languages)
        self.identify = lru_cache(maxsize=_REMEMBERED)(self._identify)
        """The language of a text as it is (nothing is taken out), or `UNSURE`."""

    def label(self, fragment: Sequence[Word]) -> list[str]:
        between = "" if fragment and fragment[0].ideograph else " "
        return [self.identify(between.join(word.text for word in fragment))] * len(fragment)

    def _identify(self, text: str) -> str:
        language, confidence = self._given.classify(text)
        if confidence < self.confidence:
            return UNSURE
        other, confidence = self._any.classify(text)
        return UNSURE if other not in self.languages and confidence >= self.confidence else str(language)


@lru_cache(maxsize=1)
def _model() -> Any:
    """py3langid's model with all of its languages: two seconds and some 50 MB, once."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


class Lexicon:
    """Word lists by language, for solutions from templates. Each word is labelled by itself.

    A word that is in no list, or in several, is `UNSURE`. Entries are read as `words_of` reads text, without case: of
    Chinese entries each ideograph counts, and single letters never do.
    """

    def __init__(self, words: Mapping[str, Collection[str]], name: str = "lexicon"):
        if UNSURE in words:
            raise DetectorError(f"{name}: {UNSURE} is no language")
        self.name, self.languages = name, tuple(words)
        self._language: dict[str, str] = {}
        for language, entries in words.items():
            for one in {word.text.casefold() for entry in entries for word in words_of(entry)}:
                self._language[one] = UNSURE if one in self._language else language

    def label(self, fragment: Sequence[Word]) -> list[str]:
        return [self._language.get(word.text.casefold(), UNSURE) for word in fragment]
