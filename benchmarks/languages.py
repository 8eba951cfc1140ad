"""``python -m benchmarks.languages``: how well the identifier tells languages, and how fast (docs/DETECTORS.md).

Fragments are all runs of 1, 2, 3 and 5 words of the sentences in `benchmarks.sentences`, and the sentences. Those of
even sentences choose the threshold, those of odd ones judge it. Solutions are put together from all of them.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from agents.units import RULES
from analysis.detectors.language import LANGUAGES, UNSURE, Identifier
from analysis.detectors.shares import MIXED, LanguageTally
from analysis.detectors.words import Word, words_of
from arena.episode import Episode, SpanRecord
from benchmarks.sentences import SENTENCES, STRANGERS

LENGTHS = (1, 2, 3, 5, 0)
"""Words of a fragment; 0 is the sentence."""
MOST_WRONG = 0.01
SOLUTIONS = 1000


def fragments(sentences: list[str], length: int) -> Iterator[list[Word]]:
    for sentence in sentences:
        words = words_of(sentence, segments="solution")
        size = length or len(words)
        yield from (words[at : at + size] for at in range(len(words) - size + 1))


def counts(identifier: Identifier, side: int, length: int, language: str) -> Counter[str]:
    """How many fragments of one language are ``right``, ``wrong`` and `UNSURE`; side 0 chooses, side 1 judges."""
    found = [identifier.label(words)[0] for words in fragments(SENTENCES[language][side::2], length)]
    return Counter({language: "right", UNSURE: UNSURE}.get(label, "wrong") for label in found)


def thresholds() -> None:
    for confidence in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9):
        identifier, worst, row = Identifier(confidence=confidence), 0.0, []
        for length in LENGTHS:
            choose, judge = (
                sum((counts(identifier, side, length, one) for one in LANGUAGES), Counter[str]()) for side in (0, 1)
            )
            worst = max(worst, choose["wrong"] / (choose["wrong"] + choose["right"]))
            decided = judge["wrong"] + judge["right"]
            row.append(f"{length or 'all'}: {decided}/{judge.total()} decided, {judge['wrong']} wrong")
        fits = "fits" if worst <= MOST_WRONG else "no"
        print(f"confidence {confidence:.1f}: {worst:.4f} wrong at worst, {fits}; judged {'; '.join(row)}")


def languages(identifier: Identifier) -> None:
    for language in LANGUAGES:
        found = [(length or "all", counts(identifier, 1, length, language)) for length in LENGTHS]
        print(f"{language}: decided " + ", ".join(f"{n}: {1 - some[UNSURE] / some.total():.3f}" for n, some in found))
    for language, sentences in STRANGERS.items():
        labels = [identifier.label(words)[0] for words in fragments(sentences, 0)]
        print(f"stranger {language}: {', '.join(labels)}")


def episode(name: str, turns: list[tuple[str, str]]) -> Episode:
    """A solution of text authors, from (author, text) of each turn; turns of one author in a row are one."""
    text, spans = "", list[SpanRecord]()
    for author, said in turns:
        if spans and spans[-1].author == author:
            spans[-1].end += len(said)
        else:
            spans.append(SpanRecord(author, len(text), len(text) + len(said)))
        text += said
    return Episode(f"{name}#0", name, 0, "?", text, spans, ["a", "b"], "word:p=0.5", 0, "end", 999)


def one_language(rng: random.Random, n: int) -> Episode:
    """Six sentences of one language, by two authors who change at half of the word boundaries."""
    language = rng.choice(LANGUAGES)
    text = " ".join(rng.sample(SENTENCES[language], 6))
    return episode(f"{language}-{language}/{n}", [(rng.choice("ab"), unit) for unit in RULES["word"].split(text)])


def by_sentence(rng: random.Random, n: int) -> Episode:
    """Six sentences, of one author's language and of the other's in turn."""
    spoken = rng.sample(LANGUAGES, 2)
    turns = [("ab"[k % 2], rng.choice(SENTENCES[spoken[k % 2]]) + " ") for k in range(6)]
    return episode(f"{'-'.join(spoken)}/{n}", turns)


def by_word(rng: random.Random, n: int) -> Episode:
    """Six sentences, each made of one sentence of each author's language, shuffled together word by word."""
    spoken = rng.sample(LANGUAGES, 2)
    turns = []
    for _ in range(6):
        units = [
            (a, u) for a, of in zip("ab", spoken, strict=True) for u in RULES["word"].split(rng.choice(SENTENCES[of]))
        ]
        order = sorted(author for author, _ in units)
        rng.shuffle(order)
        left = {name: iter([unit for author, unit in units if author == name]) for name in "ab"}
        turns += [(author, " " + next(left[author]).strip(" .?。？")) for author in order]
        turns.append(("a", "."))
    return episode(f"{'-'.join(spoken)}/{n}", turns)


def solutions(identifier: Identifier, make: Callable[[random.Random, int], Episode]) -> None:
    rng = random.Random(0)
    some = [make(rng, n) for n in range(SOLUTIONS)]
    speeds = []
    for _ in range(2):  # fragments that were seen before are remembered
        tally, began = LanguageTally(identifier), time.perf_counter()
        found = [tally.add(one) for one in some]
        speeds.append(f"{SOLUTIONS / (time.perf_counter() - began):.0f}")
    labels, words = Counter[str](), Counter[str]()
    for one in found:
        spoken = one.problem.partition("/")[0].split("-")
        labels["right" if one.language == (spoken[0] if len({*spoken}) == 1 else MIXED) else one.language] += 1
        for author, counted in one.words.items():
            own = spoken["ab".index(author)]
            for label, number in counted.items():
                words["right" if label == own else UNSURE if label == UNSURE else "wrong"] += number
    shares = {kind: round(number / words.total(), 4) for kind, number in words.items()}
    print(f"{make.__name__}: {' and then '.join(speeds)} solutions/s; solutions {dict(labels)}; words {shares}")


def main() -> None:
    thresholds()
    identifier = Identifier()
    languages(identifier)
    for make in (one_language, by_sentence, by_word):
        solutions(identifier, make)


if __name__ == "__main__":
    main()
