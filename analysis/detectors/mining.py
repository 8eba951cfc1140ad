"""An unsupervised detector: n-grams that the senior keeps using, and the junior does not, and finds improbable.

Two things must hold of an n-gram, in each of two halves of the problems:

- **The senior uses it more than the junior does.** Statistic: d = share of the senior's solutions of a problem that
  have it, less that of the junior's own solutions of the same problem; T = sum d / sqrt(sum d^2) over problems. Null:
  it does not matter which of a problem's solutions are whose, so that the sign of its d is a fair coin. The largest T
  over all n-grams under random flips of whole problems gives p-values that are corrected for having looked at all of
  them (Westfall and Young, 1993, max-T; one-sided).
- **The junior finds it improbable.** Its least expected reader token costs, on average over the senior's uses, at least
  `least_excess` nats more than the junior's mean token on its own solutions. This is a size, not a test.

The first half of the problems mines, the second confirms what was found, with flips of its own, and alone gives the
figures: they are not those of the luckiest n-grams. Of the confirmed ones the shortest are kept: an n-gram that holds
another adds nothing. Pieces that few solutions of the mining half have, whoever wrote them, are one class (`RARE`); an
n-gram needs a common piece.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from agents.chance import stable_key
from analysis.detectors.base import DetectorError
from analysis.detectors.flips import corrected
from analysis.detectors.ngrams import RARE, Ngram, NgramDetector, Piece, forms_of, ngrams_of, pieces
from analysis.detectors.options import Options


@dataclass(frozen=True)
class ReadSolution:
    """A solution as the junior reads it, teacher forced."""

    problem: str
    text: str
    tokens: Sequence[tuple[int, int, float]]
    """The reader's tokens, in order: start and end (characters of the text), surprisal (nats). The solution's end is a
    token of no characters behind the text, and may be left out; what has no place in the text must be."""


@dataclass(frozen=True)
class Mined:
    """A confirmed n-gram; all figures but ``p_mined`` are of the confirming half."""

    ngram: Ngram
    share: float
    """Of the senior's solutions, those that have it."""
    share_junior: float
    """Of the junior's own solutions, those that have it."""
    nats: float
    """Surprisal of its least expected token, mean over the senior's uses."""
    excess: float
    """``nats`` less the junior's mean surprisal of a token of its own solutions."""
    p: float
    """Corrected for all n-grams that were to be confirmed."""
    p_mined: float
    """Corrected for all n-grams that were looked at in the mining half."""


@dataclass(frozen=True)
class Mining:
    """What `mine` gives."""

    found: list[Mined]
    """Ranked by share times excess: nats above the usual, per solution."""
    problems: tuple[int, int]
    """In the mining and in the confirming half."""
    unpaired: int
    """Problems that only one of the two solved; they are left out."""
    looked_at: int
    """N-grams that were tested in the mining half."""
    to_confirm: int
    """... and those of them that were tested in the confirming half."""
    confirmed: int
    """... and those that were confirmed, before only the shortest were kept."""
    usual_nats: float
    """The junior's mean surprisal of a token of its own solutions, in the confirming half."""
    common: list[str]
    """Pieces that are not `RARE`."""
    options: Options = field(default_factory=Options)

    def detector(self, name: str = "ngrams") -> NgramDetector:
        """Finds the n-grams in text; `save` it for ``ngrams:FILE``."""
        record = asdict(replace(self, common=[]))
        return NgramDetector([one.ngram for one in self.found], name, record, self.common)


@dataclass
class _Cut:
    """A solution in pieces."""

    pieces: list[Piece]
    forms: list[str]
    """Of each piece, as it stands in n-grams."""
    peaks: list[float]
    """Of each piece: the largest surprisal of the tokens that begin in it, 0 if none does."""


_Pair = tuple[list[_Cut], list[_Cut]]
"""The solutions of one problem: the senior's and the junior's."""


def mine(senior: Iterable[ReadSolution], junior: Iterable[ReadSolution], options: Options | None = None) -> Mining:
    """N-grams of the senior's solutions that are jargon to the junior, who read both authors' solutions.

    ``junior`` are its own solutions of the same problems: they say what it uses itself, and what it is used to.
    Several solutions a problem go together. Order changes nothing. Raises DetectorError if the options make no sense,
    a reading's tokens are not those of a text, or there are too few problems for any p-value to reach ``alpha``.
    """
    given = options or Options()
    given.check()
    theirs, own = _by_problem(senior), _by_problem(junior)
    # By a hash, so that nothing about names or order decides; by rank, so that the halves are equal.
    both = sorted(theirs.keys() & own.keys(), key=lambda name: (stable_key("mining", given.seed, name), name))
    if len(both) < given.least_problems:
        raise DetectorError(
            f"ngrams: {len(both)} problems were solved by both; alpha {given.alpha:g} needs {given.least_problems}, "
            "half of them to mine and half to confirm"
        )
    first, second = ([(_cuts(theirs[name]), _cuts(own[name])) for name in both[side::2]] for side in (0, 1))
    common = {ngram[0] for ngram in _frequent(first, replace(given, longest=1))}
    for cut in _all(first) + _all(second):
        cut.forms = forms_of(cut.pieces, common)
    looked_at = [ngram for ngram in _frequent(first, given) if not all(piece.endswith(RARE) for piece in ngram)]
    mined = _jargon(first, looked_at, _usual(own, both[0::2]), given, 0)
    to_confirm = [one.ngram for one in mined]
    usual = _usual(own, both[1::2])
    confirmed = _jargon(second, to_confirm, usual, given, 1)
    known, p_mined = {one.ngram for one in confirmed}, {one.ngram: one.p for one in mined}
    shortest = [replace(one, p_mined=p_mined[one.ngram]) for one in confirmed if not _holds_another(one.ngram, known)]
    return Mining(
        found=sorted(shortest, key=lambda one: (-one.share * one.excess, one.ngram)),
        problems=(len(first), len(second)),
        unpaired=len(theirs.keys() ^ own.keys()),
        looked_at=len(looked_at),
        to_confirm=len(to_confirm),
        confirmed=len(confirmed),
        usual_nats=usual,
        common=sorted(common),
        options=given,
    )


def _jargon(pairs: Sequence[_Pair], ngrams: Sequence[Ngram], usual: float, options: Options, half: int) -> list[Mined]:
    """Those of the n-grams that the senior uses more than the junior does and the junior finds improbable."""
    index = {ngram: number for number, ngram in enumerate(ngrams)}
    shares = np.zeros((2, len(pairs), len(ngrams)))
    texts = np.array([[len(solutions) for solutions in pair] for pair in pairs], dtype=np.float64).T
    senior_with, junior_with = (np.zeros(len(ngrams)) for _ in range(2))
    for problem, pair in enumerate(pairs):
        for author, counted in enumerate((senior_with, junior_with)):
            for cut in pair[author]:
                has = sorted({index[ngram] for _, ngram in ngrams_of(cut.forms, options.longest) if ngram in index})
                shares[author, problem, has] += 1
                counted[has] += 1
    shares /= texts[:, :, None]
    p = corrected(shares[0] - shares[1], options.flips, (options.seed, half))
    costs: dict[Ngram, list[float]] = defaultdict(list)
    fits = {ngram for ngram, value in zip(ngrams, p, strict=True) if value <= options.alpha}
    for solutions, _ in pairs:
        for cut in solutions:
            for at, ngram in ngrams_of(cut.forms, options.longest):
                if ngram in fits:
                    costs[ngram].append(max(cut.peaks[at : at + len(ngram)]))
    out = []
    for ngram, some in sorted(costs.items()):  # what the senior never used is not its jargon, whatever alpha is
        number, nats = index[ngram], math.fsum(some) / len(some)
        if nats - usual >= options.least_excess:
            share, share_junior = senior_with[number] / texts[0].sum(), junior_with[number] / texts[1].sum()
            value = float(p[number])
            out.append(Mined(ngram, float(share), float(share_junior), nats, nats - usual, value, value))
    return out


def _frequent(pairs: Sequence[_Pair], options: Options) -> list[Ngram]:
    """The n-grams that are in enough of the solutions, whoever wrote them: flips cannot change which these are.

    Size by size: an n-gram is in no more solutions than the two shorter ones that it is made of.
    """
    texts = [cut.forms for cut in _all(pairs)]
    least = max(options.least_share * len(texts), 1)
    known: set[Ngram] = set()
    for size in range(1, options.longest + 1):
        counts: Counter[Ngram] = Counter()
        for forms in texts:
            grams = {tuple(forms[at : at + size]) for at in range(len(forms) - size + 1)}
            counts.update(gram for gram in grams if size == 1 or (gram[1:] in known and gram[:-1] in known))
        known |= {gram for gram, count in counts.items() if count >= least}
    return sorted(known)


def _all(pairs: Sequence[_Pair]) -> list[_Cut]:
    return [cut for pair in pairs for solutions in pair for cut in solutions]


def _holds_another(ngram: Ngram, known: set[Ngram]) -> bool:
    return any(part in known for _, part in ngrams_of(ngram, len(ngram) - 1))


def _usual(own: Mapping[str, Sequence[ReadSolution]], problems: Iterable[str]) -> float:
    """The junior's mean surprisal of a token of its own solutions; 0 if they have none."""
    costs = [nats for name in problems for reading in own[name] for _, _, nats in reading.tokens]
    return math.fsum(costs) / len(costs) if costs else 0.0


def _by_problem(readings: Iterable[ReadSolution]) -> dict[str, list[ReadSolution]]:
    out: dict[str, list[ReadSolution]] = {}
    for reading in readings:
        last = 0
        for start, end, nats in reading.tokens:
            if not (last <= start <= end <= len(reading.text) and math.isfinite(nats) and nats >= -1e-4):
                raise DetectorError(
                    f"ngrams: problem {reading.problem}: ({start}, {end}, {nats}) is no token of a text of "
                    f"{len(reading.text)} characters, or comes before another that begins earlier"
                )
            last = start
        out.setdefault(reading.problem, []).append(reading)
    return out


def _cuts(readings: Iterable[ReadSolution]) -> list[_Cut]:
    out = []
    for reading in readings:
        cut = pieces(reading.text)
        starts = [piece.start for piece in cut]
        peaks = [0.0] * len(cut)
        for start, _, nats in reading.tokens:
            at = bisect_right(starts, start) - 1
            if at >= 0 and start < cut[at].end:
                peaks[at] = max(peaks[at], nats)
        out.append(_Cut(cut, forms_of(cut), peaks))
    return out
